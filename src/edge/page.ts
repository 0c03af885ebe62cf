// One HTML page that stands alone: no scripts, no fonts, nothing loaded from anywhere.

/** Text as HTML text or attribute value. */
export function html(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** `body` is HTML already. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${html(title)}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { border: 1px solid #ccc; padding: .2rem .5rem; text-align: center; font-variant-numeric: tabular-nums; }
tbody th { text-align: left; } td.number { text-align: right; } td.text { text-align: left; }
td.open { background: #e7f4e8; } td.shut { background: #e8edf7; } td.bad { background: #f7d8d8; font-weight: bold; }
section.bad h2 { color: #a01010; }
svg { max-width: 100%; height: auto; }
</style>
</head>
<body>
<h1>${html(title)}</h1>
${body}
</body>
</html>
`;
}

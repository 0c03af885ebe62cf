// HTML of the pages for users: whole pages that need nothing else, no script, no picture, no font from elsewhere. Whatever is not
// made by `html` itself is escaped.

import { escapeXml } from "./xml.ts";

/** Text that is HTML already. */
export interface Html {
  readonly html: string;
}

export type HtmlPart = string | number | Html | readonly HtmlPart[];

/** A template whose holes are escaped, but for parts that are HTML. */
export function html(pieces: TemplateStringsArray, ...holes: readonly HtmlPart[]): Html {
  return { html: pieces.map((piece, index) => (index === 0 ? piece : written(holes[index - 1]!) + piece)).join("") };
}

function written(part: HtmlPart): string {
  if (typeof part === "string" || typeof part === "number") return escapeXml(String(part));
  return "html" in part ? part.html : part.map(written).join("\n");
}

const style = `
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top }
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8886 }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem }
`;

export function page(language: string, title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title}</title>
        <style>
          ${{ html: style }}
        </style>
      </head>
      <body>
        <h1>${title}</h1>
        ${body}
      </body>
    </html> `.html;
}

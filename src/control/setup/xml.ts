// XML as a tree of elements, printed with everything escaped (XML 1.0 §2.4). What cannot stand in XML at all is left
// out: it came from a stranger's request.

export interface XmlElement {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Text, or elements. */
  readonly content?: string | readonly XmlElement[];
}

export function element(
  name: string,
  content?: XmlElement["content"],
  attributes?: Readonly<Record<string, string>>,
): XmlElement {
  return { name, ...(content === undefined ? {} : { content }), ...(attributes === undefined ? {} : { attributes }) };
}

export function document(root: XmlElement, doctype?: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${doctype === undefined ? "" : `${doctype}\n`}${print(root, "")}`;
}

function print({ name, attributes = {}, content }: XmlElement, indent: string): string {
  const tag = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escapeXml(value)}"`)].join(" ");
  if (content === undefined || content.length === 0) return `${indent}<${tag}/>\n`;
  if (typeof content === "string") return `${indent}<${tag}>${escapeXml(content)}</${name}>\n`;
  return `${indent}<${tag}>\n${content.map((child) => print(child, `${indent}  `)).join("")}${indent}</${name}>\n`;
}

export function escapeXml(text: string): string {
  return (
    text
      // oxlint-disable-next-line no-control-regex -- these are what XML cannot hold
      .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
  );
}

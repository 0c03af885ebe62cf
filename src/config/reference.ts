// The schema for readers: docs/reference/configuration.md. `node src/config/reference.ts` writes the page and the
// JSON Schema beside it; a test says when they are stale.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { jsonSchema } from "./json-schema.ts";
import { nearestName } from "./nearest.ts";
import { schema } from "./schema.ts";
import { formatToml } from "./show.ts";
import type { Key, Keys, ValueType } from "./types.ts";

/** Columns of the formatter. */
const LINE = 120;

const introduction = `# Configuration

All that Sekimori reads is one file, \`sekimori.toml\`, and what it includes ([TOML 1.0](https://toml.io/en/v1.0.0)). Every key is
on this page, which is made from the schema in \`src/config/schema.ts\`. Unknown keys are errors; all problems are shown at once, each with
file, line and column. For completion in editors put \`#:schema sekimori.schema.json\` in the first line, with the path to
[that file](sekimori.schema.json).

Durations are \`"90s"\`, \`"15m"\`, \`"1h30m"\`, \`"5d"\` (units ms, s, m, h, d, w). Sizes are \`"25MiB"\` (26,214,400 octets) or \`"25MB"\`
(25,000,000). Relative paths are relative to the file they are written in. Endpoints are an IP address and a port,
\`"127.0.0.1:2525"\` or \`"[::1]:2525"\`. Secrets are never written here: \`{ file = "…" }\` (mode 600, one line) or \`{ environment = "NAME" }\`.
`;

export function referencePage(): string {
  return `${introduction}\n${section("Top level", schema.keys, "")}`;
}

/** What is made from the schema and kept in the repository: path from the root → text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/reference/configuration.md", referencePage()],
    ["docs/reference/sekimori.schema.json", `${formatJson(jsonSchema(), "")}\n`],
  ]);
}

/** The part of the page about one key or table, as in `smtp.message-size`, `[[listener]]`, `listener.role`. */
export function keyReference(
  path: string,
): { readonly kind: "page"; readonly text: string } | { readonly kind: "unknown"; readonly near: string | undefined } {
  const wanted = path.replaceAll(/[[\]\s]/g, "");
  const pages = new Map(pagesOf(schema.keys, ""));
  const text = pages.get(wanted);
  return text === undefined
    ? { kind: "unknown", near: nearestName(wanted, pages.keys()) }
    : { kind: "page", text: text.trimEnd() };
}

function pagesOf(keys: Keys, prefix: string): readonly (readonly [path: string, text: string])[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const table = tableOf(key.type);
    const path = `${prefix}${name}`;
    if (table === undefined) return [[path, keyText(name, key)] as const];
    const heading = key.type.kind === "list" ? `[[${path}]]` : `[${path}]`;
    return [
      [path, `${notes(key)}\n\n${section(`\`${heading}\``, table, `${path}.`)}`] as const,
      ...pagesOf(table, `${path}.`),
    ];
  });
}

/** As the repository's formatter has it: a list without tables stands on one line, if it fits. `used`: columns before it. */
export function formatJson(value: unknown, indent: string, used = indent.length): string {
  const oneLine = JSON.stringify(value);
  if (typeof value !== "object" || value === null || oneLine === "{}" || oneLine === "[]") return oneLine;
  const deeper = `${indent}  `;
  if (!Array.isArray(value)) {
    const members = Object.entries(value).map(([name, item]) => {
      const key = `${JSON.stringify(name)}: `;
      return key + formatJson(item, deeper, deeper.length + key.length);
    });
    return `{\n${deeper}${members.join(`,\n${deeper}`)}\n${indent}}`;
  }
  const items = value.map((item: unknown) => formatJson(item, deeper));
  const line = `[${items.join(", ")}]`;
  const fits = used + line.length <= LINE && !line.includes("{");
  return fits ? line : `[\n${deeper}${items.join(`,\n${deeper}`)}\n${indent}]`;
}

function section(title: string, keys: Keys, prefix: string): string {
  const entries = Object.entries(keys);
  const plain = entries.filter(([, key]) => tableOf(key.type) === undefined);
  const own = plain.map(([name, key]) => `${keyText(name, key)}\n`).join("\n");
  const inner = entries.flatMap(([name, key]) => {
    const table = tableOf(key.type);
    if (table === undefined) return [];
    const path = `${prefix}${name}`;
    const heading = key.type.kind === "list" ? `[[${path}]]` : `[${path}]`;
    return [section(`\`${heading}\``, table, `${path}.`).replace("\n\n", `\n\n${notes(key)}\n\n`)];
  });
  return [`## ${title}\n\n${own}`, ...inner].join("\n");
}

function tableOf(type: ValueType): Keys | undefined {
  if (type.kind === "list" || type.kind === "map") return tableOf(type.of);
  return type.kind === "table" ? type.keys : undefined;
}

function notes(key: Key): string {
  const isNeeded = key.required === true ? " At least one." : "";
  const otherwise = key.otherwise === undefined ? "" : ` When left out: ${key.otherwise}.`;
  return `${key.meaning}${isNeeded}${otherwise}`;
}

function keyText(name: string, key: Key): string {
  const facts = [typeText(key.type)];
  if (key.required === true) facts.push("required");
  if (key.default !== undefined) facts.push(`default \`${formatToml(key.default)}\``);
  if (key.otherwise !== undefined) facts.push(`when left out: ${key.otherwise}`);
  if (key.since !== undefined) facts.push(`since ${key.since}`);
  const example = key.example === undefined ? "" : `\n\n\`\`\`toml\n${name} = ${formatToml(key.example)}\n\`\`\``;
  return `### \`${name}\`\n\n${facts.join(" · ")}\n\n${key.meaning}${choices(key.type)}${example}`;
}

function choices(type: ValueType): string {
  if (type.kind !== "choice") return "";
  const lines = Object.entries(type.values).map(([name, meaning]) => `- \`"${name}"\`: ${meaning}`);
  return `\n\n${lines.join("\n")}`;
}

function typeText(type: ValueType): string {
  switch (type.kind) {
    case "boolean":
      return "true or false";
    case "integer":
      return type.minimum === type.maximum ? `${type.minimum}` : `whole number, ${type.minimum} to ${type.maximum}`;
    case "duration":
    case "size":
      return `${type.kind}, ${type.minimum} to ${type.maximum}`;
    case "window":
      return type.size === true ? "size/interval" : "number/interval";
    case "choice":
      return "one of the words below";
    case "domain":
      return "domain name";
    case "address":
      return "mail address";
    case "host":
      return "host name or IP address";
    case "endpoint":
      return type.port === undefined ? "endpoint" : `endpoint, port ${type.port} when left out`;
    case "socket":
      return `endpoint, port ${type.port} when left out, or path of a UNIX socket`;
    case "ip":
      return "IP address";
    case "prefix":
      return type.family === undefined ? "IP address or prefix" : `IPv${type.family} address or prefix`;
    case "date":
      return type.edge === "begin" ? "date" : "date, the last day";
    case "offset":
      return "offset from UTC";
    case "name":
      return "name";
    case "path":
    case "text":
    case "secret":
      return type.kind;
    case "pattern":
      return "path with wildcards";
    case "selector":
      return "DKIM selector";
    case "list": {
      const list = `list of: ${typeText(type.of)}`;
      return type.alone === true ? `${typeText(type.of)}, or a ${list}` : list;
    }
    case "map":
      return `table of ${type.key}s: ${typeText(type.of)}`;
    case "table":
      return "table";
  }
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) {
    const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

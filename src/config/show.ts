// Settings → the text of a configuration with every value spelt out, defaults included and secrets hidden. Read
// again (and secrets named) it gives the same settings.

import { formatAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import { formatPrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { fromSettings } from "./convert.ts";
import * as scalars from "./scalars.ts";
import { schema } from "./schema.ts";
import type { Endpoint, Moment, Settings, SocketPlace, WindowSettings } from "./settings.ts";
import type { Key, Keys, ValueType, Written } from "./types.ts";

export function showEffective(settings: Settings): string {
  const lines: string[] = [];
  showTable(schema.keys, fromSettings(settings), [], lines);
  return `${lines.join("\n")}\n`;
}

/** A value from the schema or the like as TOML, on one line. */
export function formatToml(written: Written): string {
  if (typeof written === "string") return formatText(written);
  if (typeof written !== "object") return `${written}`;
  if (Array.isArray(written)) return `[${written.map((item: Written) => formatToml(item)).join(", ")}]`;
  const pairs = Object.entries(written).map(([name, value]) => `${formatKey(name)} = ${formatToml(value)}`);
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

// Below, the schema and a value of the type made from it are walked side by side. `Checked` ties the two, but a loop
// over keys cannot follow it, hence the casts.
/* oxlint-disable typescript/no-unsafe-type-assertion */

function showTable(keys: Keys, table: object, path: readonly string[], lines: string[]): void {
  const values = new Map<string, unknown>(Object.entries(table));
  const present = Object.entries(keys).filter(([name]) => values.get(name) !== undefined);
  for (const [name, key] of present) {
    if (isBlock(key) || (key.type.kind === "list" && key.type.of.kind === "pattern")) continue;
    lines.push(`${formatKey(name)} = ${formatToml(write(key.type, values.get(name)))}`);
  }
  for (const [name, key] of present) {
    if (isBlock(key)) showBlock(key.type, values.get(name), [...path, formatKey(name)], lines);
  }
}

/** What gets a heading of its own. */
function isBlock({ type }: Key): boolean {
  return type.kind === "table" || type.kind === "map" || (type.kind === "list" && type.of.kind === "table");
}

function showBlock(type: ValueType, value: unknown, path: readonly string[], lines: string[]): void {
  const name = path.join(".");
  if (type.kind === "table") {
    const body: string[] = [];
    showTable(type.keys, value as object, path, body);
    // A table of nothing, or of nothing but tables, needs no heading.
    const heading = body[0] === undefined || body[0] === "" ? [] : ["", `[${name}]`];
    lines.push(...heading, ...body);
  } else if (type.kind === "map") {
    const map = value as ReadonlyMap<string, unknown>;
    if (type.of.kind === "table") {
      for (const [key, item] of map) showBlock(type.of, item, [...path, formatKey(key)], lines);
      return;
    }
    if (map.size > 0) lines.push("", `[${name}]`);
    for (const [key, item] of map) {
      lines.push(`${formatKey(scalars.writeLocalPart(key))} = ${formatToml(write(type.of, item))}`);
    }
  } else if (type.kind === "list" && type.of.kind === "table") {
    for (const item of value as readonly object[]) {
      lines.push("", `[[${name}]]`);
      showTable(type.of.keys, item, path, lines);
    }
  }
}

/** A checked value as it would be written. */
function write(type: ValueType, value: unknown): Written {
  switch (type.kind) {
    case "duration":
      return scalars.writeDuration(value as number);
    case "size":
      return scalars.writeSize(value as number);
    case "window":
      return type.size === true
        ? scalars.writeSizeWindow(value as WindowSettings)
        : scalars.writeWindow(value as WindowSettings);
    case "address":
      return formatAddress(value as Address);
    case "endpoint":
      return scalars.writeEndpoint(value as Endpoint);
    case "socket":
      return scalars.writeSocketPlace(value as SocketPlace);
    case "prefix":
      return formatPrefix(value as Prefix);
    case "date":
      return (value as Moment).written;
    case "offset":
      return scalars.writeOffset(value as number);
    case "list":
      return (value as readonly unknown[]).map((item) => write(type.of, item));
    case "boolean":
    case "integer":
    case "choice":
    case "domain":
    case "host":
    case "ip":
    case "path":
    case "pattern":
    case "selector":
    case "name":
    case "text":
    case "secret":
      return value as string | number | boolean;
    case "map":
    case "table":
      throw new Error(`a ${type.kind} has a heading of its own`);
  }
}

function formatKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : formatText(name);
}

/** A basic string (TOML 1.0): everything that does not print is escaped. */
function formatText(text: string): string {
  const body = text.replaceAll(/["\\\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${code.toString(16).padStart(8, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
  return `"${body}"`;
}

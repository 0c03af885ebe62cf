// TOML text → a small tree in which every key and value knows its place. Only the shape of the text is checked
// here (TOML 1.0, by toml-eslint-parser); the first syntax error ends it, as what follows one is guesswork.

import { ParseError, parseTOML } from "toml-eslint-parser";
import type { AST } from "toml-eslint-parser";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { problemAt } from "./problem.ts";
import type { ConfigProblem, Place } from "./problem.ts";
import type { Written } from "./types.ts";

export type Node =
  | { readonly kind: "text"; readonly place: Place; readonly text: string }
  | { readonly kind: "integer"; readonly place: Place; readonly value: bigint }
  | { readonly kind: "boolean"; readonly place: Place; readonly value: boolean }
  /** Floats, dates and times, which no key takes. */
  | { readonly kind: "other"; readonly place: Place; readonly what: string }
  | ListNode
  | TableNode;

interface ListNode {
  readonly kind: "list";
  readonly place: Place;
  readonly items: Node[];
}

export interface TableNode {
  readonly kind: "table";
  readonly place: Place;
  readonly entries: Map<string, Entry>;
}

interface Entry {
  /** Where the key stands. */
  readonly place: Place;
  readonly value: Node;
}

/** What people mean who make the parser say so. */
const hints: readonly (readonly [words: string, hint: string])[] = [
  ["must be a newline", 'text stands in quotes, and one pair in a line: level = "info"'],
  ["unexpected character", 'pairs are written key = value, text in quotes: level = "info"'],
  ["unexpected token", 'pairs are written key = value, text in quotes: level = "info"'],
  ["expected equal", 'pairs are written key = value, text in quotes: level = "info"'],
  ["unterminated string", "close it with the quotation mark it began with, in the same line"],
  ["escape sequence", "in double quotes a backslash is written twice; in single quotes it stands for itself"],
  ["defining a key multiple times", "each key and each table once; [[name]] adds one more to a list of tables"],
  ["control characters", "delete it, or write it in quotes as \\u0000"],
];

/** More than any key needs. Keeps recursion over the tree bounded whatever the file says. */
const deepest = 16;

export function readTree(text: string, file: string): Result<TableNode, ConfigProblem> {
  const start: Place = { file, line: 1, column: 1 };
  try {
    const [program] = parseTOML(text, { tomlVersion: "1.0" }).body;
    const root: TableNode = { kind: "table", place: start, entries: new Map() };
    for (const part of program.body) {
      if (part.type === "TOMLKeyValue") addPair(root, part, file, 1);
      else addTable(root, part, file);
    }
    return success(root);
  } catch (error) {
    if (error instanceof Misshapen) return failure(problemAt(error.place, error.message));
    if (error instanceof ParseError) {
      const place = { file, line: Math.max(1, error.lineNumber), column: error.column + 1 };
      const message = error.message.toLowerCase();
      return failure(problemAt(place, `not TOML: ${message}`, hints.find(([words]) => message.includes(words))?.[1]));
    }
    // The parser recurses into brackets; its stack is the only bound it has.
    if (error instanceof RangeError) return failure(problemAt(start, "brackets are nested too deeply"));
    throw error;
  }
}

/** A value from the schema, such as a default, as if it stood at `place`. */
export function treeOf(written: Written, place: Place): Node {
  if (typeof written === "string") return { kind: "text", place, text: written };
  if (typeof written === "number") return { kind: "integer", place, value: BigInt(written) };
  if (typeof written === "boolean") return { kind: "boolean", place, value: written };
  if (isList(written)) return { kind: "list", place, items: written.map((item) => treeOf(item, place)) };
  const entries = Object.entries(written).map(
    ([name, value]) => [name, { place, value: treeOf(value, place) }] as const,
  );
  return { kind: "table", place, entries: new Map(entries) };
}

function isList(written: Written): written is readonly Written[] {
  return Array.isArray(written);
}

class Misshapen extends Error {
  readonly place: Place;
  constructor(place: Place, message: string) {
    super(message);
    this.place = place;
  }
}

function placeOf(node: AST.HasLocs, file: string): Place {
  return { file, line: node.loc.start.line, column: node.loc.start.column + 1 };
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}

/** `[a.b]` and `[[a.b]]`: walk to the table, making what is not there yet, then add its pairs. */
function addTable(root: TableNode, part: AST.TOMLTable, file: string): void {
  const place = placeOf(part, file);
  if (part.resolvedKey.length > deepest) throw new Misshapen(place, "tables are nested too deeply");
  let at: TableNode = root;
  const { keys } = part.key;
  for (const [index, key] of keys.entries()) {
    const isNew = part.kind === "array" && index === keys.length - 1;
    at = isNew ? newItem(at, key, place, file) : within(at, key, place, file);
  }
  for (const pair of part.body) addPair(at, pair, file, keys.length);
}

/** The table under `key`; of a list of tables the last one, as TOML has it. */
function within(parent: TableNode, key: AST.TOMLBare | AST.TOMLQuoted, place: Place, file: string): TableNode {
  const name = nameOf(key);
  const existing = parent.entries.get(name)?.value;
  const found = existing?.kind === "list" ? existing.items.at(-1) : existing;
  if (found?.kind === "table") return found;
  if (found !== undefined) throw new Misshapen(placeOf(key, file), `${JSON.stringify(name)} is not a table`);
  const made: TableNode = { kind: "table", place, entries: new Map() };
  parent.entries.set(name, { place: placeOf(key, file), value: made });
  return made;
}

function newItem(parent: TableNode, key: AST.TOMLBare | AST.TOMLQuoted, place: Place, file: string): TableNode {
  const name = nameOf(key);
  const made: TableNode = { kind: "table", place, entries: new Map() };
  const existing = parent.entries.get(name)?.value;
  if (existing?.kind === "list") existing.items.push(made);
  else parent.entries.set(name, { place: placeOf(key, file), value: { kind: "list", place, items: [made] } });
  return made;
}

function addPair(table: TableNode, pair: AST.TOMLKeyValue, file: string, depth: number): void {
  const { keys } = pair.key;
  const last = keys.at(-1);
  if (last === undefined || keys.length + depth > deepest) {
    throw new Misshapen(placeOf(pair, file), "keys are nested too deeply");
  }
  let at = table;
  for (const key of keys.slice(0, -1)) at = within(at, key, placeOf(key, file), file);
  at.entries.set(nameOf(last), { place: placeOf(last, file), value: nodeOf(pair.value, file, depth + keys.length) });
}

function nodeOf(value: AST.TOMLContentNode, file: string, depth: number): Node {
  const place = placeOf(value, file);
  if (depth > deepest) throw new Misshapen(place, "brackets are nested too deeply");
  switch (value.type) {
    case "TOMLArray":
      return { kind: "list", place, items: value.elements.map((item) => nodeOf(item, file, depth + 1)) };
    case "TOMLInlineTable": {
      const table: TableNode = { kind: "table", place, entries: new Map() };
      for (const pair of value.body) addPair(table, pair, file, depth + 1);
      return table;
    }
    case "TOMLValue":
      break;
  }
  switch (value.kind) {
    case "string":
      return { kind: "text", place, text: value.value };
    case "integer":
      return { kind: "integer", place, value: value.bigint };
    case "boolean":
      return { kind: "boolean", place, value: value.value };
    case "float":
      return { kind: "other", place, what: Number.isFinite(value.value) ? "a number with a fraction" : value.number };
    case "offset-date-time":
    case "local-date-time":
    case "local-date":
    case "local-time":
      return { kind: "other", place, what: "a date or time" };
  }
}

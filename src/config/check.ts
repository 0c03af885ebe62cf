// The tree held against the schema: unknown keys, missing keys, types and bounds, each problem at its place.
// Defaults are filled in. What was wrong is left out of the draft, so that later rules can still look at the
// rest. Rules about several values are in references.ts.

import { dirname, resolve } from "node:path";
import type { Result } from "../base/result.ts";
import type { ConfigSources } from "./files.ts";
import { nearestName } from "./nearest.ts";
import { problemAt } from "./problem.ts";
import type { ConfigProblem, Place } from "./problem.ts";
import * as scalars from "./scalars.ts";
import { schema } from "./schema.ts";
import type { ConfigurationDraft } from "./schema.ts";
import { readSecret } from "./secret.ts";
import { treeOf } from "./tree.ts";
import type { Node, TableNode } from "./tree.ts";
import type { Keys, ValueType } from "./types.ts";

/** Steps from the root: `["domain", 0, "postmaster"]`. */
export type Path = readonly (string | number)[];

export interface CheckedTree<D = ConfigurationDraft> {
  readonly draft: D;
  readonly problems: readonly ConfigProblem[];
  /** Where a value stands; for what the file leaves out, where its table stands. */
  readonly placeOf: (...path: Path) => Place;
  /** Where a key stands. */
  readonly keyPlaceOf: (...path: Path) => Place;
}

/** What together makes a mail side. A file with a network side may have none of it. */
const mailKeys = ["hostname", "domain", "listener"];

/** Whether the file describes a network and no mail service. */
export function isNetworkOnly(root: TableNode): boolean {
  return root.entries.has("network") && !mailKeys.some((key) => root.entries.has(key));
}

/** What is missing when such a file is to be a mail service. */
export function missingMailSide(root: TableNode): readonly ConfigProblem[] {
  return mailKeys.map((key) => {
    const message = `${headingOf(key, schema.keys[key === "hostname" || key === "domain" ? key : "listener"].type)} is missing`;
    return problemAt(root.place, message, "the file has a network side only, for the `net` commands");
  });
}

export function checkTree(root: TableNode, sources: ConfigSources): CheckedTree {
  return checkTables<ConfigurationDraft>(root, schema.keys, sources, isNetworkOnly(root) ? mailKeys : []);
}

/** `D` is the draft of the keys; `optional` are required ones that may be missing. */
export function checkTables<D>(
  root: TableNode,
  rootKeys: Keys,
  sources: ConfigSources,
  optional: readonly string[] = [],
): CheckedTree<D> {
  const problems: ConfigProblem[] = [];
  const values = new Map<string, Place>();
  const keys = new Map<string, Place>();

  function report(place: Place, message: string, hint?: string): undefined {
    problems.push(problemAt(place, message, hint));
    return undefined;
  }

  function check(type: ValueType, node: Node, path: Path): unknown {
    values.set(idOf(path), node.place);
    switch (type.kind) {
      case "boolean":
        return node.kind === "boolean" ? node.value : wrongType(type, node);
      case "integer":
        if (node.kind !== "integer") return wrongType(type, node);
        if (node.value >= BigInt(type.minimum) && node.value <= BigInt(type.maximum)) return Number(node.value);
        return report(node.place, `${node.value} is out of range`, `from ${type.minimum} to ${type.maximum}`);
      case "choice":
        return checkChoice(type.values, node) ?? (node.kind === "text" ? undefined : wrongType(type, node));
      case "duration":
        return bounded(type, node, scalars.readDuration);
      case "size":
        return bounded(type, node, scalars.readSize);
      case "window":
        return text(type, node, type.size === true ? scalars.readSizeWindow : scalars.readWindow);
      case "domain":
        return text(type, node, scalars.readDomain);
      case "address":
        return text(type, node, scalars.readAddress);
      case "host":
        return text(type, node, scalars.readHost);
      case "selector":
        return text(type, node, scalars.readSelector);
      case "endpoint":
        return text(type, node, (written) => scalars.readEndpoint(written, type.port));
      case "socket":
        return text(type, node, (written) => scalars.readSocketPlace(written, type.port));
      case "ip":
        return text(type, node, scalars.readAddressOfHost);
      case "prefix":
        return text(type, node, (written) => scalars.readPrefix(written, type.family));
      case "date":
        return text(type, node, (written) => scalars.readDate(written, type.edge));
      case "offset":
        return text(type, node, scalars.readOffset);
      case "name":
        return text(type, node, scalars.readName);
      case "path":
      case "pattern":
      case "text":
        if (node.kind !== "text") return wrongType(type, node);
        if (node.text === "" || node.text.includes("\0")) return report(node.place, "must not be empty or hold NUL");
        return type.kind === "text" ? node.text : resolve(dirname(node.place.file), node.text);
      case "secret": {
        const secret = readSecret(node, sources);
        if (!secret.ok) problems.push(...secret.error);
        return secret.ok ? secret.value : undefined;
      }
      case "list":
        return checkList(type, node, path);
      case "map":
        return checkMap(type, node, path);
      case "table":
        return node.kind === "table" ? checkTable(type.keys, node, path) : wrongType(type, node);
    }
  }

  function text(type: ValueType, node: Node, read: (text: string) => Result<unknown, scalars.ScalarError>): unknown {
    if (node.kind !== "text") return wrongType(type, node);
    const value = read(node.text);
    return value.ok ? value.value : report(node.place, value.error.message, value.error.hint);
  }

  function bounded(
    type: Extract<ValueType, { kind: "duration" | "size" }>,
    node: Node,
    read: (text: string) => Result<number, scalars.ScalarError>,
  ): unknown {
    const value = text(type, node, read);
    if (typeof value !== "number" || node.kind !== "text") return undefined;
    const [minimum, maximum] = [read(type.minimum), read(type.maximum)];
    if (!minimum.ok || !maximum.ok) throw new Error(`bad bound in the schema: ${type.minimum} or ${type.maximum}`);
    if (value >= minimum.value && value <= maximum.value) return value;
    return report(node.place, `${scalars.quote(node.text)} is out of range`, `from ${type.minimum} to ${type.maximum}`);
  }

  function checkChoice(choices: Readonly<Record<string, string>>, node: Node): string | undefined {
    if (node.kind !== "text") return undefined;
    if (Object.hasOwn(choices, node.text)) return node.text;
    const names = Object.keys(choices);
    const near = nearestName(node.text, names);
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    const known = names.map((name) => `"${name}"`).join(", ");
    return report(node.place, `${scalars.quote(node.text)} is none of ${known}`, hint);
  }

  function checkList(type: Extract<ValueType, { kind: "list" }>, node: Node, path: Path): unknown {
    if (node.kind !== "list") {
      if (type.alone === true && node.kind === "text") return [check(type.of, node, [...path, 0])];
      return wrongType(type, node);
    }
    if (node.items.length < type.minimum) return report(node.place, "the list is empty", `at least ${type.minimum}`);
    return node.items.map((item, index) => check(type.of, item, [...path, index]));
  }

  function checkMap(type: Extract<ValueType, { kind: "map" }>, node: Node, path: Path): unknown {
    if (node.kind !== "table") return wrongType(type, node);
    const map = new Map<string, unknown>();
    for (const [written, entry] of node.entries) {
      const key = type.key === "name" ? scalars.readName(written) : scalars.readLocalPart(written);
      if (!key.ok) {
        report(entry.place, key.error.message, key.error.hint);
      } else if (map.has(key.value)) {
        report(entry.place, `${scalars.quote(written)} is set twice`, "upper and lower case are the same");
      } else {
        keys.set(idOf([...path, key.value]), entry.place);
        map.set(key.value, check(type.of, entry.value, [...path, key.value]));
      }
    }
    return map;
  }

  function checkTable(known: Keys, node: TableNode, path: Path): unknown {
    for (const [name, entry] of node.entries) {
      if (Object.hasOwn(known, name)) continue;
      report(entry.place, `unknown key ${scalars.quote(name)}`, hintFor(name, known, rootKeys));
    }
    const table: Record<string, unknown> = {};
    for (const [name, key] of Object.entries(known)) {
      // Both are read, and taken out of the tree, before this (include.ts).
      if (path.length === 0 && (name === "version" || name === "include")) continue;
      const entry = node.entries.get(name);
      const at = [...path, name];
      if (entry !== undefined) {
        keys.set(idOf(at), entry.place);
        table[name] = check(key.type, entry.value, at);
      } else if (path.length === 0 && optional.includes(name)) {
        continue;
      } else if (key.required === true) {
        report(node.place, `${headingOf(name, key.type)} is missing`);
      } else {
        table[name] = key.default === undefined ? undefined : check(key.type, treeOf(key.default, node.place), at);
      }
    }
    return table;
  }

  function wrongType(type: ValueType, node: Node): undefined {
    const expected = descriptions[type.kind];
    const isQuoted = node.kind === "text" && (type.kind === "integer" || type.kind === "boolean");
    const hint = isQuoted ? "without quotes" : expected.hint;
    return report(node.place, `expected ${expected.name}, found ${nameOf(node)}`, hint);
  }

  function lookUp(places: ReadonlyMap<string, Place>, path: Path): Place {
    for (let length = path.length; length > 0; length--) {
      const place = (length === path.length ? places : values).get(idOf(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return root.place;
  }

  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the draft's type is made from the same schema
  const draft = checkTable(rootKeys, root, []) as D;
  return {
    draft,
    problems,
    placeOf: (...path) => lookUp(values, path),
    keyPlaceOf: (...path) => lookUp(keys, path),
  };
}

function idOf(path: Path): string {
  return JSON.stringify(path);
}

function headingOf(name: string, type: ValueType): string {
  return type.kind === "list" && type.of.kind === "table" ? `[[${name}]]` : `"${name}"`;
}

function hintFor(name: string, known: Keys, rootKeys: Keys): string | undefined {
  const near = nearestName(name, Object.keys(known));
  if (near !== undefined) return `did you mean "${near}"?`;
  const elsewhere = headingsWith(name, rootKeys, "");
  return elsewhere.length === 0 ? undefined : `it belongs into ${elsewhere.join(" or ")}`;
}

/** The tables that do know a key. */
function headingsWith(name: string, known: Keys, prefix: string): readonly string[] {
  return Object.entries(known).flatMap(([table, { type }]) => {
    const isList = type.kind === "list";
    const inner = isList ? type.of : type;
    if (inner.kind !== "table") return [];
    const heading = isList ? `[[${prefix}${table}]]` : `[${prefix}${table}]`;
    const here = Object.hasOwn(inner.keys, name) ? [heading] : [];
    return [...here, ...headingsWith(name, inner.keys, `${prefix}${table}.`)];
  });
}

function nameOf(node: Node): string {
  if (node.kind === "boolean") return `${node.value}`;
  return node.kind === "other" ? node.what : nodeNames[node.kind];
}

const nodeNames = { text: "text", integer: "a number", list: "a list", table: "a table" } as const;

const descriptions: Readonly<Record<ValueType["kind"], { readonly name: string; readonly hint?: string }>> = {
  boolean: { name: "true or false" },
  integer: { name: "a whole number" },
  duration: { name: "a duration", hint: 'in quotes, with its unit: "15m"' },
  size: { name: "a size", hint: 'in quotes, with its unit: "25MiB"' },
  window: { name: "a limit", hint: 'in quotes: "200/1h"' },
  choice: { name: "a word in quotes" },
  domain: { name: "a domain name in quotes" },
  address: { name: "a mail address in quotes" },
  host: { name: "a host name or an IP address in quotes" },
  endpoint: { name: "an address with a port in quotes", hint: '"127.0.0.1:2587", "[::1]:2587"' },
  socket: { name: "an address or the path of a socket in quotes", hint: '"127.0.0.1:24", "/run/dovecot/lmtp"' },
  ip: { name: "an IP address in quotes", hint: '"192.0.2.25", "2001:db8::25"' },
  prefix: { name: "an IP address or prefix in quotes", hint: '"192.0.2.0/24", "2001:db8::/32"' },
  date: { name: "a date in quotes", hint: '"2027-01-15", "2027-01-15T02:00:00+09:00"' },
  offset: { name: "an offset from UTC in quotes", hint: '"+09:00"' },
  name: { name: "a name in quotes" },
  path: { name: "a path in quotes" },
  pattern: { name: "a path in quotes" },
  selector: { name: "a DKIM selector in quotes" },
  text: { name: "text in quotes" },
  secret: { name: "where the secret is kept" },
  list: { name: "a list", hint: "in brackets: [ … ]" },
  map: { name: "a table" },
  table: { name: "a table" },
};

// The files of a list back into the addresses that they list: a zone as a server answers from it (RFC 4592: a wildcard
// stands for what is not there by name, under the closest name that is), prefixes of rbldnsd, and names of a reverse zone.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import type { AddressSets } from "../../../base/address-set.ts";
import { familyOf, parseAddress } from "../../../base/address.ts";
import { forms } from "./names.ts";
import type { Form } from "./names.ts";

export class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

interface Node {
  isListed: boolean;
  readonly children: Map<string, Node>;
}

/** undefined: the zone that the text is of. Other zones in it are passed over. */
export function readZone(text: string, zone: string): AddressSets {
  const root: Node = { isListed: false, children: new Map() };
  for (const { owner, type, data, line } of recordsOf(text, `${zone}.`)) {
    if (owner === undefined) continue;
    const node = owner.reduceRight((parent, label) => {
      const known = parent.children.get(label) ?? { isListed: false, children: new Map() };
      parent.children.set(label, known);
      return known;
    }, root);
    if (type === "A" && data.startsWith("127.")) {
      if (owner.length === 0) throw new Unreadable(line, "the zone itself is listed");
      node.isListed = true;
    }
    if (type === "CNAME" || type === "DNAME" || (type === "NS" && owner.length > 0)) {
      throw new Unreadable(line, `${type}: what is listed there is not in this text`);
    }
  }
  const builder = new AddressSetBuilder();
  collect(root, forms[4], 0, new Uint32Array(1), builder);
  collect(root, forms[6], 0, new Uint32Array(4), builder);
  return builder.build();
}

/** The addresses under a name that is there, `depth` labels deep. */
function collect(node: Node, form: Form, depth: number, address: Uint32Array, builder: AddressSetBuilder): void {
  const family = form === forms[4] ? 4 : 6;
  if (depth === form.labels) {
    if (node.isListed) builder.addPrefix(family, address.slice(), depth * form.bits);
    return;
  }
  const isCovered = node.children.get("*")?.isListed === true;
  const named = new Map<number, Node>();
  for (const [label, child] of node.children) {
    const value = form.read(label);
    if (value !== undefined) named.set(value, child);
  }
  if (isCovered && named.size === 0) {
    builder.addPrefix(family, address.slice(), depth * form.bits);
    return;
  }
  const at = depth * form.bits;
  const shift = 32 - form.bits - (at & 31);
  const values = isCovered ? Array.from({ length: 2 ** form.bits }, (_, value) => value) : [...named.keys()];
  for (const value of values) {
    const inside = address.slice();
    inside[at >>> 5] = (inside[at >>> 5]! | (value << shift)) >>> 0;
    const child = named.get(value);
    if (child === undefined) builder.addPrefix(family, inside, at + form.bits);
    else collect(child, form, depth + 1, inside, builder);
  }
}

interface ResourceRecord {
  /** Labels under the zone, the leftmost first; undefined: it is outside. */
  readonly owner: readonly string[] | undefined;
  readonly type: string;
  readonly data: string;
  readonly line: number;
}

const types = new Set(["A", "AAAA", "TXT", "NS", "SOA", "PTR", "MX", "CNAME", "DNAME", "CAA", "RRSIG", "DNSKEY"]);

function* recordsOf(text: string, zone: string): Generator<ResourceRecord> {
  let origin = zone;
  let previous = "@";
  for (const { words, line, isIndented } of entriesOf(text)) {
    const [first = ""] = words;
    if (first === "$ORIGIN") {
      origin = absolute(words[1] ?? "", origin);
      continue;
    }
    if (first === "$TTL") continue;
    if (first.startsWith("$")) throw new Unreadable(line, `${first} is not understood`);
    const name = isIndented ? previous : first;
    previous = name;
    const rest = isIndented ? words : words.slice(1);
    const at = rest.findIndex((word) => !/^(?:\d+[smhdw]?|IN)$/i.test(word));
    const type = (rest[at] ?? "").toUpperCase();
    if (!types.has(type)) throw new Unreadable(line, `no record of a list: ${words.join(" ")}`);
    const full = absolute(name, origin).toLowerCase();
    const isInside = full === zone.toLowerCase() || full.endsWith(`.${zone.toLowerCase()}`);
    const own = full.slice(0, Math.max(full.length - zone.length - 1, 0));
    yield {
      owner: isInside ? (own === "" ? [] : own.split(".")) : undefined,
      type,
      data: rest.slice(at + 1).join(" "),
      line,
    };
  }
}

function absolute(name: string, origin: string): string {
  if (name === "@") return origin;
  return name.endsWith(".") ? name : `${name}.${origin}`;
}

/** Entries of a zone file: parentheses go over lines, quotes hold blanks, a semicolon begins a comment. */
function* entriesOf(
  text: string,
): Generator<{ readonly words: readonly string[]; readonly line: number; readonly isIndented: boolean }> {
  let words: string[] = [];
  let depth = 0;
  let begun = 1;
  let isIndented = false;
  for (const [index, content] of text.split("\n").entries()) {
    // Most lines of a list are of this kind.
    const plain = depth === 0 ? /^([^\s;()"$]+) (A|TXT) (?:([^\s;()"]+)|"[^"\\]*")$/.exec(content) : null;
    if (plain !== null) {
      yield { words: [plain[1]!, plain[2]!, plain[3] ?? ""], line: index + 1, isIndented: false };
      continue;
    }
    if (depth === 0) {
      begun = index + 1;
      isIndented = /^[ \t]/.test(content);
    }
    for (const [token] of content.matchAll(/;.*|"(?:[^"\\]|\\.)*"|[()]|[^\s;()"]+|"/g)) {
      if (token === "(") depth++;
      else if (token === ")") depth--;
      else if (token === '"') throw new Unreadable(index + 1, "a quote is not closed");
      else if (!token.startsWith(";")) words.push(token);
    }
    if (depth < 0) throw new Unreadable(index + 1, "a parenthesis closes nothing");
    if (depth > 0) continue;
    if (words.length > 0) yield { words, line: begun, isIndented };
    words = [];
  }
  if (depth > 0) throw new Unreadable(begun, "a parenthesis is not closed");
}

/** Prefixes, each with what it answers or none, and exceptions with "!". */
export function readTrie(text: string): AddressSets {
  const listed = new AddressSetBuilder();
  const excepted = new AddressSetBuilder();
  for (const [index, raw] of text.split("\n").entries()) {
    const content = raw.trim();
    if (content === "" || /^[#;:$]/.test(content)) continue;
    const [, sign, prefix = ""] = /^(!?)\s*([^\s:]+(?::[^\s]*)?)/.exec(content) ?? [];
    const builder = sign === "!" ? excepted : listed;
    // The test address of IPv6 is an IPv4-mapped one, which no prefix of a policy may be.
    const single = parseAddress(prefix);
    if (single !== undefined) {
      builder.addPrefix(familyOf(single), single, 32 * single.length);
      continue;
    }
    const wrong = builder.addText(prefix);
    if (wrong !== undefined) throw new Unreadable(index + 1, `${prefix} ${wrong}`);
  }
  const [all, not] = [listed.build(), excepted.build()];
  return { v4: all.v4.difference(not.v4), v6: all.v6.difference(not.v6) };
}

/** The addresses that get a name which tells their kind; the way back must be there for IPv4. */
export function readPtr(text: string): AddressSets {
  const [named, back] = [new AddressSetBuilder(), new AddressSetBuilder()];
  let origin = "";
  for (const { words, line } of entriesOf(text)) {
    const [first = "", second = "", third = "", type = "", data = ""] = words;
    if (first === "$ORIGIN") {
      origin = second.toLowerCase();
      continue;
    }
    if (first !== "$GENERATE") {
      if (second !== "PTR" || !origin.endsWith("ip6.arpa."))
        throw new Unreadable(line, `no name of addresses: ${words.join(" ")}`);
      const labels = [...first.toLowerCase().split("."), ...origin.slice(0, -"ip6.arpa.".length).split(".")];
      addNibbles(
        labels.filter((label) => label !== ""),
        named,
        line,
      );
      continue;
    }
    const [low = "", high = ""] = second.split("-");
    const digits = /^(\d{1,3})-(\d{1,3})-(\d{1,3})-\$/.exec(type === "PTR" ? data : third);
    const octets = digits?.slice(1) ?? [];
    const isRight =
      type === "PTR"
        ? third === "$" && origin === `${octets.toReversed().join(".")}.in-addr.arpa.`
        : type === "A" && data === `${octets.join(".")}.$`;
    const range = [low, high].map((end) => parseAddress([...octets, end].join(".")));
    if (!isRight || range[0] === undefined || range[1] === undefined || Number(low) > Number(high)) {
      throw new Unreadable(line, `the name and the address differ: ${words.join(" ")}`);
    }
    (type === "PTR" ? named : back).addRange(4, range[0], range[1]);
  }
  const [names, addresses] = [named.build(), back.build()];
  if (!names.v4.equals(addresses.v4)) throw new Unreadable(1, "not every name of an address leads back to it");
  return names;
}

function addNibbles(labels: readonly string[], into: AddressSetBuilder, line: number): void {
  const form = forms[6];
  const isWild = labels[0] === "*";
  const values = (isWild ? labels.slice(1) : labels).toReversed().map((label) => form.read(label));
  if (values.some((value) => value === undefined) || values.length > 32 || (!isWild && values.length < 32)) {
    throw new Unreadable(line, `no address: ${labels.join(".")}`);
  }
  const address = new Uint32Array(4);
  for (const [index, value] of values.entries())
    address[index >>> 3] = (address[index >>> 3]! | (value! << (28 - 4 * (index & 7)))) >>> 0;
  into.addPrefix(6, address, 4 * values.length);
}

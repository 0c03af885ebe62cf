// The tree as text for `nft -f`: one transaction that makes what is not there, empties the rules and sets, and fills them
// again. The table and the base chains are never deleted, because a new base chain lets packets through until its rules
// are in place (measured: 77 of 8,297); nor are elements taken out one by one, which takes minutes. Named counters that
// are there keep their counts. A set that cannot be filled makes the whole transaction fail, with the old rules in force.
//
// `tcp dport` and `meta l4proto` look behind IPv6 extension headers, `ip6 nexthdr` does not. No "}" follows a statement
// on its line, which nft 1.0.6 does not take.

import type { AddressSet } from "../../../base/address-set.ts";
import { compareWords, formatAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import type { Rule, RuleMatch, RuleVerdict } from "../chains/rule.ts";
import type { Chain, Elements, SetDeclaration, Table } from "./tree.ts";

export function writeTable(table: Table, header: readonly string[]): string {
  const lines = header.map((line) => `# ${line}`);
  const name = `inet ${table.name}`;
  lines.push(`table ${name} {`);
  for (const counter of table.counters) lines.push(`  counter ${counter} {`, "  }");
  for (const set of table.sets) lines.push(...declare(set));
  for (const chain of table.chains) lines.push(...openChain(chain), "  }");
  lines.push("}");
  for (const chain of table.chains) lines.push(`flush chain ${name} ${chain.name}`);
  for (const set of table.sets) lines.push(`flush set ${name} ${set.name}`);
  for (const set of table.sets) writeElements(set, name, lines);
  lines.push(`table ${name} {`);
  for (const chain of table.chains) {
    if (chain.rules.length === 0) continue;
    lines.push(`  chain ${chain.name} {`, ...chain.rules.map((rule) => `    ${writeRule(rule)}`), "  }");
  }
  lines.push("}", "");
  return lines.join("\n");
}

function openChain({ name, hook }: Chain): readonly string[] {
  if (hook === undefined) return [`  chain ${name} {`];
  return [`  chain ${name} {`, `    type filter hook ${hook.name} priority ${hook.priority}; policy ${hook.policy};`];
}

function declare({ name, elements }: SetDeclaration): readonly string[] {
  return [`  set ${name} {`, ...typeOf(elements).map((line) => `    ${line}`), "  }"];
}

function typeOf(elements: Elements): readonly string[] {
  switch (elements.kind) {
    case "addresses":
      return [
        `type ${addressType(elements.addresses.family)}`,
        `flags interval${elements.hasTimeouts ? ", timeout" : ""}`,
      ];
    case "interfaces":
      return ["type ifname"];
    case "pairs":
      return [`type ifname . ${addressType(elements.family)}`, "flags interval"];
  }
}

function addressType(family: Family): string {
  return family === 4 ? "ipv4_addr" : "ipv6_addr";
}

function writeElements({ name, elements }: SetDeclaration, table: string, lines: string[]): void {
  const begin = lines.length;
  switch (elements.kind) {
    case "addresses": {
      let rest = elements.addresses;
      for (const { addresses, remaining } of elements.timeouts) {
        rest = rest.difference(addresses);
        forEachElement(addresses, (text) => lines.push(`  ${text} timeout ${duration(remaining)},`));
      }
      forEachElement(rest, (text) => lines.push(`  ${text},`));
      break;
    }
    case "interfaces":
      for (const one of elements.names) lines.push(`  ${quote(one)},`);
      break;
    case "pairs":
      for (const [one, addresses] of elements.byInterface) {
        forEachElement(addresses, (text) => lines.push(`  ${quote(one)} . ${text},`));
      }
      break;
  }
  // Without elements there is no statement: nft does not take an empty one, and the set is empty.
  if (lines.length === begin) return;
  lines[begin] = `add element ${table} ${name} {\n${lines[begin]!}`;
  lines.push("}");
}

/** As the kernel lists them: a prefix where the range is one, else both ends. */
function forEachElement(set: AddressSet, visit: (text: string) => void): void {
  const bits = set.family === 4 ? 32 : 128;
  set.forEachRange((first, last) => {
    const start = formatAddress(first, set.family);
    const length = prefixLength(first, last);
    if (length === bits) visit(start);
    else if (length === undefined) visit(`${start}-${formatAddress(last, set.family)}`);
    else visit(`${start}/${length}`);
  });
}

/** undefined: the range is more or less than one prefix. */
function prefixLength(first: Uint32Array, last: Uint32Array): number | undefined {
  if (compareWords(first, 0, last, 0, first.length) === 0) return first.length * 32;
  let length = 0;
  let word = 0;
  while (first[word] === last[word]) word++;
  length = word * 32 + Math.clz32(first[word]! ^ last[word]!);
  for (let at = word; at < first.length; at++) {
    const open = at === word ? 0xffff_ffff >>> (length - word * 32) : 0xffff_ffff;
    if ((first[at]! & open) !== 0 || (last[at]! & open) >>> 0 !== open >>> 0) return undefined;
  }
  return length;
}

/** As nft reads it. */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
    [milliseconds % 1000, "ms"],
  ];
  return parts.map(([count, unit]) => (count === 0 ? "" : `${count}${unit}`)).join("");
}

function writeRule({ matches, counter, verdict, comment }: Rule): string {
  return [
    ...matches.map(writeMatch),
    ...(counter === undefined ? [] : [`counter name ${quote(counter)}`]),
    ...(verdict === undefined ? [] : [writeVerdict(verdict)]),
    ...(comment === undefined ? [] : [`comment ${quote(comment)}`]),
  ].join(" ");
}

function writeMatch(match: RuleMatch): string {
  switch (match.kind) {
    case "address": {
      const field = `${familyWord(match.family)} ${match.end === "source" ? "saddr" : "daddr"}`;
      const among = "set" in match.among ? `@${match.among.set}` : braces(elementTexts(match.among.addresses));
      return `${field} ${match.isNegated ? "!= " : ""}${among}`;
    }
    case "family":
      return `meta nfproto ${match.family === 4 ? "ipv4" : "ipv6"}`;
    case "protocol":
      return `meta l4proto ${match.isNegated ? "!= " : ""}${braces(match.protocols.map(protocolWord))}`;
    case "ports": {
      const protocol = match.protocol === undefined ? "th" : protocolWord(match.protocol);
      const field = `${protocol} ${match.end === "source" ? "sport" : "dport"}`;
      return `${field} ${match.isNegated ? "!= " : ""}${braces(match.ranges.map(writePorts))}`;
    }
    case "flags":
      return `tcp flags & (fin | syn | rst | ack) ${match.flags === "syn" ? "==" : "!="} syn`;
    case "interface": {
      const among = "set" in match.among ? `@${match.among.set}` : braces(match.among.names.map(quote));
      return `${match.way === "in" ? "iifname" : "oifname"} ${among}`;
    }
    case "pair":
      return `iifname . ${familyWord(match.family)} saddr @${match.set}`;
    case "no-reverse-path":
      return "fib saddr . iif oif missing";
  }
}

function elementTexts(addresses: AddressSet): readonly string[] {
  const texts: string[] = [];
  forEachElement(addresses, (text) => texts.push(text));
  return texts;
}

function familyWord(family: Family): string {
  return family === 4 ? "ip" : "ip6";
}

function protocolWord(protocol: number): string {
  return protocol === 6 ? "tcp" : protocol === 17 ? "udp" : String(protocol);
}

function writePorts({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function braces(texts: readonly string[]): string {
  return texts.length === 1 ? texts[0]! : `{ ${texts.join(", ")} }`;
}

function writeVerdict(verdict: RuleVerdict): string {
  switch (verdict.kind) {
    case "accept":
    case "return":
    case "drop":
      return verdict.kind;
    case "reject":
      return verdict.with === "reset" ? "reject with tcp reset" : "reject with icmpx admin-prohibited";
    case "jump":
      return `jump ${verdict.chain}`;
  }
}

/** nft has no escapes in strings: what print.ts hands over has no quotes. */
function quote(text: string): string {
  return `"${text}"`;
}

// One rule: what a packet is asked, then what is done. The kernel's spellings (`tcp flags syn / fin,syn,rst,ack`, names of
// protocols and services) are the same as ours to it.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { familySet } from "../../ir.ts";
import type { PortRange } from "../../ir.ts";
import { tcp } from "../../packet.ts";
import type { Lexer } from "./lexer.ts";
import { readRange } from "./ranges.ts";
import type { Rule, RuleMatch, RuleVerdict } from "../chains/rule.ts";

/** IANA's names as nft lists them. */
const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipencap: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  "ipv6-icmp": 58,
  icmpv6: 58,
  ospf: 89,
  sctp: 132,
  udplite: 136,
};

const services: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  https: 443,
  submissions: 465,
  submission: 587,
};

export function parseRule(lexer: Lexer): Rule {
  const { line } = lexer;
  const matches: RuleMatch[] = [];
  let counter: string | undefined;
  let comment: string | undefined;
  let verdict: RuleVerdict | undefined;
  while (lexer.kind !== "newline" && lexer.kind !== "end" && !lexer.isSign(";") && !lexer.isSign("}")) {
    if (verdict !== undefined && !lexer.isWord("comment")) lexer.refuseToken("the end of the rule");
    if (lexer.tookWord("counter")) counter = takeCounter(lexer) ?? counter;
    else if (lexer.tookWord("comment")) comment = lexer.takeName("a comment");
    else if (lexer.tookWord("log")) skipLog(lexer);
    else {
      verdict = takeVerdict(lexer);
      if (verdict === undefined) matches.push(takeMatch(lexer));
    }
  }
  return { matches, counter, verdict, comment, line };
}

/** Anonymous counters are nobody's. */
function takeCounter(lexer: Lexer): string | undefined {
  if (lexer.tookWord("name")) return lexer.takeName("a counter");
  if (lexer.tookWord("packets")) {
    lexer.takeName("a count");
    lexer.takeWord("bytes");
    lexer.takeName("a count");
  }
  return undefined;
}

function skipLog(lexer: Lexer): void {
  const options = ["prefix", "group", "snaplen", "queue-threshold", "level", "flags"];
  while (options.some((option) => lexer.tookWord(option))) lexer.takeName("a value");
}

function takeVerdict(lexer: Lexer): RuleVerdict | undefined {
  if (lexer.tookWord("accept")) return { kind: "accept" };
  if (lexer.tookWord("return")) return { kind: "return" };
  if (lexer.tookWord("drop")) return { kind: "drop" };
  if (lexer.tookWord("jump")) return { kind: "jump", chain: lexer.takeName("a chain") };
  if (!lexer.tookWord("reject")) return undefined;
  if (!lexer.tookWord("with")) return { kind: "reject", with: "admin-prohibited" };
  if (lexer.tookWord("tcp")) {
    lexer.takeWord("reset");
    return { kind: "reject", with: "reset" };
  }
  // Which ICMP code it is does not matter for what passes.
  lexer.takeName("a kind of ICMP");
  lexer.tookWord("type");
  lexer.takeName("a code");
  return { kind: "reject", with: "admin-prohibited" };
}

function takeMatch(lexer: Lexer): RuleMatch {
  const subject = lexer.takeName("a condition");
  switch (subject) {
    case "ip":
    case "ip6":
      return takeHeader(lexer, subject === "ip" ? 4 : 6);
    case "meta":
      return takeMeta(lexer);
    case "nfproto":
    case "l4proto":
    case "iifname":
    case "oifname":
      return takeMetaKey(lexer, subject);
    case "tcp":
    case "udp":
    case "th":
      return takeTransport(lexer, subject === "th" ? undefined : protocols[subject]!);
    case "fib":
      return takeReversePath(lexer);
    default:
      lexer.refuse(`the condition ${subject} is not understood`);
  }
}

function takeHeader(lexer: Lexer, family: Family): RuleMatch {
  const field = lexer.takeName("a field");
  if (family === 4 && field === "protocol") return takeProtocol(lexer);
  if (field !== "saddr" && field !== "daddr") lexer.refuse(`the field ${field} is not understood`);
  const end = field === "saddr" ? "source" : "destination";
  const isNegated = takeOperator(lexer);
  if (lexer.kind === "word" && lexer.value.startsWith("@")) {
    return { kind: "address", family, end, isNegated, among: { set: lexer.takeName("a set").slice(1) } };
  }
  return { kind: "address", family, end, isNegated, among: { addresses: takeAddresses(lexer, family) } };
}

function takeAddresses(lexer: Lexer, family: Family): AddressSet {
  const builder = new AddressSetBuilder();
  const [first, last] = [new Uint32Array(4), new Uint32Array(4)];
  takeList(lexer, () => {
    if (lexer.kind !== "word") lexer.refuseToken("an address");
    readRange(lexer, family, first, last);
    builder.addRange(family, first, last);
    lexer.next();
  });
  return familySet(builder.build(), family);
}

/** One, or several in braces. */
function takeList(lexer: Lexer, takeOne: () => void): void {
  if (!lexer.tookSign("{")) return takeOne();
  for (;;) {
    lexer.skipNewlines();
    if (lexer.tookSign("}")) return;
    takeOne();
    lexer.skipNewlines();
    if (lexer.tookSign("}")) return;
    lexer.takeSign(",");
  }
}

/** Whether it is "not". */
function takeOperator(lexer: Lexer): boolean {
  if (lexer.tookSign("!=")) return true;
  lexer.tookSign("==");
  return false;
}

function takeMeta(lexer: Lexer): RuleMatch {
  return takeMetaKey(lexer, lexer.takeName("what of the packet"));
}

function takeMetaKey(lexer: Lexer, key: string): RuleMatch {
  switch (key) {
    case "nfproto": {
      if (takeOperator(lexer)) lexer.refuse("the family is asked for by name only");
      const family = lexer.takeName("a family");
      if (family !== "ipv4" && family !== "ipv6") lexer.refuse(`the family ${family} is not understood`);
      return { kind: "family", family: family === "ipv4" ? 4 : 6 };
    }
    case "l4proto":
      return takeProtocol(lexer);
    case "iifname":
    case "oifname":
      return takeInterface(lexer, key === "iifname" ? "in" : "out");
    default:
      lexer.refuse(`meta ${key} is not understood`);
  }
}

function takeProtocol(lexer: Lexer): RuleMatch {
  const isNegated = takeOperator(lexer);
  const found: number[] = [];
  takeList(lexer, () => {
    const text = lexer.takeName("a protocol");
    found.push(protocols[text] ?? numberIn(lexer, text, 255));
  });
  return { kind: "protocol", protocols: found, isNegated };
}

function takeInterface(lexer: Lexer, way: "in" | "out"): RuleMatch {
  if (way === "in" && lexer.tookWord(".")) {
    const header = lexer.takeName("a header");
    if (header !== "ip" && header !== "ip6") lexer.refuse(`iifname with ${header} is not understood`);
    lexer.takeWord("saddr");
    const set = lexer.takeName("a set");
    if (!set.startsWith("@")) lexer.refuse("pairs of interface and source are understood in named sets only");
    return { kind: "pair", family: header === "ip" ? 4 : 6, set: set.slice(1) };
  }
  if (takeOperator(lexer)) lexer.refuse("interfaces are asked for by name only");
  if (lexer.kind === "word" && lexer.value.startsWith("@")) {
    return { kind: "interface", way, among: { set: lexer.takeName("a set").slice(1) } };
  }
  const names: string[] = [];
  takeList(lexer, () => {
    names.push(lexer.takeName("an interface"));
  });
  const pattern = names.find((name) => name.endsWith("*"));
  if (pattern !== undefined) lexer.refuse(`the pattern ${pattern} is not understood: name the interfaces`);
  return { kind: "interface", way, among: { names } };
}

function takeTransport(lexer: Lexer, protocol: number | undefined): RuleMatch {
  const field = lexer.takeName("a field");
  if (field === "flags" && protocol === tcp) return takeFlags(lexer);
  if (field !== "sport" && field !== "dport") lexer.refuse(`the field ${field} is not understood`);
  const isNegated = takeOperator(lexer);
  const ranges: PortRange[] = [];
  takeList(lexer, () => {
    const text = lexer.takeName("a port");
    const [first = "", last = first] = services[text] === undefined ? text.split("-") : [text];
    ranges.push({ first: portIn(lexer, first), last: portIn(lexer, last) });
  });
  return { kind: "ports", protocol, end: field === "sport" ? "source" : "destination", isNegated, ranges };
}

function portIn(lexer: Lexer, text: string): number {
  return services[text] ?? numberIn(lexer, text, 65_535);
}

function numberIn(lexer: Lexer, text: string, most: number): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > most) lexer.refuse(`${text} is not understood`);
  return Number(text);
}

/** `& (fin | syn | rst | ack) == syn`, which is listed as `syn / fin,syn,rst,ack`. */
function takeFlags(lexer: Lexer): RuleMatch {
  const mask: string[] = [];
  let isNegated = false;
  const takeMask = (separator: string): void => {
    const isGrouped = lexer.tookSign("(");
    do mask.push(lexer.takeName("a flag"));
    while (lexer.tookSign(separator));
    if (isGrouped) lexer.takeSign(")");
  };
  if (lexer.tookSign("&")) {
    takeMask("|");
    isNegated = takeOperator(lexer);
    lexer.takeWord("syn");
  } else {
    isNegated = takeOperator(lexer);
    lexer.takeWord("syn");
    lexer.takeWord("/");
    takeMask(",");
  }
  const asked = mask.toSorted((a, b) => a.localeCompare(b)).join();
  if (asked !== "ack,fin,rst,syn" && asked !== "ack,syn") lexer.refuse(`the flags ${mask.join()} are not understood`);
  return { kind: "flags", flags: isNegated ? "other" : "syn" };
}

function takeReversePath(lexer: Lexer): RuleMatch {
  const asked: string[] = [];
  while (lexer.kind === "word" && lexer.value !== "missing" && lexer.value !== "0") {
    asked.push(lexer.value);
    lexer.next();
  }
  const question = asked.join(" ");
  if (question !== "saddr . iif oif") {
    lexer.refuse(`fib ${question} is not understood: only a strict reverse path check defends against anything`);
  }
  lexer.next();
  return { kind: "no-reverse-path" };
}

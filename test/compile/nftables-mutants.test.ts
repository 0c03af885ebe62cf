import assert from "node:assert/strict";
import { test } from "node:test";
import { nftables } from "../../src/compile/targets/nftables/index.ts";
import { assertCaught, assertNeutral, benchOf, printOn, programMutants } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const bench = benchOf(nftables, specimen, specimenSettings("nftables"), { kind: "edge" }, specimenAt);
const { program, scope } = bench.projection;
const original = printOn(bench, program)!;

test("wrong programs are told from the policy by their text", () => {
  // Every third, for time.
  const mutants = programMutants(program, scope, (index) => index % 3 === 0);
  let caught = 0;
  for (const mutant of mutants) {
    const text = printOn(bench, mutant.program);
    if (text === undefined) continue;
    assertCaught(bench, text, mutant.name);
    caught++;
  }
  assert.ok(caught >= 100, `${caught} of ${mutants.length}`);
});

function replace(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => text.replace(from, to) };
}

function append(name: string, line: string): TextEdit {
  return { name, edit: (text) => `${text}${line}\n` };
}

const mistakes: readonly TextEdit[] = [
  replace("another port", "tcp dport 25 jump", "tcp dport 26 jump"),
  replace("a wider range of ports", "tcp dport 25 jump", "tcp dport 24-25 jump"),
  replace("two ports", "tcp dport 25 jump", "tcp dport { 25, 587 } jump"),
  replace("every port but 25", "tcp dport 25 jump", "tcp dport != 25 jump"),
  replace("source instead of destination port", "tcp dport 25 jump", "tcp sport 25 jump"),
  replace("destination instead of source port", "tcp sport 25 jump", "tcp dport 25 jump"),
  replace("UDP", "tcp dport 25 jump", "udp dport 25 jump"),
  replace("any protocol", "tcp dport 25 jump", "jump"),
  replace("SYN only", "tcp sport 25 jump", "tcp sport 25 tcp flags syn / fin,syn,rst,ack jump"),
  replace("the jump of OP25B lost", /.*jump filter_op25b\n/, ""),
  replace("the jump of IP25B lost", /.*jump filter_ip25b\n/, ""),
  replace("the jump of source validation lost", /.*jump validate_source\n/, ""),
  replace("IPv4 only", "tcp dport 25 jump", "meta nfproto ipv4 tcp dport 25 jump"),
  replace("a permit turned round", / return comment "op25b:msa25"/, ' drop comment "op25b:msa25"'),
  replace(
    "a block turned round",
    /reject with tcp reset comment "op25b:pool0:full"/,
    'return comment "op25b:pool0:full"',
  ),
  replace("accept where return is meant", / return comment "op25b:exemption/, ' accept comment "op25b:exemption'),
  replace("the rest dropped", "priority filter; policy accept", "priority filter; policy drop"),
  replace("not in the set", "ip saddr @set_pool_pool0_4 counter", "ip saddr != @set_pool_pool0_4 counter"),
  replace("the wrong end", "ip saddr @set_pool_pool0_4 counter", "ip daddr @set_pool_pool0_4 counter"),
  replace("the wrong set", "ip saddr @set_pool_pool0_4 counter", "ip saddr @set_pool_pool1_4 counter"),
  replace("a rule of IPv6 lost", /.*ip6 saddr @set_pool_pool0_6 counter.*\n/, ""),
  replace("a prefix lost", /\n {2}198\.51\.100\.96\/27,/, ""),
  replace("a prefix one bit shorter", "198.51.100.96/27,", "198.51.100.64/26,"),
  replace("a prefix one bit longer", "198.51.100.96/27,", "198.51.100.96/28,"),
  replace("a range that ends early", "198.51.100.96/27,", "198.51.100.96-198.51.100.126,"),
  replace("another prefix", "2001:db8:a::/52,", "2001:db8:b::/52,"),
  append("a set emptied at the end", "flush set inet sekimori set_pool_pool0_4"),
  append("a chain emptied at the end", "flush chain inet sekimori filter_ip25b"),
  append("all rules emptied at the end", "flush table inet sekimori"),
  append("the table deleted at the end", "delete table inet sekimori"),
  append("an element too many", "add element inet sekimori set_msa25_4 { 192.0.2.7 }"),
  replace("everything accepted first", "chain forward {\n    tcp", "chain forward {\n    accept\n    tcp"),
  replace("port 25 dropped first", "chain forward {\n    tcp", "chain forward {\n    tcp dport 25 drop\n    tcp"),
  replace(
    "a foreign prefix dropped first",
    "chain forward {\n    tcp",
    "chain forward {\n    ip saddr 192.0.2.77 drop\n    tcp",
  ),
  replace("the base chain on no hook", /type filter hook forward.*\n/, "\n"),
  replace("a line less that is validated", /(add element inet sekimori list_lines_4 \{\n)\s*"cust0",\n/, "$1"),
  replace("a source more on a line", '"cust0" . 198.51.100.0/27', '"cust0" . 198.51.100.0/26'),
  replace("another line's source", '"cust0" . 198.51.100.0/27', '"cust1" . 198.51.100.0/27'),
  replace("no address before there is one", /\s*"cust0" \. 0\.0\.0\.0,/, ""),
  replace("validation of IPv4 only", /.*iifname @list_lines_6.*\n/, ""),
  replace(
    "reverse path instead of list, of all lines",
    /iifname @list_lines_4 meta nfproto ipv4/,
    'iifname "cust0" meta nfproto ipv4',
  ),
  replace(
    "a rule before its permit",
    /(chain filter_op25b \{\n)((?:.*\n)*?)(.*pool0_4 counter name "count_op25b_pool0_full".*\n)/,
    "$1$3$2",
  ),
];

test("mistakes in a text are found, each with a packet", () => {
  assert.ok(mistakes.length >= 30);
  for (const { name, edit } of mistakes) {
    // The second table block has the rules; the first one only declares.
    const text = edit(original);
    assert.notEqual(text, original, name);
    assertCaught(bench, text, name);
  }
});

const neutral: readonly TextEdit[] = [
  { name: "nothing", edit: (text) => `${text}\n` },
  { name: "comments", edit: (text) => text.replaceAll("\n", " # a comment\n") },
  { name: "no head", edit: (text) => text.replaceAll(/^#.*\n/gm, "") },
  { name: "empty lines", edit: (text) => text.replaceAll("\n", "\n\n") },
  { name: "tabs", edit: (text) => text.replaceAll("    ", "\t") },
  { name: "CRLF", edit: (text) => text.replaceAll("\n", "\r\n") },
  { name: "no counters", edit: (text) => text.replaceAll(/ counter name "\w+"/g, "") },
  {
    name: "anonymous counters",
    edit: (text) => text.replaceAll(/ counter name "\w+"/g, " counter packets 17 bytes 1020"),
  },
  { name: "other counters", edit: (text) => text.replaceAll("count_op25b", "hits_op25b") },
  { name: "no comments on rules", edit: (text) => text.replaceAll(/ comment "[^"]*"/g, "") },
  { name: "other comments on rules", edit: (text) => text.replaceAll(/ comment "[^"]*"/g, ' comment "x; y { z"') },
  { name: "service names", edit: (text) => text.replaceAll("port 25 jump", "port smtp jump") },
  { name: "==", edit: (text) => text.replaceAll("port 25 jump", "port == 25 jump") },
  { name: "a port in braces", edit: (text) => text.replaceAll("port 25 jump", "port { 25 } jump") },
  { name: "a range of one port", edit: (text) => text.replaceAll("port 25 jump", "port 25-25 jump") },
  {
    name: "the protocol as well",
    edit: (text) => text.replaceAll("tcp dport 25 jump", "meta l4proto tcp tcp dport 25 jump"),
  },
  { name: "th", edit: (text) => text.replaceAll("tcp dport 25 jump", "meta l4proto 6 th dport 25 jump") },
  { name: "other manners", edit: (text) => text.replaceAll("reject with tcp reset", "drop") },
  {
    name: "other kinds of ICMP",
    edit: (text) => text.replaceAll("reject with tcp reset", "reject with icmp type host-unreachable"),
  },
  {
    name: "log",
    edit: (text) =>
      text.replaceAll("reject with tcp reset", 'log prefix "x" group 25 snaplen 64 reject with tcp reset'),
  },
  { name: "chains renamed", edit: (text) => text.replaceAll("filter_op25b", "out25") },
  { name: "sets renamed", edit: (text) => text.replaceAll("set_pool_pool0_4", "dyn4") },
  {
    name: "a prefix in halves",
    edit: (text) => text.replaceAll("  198.51.100.96/27,", "  198.51.100.96/28, 198.51.100.112/28,"),
  },
  {
    name: "a prefix as a range",
    edit: (text) => text.replaceAll("  198.51.100.96/27,", "  198.51.100.96-198.51.100.127,"),
  },
  {
    name: "a prefix twice",
    edit: (text) => text.replaceAll("  198.51.100.96/27,", "  198.51.100.96/27, 198.51.100.100,"),
  },
  { name: "IPv6 spelt out", edit: (text) => text.replaceAll("2001:db8:a::/52", "2001:0DB8:000a:0:0:0:0:0/52") },
  { name: "elements on one line", edit: (text) => text.replaceAll(/,\n {2}/g, ", ") },
  {
    name: "elements in another order",
    edit: (text) =>
      text.replaceAll(
        /(add element [^{]*\{\n)([^}]*)\}/g,
        (_all, head: string, lines: string) => `${head}${lines.split("\n").toReversed().join("\n")}\n}`,
      ),
  },
  { name: "loaded twice", edit: (text) => text + text },
  {
    name: "another table",
    edit: (text) =>
      `table ip nat {\n  chain x {\n    type nat hook prerouting priority 0;\n    tcp dport 25 dnat to 10.0.0.1\n  }\n}\n${text}`,
  },
  { name: "a flush of the ruleset before", edit: (text) => `flush ruleset\n${text}` },
  {
    name: "an unused set",
    edit: (text) =>
      text.replace(
        "table inet sekimori {",
        "table inet sekimori {\n  set spare { type ipv4_addr; elements = { 192.0.2.9 } }",
      ),
  },
  {
    name: "an unused chain",
    edit: (text) =>
      text.replace("table inet sekimori {", "table inet sekimori {\n  chain spare { tcp dport 25 drop; }"),
  },
  {
    name: "a last return",
    edit: (text) => text.replaceAll(/(chain filter_ip25b \{\n(?: {4}.*\n)+)/g, "$1    return\n"),
  },
  {
    name: "a last accept in the base chain",
    edit: (text) => text.replaceAll(/(chain forward \{\n {4}tcp(?:.*\n)+?) {2}\}/g, "$1    accept\n  }"),
  },
  {
    name: "families in the other order",
    edit: (text) => text.replaceAll(/( {4}ip [^\n]*\n)( {4}ip6 [^\n]*\n)/g, "$2$1"),
  },
  {
    name: "permits in the other order",
    edit: (text) =>
      text.replaceAll(
        /((?: {4}ip6? daddr[^\n]*return[^\n]*\n)+)/g,
        (lines) => `${lines.trimEnd().split("\n").toReversed().join("\n")}\n`,
      ),
  },
  { name: "other times to live", edit: (text) => text.replaceAll(/timeout \d+d/g, "timeout 9d") },
  {
    name: "a permit with its rest",
    edit: (text) => text.replaceAll(/timeout (\d+)d/g, "timeout 400d expires $1d3h2m1s7ms"),
  },
];

test("edits that change nothing are not flagged", () => {
  assert.ok(neutral.length >= 30);
  for (const { name, edit } of neutral) {
    const text = edit(original);
    assert.notEqual(text, original, name);
    assertNeutral(bench, text, name);
  }
});

// Junos filters: what is printed reads back as the same program, with braces and as set commands; mistakes are found with
// a packet, other spellings of the same are not flagged.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { junos } from "../../src/compile/targets/junos/index.ts";
import { forEachStatement } from "../../src/compile/targets/junos/statements.ts";
import { assertReadsBack, placedPrograms, readContext, replace } from "./devices.ts";
import { assertCaught, assertNeutral, benchOf, printOn, programMutants } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const settings = specimenSettings("junos", { customerInterfaces: ["cust0", "cust1"] });
const bench = benchOf(junos, specimen, settings, { kind: "interfaces" }, specimenAt);
const { program, scope } = bench.projection;
const original = printOn(bench, program)!;

/** The same configuration as `| display set` shows it. */
function asSetCommands(text: string): string {
  const lines: string[] = [];
  forEachStatement(
    text,
    (path) => void lines.push(`set ${path.map((word) => (/[\s()]/.test(word) ? `"${word}"` : word)).join(" ")}`),
  );
  return `${lines.join("\n")}\n`;
}

test("any program that Junos can say reads back as itself, in both forms", () => {
  fc.assert(
    fc.property(
      placedPrograms(({ match }) => match.fragment === undefined),
      (any) => assertReadsBack(junos, any, [asSetCommands]),
    ),
    { numRuns: 200 },
  );
});

test("the policy reads back as itself, and what only counts is there", () => {
  assertNeutral(bench, original, "as printed");
  assert.match(original, /count count-pool0-587;\s+next term;/);
});

test("wrong programs are told from the policy by their text", () => {
  let caught = 0;
  for (const mutant of programMutants(program, scope, (index) => index % 4 === 1)) {
    const text = printOn(bench, mutant.program);
    if (text === undefined) continue;
    assertCaught(bench, text, mutant.name);
    caught++;
  }
  assert.ok(caught >= 80, `${caught}`);
});

const mistakes: readonly TextEdit[] = [
  replace("another port", "destination-port 25;", "destination-port 26;"),
  replace("two ports", "destination-port 25;", "destination-port [ 25 587 ];"),
  replace("a range of ports", "destination-port 25;", "destination-port 25-26;"),
  replace("source instead of destination port", "destination-port 25;", "source-port 25;"),
  replace("UDP", "protocol tcp;", "protocol udp;"),
  replace("UDP of IPv6", "payload-protocol tcp;", "payload-protocol udp;"),
  replace("a block turned round", "reject tcp-reset;", "accept;"),
  replace("a silent block turned round", /(term ip25b-pool0-full-2 [^]*?)discard;/, "$1accept;"),
  replace("a block that only counts", "reject tcp-reset;", "next term;"),
  replace("a permit turned round", /(term op25b-msa25 [^]*?)accept;/, "$1discard;"),
  replace("the rest discarded", /(term rest \{\s+then \{\s+)accept;/g, "$1discard;"),
  replace("the rest lost", /term rest \{\s+then \{\s+accept;\s+\}\s+\}/g, ""),
  replace("first segments only", /(term op25b-pool0-full-2 \{\s+from \{)/g, "$1 tcp-initial;"),
  replace("validation lost", /term validate-source \{[^]*?\n {12}\}\n/g, ""),
  replace("validation without its exception", " except;", ";"),
  replace("validation that accepts", /(term validate-source [^]*?)discard;/g, "$1accept;"),
  replace("a filter not bound", /input op25b-v4-r1[^;]*;/, ""),
  replace("a filter of IPv6 not bound", /input op25b-v6-r1[^;]*;/, ""),
  replace("input and output changed over", /filter \{\s+input (\S+);\s+output (\S+);/, "filter { output $1; input $2;"),
  replace("a prefix lost", "        198.51.100.0/26;\n", ""),
  replace("a prefix of IPv6 lost", "        2001:db8:a::/52;\n", "        2001:db8:a::1/128;\n"),
  replace("a prefix one bit longer", "        198.51.100.0/26;", "        198.51.100.0/27;"),
  replace("a prefix one bit shorter", "        198.51.100.96/27;", "        198.51.100.64/26;"),
  replace("a digit wrong", "192.0.2.5/32", "192.0.2.50/32"),
  replace(
    "the ends swapped",
    /(term op25b-pool0-full-2 \{\s+from \{\s+)source-prefix-list/g,
    "$1destination-prefix-list",
  ),
  replace("no source", /(term op25b-pool0-full-2 \{\s+from \{\s+)source-prefix-list \{\s+\S+\s+\}/g, "$1"),
  replace(
    "an exception in the pool",
    /(term op25b-pool0-full-2 \{\s+from \{\s+source-prefix-list \{\s+\S+;)/g,
    "$1 pool-pool0-v4-r1 except; ",
  ),
  replace(
    "terms in another order",
    /(term op25b-msa25 \{[^]*?\n {12}\}\n)([^]*?)(term op25b-pool0-full-2 \{[^]*?\n {12}\}\n)/g,
    "$3$2$1",
  ),
  replace(
    "a permit of everything in front",
    /(filter op25b-v4-r1 \{\s+interface-specific;)/,
    "$1 term first { then accept; }",
  ),
  replace(
    "a block of everything in front",
    /(filter op25b-v6-r1 \{\s+interface-specific;)/,
    "$1 term first { then { discard; } }",
  ),
  replace(
    "port 587 blocked",
    /(filter op25b-v4-r1 \{\s+interface-specific;)/,
    "$1 term first { from { protocol tcp; destination-port 587; } then { reject; } }",
  ),
  replace(
    "any protocol and no port",
    /(term op25b-pool0-full-2 \{\s+from \{\s+source-prefix-list \{\s+\S+\s+\})\s+(?:payload-)?protocol tcp;\s+destination-port 25;/,
    "$1",
  ),
];

test(`${mistakes.length} mistakes in the text are found`, () => {
  assert.ok(mistakes.length >= 30);
  for (const { name, edit } of mistakes) {
    const text = edit(original);
    assert.notEqual(text, original, `${name} changes nothing`);
    assertCaught(bench, text, name);
  }
});

const neutral: readonly TextEdit[] = [
  { name: "set commands", edit: asSetCommands },
  { name: "set commands with carriage returns", edit: (text) => asSetCommands(text).replaceAll("\n", "\r\n") },
  { name: "set commands with comments", edit: (text) => `# shown by a device\n${asSetCommands(text)}` },
  replace("names of ports", "port 25;", "port smtp;"),
  replace("ports as ranges", "port 25;", "port 25-25;"),
  replace("ports in brackets", "port 25;", "port [ 25 ];"),
  replace("protocols by number", "protocol tcp;", "protocol 6;"),
  replace("next-header", "payload-protocol", "next-header"),
  replace("another way to block", "reject tcp-reset;", "discard;"),
  replace("a plain reject", "reject tcp-reset;", "reject;"),
  replace("no counters", /count \S+;/g, ""),
  replace("logging", "discard;", "log; syslog; discard;"),
  replace("no header", /^# .*\n/gm, ""),
  replace("comments", "    term ", "    /* what follows\n is a term */ term "),
  replace("line comments", /\{\n/g, "{ # opened\n"),
  replace("replace tags", "        filter op25b", "        replace: filter op25b"),
  replace("no indentation", /^ +/gm, ""),
  replace("one line", /\n(?!#)(?<!#.*\n)/g, " "),
  replace("tabs", /^ +/gm, "\t"),
  replace("two blanks", /(\S) (\S)/g, "$1  $2"),
  replace("no interface-specific", "            interface-specific;\n", ""),
  replace("other names of terms", /term (op25b)/g, "term x-$1"),
  replace("a prefix twice", "        198.51.100.96/27;\n", "        198.51.100.96/27;\n        198.51.100.96/27;\n"),
  replace("a prefix in halves", "        198.51.100.0/26;\n", "        198.51.100.32/27;\n        198.51.100.0/27;\n"),
  replace("upper case", "2001:db8:", "2001:DB8:"),
  replace("a list that nothing names", "policy-options {", "policy-options { prefix-list other { 192.0.2.0/24; }"),
  replace("a filter that is not bound", /(family inet \{)/, "$1 filter other { term all { then discard; } }"),
  replace("other configuration", /^/, 'system { host-name edge1; login { message "do; not { enter"; } }\n'),
  replace("other interfaces", "interfaces {", "interfaces { lo0 { unit 0 { family inet { address 192.0.2.1/32; } } }"),
  replace(
    "addresses of interfaces",
    /family inet \{\n( +)filter \{/g,
    "family inet {\n$1address 192.0.2.254/31;\n$1filter {",
  ),
  replace(
    "a loose check besides",
    /unit 0 \{\n( +)family inet \{/g,
    "unit 0 {\n$1family inet { rpf-check { mode loose; }",
  ),
  replace("a term without an action", /(term rest \{\s+then \{\s+)accept;/g, "$1count passed;"),
];

test(`${neutral.length} edits that change nothing are not flagged`, () => {
  assert.ok(neutral.length >= 30);
  for (const { name, edit } of neutral) assertNeutral(bench, edit(original), name);
});

function filterOf(from: string, then = "accept;"): string {
  return `firewall {\n family inet {\n  filter f {\n   term t {\n    from {\n     ${from}\n    }\n    then {\n     ${then}\n    }\n   }\n  }\n }\n}\n`;
}

test("what it cannot read is a problem with its line", () => {
  for (const [text, line, message] of [
    [filterOf("address 192.0.2.0/24;"), 6, /address is not understood/],
    [filterOf("protocol nonsense;"), 6, /no protocol/],
    [filterOf("destination-port 25;"), 6, /without protocol/],
    [filterOf("protocol tcp; destination-port x;"), 6, /no port/],
    [filterOf("source-prefix-list { gone; }"), 6, /no prefix-list gone/],
    [filterOf("source-address { 192.0.2.1/24; }"), 6, /bits beyond/],
    [filterOf("source-address { 192.0.2.0/25; 192.0.2.0/24 except; }"), 6, /not within/],
    [filterOf('tcp-flags "syn"; protocol tcp;'), 6, /tcp-flags/],
    [filterOf("", "police;"), 9, /police/],
    [filterOf("").replace("  filter f", "  inactive: filter f"), 3, /inactive/],
    ["firewall {\n", 2, /no \}/],
    ["firewall }\n", 1, /no ;|without/],
    ["interfaces { cust0 { unit 0 { family inet { filter { input gone; } } } } }", 1, /no filter gone/],
    ["deactivate firewall family inet\n", 1, /only set/],
  ] as const) {
    const read = junos.parse([{ path: "text", text }], readContext);
    assert.ok(!read.ok, text);
    assert.match(read.error.message, message, text);
    if (!message.source.includes("without protocol") && !message.source.includes("prefix-list gone"))
      assert.equal(Math.abs(read.error.line - line) <= 2, true, `${read.error.line} ${text}`);
  }
});

// The access lists of IOS-XE, IOS-XR and EOS: what is printed reads back as the same program; mistakes in programs and in
// texts are found with a packet; what devices show, and other spellings of the same, are not flagged.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { aristaEos } from "../../src/compile/targets/arista-eos/index.ts";
import { ciscoIosXe } from "../../src/compile/targets/cisco-ios-xe/index.ts";
import { ciscoIosXr } from "../../src/compile/targets/cisco-ios-xr/index.ts";
import type { Target } from "../../src/compile/target.ts";
import type { TargetKind } from "../../src/policy/network/policy.ts";
import { assertReadsBack, placedPrograms, readContext } from "./devices.ts";
import { assertCaught, assertNeutral, benchOf, printOn, programMutants } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

/** Programs without what lists cannot say. */
const anyListProgram = placedPrograms(({ match }) => match.fragment === undefined && match.flags === undefined);

/** The numbers of all lines, spread and moved. */
const shift = (text: string, by: number): string =>
  text.replaceAll(
    /^ ((?:sequence )?)(\d+) (permit|deny)/gm,
    (_, word: string, digits: string, verb: string) => ` ${word}${Number(digits) * 3 + by} ${verb}`,
  );

/** At one place only: what another list stops as well is no mistake that shows. */
const interfaces = { customerInterfaces: ["cust0", "cust1"], upstreamInterfaces: [] };

for (const target of [ciscoIosXe, ciscoIosXr, aristaEos] as readonly Target[]) {
  const settings = specimenSettings(target.name as TargetKind, interfaces);
  const bench = benchOf(target, specimen, settings, { kind: "interfaces" }, specimenAt);
  const { program, scope } = bench.projection;

  test(`${target.name}: any program that it can say reads back as itself`, () => {
    fc.assert(
      fc.property(anyListProgram, (any) => assertReadsBack(target, any)),
      { numRuns: 200 },
    );
  });

  test(`${target.name}: the policy reads back as itself`, () => {
    assertNeutral(bench, printOn(bench, program)!, "as printed");
  });

  test(`${target.name}: wrong programs are told from the policy by their text`, () => {
    let caught = 0;
    for (const mutant of programMutants(program, scope, (index) => index % 4 === 0)) {
      const text = printOn(bench, mutant.program);
      if (text === undefined) continue;
      assertCaught(bench, text, mutant.name);
      caught++;
    }
    assert.ok(caught >= 80, `${caught}`);
  });

  const original = printOn(bench, program)!;
  const number = target.name === "cisco-ios-xe" ? String.raw`(?:sequence )?\d+` : String.raw`\d+`;
  const line = (rest: string): RegExp => new RegExp(`^ ${number} ${rest}\n`, "gm");
  const mistakes: readonly TextEdit[] = [
    {
      name: "a block turned round",
      edit: (text) => text.replace(/ deny tcp (\S+ \S+|\S+) any eq 25/, " permit tcp $1 any eq 25"),
    },
    { name: "another port", edit: (text) => text.replaceAll("any eq 25", "any eq 26") },
    { name: "no port", edit: (text) => text.replace(/( deny tcp .*any) eq 25/, "$1") },
    { name: "a range of ports", edit: (text) => text.replaceAll(/( deny tcp .*any) eq 25/g, "$1 range 25 587") },
    { name: "UDP", edit: (text) => text.replaceAll(/ deny tcp (.*) any eq 25/g, " deny udp $1 any eq 25") },
    {
      name: "ends swapped",
      edit: (text) => text.replaceAll(/ deny tcp ((?:host )?\S+(?: \d\S+)?) any eq 25/g, " deny tcp any eq 25 $1"),
    },
    { name: "a line lost", edit: (text) => text.replaceAll(line("deny tcp 198.*any eq 25"), "") },
    { name: "a line of IPv6 lost", edit: (text) => text.replaceAll(line("deny tcp 2001.*any eq 25"), "") },
    { name: "a permit lost", edit: (text) => text.replaceAll(line("permit tcp .*192.0.2.5 eq 25"), "") },
    { name: "the permit of the rest lost", edit: (text) => text.replaceAll(line("permit ip(?:v4)? any any"), "") },
    { name: "the permit of the rest of IPv6 lost", edit: (text) => text.replaceAll(line("permit ipv6 any any"), "") },
    { name: "the rest denied", edit: (text) => text.replaceAll(/permit (ip|ipv4) any any/g, "deny $1 any any") },
    { name: "validation lost", edit: (text) => text.replaceAll(/deny (ip|ipv4) any any/g, "permit $1 any any") },
    { name: "validation of IPv6 lost", edit: (text) => text.replaceAll("deny ipv6 any any", "permit ipv6 any any") },
    { name: "not bound outwards", edit: (text) => text.replace(/^ \S+ \S+ \S+ (?:out|egress)\n/m, "") },
    { name: "not bound inwards", edit: (text) => text.replace(/^ (?:ip|ipv4) access-group \S+ (?:in|ingress)\n/m, "") },
    { name: "IPv6 not bound", edit: (text) => text.replace(/^ ipv6 \S+ \S+ (?:in|ingress)\n/m, "") },
    {
      name: "the other direction",
      edit: (text) =>
        text.replaceAll(
          /^( (?:ip|ipv4) access-group \S+) (in|out)(gress)?$/gm,
          (_, start: string, way: string, more = "") =>
            `${start} ${way === "in" ? (more ? "egress" : "out") : more ? "ingress" : "in"}`,
        ),
    },
    { name: "lists changed over", edit: (text) => text.replace(/ access-group OP25B-V4/, " access-group IP25B-V4") },
    { name: "one customer forgotten", edit: (text) => text.replace(/^interface cust1\n(?: .*\n)+/m, "") },
    {
      name: "a permit of everything in front",
      edit: (text) =>
        text.replace(
          /^((?:ip|ipv4) access-list .*)$/m,
          `$1\n ${target.name === "cisco-ios-xr" ? "1 permit ipv4" : "1 permit ip"} any any`,
        ),
    },
    {
      name: "a deny of everything in front",
      edit: (text) => text.replace(/^(ipv6 access-list .*)$/m, "$1\n 1 deny ipv6 any any"),
    },
    {
      name: "port 587 denied",
      edit: (text) => text.replace(/^((?:ip|ipv4) access-list .*)$/m, "$1\n 1 deny tcp any any eq submission"),
    },
    {
      name: "a host instead of its network",
      edit: (text) => text.replaceAll(/198\.51\.100\.0 0\.0\.0\.63|198\.51\.100\.0\/26/g, "host 198.51.100.0"),
    },
    {
      name: "a prefix one bit longer",
      edit: (text) =>
        text
          .replaceAll("198.51.100.0 0.0.0.63", "198.51.100.0 0.0.0.31")
          .replaceAll("198.51.100.0/26", "198.51.100.0/27"),
    },
    {
      name: "a prefix one bit shorter",
      edit: (text) =>
        text
          .replaceAll("198.51.100.96 0.0.0.31", "198.51.100.64 0.0.0.63")
          .replaceAll("198.51.100.96/27", "198.51.100.64/26"),
    },
    { name: "a prefix of IPv6 one bit longer", edit: (text) => text.replaceAll("2001:db8:a::/52", "2001:db8:a::/53") },
    { name: "a prefix of IPv6 one bit shorter", edit: (text) => text.replaceAll("2001:db8:a::/52", "2001:db8:a::/51") },
    { name: "the other end of the range", edit: (text) => text.replaceAll("192.0.2.128", "192.0.2.144") },
    {
      name: "the permit of the rest first by its number",
      edit: (text) => text.replaceAll(/^ (?:sequence )?\d+ permit (ip|ipv4) any any$/gm, " 1 permit $1 any any"),
    },
    { name: "a digit wrong", edit: (text) => text.replaceAll("host 192.0.2.5", "host 192.0.2.50") },
  ];

  test(`${target.name}: ${mistakes.length} mistakes in the text are found`, () => {
    assert.ok(mistakes.length >= 30);
    for (const { name, edit } of mistakes) {
      const text = edit(original);
      assert.notEqual(text, original, `${name} changes nothing`);
      assertCaught(bench, text, name);
    }
  });

  const neutral: readonly TextEdit[] = [
    { name: "renumbered", edit: (text) => shift(text, 7) },
    { name: "no numbers", edit: (text) => text.replaceAll(/^ (?:sequence )?\d+ (permit|deny)/gm, " $1") },
    {
      name: "numbers at the end",
      edit: (text) => text.replaceAll(/^ (?:sequence )?(\d+) (permit|deny)(.*)$/gm, " $2$3 sequence $1"),
    },
    { name: "counts of matches", edit: (text) => text.replaceAll(/^( .*\b(?:permit|deny) .*)$/gm, "$1 (123 matches)") },
    {
      name: "heads of lists as they are shown",
      edit: (text) =>
        text
          .replaceAll(/^(?:ip|ipv4) access-list (?:extended )?(\S+)$/gm, "Extended IP access list $1")
          .replaceAll(/^ipv6 access-list (\S+)$/gm, "IPv6 access list $1"),
    },
    {
      name: "counts of matches in brackets",
      edit: (text) => text.replaceAll(/^( .*\b(?:permit|deny) .*)$/gm, "$1 [match 5 packets, 0:00:03 ago]"),
    },
    { name: "names of ports", edit: (text) => text.replaceAll("eq 25", "eq smtp") },
    { name: "logging", edit: (text) => text.replaceAll(/^( .*deny tcp .*)$/gm, "$1 log") },
    { name: "no remarks", edit: (text) => text.replaceAll(/^ remark .*\n/gm, "") },
    {
      name: "more remarks",
      edit: (text) => text.replaceAll(/^( .*deny tcp .*)$/gm, " remark what follows is spam\n$1"),
    },
    { name: "remarks with numbers", edit: (text) => text.replaceAll(/^ remark/gm, " 5 remark") },
    { name: "no header", edit: (text) => text.replaceAll(/^! .*\n/gm, "") },
    { name: "carriage returns", edit: (text) => text.replaceAll("\n", "\r\n") },
    { name: "deeper indentation", edit: (text) => text.replaceAll(/^ /gm, "    ") },
    { name: "empty lines", edit: (text) => text.replaceAll("\n", "\n\n") },
    {
      name: "upper-case addresses of IPv6",
      edit: (text) => text.replaceAll(/2001:db8:[0-9a-f:]*/g, (found) => found.toUpperCase()),
    },
    { name: "ports as ranges", edit: (text) => text.replaceAll("eq 25", "range 25 25") },
    {
      name: "lines in another order than their numbers",
      edit: (text) =>
        text.replaceAll(/(?:^ (?:sequence )?\d+ (?:permit|deny) .*\n){2,}/gm, (lines) =>
          lines.replaceAll(/^(.*\n)(.*\n)/gm, "$2$1"),
        ),
    },
    {
      name: "the last line of a list entered first",
      edit: (text) =>
        text.replaceAll(
          /^((?:ip|ipv4|ipv6) access-list .*\n)((?: .*\n)*)( (?:sequence )?\d+ (?:permit|deny) .*\n)(?! )/gm,
          "$1$3$2",
        ),
    },
    { name: "a line twice", edit: (text) => text.replaceAll(/^( .*deny tcp .*\n)/gm, "$1$1") },
    {
      name: "the denied pools in another order",
      edit: (text) =>
        text.replace(
          /((?: .*deny tcp \S+ \S+ any eq 25\n){2,})/,
          (lines) => `${lines.trimEnd().split("\n").toReversed().join("\n")}\n`,
        ),
    },
    {
      name: "a host as a prefix",
      edit: (text) =>
        target.name === "cisco-ios-xe"
          ? text.replaceAll(/host (192\.\S+)/g, "$1 0.0.0.0")
          : text.replaceAll(/host (192\.\S+)/g, "$1/32"),
    },
    {
      name: "host bits behind the wildcard",
      edit: (text) => text.replaceAll("198.51.100.0 0.0.0.63", "198.51.100.7 0.0.0.63"),
    },
    {
      name: "a description of an interface",
      edit: (text) => text.replaceAll(/^(interface .*)$/gm, "$1\n description towards somebody"),
    },
    {
      name: "addresses of an interface",
      edit: (text) =>
        text.replaceAll(/^(interface cust.*)$/gm, "$1\n ip address 192.0.2.254 255.255.255.0\n ipv6 enable"),
    },
    {
      name: "other interfaces",
      edit: (text) =>
        text.replace(
          "interface cust0",
          "interface Loopback0\n ip address 192.0.2.1 255.255.255.255\n!\ninterface cust0",
        ),
    },
    {
      name: "other configuration",
      edit: (text) => `hostname edge1\n!\nrouter bgp 64500\n neighbor 192.0.2.9 remote-as 64501\n!\n${text}`,
    },
    {
      name: "a list that is not bound",
      edit: (text) =>
        text.replace("\ninterface ", "\nip access-list extended OTHER\n 10 permit ip any any\n!\ninterface "),
    },
    {
      name: "a loose reverse path check besides",
      edit: (text) => text.replaceAll(/^(interface cust.*)$/gm, "$1\n ip verify unicast source reachable-via any"),
    },
    {
      name: "a rest that is denied by not being permitted",
      edit: (text) => text.replaceAll(/^ .*deny (?:ip|ipv4|ipv6) any any\n/gm, ""),
    },
    {
      name: "a permit before the final one",
      edit: (text) => text.replaceAll(/^( .*)permit (ip|ipv4) any any$/gm, "$1permit udp any any\n permit $2 any any"),
    },
    { name: "a protocol by its number", edit: (text) => text.replaceAll(/(permit|deny) tcp/g, "$1 6") },
    { name: "bindings in another order", edit: (text) => text.replace(/(interface cust0\n)( .*\n)( .*\n)/, "$1$3$2") },
    { name: "two blanks between words", edit: (text) => text.replaceAll(" any ", "  any  ") },
  ];

  test(`${target.name}: ${neutral.length} edits that change nothing are not flagged`, () => {
    assert.ok(neutral.length >= 30);
    for (const { name, edit } of neutral) assertNeutral(bench, edit(original), name);
  });

  test(`${target.name}: what it cannot say is an error that names the rule, and what it cannot read a problem with its line`, () => {
    const everywhere = benchOf(
      target,
      specimen,
      specimenSettings(target.name as TargetKind),
      { kind: "interfaces" },
      specimenAt,
    );
    const unbound = target.render(everywhere.projection.program, everywhere.options);
    assert.ok(!unbound.ok && unbound.error.some(({ message }) => message.includes("bound to interfaces")));
    const small = target.render(program, { ...bench.options, budget: 3 });
    assert.ok(!small.ok && small.error.some(({ message }) => message.includes("room for 3")));
    const strict = target.render(program, { ...bench.options, strictManner: true });
    assert.ok(!strict.ok && strict.error.some(({ rule }) => rule !== undefined));
    for (const [text, message] of [
      ["ip access-list extended A\n 10 permit tcp any any established\n", /established/],
      ["ip access-list extended A\n 10 permit tcp 192.0.2.0 0.0.255.0 any\n", /holes/],
      ["ip access-list extended A\n 10 permit tcp any any eq nonsense\n", /port/],
      ["ip access-list extended A\n 10 permit ip any any eq 25\n", /ports go/],
      ["ip access-list extended A\n 10 permit ip any any\n 10 deny tcp any any eq 25\n", /number is that of another/],
      ["ip access-list extended A\n 10 allow ip any any\n", /no line/],
      ["ip access-list extended A\n!\n", /no lines/],
      ["interface cust0\n ip access-group A in\n", /no access list A/],
      ["ip access-list extended A\n permit ip any any\ninterface else\n ip access-group A in\n", /neither/],
      ["ip access-list extended A\n permit ip object-group G any\n", /no group G/],
      ["ip access-list extended A\n permit tcp any any port-group P\n", /no group of ports P/],
      ["object-group network G\n host 192.0.2.1\nobject-group network G\n host 192.0.2.2\n!\n", /twice/],
      ["object-group port P\n at 25\n", /no member/],
      ["ipv6 access-list A\n permit ipv6 192.0.2.0/24 any\n", /no IPv6/],
    ] as const) {
      const read = target.parse([{ path: "text", text }], readContext);
      assert.ok(!read.ok, text);
      assert.match(read.error.message, message);
    }
  });
}

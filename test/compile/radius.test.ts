// Rules for sessions: what is printed reads back as the same program; mistakes are found with a packet, other spellings are
// not flagged; what an access server cannot do is an error that names the rule.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { setOf } from "../../src/base/address-set.ts";
import type { Program } from "../../src/compile/ir.ts";
import { radius } from "../../src/compile/targets/radius/index.ts";
import { messageOctets } from "../../src/compile/targets/radius/sizes.ts";
import { verify } from "../../src/compile/verify.ts";
import type { NasProfile, NetworkPolicy, TargetSettings } from "../../src/policy/network/policy.ts";
import { assertCaught, assertNeutral, benchOf, printOn, programMutants } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { anyProgram, smallScope } from "./small.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const line = { kind: "line", pool: "pool0" } as const;
const nas: NasProfile = { directions: "both", families: "both", apply: "rules", rules: undefined };
const settingsWith = (more: Partial<NasProfile>): TargetSettings =>
  specimenSettings("radius", { placement: line, nas: { ...nas, ...more } });

/** With a subscriber who may speak to port 25, whatever his address. */
const policy: NetworkPolicy = {
  ...specimen,
  exemptions: [
    ...specimen.exemptions,
    { ...specimen.exemptions[0]!, id: "alice", subject: { kind: "subscriber", subscriber: "alice@isp.example" } },
  ],
};
const bench = benchOf(radius, policy, settingsWith({}), line, specimenAt);
const { program, scope } = bench.projection;
const original = printOn(bench, program)!;

/** One filter in a direction, for all sessions; no flags, no fragments, nothing but sessions. */
const anySessionProgram: fc.Arbitrary<Program> = anyProgram.map((any) => {
  const taken = new Set<string>();
  return {
    validations: [],
    bindings: any.bindings.flatMap((binding) => {
      const ways = binding.direction === "both" ? ["up", "down"] : [binding.direction];
      if (ways.some((way) => taken.has(way))) return [];
      for (const way of ways) taken.add(way);
      return [{ ...binding, place: { kind: "everywhere" as const } }];
    }),
    filters: any.filters.map((filter) => ({
      ...filter,
      terms: filter.terms
        .filter(({ match }) => match.fragment === undefined && match.flags === undefined)
        .map((term, index) => (index % 3 === 2 ? { ...term, match: { ...term.match, subscriber: "alice" } } : term)),
    })),
  };
});

test("any program that sessions can say reads back as itself, and for a part of the addresses too", () => {
  const parts = [
    smallScope,
    { ...smallScope, ...partOf("192.0.2.0/31", "2001:db8::/127") },
    { ...smallScope, ...partOf("192.0.2.0/30") },
  ];
  fc.assert(
    fc.property(anySessionProgram, fc.constantFrom(...parts), (any, part) => {
      const rendered = radius.render(any, {
        ...bench.options,
        scope: part,
        validUntil: undefined,
        budget: 10_000,
        settings: settingsWith({ apply: "filter-id" }),
      });
      assert.ok(rendered.ok, JSON.stringify(rendered));
      const back = radius.parse(rendered.value, { ...bench.context, scope: part });
      assert.ok(back.ok, JSON.stringify(back));
      const result = verify(any, back.value, part, { laterFragments: "compared" });
      assert.equal(result.kind, "equal", `${JSON.stringify(result)}\n${JSON.stringify(rendered.value, undefined, 1)}`);
    }),
    { numRuns: 200 },
  );
});

function partOf(...prefixes: readonly string[]): Pick<typeof smallScope, "sources" | "destinations"> {
  const sets = setOf(...prefixes);
  return { sources: sets, destinations: sets };
}

test("the policy reads back as itself, with rules and with names of filters", () => {
  assertNeutral(bench, original, "as printed");
  for (const apply of ["rules", "filter-id"] as const) {
    const { options, context } = benchOf(radius, policy, settingsWith({ apply }), line, specimenAt);
    const rendered = radius.render(program, options);
    assert.ok(rendered.ok);
    const text = rendered.value.map((file) => file.text).join("\n");
    // RFC 4849 §2: never both.
    assert.equal(text.includes('Filter-Id += "'), apply === "filter-id");
    assert.equal(text.includes("NAS-Filter-Rule += "), apply === "rules");
    const back = radius.parse(rendered.value, context);
    assert.ok(back.ok, JSON.stringify(back));
    assert.equal(verify(program, back.value, scope).kind, "equal");
  }
});

test("the subscriber with an exemption has a list of his own, and nobody else has it", () => {
  assert.match(
    original,
    /^"alice@isp\.example"\n\tNAS-Filter-Rule \+= "permit in ip from any to any",\n\tNAS-Filter-Rule \+= "permit out ip from any to any"\n\nDEFAULT\n/m,
  );
  assertCaught(bench, original.replace('"alice@isp.example"', '"malory@isp.example"'), "another subscriber");
});

test("wrong programs are told from the policy by their text", () => {
  let caught = 0;
  for (const mutant of programMutants(program, scope)) {
    const text = printOn(bench, mutant.program);
    if (text === undefined) continue;
    assertCaught(bench, text, mutant.name);
    caught++;
  }
  assert.ok(caught >= 100, `${caught}`);
});

function replace(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => text.replace(from, to) };
}

function everywhere(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => text.replaceAll(from, to) };
}

const rule = (text: string): RegExp => new RegExp(String.raw`\tNAS-Filter-Rule \+= "${text}",?\n`, "g");
const mistakes: readonly TextEdit[] = [
  replace("the block turned round", "deny in 6 from any to any 25", "permit in 6 from any to any 25"),
  replace("the block of answers turned round", "deny out 6", "permit out 6"),
  everywhere("another port", "to any 25", "to any 26"),
  everywhere("a wider range", "to any 25", "to any 25-26"),
  everywhere("two ports", "to any 25", "to any 25,587"),
  everywhere("no port", "deny in 6 from any to any 25", "deny in 6 from any to any"),
  replace("UDP", "deny in 6", "deny in 17"),
  replace("any protocol", "deny in 6 from any to any 25", "deny in ip from any to any"),
  replace("ends swapped", "deny in 6 from any to any 25", "deny in 6 from any 25 to any"),
  replace("ends of answers swapped", "deny out 6 from any 25 to any", "deny out 6 from any to any 25"),
  replace("directions swapped", "deny in 6 from any to any 25", "deny out 6 from any to any 25"),
  replace("SYN only", "deny in 6 from any to any 25", "deny in 6 from any to any 25 setup"),
  replace("IPv4 only", "deny in 6 from any to any 25", "deny in 6 from 0.0.0.0/0 to any 25"),
  replace("IPv6 only", "deny in 6 from any to any 25", "deny in 6 from ::/0 to any 25"),
  replace("answers of IPv4 only", "deny out 6 from any 25 to any", "deny out 6 from 0.0.0.0/0 25 to any"),
  everywhere("the block lost", rule("deny in 6 .*"), ""),
  everywhere("the block of answers lost", rule("deny out 6 .*"), ""),
  everywhere("a permit lost", rule("permit in 6 from any to 192.0.2.5 25"), ""),
  everywhere("a permit of IPv6 lost", rule("permit in 6 from any to 2001:db8:25::5 25"), ""),
  everywhere("a permit of answers lost", rule("permit out 6 from 192.0.2.128/28 25 to any"), ""),
  {
    name: "the permit of the rest lost",
    edit: (text) => atDefault(text, (list) => list.replace(rule("permit in ip .*"), "")),
  },
  { name: "the rest denied", edit: (text) => atDefault(text, (list) => list.replace("permit in ip", "deny in ip")) },
  {
    name: "the rest of IPv4 alone permitted",
    edit: (text) => atDefault(text, (list) => list.replace("permit in ip from any", "permit in ip from 0.0.0.0/0")),
  },
  {
    name: "the rest of TCP alone permitted",
    edit: (text) => atDefault(text, (list) => list.replace("permit in ip", "permit in 6")),
  },
  {
    name: "the permit of the rest first",
    edit: (text) => text.replace("DEFAULT\n", 'DEFAULT\n\tNAS-Filter-Rule += "permit in ip from any to any",\n'),
  },
  replace(
    "a permit after the block",
    /(\tNAS-Filter-Rule \+= "permit in 6 from any to 192\.0\.2\.200 25",\n)((?:.*\n)*?)(\tNAS-Filter-Rule \+= "deny in 6 .*\n)/,
    "$2$3$1",
  ),
  everywhere("one bit shorter", "192.0.2.128/28", "192.0.2.128/27"),
  everywhere("one bit longer", "192.0.2.128/28", "192.0.2.128/29"),
  everywhere("one bit of IPv6 shorter", "2001:db8:b::/64", "2001:db8:b::/63"),
  everywhere("a digit wrong", "to 192.0.2.5 25", "to 192.0.2.50 25"),
  everywhere("everything but it", "to 192.0.2.5 25", "to !192.0.2.5 25"),
  everywhere("a network for a host", "to 192.0.2.200 25", "to 192.0.2.192/28 25"),
  { name: "no entry for everybody", edit: (text) => text.slice(0, text.indexOf("DEFAULT\n")) },
  {
    name: "everybody's entry first",
    edit: (text) => `${text.slice(text.indexOf("DEFAULT\n"))}\n${text.slice(0, text.indexOf("DEFAULT\n"))}`,
  },
  { name: "nobody's list", edit: (text) => text.replace("DEFAULT\n", "default\n") },
  { name: "the subscriber's list gone", edit: (text) => text.slice(text.indexOf("DEFAULT\n")) },
  replace("the subscriber is not let off", "permit in ip from any to any", "deny in 6 from any to any 25"),
  {
    name: "rules replaced instead of added",
    edit: (text) =>
      text
        .replace('+= "permit out ip from any to any"\n\nDEFAULT', '+= "permit out ip from any to any"\n\nDEFAULT')
        .replace(/\+= ("permit in ip from any to any",\n(?:.*permit out 6))/, ":= $1"),
  },
];

function atDefault(text: string, edit: (list: string) => string): string {
  const at = text.indexOf("DEFAULT\n");
  return text.slice(0, at) + edit(text.slice(at));
}

test(`${mistakes.length} mistakes in the text are found`, () => {
  assert.ok(mistakes.length >= 30);
  for (const { name, edit } of mistakes) {
    const text = edit(original);
    assert.notEqual(text, original, `${name} changes nothing`);
    assertCaught(bench, text, name);
  }
});

const neutral: readonly TextEdit[] = [
  { name: "no comments", edit: (text) => text.replaceAll(/^#.*\n/gm, "") },
  { name: "more comments", edit: (text) => text.replaceAll(/^DEFAULT/gm, "# all others\nDEFAULT") },
  { name: "comments behind attributes", edit: (text) => text.replaceAll(",\n", ", # as said\n") },
  { name: "empty lines", edit: (text) => text.replaceAll("\n\n", "\n\n\n\n") },
  { name: "carriage returns", edit: (text) => text.replaceAll("\n", "\r\n") },
  { name: "blanks for tabs", edit: (text) => text.replaceAll("\t", "        ") },
  { name: "no blanks about operators", edit: (text) => text.replaceAll(" += ", "+=") },
  { name: "single quotes", edit: (text) => text.replaceAll(/\+= "(.*)"/g, "+= '$1'") },
  { name: "a name without quotes", edit: (text) => text.replace('"alice@isp.example"', "alice@isp.example") },
  { name: "upper case", edit: (text) => text.replaceAll(/"(permit|deny) (.*)"/g, (found) => found.toUpperCase()) },
  { name: "names of protocols", edit: (text) => text.replaceAll(/(in|out) 6 /g, "$1 tcp ") },
  { name: "two blanks in rules", edit: (text) => text.replaceAll(" from ", "  from  ") },
  { name: "assigned for any", edit: (text) => text.replaceAll("deny in 6 from any", "deny in 6 from assigned") },
  { name: "assigned for any, of answers", edit: (text) => text.replaceAll(/(deny out .*) to any/g, "$1 to assigned") },
  { name: "a range of one port", edit: (text) => text.replaceAll("to any 25", "to any 25-25") },
  { name: "a port twice", edit: (text) => text.replaceAll("to any 25", "to any 25,25") },
  { name: "hosts as prefixes", edit: (text) => text.replaceAll("192.0.2.5 ", "192.0.2.5/32 ") },
  { name: "hosts of IPv6 as prefixes", edit: (text) => text.replaceAll("2001:db8:25::5 ", "2001:db8:25::5/128 ") },
  { name: "IPv6 in full", edit: (text) => text.replaceAll("2001:db8:25::5", "2001:0db8:0025:0:0:0:0:0005") },
  {
    name: "a prefix in two halves",
    edit: (text) => text.replaceAll(/^(.*)192\.0\.2\.128\/28(.*\n)/gm, "$1192.0.2.128/29$2$1192.0.2.136/29$2"),
  },
  {
    name: "both families apart",
    edit: (text) =>
      text.replace(/^(.*)deny in 6 from any(.*\n)/m, "$1deny in 6 from 0.0.0.0/0$2$1deny in 6 from ::/0$2"),
  },
  { name: "a rule twice", edit: (text) => text.replaceAll(/^(.*deny .*\n)/gm, "$1$1") },
  {
    name: "a permit before the final one",
    edit: (text) =>
      text.replaceAll(/^(.*)"permit in ip (.*\n)/gm, '$1"permit in 17 from any to any",\n$1"permit in ip $2'),
  },
  {
    name: "answers first",
    edit: (text) =>
      atDefault(text, (list) => {
        const rules = list
          .split("\n")
          .slice(1, -1)
          .map((each) => each.replace(/,$/, ""));
        return `DEFAULT\n${[...rules.filter((one) => one.includes(" out ")), ...rules.filter((one) => one.includes(" in "))].join(",\n")}\n`;
      }),
  },
  {
    name: "permits in another order",
    edit: (text) =>
      text.replace(/((?:.*permit in 6 .*\n){2,})/, (some) => `${some.trimEnd().split("\n").toReversed().join("\n")}\n`),
  },
  {
    name: "other attributes",
    edit: (text) => text.replaceAll(/^(DEFAULT)\n/gm, '$1\n\tClass := "dyn",\n\tSession-Timeout := 86400,\n'),
  },
  { name: "an address", edit: (text) => text.replace("DEFAULT\n", "DEFAULT\n\tFramed-IP-Address = 198.51.100.1,\n") },
  { name: "two attributes on a line", edit: (text) => text.replaceAll(",\n\t", ", ") },
  { name: "the first one set", edit: (text) => text.replaceAll(/^(DEFAULT\n\tNAS-Filter-Rule) \+=/gm, "$1 :=") },
  {
    name: "an entry that is never asked",
    edit: (text) => `${text}\nDEFAULT\n\tNAS-Filter-Rule += "deny in ip from any to any"\n`,
  },
  {
    name: "a second entry of the subscriber",
    edit: (text) =>
      text.replace("DEFAULT\n", 'alice@isp.example\n\tNAS-Filter-Rule += "deny in ip from any to any"\n\nDEFAULT\n'),
  },
  {
    name: "rules in one attribute",
    edit: (text) => text.replace(/" *,\n\tNAS-Filter-Rule \+= "deny in/, String.raw`\000deny in`),
  },
  {
    name: "everything but nothing",
    edit: (text) => text.replaceAll("deny in 6 from any to any 25", "deny in 6 from any to any 25-25"),
  },
  {
    name: "a rule for later fragments",
    edit: (text) => text.replace("DEFAULT\n", 'DEFAULT\n\tNAS-Filter-Rule += "permit in 6 from any to any frag",\n'),
  },
];

test(`${neutral.length} edits that change nothing are not flagged`, () => {
  assert.ok(neutral.length >= 30);
  for (const { name, edit } of neutral) {
    const text = edit(original);
    assert.notEqual(text, original, `${name} changes nothing`);
    assertNeutral(bench, text, name);
  }
});

const errorsWith = (more: Partial<NasProfile>, of: NetworkPolicy = policy): readonly string[] => {
  const one = benchOf(radius, of, settingsWith(more), line, specimenAt);
  const rendered = radius.render(one.projection.program, one.options);
  return rendered.ok ? [] : rendered.error.map((error) => `${error.rule}: ${error.message}`);
};

const exempting = (subscriber: string): NetworkPolicy => ({
  ...policy,
  exemptions: [{ ...policy.exemptions[0]!, id: "x", subject: { kind: "subscriber", subscriber } }],
});

test("what an access server cannot do is an error that names the rule", () => {
  assert.deepEqual(errorsWith({}), []);
  assert.deepEqual(errorsWith({ directions: "in" }), [
    "ip25b:pool0:full: the access server filters only what subscribers send",
  ]);
  assert.match(errorsWith({ families: "ipv4" })[0]!, /^op25b:pool0:full: .*no rules of IPv6/);
  assert.match(errorsWith({ rules: 3 })[0]!, /has \d+ rules, the access server takes 3$/);
  for (const name of ["DEFAULT", 'a"b', "a b", "$INCLUDE", ""]) {
    assert.match(errorsWith({}, exempting(name))[0]!, /^op25b:exemption:x: .* cannot be named/, name);
  }
  const strict = radius.render(program, { ...bench.options, strictManner: true });
  assert.ok(!strict.ok && strict.error.some(({ rule: id }) => id === "op25b:pool0:full"));
  const odd = radius.render(program, { ...bench.options, profile: "../x" });
  assert.ok(!odd.ok && /radius-profile/.test(odd.error[0]!.hint ?? ""));
});

test("at a place that sees only what subscribers send, there is no IP25B to refuse", () => {
  const { pool } = line;
  const one = benchOf(radius, policy, settingsWith({ directions: "in" }), { kind: "line-out", pool }, specimenAt);
  const text = printOn(one, one.projection.program)!;
  assert.ok(!text.includes(" out "), text);
  assertNeutral(one, text, "line-out");
  assertCaught(one, text.replace("deny in 6 from any to any 25", "deny in 6 from any to any 26"), "another port");
});

test("an access server that filters one way, or one family, gets what it can say", () => {
  const { pools } = policy;
  const [first, ...others] = pools;
  const oneWay = { ...policy, pools: [{ ...first!, inbound: undefined }, ...others] };
  const oneFamily = { ...policy, pools: [{ ...first!, addresses: setOf("198.51.100.0/26") }, ...others] };
  for (const [of, more, absent] of [
    [oneWay, { directions: "in" }, " out "],
    [oneFamily, { families: "ipv4" }, "2001:"],
  ] as const) {
    const one = benchOf(radius, of, settingsWith(more), line, specimenAt);
    const text = printOn(one, one.projection.program)!;
    assert.ok(!text.includes(absent), text);
    assertNeutral(one, text, absent);
  }
});

test("a list is as long as a message allows, and no longer", () => {
  // 20 of the header, 18 of Message-Authenticator; 2 before each 253.
  assert.equal(messageOctets(["x".repeat(253)]), 38 + 255);
  assert.equal(messageOctets(["x".repeat(200), "y".repeat(200)]), 38 + 401 + 4);
  const partner = policy.partners[0]!;
  assert.ok(partner.relation === "gives");
  const many = Array.from({ length: 120 }, (_, index) => `192.0.2.${2 * index}`);
  const long = { ...policy, partners: [{ ...partner, msa: setOf(...many) }] };
  const one = benchOf(radius, long, settingsWith({}), line, specimenAt);
  const rendered = radius.render(one.projection.program, one.options);
  assert.ok(!rendered.ok);
  assert.match(rendered.error[0]!.message, /needs a packet of \d+ octets, and RADIUS has 4096/);
  const named = benchOf(radius, long, settingsWith({ apply: "filter-id" }), line, specimenAt);
  assert.ok(radius.render(named.projection.program, named.options).ok);
});

const entry = (attribute: string): string => `DEFAULT\n\t${attribute}\n`;
const withRule = (text: string): string => entry(`NAS-Filter-Rule += "${text}"`);

test("what is not understood is a problem with its line", () => {
  for (const [text, message] of [
    ['DEFAULT Pool-Name == "x"\n', /entry is a name alone/],
    ["\tNAS-Filter-Rule += x\n", /without an entry/],
    [entry("Ascend-Data-Filter += x"), /not known here/],
    [entry('Cisco-AVPair += "ip:inacl#1=deny tcp any any eq 25"'), /not known here/],
    [entry("Fall-Through = Yes"), /not known here/],
    [entry('NAS-Filter-Rule += "permit in ip from any to any" NAS-Filter-Rule += x'), /comma/],
    [
      entry('NAS-Filter-Rule = "permit in ip from any to any",\n\tNAS-Filter-Rule = "permit out ip from any to any"'),
      /second/,
    ],
    [entry('NAS-Filter-Rule += "%{expr:1}"'), /expansion/],
    [entry("Filter-Id += elsewhere"), /not in these files/],
    [withRule("permit in ip from any to any"), /no rules for "out"/],
    [withRule("allow in ip from any to any"), /permits or denies/],
    [withRule("permit through ip from any to any"), /in or out/],
    [withRule("permit in ipip from any to any"), /no protocol/],
    [withRule("permit in ip to any"), /"from"/],
    [withRule("permit in ip from any"), /"to"/],
    [withRule("permit in ip from any to 192.0.2.1/33"), /192\.0\.2\.1\/33|length|bits/],
    [withRule("permit in ip from any to 192.0.2.1/24"), /bits beyond/],
    [withRule("permit in ip from nowhere to any"), /no address/],
    [withRule("permit in ip from any 25 to any"), /ports go/],
    [withRule("permit in 6 from any 70000 to any"), /no port/],
    [withRule("permit in 6 from any 5-4 to any"), /no port/],
    [withRule("permit in 6 from any to any established"), /established/],
    [withRule("permit in 17 from any to any setup"), /setup goes/],
    [withRule("permit in 6 from any to any 25 frag"), /no ports/],
    [withRule("permit in ip from 192.0.2.1 to 2001:db8::1"), /different families/],
  ] as const) {
    const read = radius.parse([{ path: "users", text }], bench.context);
    assert.ok(!read.ok, text);
    assert.match(read.error.message, message, text);
    assert.ok(read.error.line >= 1);
  }
  const files = radius.render(program, bench.options);
  assert.ok(files.ok);
  const changed = files.value.map(({ path, text }) => ({
    path,
    text: path.startsWith("coa/") ? text.replaceAll("deny", "permit") : text,
  }));
  const read = radius.parse(changed, bench.context);
  assert.ok(!read.ok && /all others says other/.test(read.error.message), JSON.stringify(read));
});

// SR OS: what is printed reads back as the same program, with braces and flat; mistakes are found with a packet, other spellings
// of the same are not flagged.

import assert from "node:assert/strict";
import { test } from "node:test";
import { nokiaSros } from "../../src/compile/targets/nokia-sros/index.ts";
import { statementsOf } from "../../src/compile/targets/statements.ts";
import { assertUnreadable, placedPrograms, readContext, replace, testDevice } from "./devices.ts";
import { assertNeutral, benchOf, printOn } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const programs = placedPrograms(({ match }) => match.flags === undefined && match.fragment === undefined);
const settings = specimenSettings("nokia-sros", { customerInterfaces: ["cust0", "cust1"] });
const bench = benchOf(nokiaSros, specimen, settings, { kind: "interfaces" }, specimenAt);
const original = printOn(bench, bench.projection.program)!;

/** The same configuration as `info flat` shows it. */
function flat(text: string): string {
  const lines: string[] = [];
  for (const { kind, path } of statementsOf(text)) {
    const [root, ...words] = path;
    const isMember = words.at(-2) === "prefix";
    if (kind === "leaf" || isMember) {
      lines.push(
        `/${[root, ...words.map((word) => (/^[a-z-]+$|^[\d/.:a-f]+$/.test(word) ? word : `"${word}"`))].join(" ")}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A statement in front of the entries of a filter, whatever their numbers. */
function first(name: string, filter: string, match: string, action: string): TextEdit {
  const entry = `entry 1 {\n match {\n ${match}\n }\n action {\n ${action}\n }\n }`;
  return replace(name, `-filter "${filter}" {\n`, `-filter "${filter}" {\n ${entry}\n`);
}

/** Of the entry with a description. */
const entryOf = (description: string): string => String.raw`(description "${description}"[^]*?)`;

const mistakes: readonly TextEdit[] = [
  replace("another port", "eq 25", "eq 26"),
  replace("a range of ports", "eq 25", "range {\n start 25\n end 587\n }"),
  replace("ports below", "eq 25", "lt 25"),
  replace("ports above", "eq 25", "gt 24"),
  replace("source instead of destination port", "dst-port {", "src-port {"),
  replace("destination instead of source port", "src-port {", "dst-port {"),
  replace("UDP", "protocol tcp", "protocol udp"),
  replace("UDP of IPv6", "next-header tcp", "next-header udp"),
  replace(
    "any protocol and no port",
    /protocol tcp\s+(src-ip \{\s+ip-prefix-list "pool-pool0-v4-r1"\s+\}\s+)dst-port \{\s+eq 25\s+\}/,
    "$1",
  ),
  replace("a block turned round", new RegExp(`${entryOf("op25b:pool0:full")}drop`, "g"), "$1accept"),
  replace("a block that is inactive", new RegExp(`${entryOf("ip25b:pool0:full")}action \\{\\s*drop\\s*\\}`, "g"), "$1"),
  replace("a block that is not asked", new RegExp(`${entryOf("ip25b:pool0:full")}drop`, "g"), "$1ignore-match"),
  replace("a permit turned round", new RegExp(`${entryOf("op25b:msa25")}accept`), "$1drop"),
  replace("a permit lost", new RegExp(`${entryOf("op25b:exemption:exemption0")}accept`), "$1ignore-match"),
  replace("the rest dropped", "default-action accept", "default-action drop"),
  replace("no default-action", "default-action accept", ""),
  replace("validation lost", "default-action drop", "default-action accept"),
  replace("the line's sources not accepted", new RegExp(`${entryOf("sav")}accept`), "$1drop"),
  replace("a filter not applied", /^ +ip "sekimori-op25b-v4-r1"\n/m, ""),
  replace("a filter of IPv6 not applied", /^ +ipv6 "sekimori-op25b-v6-r1"\n/m, ""),
  replace("in and out changed over", /ingress (\{[^]*?)egress /, "egress $1ingress "),
  replace("the filter of another line", 'ip "sekimori-op25b-v4-r1"', 'ip "sekimori-op25b-v4-r1-2"'),
  replace("an interface forgotten", /router "Base" \{\s+interface "cust1"[^]*$/, "}\n"),
  replace("a prefix lost", "prefix 198.51.100.96/27 { }", ""),
  replace("a prefix excluded", "prefix 198.51.100.96/27 { }", "$&\nprefix-exclude 198.51.100.0/28 { }"),
  replace("a prefix one bit longer", "prefix 203.0.113.0/25", "prefix 203.0.113.0/26"),
  replace("a prefix one bit shorter", "prefix 198.51.100.96/27", "prefix 198.51.100.64/26"),
  replace("a prefix of IPv6 one bit longer", "2001:db8:a::/52", "2001:db8:a::/53"),
  replace("a digit wrong", "192.0.2.5/32", "192.0.2.50/32"),
  replace(
    "the ends swapped",
    new RegExp(`${entryOf("ip25b:pool1:carrier:carrier0")}src-ip([^]*?)dst-ip`),
    "$1dst-ip$2src-ip",
  ),
  replace(
    "the wrong list",
    'src-ip {\n                        ip-prefix-list "pool-pool0-v4-r1"',
    'src-ip {\n ip-prefix-list "pool-pool1-v4-r1"',
  ),
  replace("no source", /src-ip \{\s+ip-prefix-list "pool-pool0-v4-r1"\s+\}/g, ""),
  replace("entries in another order", /entry 20 \{/g, "entry 1999 {"),
  first("a permit of everything in front", "sekimori-op25b-v4-r1", "", "accept"),
  first("a block of everything in front", "sekimori-op25b-v6-r1", "", "drop"),
  first("port 587 blocked", "sekimori-op25b-v4-r1", "protocol tcp\n dst-port {\n eq submission\n }", "drop"),
  first(
    "first segments of others blocked",
    "sekimori-ip25b-v4-r1",
    "protocol tcp\n tcp-flags {\n syn true\n ack false\n }",
    "drop",
  ),
  first("a foreign prefix blocked", "sekimori-ip25b-v4-r1", "src-ip {\n address 192.0.2.77/32\n }", "drop"),
];

const neutral: readonly TextEdit[] = [
  { name: "flat", edit: flat },
  { name: "flat without a slash", edit: (text) => flat(text).replaceAll(/^\//gm, "") },
  { name: "flat in another order", edit: (text) => `${flat(text).trimEnd().split("\n").toReversed().join("\n")}\n` },
  { name: "flat with carriage returns", edit: (text) => flat(text).replaceAll("\n", "\r\n") },
  {
    name: "flat with braces on a line",
    edit: (text) => flat(text).replaceAll(/ action (accept|drop)$/gm, " { action $1 }"),
  },
  { name: "shown from within configure", edit: (text) => text.replace("configure {\n", "").replace(/\}\n$/, "") },
  { name: "twice", edit: (text) => text + text },
  replace("no header", /^# .*\n/gm, ""),
  replace("comments", "            entry", "            # what follows is an entry\n            entry"),
  replace("no indentation", /^ +/gm, ""),
  replace("tabs", /^ +/gm, "\t"),
  replace("empty lines", "\n", "\n\n"),
  replace("carriage returns", "\n", "\r\n"),
  replace("no quotes", '"', ""),
  replace("names of ports", "eq 25", "eq smtp"),
  replace("ports as ranges", "eq 25", "range {\n start 25\n end 25\n }"),
  replace(
    "ports by a list",
    /^([^]*)$/,
    '$1configure {\n filter {\n match-list {\n port-list "mail" {\n port 25 { }\n }\n }\n }\n}\n',
  ),
  {
    name: "a list of ports in use",
    edit: (text) =>
      `${text.replaceAll("eq 25", 'port-list "mail"')}/configure filter match-list port-list "mail" range start 25 end 25\n`,
  },
  replace("protocols by number", /(protocol|next-header) tcp/g, "$1 6"),
  replace("no descriptions", /^ +description .*\n/gm, ""),
  replace("other numbers of filters", /filter-id \d+/g, "filter-id 7"),
  {
    name: "entries renumbered",
    edit: (text) => text.replaceAll(/entry (\d+)/g, (_, digits: string) => `entry ${Number(digits) * 3 + 7}`),
  },
  replace(
    "a prefix in halves",
    "prefix 198.51.100.0/26 { }",
    "prefix 198.51.100.0/27 { }\nprefix 198.51.100.32/27 { }",
  ),
  replace(
    "a prefix with an exclusion",
    "prefix 198.51.100.96/27 { }",
    "prefix 198.51.100.64/26 { }\nprefix-exclude 198.51.100.64/27 { }",
  ),
  replace("members without braces", " { }", ""),
  replace("a prefix instead of a list", 'ip-prefix-list "msa25-v4-r1"\n', "address 192.0.2.5/32\n"),
  replace("upper case", "2001:db8:", "2001:DB8:"),
  replace("statistics and logs", "action {", "collect-stats true\nlog 101\naction {"),
  replace("an inactive entry", /(-filter "sekimori-op25b-v4-r1" \{)/, "$1\nentry 1 {\nmatch {\nprotocol tcp\n}\n}"),
  replace(
    "an entry that is not asked",
    /(-filter "sekimori-op25b-v4-r1" \{)/,
    "$1\nentry 1 {\naction {\nignore-match\n}\n}",
  ),
  replace("the scope said", "default-action", "scope template\ntype normal\ndefault-action"),
  replace("a list that nothing names", "match-list {", 'match-list {\nip-prefix-list "other" {\napply-path {\n}\n}'),
  replace(
    "a filter that is not applied",
    "match-list {",
    'ip-filter "other" {\nembed {\nflowspec offset 1\n}\n}\nmatch-list {',
  ),
  replace(
    "other configuration",
    /^/,
    'configure {\n system {\n name "edge1"\n }\n port 1/1/c1 {\n admin-state enable\n }\n}\n',
  ),
  replace(
    "more of an interface",
    'interface "cust0" {',
    'interface "cust0" {\nport 1/1/c1/1\nipv4 {\nprimary {\naddress 192.0.2.254\nprefix-length 31\n}\n}',
  ),
  replace(
    "another interface",
    'interface "cust0" {',
    'interface "system" {\napply-groups ["all"]\n}\ninterface "cust0" {',
  ),
  replace("a loose check", 'interface "cust0" {', 'interface "cust0" {\nipv4 {\nurpf-check {\nmode loose\n}\n}'),
  replace(
    "the management router",
    /^([^]*)\}\n$/,
    '$1router "management" {\ninterface "cust0" {\ningress {\nfilter {\nip "gone"\n}\n}\n}\n}\n}\n',
  ),
];

testDevice({ bench, programs, forms: [flat], mistakes, neutral });

test("nokia-sros: a strict check of the device stands for a list", () => {
  const accepting = original.replaceAll("default-action drop", "default-action accept");
  const checks = ["cust0", "cust1"].map(
    (name) =>
      `/configure router "Base" interface "${name}" ipv4 urpf-check mode strict\n/configure router "Base" interface "${name}" ipv6 { urpf-check { } }\n`,
  );
  assertNeutral(bench, accepting + checks.join(""), "strict");
});

test("nokia-sros: access points of services", () => {
  const names = ["ies:isp:cust0:1/1/c1/1:100", "vprn:isp:cust1:lag-1:200.7"];
  const program = {
    ...bench.projection.program,
    bindings: bench.projection.program.bindings.map((binding) =>
      binding.place.kind === "line"
        ? { ...binding, place: { ...binding.place, name: names[binding.place.name === "cust0" ? 0 : 1]! } }
        : binding,
    ),
    validations: [],
  };
  const rendered = nokiaSros.render(program, bench.options);
  assert.ok(rendered.ok, JSON.stringify(rendered));
  const { text } = rendered.value[0]!;
  assert.match(
    text,
    /service \{\s+ies "isp" \{\s+interface "cust0" \{\s+sap 1\/1\/c1\/1:100 \{\s+ingress \{\s+filter \{\s+ip "/,
  );
  for (const form of [text, flat(text)]) {
    const read = nokiaSros.parse([{ path: "text", text: form }], { ...readContext, customerInterfaces: names });
    assert.ok(read.ok, JSON.stringify(read));
    assert.deepEqual(
      new Set(read.value.bindings.map(({ place }) => ("name" in place ? place.name : ""))),
      new Set(names),
    );
  }
});

test("nokia-sros: what it cannot say is an error that names the rule", () => {
  const strict = nokiaSros.render(bench.projection.program, { ...bench.options, strictManner: true });
  assert.ok(!strict.ok && strict.error.some(({ rule }) => rule === "op25b:pool0:full"), JSON.stringify(strict));
  const everywhere = benchOf(nokiaSros, specimen, specimenSettings("nokia-sros"), { kind: "interfaces" }, specimenAt);
  const unbound = nokiaSros.render(everywhere.projection.program, everywhere.options);
  assert.ok(!unbound.ok && unbound.error.some(({ message }) => message.includes("bound to interfaces")));
});

test("nokia-sros: names keep to what the device takes", () => {
  const long = nokiaSros.render(bench.projection.program, { ...bench.options, revision: "r01234567890123" });
  assert.ok(long.ok);
  const { text } = long.value[0]!;
  const names = [...text.matchAll(/ip(?:v6)?-prefix-list "([^"]*)"/g)].map(([, name]) => name!);
  assert.ok(names.length > 20);
  for (const name of names) assert.ok(name.length <= 32, name);
  for (const [, name] of text.matchAll(/-filter "([^"]*)"/g)) assert.ok(name!.length <= 64, name);
  for (const [, id] of text.matchAll(/filter-id (\d+)/g)) assert.ok(Number(id) >= 1 && Number(id) <= 65_535, id);
});

function filterOf(entry: string, more = ""): string {
  return `configure {\n filter {\n  ip-filter "f" {\n   ${more}\n   entry 10 {\n    ${entry}\n    action {\n     accept\n    }\n   }\n  }\n }\n}\n`;
}

test("nokia-sros: what it cannot read is a problem with its line", () => {
  assertUnreadable(nokiaSros, [
    [filterOf("match {\n fragment true\n }"), /fragment/, 7],
    [filterOf("match {\n dst-port {\n eq 25\n }\n }"), /ports go/],
    [filterOf("match {\n protocol tcp\n dst-port {\n eq x\n }\n }"), /no port/],
    [filterOf("match {\n protocol nonsense\n }"), /no protocol/],
    [filterOf("match {\n src-ip {\n ip-prefix-list gone\n }\n }"), /no ip-prefix-list gone/],
    [filterOf("match {\n src-ip {\n address 192.0.2.1/24\n }\n }"), /bits/],
    [filterOf("match {\n src-ip {\n address 2001:db8::/32\n }\n }"), /no address of IPv4/],
    [filterOf("match {\n protocol tcp\n tcp-flags {\n rst true\n }\n }"), /tcp-flags/],
    [filterOf("pbr-down-action-override drop"), /pbr-down-action-override/, 6],
    [filterOf("", "embed {\n flowspec offset 1\n }"), /embed/],
    [filterOf("", "chain-to-system-filter true"), /chain-to-system-filter/],
    [filterOf("", 'apply-groups ["g"]'), /apply-groups/],
    [filterOf("action {\n forward {\n next-hop {\n }\n }\n }"), /action forward/],
    ['/configure router "Base" interface "cust0" ingress filter ip "gone"\n', /no filter gone/, 1],
    [`${filterOf("")}/configure router "Base" interface "else" ingress filter ip "f"\n`, /neither/],
    ['configure {\n router "Base" {\n  interface "cust0" {\n   apply-groups ["g"]\n  }\n }\n}\n', /inheritance/, 4],
    ["configure {\n", /no }/],
  ]);
});

// VyOS: what is printed reads back as the same program, as commands and with braces; mistakes are found with a packet, other
// spellings of the same are not flagged, and what the device does besides is not overlooked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { vyos } from "../../src/compile/targets/vyos/index.ts";
import { assertUnreadable, replace, sayablePrograms, testDevice } from "./devices.ts";
import { assertNeutral, benchOf, printOn } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

/** No flags and fragments, no port 0; what stands everywhere stands there both ways. */
const programs = sayablePrograms(
  ({ match }) =>
    match.flags === undefined &&
    match.fragment === undefined &&
    ![...(match.sourcePorts ?? []), ...(match.destinationPorts ?? [])].some(({ first }) => first === 0),
).map((program) => ({
  ...program,
  bindings: program.bindings.map((binding) =>
    binding.place.kind === "everywhere" ? { ...binding, direction: "both" as const } : binding,
  ),
}));

const bench = benchOf(vyos, specimen, specimenSettings("vyos"), { kind: "edge" }, specimenAt);
const original = printOn(bench, bench.projection.program)!;

/** The same configuration as `show configuration` shows it. */
function withBraces(text: string): string {
  interface Node {
    readonly leaves: string[];
    readonly blocks: Map<string, Node>;
  }
  const root: Node = { leaves: [], blocks: new Map() };
  const blockOf = (node: Node, name: string): Node => {
    const known = node.blocks.get(name) ?? { leaves: [], blocks: new Map() };
    node.blocks.set(name, known);
    return known;
  };
  for (const line of text.split("\n")) {
    if (!line.startsWith("set ")) continue;
    const words = line.slice(4).match(/'[^']*'|\S+/g)!;
    const value = words.pop()!.replaceAll("'", '"');
    const leaf = words.pop()!;
    let node = root;
    // A tag and its name open one block.
    for (let at = 0; at < words.length; at++) {
      const isTag = /^(?:.*-group|name|rule)$/.test(words[at]!) && at + 1 < words.length;
      node = blockOf(node, isTag ? `${words[at]} ${words[++at]}` : words[at]!);
    }
    node.leaves.push(`${leaf} ${/^"[\w!.-]+"$/.test(value) ? value.slice(1, -1) : value}`);
  }
  const write = ({ leaves, blocks }: Node, indent: string): string =>
    [
      ...leaves.map((leaf) => `${indent}${leaf}\n`),
      ...[...blocks].map(([name, node]) => `${indent}${name} {\n${write(node, `${indent}    `)}${indent}}\n`),
    ].join("");
  return write(root, "");
}

const pool = "sekimori-pool-pool0-v4-r1";
const full = String.raw`name sekimori-op25b-v4-r1 rule 60`;

function insertFirst(name: string, chain: string, ...leaves: readonly string[]): TextEdit {
  return { name, edit: (text) => `${text}${leaves.map((leaf) => `set firewall ${chain} rule 1 ${leaf}\n`).join("")}` };
}

const mistakes: readonly TextEdit[] = [
  replace("another port", "destination port '25'", "destination port '26'"),
  replace("two ports", "destination port '25'", "destination port '25,587'"),
  replace("a range of ports", "destination port '25'", "destination port '25-26'"),
  replace("every port but 25", "destination port '25'", "destination port '!25'"),
  replace("source instead of destination port", "destination port '25'", "source port '25'"),
  replace("UDP", `${full} protocol 'tcp'`, `${full} protocol 'udp'`),
  replace("UDP too", `${full} protocol 'tcp'`, `${full} protocol 'tcp_udp'`),
  replace("a block turned round", `${full} action 'reject'`, `${full} action 'return'`),
  replace("a block that goes on", `${full} action 'reject'`, `${full} action 'continue'`),
  replace("a silent block turned round", /(ip25b-v6-r1 rule 60 action) 'drop'/, "$1 'accept'"),
  replace("a permit turned round", "op25b-v4-r1 rule 20 action 'return'", "op25b-v4-r1 rule 20 action 'drop'"),
  replace("accept where return is meant", "op25b-v4-r1 rule 10 action 'return'", "op25b-v4-r1 rule 10 action 'accept'"),
  replace("the rest dropped", "filter default-action 'accept'", "filter default-action 'drop'"),
  replace("the rest of a chain dropped", /(op25b-v4-r1 default-action) 'return'/, "$1 'drop'"),
  replace("no default-action, which drops", /.*name sekimori-ip25b-v4-r1 default-action .*\n/, ""),
  replace("no jump from the forward filter", /.*ipv4 forward filter rule .*\n/g, ""),
  replace("no jump from that of IPv6", /.*ipv6 forward filter rule .*\n/g, ""),
  replace("no jump to IP25B", /.*entry-v4-r1 rule 40 .*\n/g, ""),
  replace(
    "a jump for some sources only",
    /$/,
    "set firewall ipv4 forward filter rule 25 source address '198.51.100.0/27'\n",
  ),
  replace("a rule switched off", /$/, `set firewall ipv4 ${full} disable\n`),
  replace("a rule deleted", /$/, `delete firewall ipv4 ${full}\n`),
  replace("rules in another order", /op25b-v4-r1 rule 20 /g, "op25b-v4-r1 rule 95 "),
  replace("validation lost", /.*entry-v4-r1 rule 10 .*\n/g, ""),
  replace("validation turned round", "'!sekimori-sav-cust0-v4-r1'", "'sekimori-sav-cust0-v4-r1'"),
  replace("validation of another line", "'!sekimori-sav-cust0-v6-r1'", "'!sekimori-sav-cust1-v6-r1'"),
  replace("validation on the way out", "rule 10 inbound-interface", "rule 10 outbound-interface"),
  replace("a prefix lost", `set firewall group network-group ${pool} network '198.51.100.96/27'\n`, ""),
  replace("a prefix one bit longer", `${pool} network '198.51.100.0/26'`, `${pool} network '198.51.100.0/27'`),
  replace("a prefix one bit shorter", `${pool} network '198.51.100.96/27'`, `${pool} network '198.51.100.64/26'`),
  replace("a prefix of IPv6 one bit longer", "'2001:db8:a::/52'", "'2001:db8:a::/53'"),
  replace("a digit wrong", "192.0.2.5/32", "192.0.2.50/32"),
  replace("the wrong end", `${full} source group`, `${full} destination group`),
  replace("not in the pool", `${full} source group network-group '`, `${full} source group network-group '!`),
  replace("no source", new RegExp(`.*${full} source .*\n`), ""),
  replace("no port", new RegExp(`.*${full} destination port .*\n`), ""),
  insertFirst("everything accepted first", "ipv4 forward filter", "action 'accept'"),
  insertFirst("everything dropped first", "ipv6 name sekimori-op25b-v6-r1", "action 'drop'"),
  insertFirst(
    "port 587 dropped",
    "ipv4 forward filter",
    "action 'drop'",
    "protocol 'tcp'",
    "destination port 'submission'",
  ),
  insertFirst("a foreign prefix dropped", "ipv4 forward filter", "action 'reject'", "source address '192.0.2.77'"),
];

const neutral: readonly TextEdit[] = [
  { name: "braces", edit: withBraces },
  {
    name: "braces with comments",
    edit: (text) => `/* shown\n by a device */\n${withBraces(text)}// vyos-config-version\n`,
  },
  { name: "braces and carriage returns", edit: (text) => withBraces(text).replaceAll("\n", "\r\n") },
  { name: "braces without indentation", edit: (text) => withBraces(text).replaceAll(/^ +/gm, "") },
  { name: "braces and tabs", edit: (text) => withBraces(text).replaceAll("    ", "\t") },
  replace("no quotes", "'", ""),
  replace("double quotes", "'", '"'),
  replace("names of ports", "port '25'", "port 'smtp'"),
  replace("ports as ranges", "port '25'", "port '25-25'"),
  replace("protocols by number", "protocol 'tcp'", "protocol '6'"),
  replace("another way to block", "'reject'", "'drop'"),
  replace("no descriptions", /.*description .*\n/g, ""),
  replace("other descriptions", /description '.*'/g, "description 'what { a # rule } does'"),
  replace("no header", /^#.*\n/gm, ""),
  replace("comments", "set firewall ipv4 name", "# what follows is a rule\nset firewall ipv4 name"),
  replace("empty lines", "\n", "\n\n"),
  replace("two blanks", " ", "  "),
  {
    name: "rules that log",
    edit: (text) => text.replaceAll(/^(set firewall ipv[46] name \S+ rule \d+) action .*$/gm, "$&\n$1 log"),
  },
  {
    name: "rules renumbered",
    edit: (text) => text.replaceAll(/rule (\d+)/g, (_, digits: string) => `rule ${Number(digits) * 3 + 7}`),
  },
  { name: "commands in another order", edit: (text) => `${text.trimEnd().split("\n").toReversed().join("\n")}\n` },
  { name: "all commands twice", edit: (text) => text + text },
  { name: "configure and commit", edit: (text) => `configure\n${text}commit\nsave\nexit\n` },
  replace("no default-action, which accepts", /.*forward filter default-action .*\n/g, ""),
  replace(
    "a prefix in halves",
    /^(set .*) network '198\.51\.100\.0\/26'$/gm,
    "$1 network '198.51.100.0/27'\n$1 network '198.51.100.32/27'",
  ),
  replace("upper case", "2001:db8:", "2001:DB8:"),
  replace("a group that nothing names", /$/, "set firewall group network-group other network '192.0.2.0/24'\n"),
  replace("groups of other kinds", /$/, "set firewall group mac-group m mac-address '00:00:5e:00:53:01'\n"),
  replace("a chain that nothing leads to", /$/, "set firewall ipv4 name other default-action 'drop'\n"),
  replace("a rule for packets to the device", /$/, "set firewall ipv4 input filter rule 1 action 'drop'\n"),
  replace(
    "a rule switched off",
    /$/,
    "set firewall ipv4 forward filter rule 1 action 'drop'\nset firewall ipv4 forward filter rule 1 disable\n",
  ),
  replace(
    "a rule set and deleted",
    /$/,
    "set firewall ipv4 forward filter rule 1 action 'drop'\ndelete firewall ipv4 forward filter rule 1\n",
  ),
  replace("a rule that only counts", /$/, "set firewall ipv6 forward filter rule 1 action 'continue'\n"),
  replace("loose source validation", /$/, "set interfaces ethernet eth0 ip source-validation 'loose'\n"),
  replace(
    "other configuration",
    /^/,
    "set system host-name 'edge1'\nset interfaces ethernet eth0 address '192.0.2.1/24'\n",
  ),
  replace(
    "states behind what accepts all",
    /$/,
    "set firewall ipv4 forward filter rule 26 action 'accept'\nset firewall ipv4 forward filter rule 27 action 'drop'\nset firewall ipv4 forward filter rule 27 state 'invalid'\n",
  ),
  {
    name: "an address-group for a network-group",
    edit: (text) =>
      text
        .replaceAll(/network-group (')?(sekimori-msa25-v4-r1)'? (?:network )?/g, "address-group $2 address ")
        .replaceAll("group network-group 'sekimori-msa25-v4-r1'", "group address-group 'sekimori-msa25-v4-r1'"),
  },
  {
    name: "a jump from each rule instead of the entry",
    edit: (text) =>
      text
        .replaceAll(/.*forward filter rule 25 .*\n/g, "")
        .replaceAll(
          /^set firewall (ipv[46]) name sekimori-entry-v[46]-r1 rule/gm,
          "set firewall $1 forward filter rule",
        ),
  },
];

testDevice({
  bench,
  programs,
  forms: [withBraces],
  mistakes,
  neutral,
});

test("vyos: a strict check of the device stands for a list", () => {
  const strict = ["ip", "ipv6"].flatMap((family) =>
    ["cust0", "cust1"].map((name) => `set interfaces ethernet ${name} ${family} source-validation 'strict'\n`),
  );
  const text = original.replaceAll(/.*entry-v[46]-r1 rule [12]0 .*\n/g, "") + strict.join("");
  assertNeutral(bench, text, "strict");
});

test("vyos: what it cannot say is an error that names the rule", () => {
  const strict = vyos.render(bench.projection.program, { ...bench.options, strictManner: true });
  assert.ok(!strict.ok && strict.error.some(({ rule }) => rule === "op25b:pool0:full"), JSON.stringify(strict));
});

const forward = "set firewall ipv4 forward filter rule 1";

test("vyos: what it cannot read is a problem with its line", () => {
  assertUnreadable(vyos, [
    [`${forward} action 'accept'\n${forward} state 'established'\n`, /state/, 1],
    [`\n${forward} action 'jump'\n`, /no target/, 2],
    [`${forward} action 'jump'\n${forward} jump-target 'gone'\n`, /no chain gone/],
    [`${forward} action 'queue'\n`, /queue/],
    [`${forward} protocol 'tcp'\n`, /no action/],
    [`${forward} action 'drop'\n${forward} destination port '25'\n`, /ports go/],
    [`${forward} action 'drop'\n${forward} protocol 'nonsense'\n`, /no protocol/],
    [`${forward} action 'drop'\n${forward} source group network-group 'gone'\n`, /no set of addresses/],
    [`${forward} action 'drop'\n${forward} source address '192.0.2.1/24'\n`, /bits/],
    [`${forward} action 'drop'\n${forward} source address '2001:db8::/32'\n`, /no address of IPv4/],
    [`${forward} action 'drop'\n${forward} inbound-interface name 'eth*'\n`, /several interfaces/],
    [`${forward} action 'drop'\n${forward} inbound-interface name 'eth9'\n`, /on which side/],
    [`${forward} action 'drop'\n${forward} fragment 'match-frag'\n`, /fragment/],
    [`${forward} action 'drop'\n${forward} tcp flags syn\n`, /flags/],
    [`${forward} action 'drop'\n${forward} source geoip country-code 'jp'\n`, /geoip/],
    ["set firewall global-options state-policy established action 'accept'\n", /state-policy/],
    ["set firewall ipv4 prerouting raw rule 1 action 'drop'\n", /prerouting/],
    ["set firewall zone lan default-action 'drop'\n", /zones/],
    ["set firewall name old rule 1 action 'drop'\n", /before 1.4/],
    ["set policy route p rule 1 action drop\n", /policy routes/],
    ["firewall {\n", /no }/],
    ["firewall }\n", /without/],
  ]);
});

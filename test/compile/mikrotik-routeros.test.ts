// RouterOS: what is printed reads back as the same program, as a script and as an export; a device that has an earlier revision
// changes over; mistakes are found with a packet, other spellings of the same are not flagged.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mikrotikRouteros } from "../../src/compile/targets/mikrotik-routeros/index.ts";
import { carryOut } from "../../src/compile/targets/mikrotik-routeros/script.ts";
import { assertUnreadable, replace, sayablePrograms, testDevice } from "./devices.ts";
import { assertCaught, assertNeutral, benchOf, printOn } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const programs = sayablePrograms(({ match }) => match.flags === undefined && match.fragment === undefined).map(
  (program) => ({
    ...program,
    bindings: program.bindings.map((binding) =>
      binding.place.kind === "everywhere" ? { ...binding, direction: "both" as const } : binding,
    ),
  }),
);

const bench = benchOf(mikrotikRouteros, specimen, specimenSettings("mikrotik-routeros"), { kind: "edge" }, specimenAt);
const { program } = bench.projection;
const original = printOn(bench, program)!;

/** The device's configuration as `export` shows it: properties by name, hosts without a length, long lines wrapped. */
function exported(text: string): string {
  const lines = ["# 2026-07-01 00:00:00 by RouterOS 7.16", "# software id = ABCD-0123"];
  for (const [menu, rows] of carryOut(text)) {
    lines.push(`/${menu}`);
    for (const { values } of rows) {
      const words = [...values]
        .toSorted(([left], [right]) => (left < right ? -1 : 1))
        .map(
          ([name, value]) =>
            `${name}=${/^[\w.:,!/<-]+$/.test(value) ? value.replace(/^([\d.]+)\/32$/, "$1") : `"${value}"`}`,
        );
      lines.push(wrapped(["add", ...words].join(" ")));
    }
  }
  return `${lines.join("\n")}\n`;
}

/** After a blank where there is one, and within a word else. */
function wrapped(line: string): string {
  const parts: string[] = [];
  let left = line;
  while (left.length > 78) {
    const blank = left.lastIndexOf(" ", 76);
    const at = blank > 20 ? blank + 1 : 76;
    // A continued line loses its blanks, so they stay on the one before.
    const next = left.slice(at).trimStart();
    parts.push(left.slice(0, left.length - next.length));
    left = next;
  }
  return [...parts, left].join("\\\n    ");
}

const shown = exported(original);
const onExport = (edit: TextEdit): TextEdit => ({
  name: `${edit.name}, exported`,
  edit: (text) => edit.edit(exported(text)),
});
const full = /^(add chain=sekimori-op25b-v4-r1 )action=reject reject-with=tcp-reset( .* comment="op25b:pool0:full")$/gm;

function firstIn(name: string, menu: string, rule: string): TextEdit {
  return { name, edit: (text) => `${menu} add ${rule}\n${text.replaceAll(/place-before=\[[^\]]*\] 0\]/g, "")}` };
}

const mistakes: readonly TextEdit[] = [
  replace("another port", "dst-port=25", "dst-port=26"),
  replace("two ports", "dst-port=25", "dst-port=25,587"),
  replace("a range of ports", "dst-port=25", "dst-port=25-26"),
  replace("every port but 25", "dst-port=25", "dst-port=!25"),
  replace("source instead of destination port", "dst-port=25", "src-port=25"),
  replace("UDP", "action=reject reject-with=tcp-reset protocol=tcp", "action=drop protocol=udp"),
  replace("no port", "action=reject reject-with=tcp-reset protocol=tcp dst-port=25", "action=drop protocol=tcp"),
  replace("a block turned round", full, "$1action=return$2"),
  replace("a block that only counts", full, "$1action=passthrough$2"),
  replace("a block switched off", full, "$1action=drop disabled=yes$2"),
  replace("a silent block turned round", /action=drop (.* comment="ip25b:pool0:full")/g, "action=accept $1"),
  replace("a permit turned round", /action=return (.* comment="op25b:msa25")/, "action=drop $1"),
  replace(
    "accept where return is meant",
    /action=return (.* comment="op25b:exemption:exemption0")/,
    "action=accept $1",
  ),
  replace("a permit lost", /^add .* comment="op25b:msa25"\n/m, ""),
  replace(
    "the rest of a chain dropped",
    "add chain=sekimori-op25b-v4-r1 action=return\n",
    "add chain=sekimori-op25b-v4-r1 action=drop\n",
  ),
  replace("the rest dropped", 'action=accept comment="sekimori: the rest"', 'action=drop comment="sekimori: the rest"'),
  replace("a jump lost", "add chain=sekimori-entry-v4-r1 action=jump jump-target=sekimori-ip25b-v4-r1\n", ""),
  replace("a jump of IPv6 lost", "add chain=sekimori-entry-v6-r1 action=jump jump-target=sekimori-op25b-v6-r1\n", ""),
  replace("nothing leads to the filters of IPv6", /^:if[^\n]*\/ipv6[^]*$/m, ""),
  replace(
    "a jump for some sources only",
    'entry-v4-r1 comment="sekimori"',
    'entry-v4-r1 src-address=198.51.100.0/27 comment="sekimori"',
  ),
  replace(
    "a jump behind what accepts all",
    /$/,
    "/ip firewall filter add chain=forward action=accept place-before=0\n",
  ),
  replace("validation lost", /^add .* comment="sav:cust0"\n/gm, ""),
  replace("validation turned round", "!sekimori-sav-cust0-v4", "sekimori-sav-cust0-v4"),
  replace("validation of another line", "!sekimori-sav-cust0-v6", "!sekimori-sav-cust1-v6"),
  replace("validation on the way out", 'in-interface="cust0"', 'out-interface="cust0"'),
  replace("a prefix lost", /^add list=sekimori-pool-pool0-v4-r1 address=198\.51\.100\.96\/27\n/m, ""),
  replace("a prefix switched off", "address=198.51.100.96/27", "address=198.51.100.96/27 disabled=yes"),
  replace(
    "a prefix one bit longer",
    "pool-pool0-v4-r1 address=198.51.100.0/26",
    "pool-pool0-v4-r1 address=198.51.100.0/27",
  ),
  replace(
    "a prefix one bit shorter",
    "pool-pool0-v4-r1 address=198.51.100.96/27",
    "pool-pool0-v4-r1 address=198.51.100.64/26",
  ),
  replace("a prefix of IPv6 one bit longer", "2001:db8:a::/52", "2001:db8:a::/53"),
  replace("a digit wrong", "192.0.2.5/32", "192.0.2.50/32"),
  replace("the wrong end", "src-address-list=sekimori-pool-pool0-v4-r1", "dst-address-list=sekimori-pool-pool0-v4-r1"),
  replace(
    "not in the pool",
    "src-address-list=sekimori-pool-pool0-v4-r1",
    "src-address-list=!sekimori-pool-pool0-v4-r1",
  ),
  replace("no source", / src-address-list=sekimori-pool-pool0-v4-r1( comment="op25b:pool0:full")/, "$1"),
  replace("rules removed", /$/, '/ip firewall filter remove [find where comment="op25b:pool0:full"]\n'),
  replace("rules disabled", /$/, "/ip firewall filter\ndisable [find chain=sekimori-ip25b-v4-r1]\n"),
  replace("rules changed", /$/, '/ipv6 firewall filter set [find comment~"^op25b:.*:full"] dst-port=587\n'),
  firstIn("everything dropped first", "/ip firewall filter", "chain=sekimori-op25b-v4-r1 action=drop"),
  firstIn(
    "port 587 dropped",
    "/ipv6 firewall filter",
    "chain=sekimori-op25b-v6-r1 action=drop protocol=tcp dst-port=587",
  ),
  firstIn(
    "a foreign prefix dropped",
    "/ip firewall filter",
    "chain=sekimori-ip25b-v4-r1 action=drop src-address=192.0.2.77",
  ),
];

const neutral: readonly TextEdit[] = [
  { name: "an export", edit: exported },
  { name: "an export in one line each", edit: (text) => exported(text).replaceAll("\\\n    ", "") },
  { name: "an export with carriage returns", edit: (text) => exported(text).replaceAll("\n", "\r\n") },
  { name: "an export with menus on each line", edit: (text) => perLine(exported(text)) },
  {
    name: "an export with slashes",
    edit: (text) => perLine(exported(text)).replaceAll(/^\/(ip|ipv6) firewall (\S+) /gm, "/$1/firewall/$2/"),
  },
  onExport(replace("another version", "RouterOS 7.16", "RouterOS 7.20")),
  onExport(replace("names of protocols as numbers", "protocol=tcp", "protocol=6")),
  replace("no header", /^#.*\n/gm, ""),
  replace("comments", /^add chain/gm, "# what follows is a rule\nadd chain"),
  replace("semicolons", /\n(add )/g, ";$1"),
  replace("empty lines", "\n", "\n\n"),
  replace("two blanks", " ", "  "),
  replace("tabs", "    ", "\t"),
  replace("quotes", /=(sekimori-[\w-]+|!sekimori-[\w-]+)/g, '="$1"'),
  replace("no quotes", /="(cust\d)"/g, "=$1"),
  replace("ports as ranges", "dst-port=25", "dst-port=25-25"),
  replace("another way to block", "action=reject reject-with=tcp-reset", "action=drop"),
  replace("answered with ICMP", "reject-with=tcp-reset", "reject-with=icmp-admin-prohibited"),
  replace("no comments on rules", / comment="(?:op|ip|count)[^"]*"/g, ""),
  replace("other comments", / comment="(?:op|ip|count)[^"]*"/g, ' comment="a \\"rule\\"; { of [ours]"'),
  replace("logging", /^(add chain=\S+ action=(?:drop|reject).*)$/gm, '$1 log=yes log-prefix="25"'),
  replace("no return at the end", /^add chain=\S+ action=return\n/gm, ""),
  replace("hosts without their length", /(\d)\/32\n/g, "$1\n"),
  replace(
    "a prefix in halves",
    /^(add list=\S+) address=198\.51\.100\.0\/26$/gm,
    "$1 address=198.51.100.0/27\n$1 address=198.51.100.32/27",
  ),
  replace("a prefix as a range", "address=198.51.100.0/26", "address=198.51.100.0-198.51.100.63"),
  replace("upper case", "2001:db8:", "2001:DB8:"),
  replace("actions that are usual", ' action=accept comment="sekimori: the rest"', ' comment="sekimori: the rest"'),
  replace("a list that nothing names", /$/, "/ip firewall address-list add list=other address=192.0.2.0/24\n"),
  replace(
    "a chain that nothing leads to",
    /$/,
    "/ip firewall filter add chain=other action=drop connection-state=new\n",
  ),
  replace(
    "a rule for packets to the device",
    /$/,
    "/ip firewall filter add chain=input action=drop in-interface-list=!LAN\n",
  ),
  replace(
    "a rule switched off",
    /$/,
    "/ip firewall filter add chain=forward action=drop disabled=yes place-before=0\n",
  ),
  replace(
    "a rule made and removed",
    /$/,
    '/ip firewall filter\nadd chain=forward action=drop comment=x place-before=[find where comment="sekimori"]\nremove [find comment=x]\n',
  ),
  replace(
    "rules behind what accepts all",
    /$/,
    "/ip firewall filter add chain=forward action=drop connection-state=invalid\n",
  ),
  replace("a rule that only counts", /$/, "/ip firewall filter add chain=forward action=passthrough place-before=0\n"),
  replace("a loose reverse path check", /$/, "/ip settings set rp-filter=loose\n"),
  replace(
    "other configuration",
    /^/,
    '/interface bridge\nadd name=bridge1\n/ip address\nadd address=192.0.2.254/24 interface=bridge1\n/system identity\nset name="edge 1"\n/ip firewall nat\nadd action=masquerade chain=srcnat\n',
  ),
  replace("messages", /$/, ':put "done"\n:log info "done"\n'),
  {
    name: "jumps in the forward chain itself",
    edit: (text) =>
      text
        .replaceAll(/^:if[^]*$/gm, "")
        .replaceAll(/chain=sekimori-entry-v[46]-r1/g, "chain=forward")
        .replaceAll("add chain=forward action=return\n", "add chain=forward action=accept\n"),
  },
];

/** Each command with its menu. */
function perLine(text: string): string {
  let menu = "";
  const lines: string[] = [];
  for (const line of text.replaceAll("\\\n    ", "").split("\n")) {
    if (line.startsWith("/")) menu = line;
    else lines.push(line.startsWith("add ") ? `${menu} ${line}` : line);
  }
  return lines.join("\n");
}

testDevice({ bench, programs, forms: [exported], mistakes, neutral });

test("mikrotik-routeros: a device with rules and an earlier revision changes over with one jump", () => {
  const own =
    "/ip firewall filter\nadd action=fasttrack-connection chain=forward connection-state=established\nadd action=drop chain=forward connection-state=invalid\n";
  const before = mikrotikRouteros.render(
    { ...program, filters: program.filters.map((filter) => ({ ...filter, terms: [] })) },
    { ...bench.options, revision: "r0" },
  );
  assert.ok(before.ok);
  const earlier = before.value[0]!.text;
  assertCaught(bench, earlier, "earlier");
  // Ours stand first, whatever was there; the operator's rules stay behind them, and the rest is accepted in the end.
  const tables = carryOut(own + earlier + original);
  const forward = tables.get("ip firewall filter")!.filter(({ values }) => values.get("chain") === "forward");
  assert.deepEqual(
    forward.map(({ values }) => values.get("jump-target") ?? values.get("action")),
    ["sekimori-entry-v4-r1", "fasttrack-connection", "drop", "accept"],
  );
  assertNeutral(bench, earlier + original, "changed over");
});

test("mikrotik-routeros: a reset is said where there is TCP only, and nothing that the policy does not want", () => {
  const strict = mikrotikRouteros.render(program, { ...bench.options, strictManner: true });
  assert.ok(strict.ok, JSON.stringify(strict));
  assert.match(original, /action=reject reject-with=tcp-reset protocol=tcp dst-port=25/);
});

test("mikrotik-routeros: exports are wrapped as devices do it", () => {
  assert.ok(shown.split("\n").every((line) => line.length <= 84));
  assert.match(shown, /\\\n {4}\S/);
});

const forward = "/ip firewall filter add chain=forward";

test("mikrotik-routeros: what it cannot read is a problem with its line", () => {
  assertUnreadable(mikrotikRouteros, [
    [`${forward} action=accept connection-state=established\n`, /connection-state/, 1],
    [`\n${forward} action=fasttrack-connection\n`, /fasttrack/, 2],
    [`${forward} action=jump\n`, /no target/],
    [`${forward} action=jump jump-target=gone\n`, /no chain gone/],
    [`${forward} action=tarpit\n`, /tarpit/],
    [`${forward} action=drop dst-port=25\n`, /ports go/],
    [`${forward} action=drop protocol=tcp dst-port=x\n`, /no port/],
    [`${forward} action=drop protocol=nonsense\n`, /no protocol/],
    [`${forward} action=drop src-address-list=gone\n`, /no set of addresses/],
    [`${forward} action=drop src-address=192.0.2.1/24\n`, /bits/],
    [`${forward} action=drop src-address=2001:db8::/32\n`, /no address of IPv4/],
    [`${forward} action=drop src-address=192.0.2.9-192.0.2.1\n`, /before it begins/],
    [`${forward} action=drop in-interface=!ether1\n`, /several interfaces/],
    [`${forward} action=drop in-interface=ether9\n`, /on which side/],
    [`${forward} action=drop in-interface-list=WAN\n`, /no interface list/],
    [`${forward} action=drop protocol=tcp tcp-flags=rst\n`, /flags/],
    [`${forward} action=drop limit=10,5:packet\n`, /limit/],
    [`${forward} action=drop place-before=7\n`, /place-before/],
    ["/ip firewall raw add chain=prerouting action=drop\n", /raw/],
    ["/ip firewall address-list add list=a address=mail.example\n", /mail.example/],
    ["/ip firewall address-list add list=a address=192.0.2.1 timeout=1h\n", /ends by itself/],
    ["/ip firewall filter remove 0\n", /\[find/],
    ["/ip firewall filter move 1 0\n", /move/],
    ["/ip firewall filter remove [find where chain=forward or chain=input]\n", /or/],
    [":foreach a in=[find] do={ }\n", /:foreach/],
    [":if (1 = 1) do={ }\n", /:if/],
    [`${forward} action=drop comment="open\n`, /not closed/],
    [":do {\n", /no }/],
    ["}\n", /without/],
  ]);
});

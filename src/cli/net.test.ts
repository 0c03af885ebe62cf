// The `net` commands on policies that are wrong in every way we could think of: each is told with its place and with what
// to do about it, ends with exit code 2, and leaves the files as they were. `▸` marks the place.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run } from "./test-run.ts";

const now = "2026-12-01";

const head = `version = 1
[network]
operator = "carrier"
`;
const pool = `[[network.pool]]
name = "home"
kind = "dynamic"
ipv4 = ["198.51.100.0/25"]
ipv6 = ["2001:db8:a::/48"]
stage = [{ begin = "2026-10-01", stage = "observe" }, { begin = "2027-02-01", stage = "full" }]
`;
const submission = `[[network.server]]
name = "msa"
role = "msa587"
ipv4 = ["192.0.2.5"]
`;
const record = `[network.justification]
purpose = "against spam"
necessity = "less did not do"
scope = "port 25 of dynamic addresses"
alternative = "port 587"
terms = "clause 9"
notice = "2026-11-01"
`;
const sound = `${head}${pool}${submission}${record}`;

const partner = (lines: string): string =>
  `${sound}[[network.partner]]\nname = "isp-b"\nrelation = "gives"\n${lines}\n`;
const exemption = (lines: string): string => `${sound}[[network.exemption]]\nid = "one"\n${lines}\n`;
const reasons = 'owner = "o"\nreason = "r"\nticket = "t"\n';
const mobile = sound.replace('stage = "full"', 'stage = "mobile-only"');

interface Case {
  readonly name: string;
  readonly text: string;
  /** Parts of the line that tells it: of the message, the hint or the id. */
  readonly told: readonly string[];
  /** Further files beside it; a mark in one of them is the place. */
  readonly files?: Readonly<Record<string, string>>;
}

const cases: readonly Case[] = [
  // Syntax.
  { name: "no TOML", text: sound.replace("name =", "name ▸is ="), told: ["not TOML"] },
  { name: "a string without an end", text: `${sound}x = "abc▸`, told: ["not TOML: unterminated string"] },
  { name: "no version", text: `▸${sound.slice(12)}`, told: ["version of the format", "begin it with"] },
  { name: "a newer version", text: sound.replace("= 1", "= ▸9"), told: ["version 9", "use a newer Sekimori"] },
  {
    name: "no network side",
    text: '▸version = 1\nhostname = "mx.example.jp"\n',
    told: ["[network] is missing", "etc/"],
  },
  {
    name: "an unknown key",
    text: sound.replace("ipv4 =", "▸ipv44 ="),
    told: ['unknown key "ipv44"', 'did you mean "ipv4"?'],
  },
  { name: "an unknown table", text: `${sound}[network.▸verdicts]\n`, told: ["unknown key", 'did you mean "verdict"?'] },
  {
    name: "no operator",
    text: sound.replace('operator = "carrier"\n', "").replace("[network]", "▸[network]"),
    told: ['"operator" is missing'],
  },
  {
    name: "an operator that there is not",
    text: sound.replace('"carrier"', '▸"carier"'),
    told: ['did you mean "carrier"?'],
  },
  { name: "a name with spaces", text: sound.replace('"home"', '▸"my home"'), told: ["is not a name", "small letters"] },
  {
    name: "the same name twice",
    text: `${sound}${pool.replace('"home"', '▸"home"')}`,
    told: ['pool "home" is already at', "another name"],
  },
  // Addresses.
  {
    name: "host bits",
    text: sound.replace('"198.51.100.0/25"', '▸"198.51.100.1/25"'),
    told: ["has bits beyond its length: 198.51.100.0/25 is meant?"],
  },
  {
    name: "an IPv4-mapped prefix",
    text: sound.replace('"2001:db8:a::/48"', '▸"::ffff:192.0.2.0/120"'),
    told: ["IPv4-mapped", "192.0.2.0"],
  },
  {
    name: "IPv6 in the list of IPv4",
    text: sound.replace('"198.51.100.0/25"', '▸"2001:db8::/32"'),
    told: ["is IPv6, not IPv4", "list of IPv6"],
  },
  {
    name: "IPv4 in the list of IPv6",
    text: sound.replace('"2001:db8:a::/48"', '▸"10.0.0.0/8"'),
    told: ["is IPv4, not IPv6"],
  },
  {
    name: "a prefix that is too long",
    text: sound.replace("198.51.100.0/25", "198.51.100.0/33").replace('"198', '▸"198'),
    told: ["longer than the 32 bits"],
  },
  {
    name: "an octet with a leading zero",
    text: sound.replace('"198.51.100.0/25"', '▸"198.051.100.0/25"'),
    told: ["is not an IP address or prefix"],
  },
  {
    name: "a host name as prefix",
    text: sound.replace('"198.51.100.0/25"', '▸"mx.example.jp"'),
    told: ["is not an IP address or prefix"],
  },
  {
    name: "a file of prefixes that is not there",
    text: sound.replace("stage =", 'ipv4-files = [▸"gone"]\nstage ='),
    told: ["gone", "does not exist"],
  },
  {
    name: "a bad line in a file",
    text: sound.replace("stage =", 'ipv4-files = ["list"]\nstage ='),
    files: { list: "# ours\n10.0.0.0/8\n▸10.0.0/8\n" },
    told: ["10.0.0/8", "one prefix a line"],
  },
  {
    name: "host bits in a file",
    text: sound.replace("stage =", 'ipv4-files = ["list"]\nstage ='),
    files: { list: "▸10.0.0.1/8\n" },
    told: ["10.0.0.0/8 is meant?"],
  },
  {
    name: "the wrong family in a file",
    text: sound.replace("stage =", 'ipv4-files = ["list"]\nstage ='),
    files: { list: "10.0.0.0/8\n▸2001:db8::/32\n" },
    told: ["not IPv4", "ipv6-files"],
  },
  {
    name: "a file that is not UTF-8",
    text: sound.replace("stage =", 'ipv4-files = [▸"list"]\nstage ='),
    files: { list: "10.0.0.0/8 # \u00FF" },
    told: ["is not text in UTF-8"],
  },
  // Dates.
  {
    name: "no date",
    text: sound.replace('"2027-02-01"', '▸"next month"'),
    told: ["is not a date", "2027-01-15T02:00:00+09:00"],
  },
  {
    name: "a day that there is not",
    text: sound.replace('"2027-02-01"', '▸"2027-02-30"'),
    told: ["there is no 2027-02-30"],
  },
  {
    name: "a time without a zone",
    text: sound.replace('"2027-02-01"', '▸"2027-02-01T12:00:00"'),
    told: ["has no zone"],
  },
  {
    name: "a date without quotes",
    text: sound.replace('"2027-02-01"', "▸2027-02-01"),
    told: ["expected a date in quotes, found a date or time"],
  },
  {
    name: "an offset that there is not",
    text: sound.replace("operator", 'utc-offset = ▸"JST"\noperator'),
    told: ["is not an offset from UTC", "+09:00"],
  },
  {
    name: "stages out of order",
    text: sound.replace('{ begin = "2027-02-01"', '{ begin = ▸"2026-09-01"'),
    told: ["does not begin after the one before", "in order of time"],
  },
  {
    name: "a partner's permit without an end",
    text: partner('ipv4 = ["192.0.2.128/28"]').replace("[[network.partner", "▸[[network.partner"),
    told: ["has no end", "[permit-without-end]"],
  },
  {
    name: "an expired permit",
    text: partner('ipv4 = ["192.0.2.128/28"]\nuntil = ▸"2026-11-30"'),
    told: ["has expired", "[permit-expired]"],
  },
  {
    name: "a permit for years",
    text: partner('ipv4 = ["192.0.2.128/28"]\nfrom = "2027-01-01"\nuntil = ▸"2028-02-05"'),
    told: ["lasts 401 days", "at most 400 days"],
  },
  {
    name: "a permit that ends before it begins",
    text: partner('ipv4 = ["192.0.2.128/28"]\nfrom = "2027-03-01"\nuntil = ▸"2027-01-01"'),
    told: ["ends before it begins"],
  },
  {
    name: "notice given too late",
    text: sound.replace('"2026-11-01"', '▸"2027-02-01"'),
    told: ["[notice-late]", "before the stage begins"],
  },
  // Sizes and sets.
  {
    name: "a permit that is too wide",
    text: partner('ipv4 = ["192.0.2.128/28", ▸"10.0.0.0/23"]\nuntil = "2027-06-30"'),
    told: ["holds 10.0.0.0/23", "[permit-too-wide]"],
  },
  {
    name: "a permit that is too wide in IPv6",
    text: partner('ipv6 = [▸"2001:db8:100::/47"]\nuntil = "2027-06-30"').replace("100::/47", "100::/47"),
    told: ["holds 2001:db8:100::/47"],
  },
  {
    name: "a permit that holds the own MX",
    text: `${partner('ipv4 = [▸"192.0.2.128/28"]\nuntil = "2027-06-30"')}[[network.server]]\nname = "mx"\nrole = "mx"\nipv4 = ["192.0.2.130"]\n`,
    told: ["192.0.2.130", "somebody receives mail", "[permit-holds-exchanger]"],
  },
  {
    name: "an empty pool",
    text: `${sound}▸[[network.pool]]\nname = "empty"\nkind = "dynamic"\n`,
    told: ["has no addresses", "never means everybody"],
  },
  {
    name: "an empty permit",
    text: partner('until = "2027-06-30"').replace("[[network.partner", "▸[[network.partner"),
    told: ["has no addresses"],
  },
  {
    name: "dynamic and static overlap",
    text: `${sound}[[network.pool]]\nname = "shops"\nkind = "static"\nipv4 = ["192.0.2.0/30", ▸"198.51.100.96/28"]\nipv6 = ["2001:db8:b::/48"]\n`,
    told: ["198.51.100.96 is in the static pool shops and in the dynamic pool home"],
  },
  {
    name: "an overlap in a file",
    text: `${sound}[[network.pool]]\nname = "shops"\nkind = "static"\nipv4-files = ["list"]\nipv6 = ["2001:db8:b::/48"]\n`,
    files: { list: "10.0.0.0/8\n▸198.51.100.96/28 # oops\n" },
    told: ["[pools-overlap]"],
  },
  {
    name: "an own MTA in a dynamic pool",
    text: `${sound}[[network.server]]\nname = "mta"\nrole = "mta"\nipv4 = [▸"198.51.100.9"]\n`,
    told: ["the own mta mta (198.51.100.9)", "[server-in-pool]"],
  },
  {
    name: "a permit inside another",
    text: `${partner('ipv4 = ["192.0.2.128/28"]\nuntil = "2027-06-30"')}[[network.third-party]]\nname = "host"\nipv4 = ["192.0.2.129"]\nreason = "r"\nuntil = "2027-05-31"\n`.replace(
      "[[network.third",
      "▸[[network.third",
    ),
    told: ["already permits all of the exception host", "[permit-shadowed]"],
  },
  {
    name: "an exception for a network",
    text: `${sound}[[network.third-party]]\nname = "net"\nipv4 = [▸"192.0.2.128/29"]\nreason = "r"\nuntil = "2027-05-31"\n`,
    told: ["for one host, not for a network"],
  },
  {
    name: "an exception without a reason",
    text: `${sound}▸[[network.third-party]]\nname = "host"\nipv4 = ["192.0.2.129"]\nuntil = "2027-05-31"\n`,
    told: ["has no reason", "substitute MSA"],
  },
  // Exemptions.
  {
    name: "an exemption of nobody",
    text: exemption(`${reasons}until = "2027-05-31"`).replace("[[network.ex", "▸[[network.ex"),
    told: ["exactly one of them"],
  },
  {
    name: "an exemption without an owner",
    text: exemption('addresses = "198.51.100.7"\nreason = "r"\nuntil = "2027-05-31"').replace(
      "[[network.ex",
      "▸[[network.ex",
    ),
    told: ["has no owner and no ticket"],
  },
  {
    name: "an exemption outside of the pools",
    text: exemption(`addresses = ▸"203.0.113.7"\n${reasons}until = "2027-05-31"`),
    told: ["203.0.113.7 is in no dynamic pool"],
  },
  {
    name: "a subscriber without RADIUS",
    text: exemption(`subscriber = "alice"\n${reasons}until = "2027-05-31"`).replace("[[network.ex", "▸[[network.ex"),
    told: ["the subscriber alice", "[subscriber-unsayable]"],
  },
  {
    name: "an exemption behind a shared address",
    text: exemption(`addresses = "198.51.100.7"\n${reasons}until = "2027-05-31"`)
      .replace('kind = "dynamic"', 'kind = "dynamic"\ncgn = "external"')
      .replace("[[network.ex", "▸[[network.ex"),
    told: ["[cgn-exemption]"],
  },
  {
    name: "the same exemption twice",
    text: `${exemption(`addresses = "198.51.100.7"\n${reasons}until = "2027-05-31"`)}[[network.exemption]]\nid = ▸"one"\naddresses = "198.51.100.8"\n${reasons}until = "2027-05-31"\n`,
    told: ['exemption "one" is already at'],
  },
  {
    name: "something else in the file of exemptions",
    text: sound,
    files: { "network.exemptions.toml": "version = 1\n▸operator = 2\n" },
    told: ["only [[exemption]]", "move it"],
  },
  {
    name: "a lock file that is none",
    text: sound,
    files: { "network.lock.json": '▸{ "version": 2 }' },
    told: ["does not have the form of a lock file", "net refresh"],
  },
  // What blocks.
  {
    name: "port 587 blocked",
    text: sound.replace("operator", "block-ports = [25, ▸587]\noperator"),
    told: ["port 587 is to be blocked", "RFC 5068"],
  },
  {
    name: "port 465 instead of 25",
    text: sound.replace("operator", "block-ports = [▸465]\noperator"),
    told: ["port 465 is to be blocked"],
  },
  {
    name: "stages of a static pool",
    text: `${sound}[[network.pool]]\nname = "shops"\nkind = "static"\nipv4 = ["192.0.2.64/28"]\nipv6 = ["2001:db8:b::/48"]\nstage = ▸[{ begin = "2027-01-01", stage = "full" }]\n`,
    told: ["the static pool shops has stages", "[static-blocked]"],
  },
  {
    name: "IP25B before OP25B",
    text: sound.replace("stage =", 'inbound-25 = ▸{ from = "2027-01-01" }\nstage ='),
    told: ["from 2027-01-01T00:00Z", "OP25B does only observe", "[inbound-wider]"],
  },
  {
    name: "IP25B goes on when OP25B ends",
    text: sound
      .replace("stage =", 'inbound-25 = ▸{ from = "2027-02-01" }\nstage =')
      .replace(" }]", ' }, { begin = "2027-03-01", stage = "off" }]'),
    told: ["from 2027-03-01T00:00Z", "OP25B does nothing"],
  },
  {
    name: "mobile-only without carriers",
    text: mobile.replace('{ begin = "2027-02-01"', '▸{ begin = "2027-02-01"'),
    told: ["has no carriers", "[no-carriers]"],
  },
  {
    name: "a carrier that was never looked up",
    text: `${mobile}[[network.carrier]]\nname = "m"\ndomains = [▸"mobile.example"]\n`,
    told: ["mobile.example", "run `net refresh`"],
  },
  {
    name: "blocked without submission",
    text: sound.replace(submission, "").replace('{ begin = "2027-02-01"', '▸{ begin = "2027-02-01"'),
    told: ["no own msa587 server", "[no-submission]"],
  },
  {
    name: "a carrier without a justification",
    text: `${sound.replace(record, "")}▸[network.justification]\nscope = "25"\n`,
    told: ["the purpose", "[justification-missing]"],
  },
  {
    name: "a manner that there is not",
    text: `${sound}[network.verdict]\noutbound = [▸"reject"]\n`,
    told: ['is none of "reset"'],
  },
  // Lines.
  {
    name: "loose validation",
    text: sound.replace("stage =", 'line = [{ name = "eth1", sav = ▸"loose" }]\nstage ='),
    told: ["loose reverse path check", "[sav-loose]"],
  },
  {
    name: "strict validation of a line with two homes",
    text: sound.replace("stage =", 'line = [{ name = "eth1", sav = ▸"strict" }]\nstage ='),
    told: ["is not single-homed", "[sav-multihomed]"],
  },
  {
    name: "validation without a line",
    text: sound.replace("stage =", 'sav = ▸{ from = "2027-01-01" }\nstage ='),
    told: ["no line to validate"],
  },
  // Includes.
  {
    name: "a file that includes itself",
    text: sound.replace("version = 1", 'version = 1\ninclude = [▸"sekimori.toml"]'),
    told: ["includes itself"],
  },
  {
    name: "two files that include each other",
    text: sound.replace("version = 1", 'version = 1\ninclude = ["a.toml"]'),
    files: { "a.toml": 'include = [▸"sekimori.toml"]\n' },
    told: ["includes itself: sekimori.toml → a.toml → sekimori.toml"],
  },
  {
    name: "a value in two files",
    text: sound.replace("version = 1", 'version = 1\ninclude = ["a.toml"]'),
    files: { "a.toml": '[network]\n▸operator = "home"\n' },
    told: ['"operator" is already set at'],
  },
  // Partners' requests, targets.
  {
    name: "a request without a contact",
    text: partner('request = "r.toml"\nuntil = "2027-06-30"'),
    files: {
      "r.toml":
        '▸version = 1\nfrom = "B"\nto = "A"\nipv4 = ["192.0.2.128/28"]\nbegins = "2027-02-01"\nuntil = "2027-06-30"\n',
    },
    told: ['"contact" is missing'],
  },
  {
    name: "a permit beyond the request",
    text: partner('request = "r.toml"\nuntil = ▸"2027-07-31"'),
    files: {
      "r.toml":
        'version = 1\nfrom = "B"\nto = "A"\ncontact = "noc@b.example"\nipv4 = ["192.0.2.128/28"]\nbegins = "2027-02-01"\nuntil = "2027-06-30"\nsigned-off = { by = "A", on = "2026-11-01" }\n',
    },
    told: ["longer than the request says"],
  },
  { name: "a target of no kind", text: `${sound}▸[network.targets.thing]\nbudget = 3\n`, told: ['has no "kind"'] },
  {
    name: "a line of no pool",
    text: `${sound}[network.targets.radius]\nplacement = "line"\npool = ▸"gone"\n`,
    told: ['there is no pool "gone"'],
  },
  {
    name: "hardware of another kind",
    text: `${sound}[network.targets.vyos]\nplatform = ▸"juniper-qfx5120"\n`,
    told: ["is hardware of junos, not of vyos"],
  },
  {
    name: "FlowSpec that will be refused",
    text: `${sound}▸[network.targets.flowspec]\n`,
    told: ["fails default validation", "[flowspec-validation]"],
  },
];

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "sekimori-net-"));
});
after(() => rmSync(directory, { recursive: true }));

let count = 0;
/** A folder of its own; the place that was marked. */
function write(
  text: string,
  files: Readonly<Record<string, string>> = {},
): { file: string; place: string | undefined } {
  const root = join(directory, `${count++}`);
  mkdirSync(root);
  let place: string | undefined;
  for (const [name, marked] of Object.entries({ "sekimori.toml": text, ...files })) {
    const path = join(root, name);
    for (const [index, line] of marked.split("\n").entries()) {
      if (line.includes("▸")) place = `${path}:${index + 1}:${line.indexOf("▸") + 1}`;
    }
    const plain = marked.replace("▸", "");
    writeFileSync(path, plain, plain.includes("\u00FF") ? "latin1" : "utf8");
  }
  return { file: join(root, "sekimori.toml"), place };
}

function contents(root: string): string {
  return readdirSync(root)
    .toSorted()
    .map((name) => `${name}\n${readFileSync(join(root, name), "latin1")}`)
    .join("\n");
}

describe("a policy that is wrong", () => {
  test("the sound one is sound", async () => {
    const { file } = write(sound);
    const checked = await run("net", "check", "--config", file, "--at", now);
    assert.deepEqual(checked, { code: 0, out: `the policy of ${file} is sound\n`, err: "" });
  });

  for (const { name, text, files, told } of cases) {
    test(name, async () => {
      const { file, place } = write(text, files);
      const root = join(file, "..");
      const untouched = contents(root);
      const { code, err } = await run("net", "check", "--config", file, "--at", now);
      assert.equal(code, 2, err);
      assert.notEqual(place, undefined, "the case marks a place");
      const line = err
        .split("\n")
        .find((each) => each.startsWith(`${place}: `) && told.every((part) => each.includes(part)));
      assert.ok(line !== undefined, `${place} ${told.join(" … ")}\n${err}`);
      assert.equal(contents(root), untouched);
    });
  }

  test("there are enough of them", () => assert.ok(cases.length >= 40, `${cases.length}`));
});

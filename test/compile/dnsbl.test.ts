// The list of dynamic addresses: what is printed lists what the policy says, in each of its forms; mistakes are found,
// other spellings are not flagged; real name servers answer from the files as they are read here.

import assert from "node:assert/strict";
import { Resolver } from "node:dns/promises";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import * as fc from "fast-check";
import { AddressSetBuilder, hasAddress, setOf } from "../../src/base/address-set.ts";
import type { AddressSets } from "../../src/base/address-set.ts";
import { formatAddress, parseAddress } from "../../src/base/address.ts";
import type { Address, Family } from "../../src/base/address.ts";
import { decide } from "../../src/compile/decide.ts";
import { dnsbl } from "../../src/compile/targets/dnsbl/index.ts";
import type { TextFile } from "../../src/compile/target.ts";
import { verify } from "../../src/compile/verify.ts";
import type { NetworkPolicy } from "../../src/policy/network/policy.ts";
import { runProgram, startChild } from "../lab/child.ts";
import { atEnd } from "../lab/cleanup.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { assertCaught, assertNeutral, benchOf, printOn, programMutants } from "./mutants.ts";
import type { TextEdit } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const zone = "dynamic.isp.example";
const settings = specimenSettings("dnsbl", {
  zone,
  nameServers: ["ns1.isp.example", "ns2.isp.example"],
  ptrDomain: "dyn.isp.example",
});
const bench = benchOf(dnsbl, specimen, settings, { kind: "edge" }, specimenAt);
const { program, scope } = bench.projection;
const original = printOn(bench, program)!;

function filesOf(of: typeof program): readonly TextFile[] {
  const rendered = dnsbl.render(of, bench.options);
  assert.ok(rendered.ok, JSON.stringify(rendered));
  return rendered.value;
}

function listOf(sets: AddressSets): typeof program {
  const [filter] = program.filters;
  const [term] = filter!.terms;
  const source = { name: "listed", timeouts: [], v4: sets.v4, v6: sets.v6 };
  return { ...program, filters: [{ ...filter!, terms: [{ ...term!, match: { source } }] }] };
}

test("the list has the dynamic addresses, without own servers, exemptions, and what a NAT hides", () => {
  const listed = program.filters[0]!.terms[0]!.match.source!;
  const has = (text: string): boolean => hasAddress(listed, parseAddress(text)!);
  for (const text of ["198.51.100.0", "198.51.100.10", "203.0.113.200", "2001:db8:a::1", "2001:db8:d::"])
    assert.ok(has(text), text);
  for (const text of [
    "198.51.100.9",
    "2001:db8:a::9",
    "198.51.100.64",
    "198.51.100.128",
    "192.0.2.5",
    "2001:db8:a:f000::",
  ]) {
    assert.ok(!has(text), text);
  }
  const [pool, ...others] = specimen.pools;
  const [server] = specimen.servers;
  const policy: NetworkPolicy = {
    ...specimen,
    pools: [{ ...pool!, addresses: setOf("100.64.0.0/16"), cgn: "internal" }, ...others],
    servers: [{ ...server!, addresses: setOf("203.0.113.77") }],
  };
  const changed = dnsbl.publish!(policy, specimenAt).program.filters[0]!.terms[0]!.match.source!;
  assert.ok(!hasAddress(changed, parseAddress("100.64.0.1")!) && !hasAddress(changed, parseAddress("203.0.113.77")!));
  assert.equal(dnsbl.publish!(specimen, specimenAt).validUntil, Date.UTC(2027, 0, 1));
  assert.equal(dnsbl.publish!({ ...specimen, exemptions: [] }, specimenAt).validUntil, undefined);
});

const anyPrefix = fc.oneof(
  fc.tuple(
    fc.constantFrom("1.1.1.0", "2.0.0.0", "2.3.0.0", "9.10.0.0", "10.2.3.0", "198.51.100.0", "198.51.0.0"),
    fc.integer({ min: 16, max: 32 }),
  ),
  fc.tuple(
    fc.constantFrom("2001:db8::", "2001:db8:1::", "2000::", "2001:db8::8000", "2a00::"),
    fc.integer({ min: 12, max: 128 }),
  ),
);
/** Any prefixes, with host bits cut off, and some without the others. */
const anySets: fc.Arbitrary<AddressSets> = fc
  .tuple(fc.array(anyPrefix, { maxLength: 4 }), fc.array(anyPrefix, { maxLength: 3 }))
  .map(([listed, not]) => {
    const build = (prefixes: typeof listed): AddressSets => {
      const builder = new AddressSetBuilder();
      for (const [text, length] of prefixes) {
        const address = parseAddress(text)!.map((word, at) => {
          const bits = Math.min(Math.max(length - 32 * at, 0), 32);
          return bits === 0 ? 0 : word & (0xffff_ffff << (32 - bits));
        });
        builder.addPrefix(address.length === 1 ? 4 : 6, address, length);
      }
      return builder.build();
    };
    const [all, others] = [build(listed), build(not)];
    return { v4: all.v4.difference(others.v4), v6: all.v6.difference(others.v6) };
  });

test("any addresses read back as themselves, from every file", () => {
  fc.assert(
    fc.property(anySets, (sets) => {
      const any = listOf(sets);
      const files = filesOf(any);
      assert.equal(files.length, 4);
      for (const some of [files, files.slice(0, 1), files.slice(1, 3), files.slice(3)]) {
        const back = dnsbl.parse(some, bench.context);
        assert.ok(back.ok, JSON.stringify(back));
        const result = verify(any, back.value, scope);
        assert.equal(result.kind, "equal", JSON.stringify(result));
      }
    }),
    { numRuns: 40 },
  );
});

test("a prefix of one-digit octets does not list the IPv6 addresses that a wildcard would stand for", () => {
  const short = setOf("2.0.0.0/24");
  const [file] = filesOf(listOf(short));
  assert.doesNotMatch(file!.text, /^\*/m);
  const wild = file!.text.replaceAll(/^0\.0\.0\.2 /gm, "*.0.0.2 ");
  const back = dnsbl.parse([{ path: "zone", text: wild }], bench.context);
  assert.ok(back.ok);
  const result = verify(listOf(short), back.value, scope);
  assert.ok(result.kind === "different");
  assert.equal(result.packet.family, 6);
  assert.equal(decide(back.value, result.packet).action.kind, "block");
});

test("wrong lists are told from the policy", () => {
  let caught = 0;
  for (const mutant of programMutants(program, scope)) {
    const source = mutant.program.filters[0]?.terms[0]?.match.source;
    if (source === undefined || mutant.program.filters[0]!.terms[0]!.action.kind !== "block") continue;
    // No policy has all addresses, and their names would fill the memory.
    if (source.v4.has(parseAddress("127.0.0.1")!)) continue;
    // What only other programs can say prints as the list that it was.
    const text = printOn(bench, listOf(source))!;
    if (text === original) continue;
    assertCaught(bench, text, mutant.name);
    caught++;
  }
  assert.ok(caught >= 8, `${caught}`);
});

function replace(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => text.replace(from, to) };
}

const mistakes: readonly TextEdit[] = [
  replace("an address lost", /^7\.100\.51\.198 A .*\n/m, ""),
  replace("an exempted address listed", /^(8\.100\.51\.198 A .*\n)/m, "$19.100.51.198 A 127.0.0.2\n"),
  replace("octets not turned round", /^7\.100\.51\.198 A/m, "198.51.100.7 A"),
  replace("a digit wrong", /^7\.100\.51\.198 A/m, "77.100.51.198 A"),
  replace("another answer", /^(7\.100\.51\.198) A 127\.0\.0\.2/m, "$1 A 192.0.2.1"),
  replace("only the reason left", /^(7\.100\.51\.198) A .*/m, '$1 TXT "?"'),
  replace("a wildcard over the network", /^7\.100\.51\.198 A/m, "*.100.51.198 A"),
  replace("a wildcard over everything", /^7\.100\.51\.198 A/m, "* A"),
  replace("a wildcard for a host", /^7\.100\.51\.198 A/m, "*.7.100.51.198 A"),
  replace("a wildcard of IPv6 lost", /^\*(\.[0-9a-f])+ A .*\n/m, ""),
  replace("a wildcard of IPv6 one nibble shorter", /^\*\.[0-9a-f]\.([0-9a-f.]+ A)/m, "*.$1"),
  replace("a wildcard of IPv6 one nibble longer", /^\*\.([0-9a-f.]+ A)/m, "*.0.$1"),
  replace("a name under a wildcard that hides it", /^(\*)(\.[0-9a-f.]+) A (.*)$/m, '$1$2 A $3\n1$2 TXT "x"'),
  {
    name: "all of IPv6 lost",
    edit: (text) => text.replaceAll(/^\S{15,} A .*\n/gm, (line) => (line.includes(".7.f.f.f.f.") ? line : "")),
  },
  replace("in another zone", /^7\.100\.51\.198 A/m, "7.100.51.198.other.example. A"),
  replace("under another origin", /^7\.100\.51\.198 A/m, "$ORIGIN other.example.\n7.100.51.198 A"),
];

test(`${mistakes.length} mistakes in the zone are found`, () => {
  for (const { name, edit } of mistakes) {
    const text = edit(original);
    assert.notEqual(text, original, `${name} changes nothing`);
    assertCaught(bench, text, name);
  }
});

const neutral: readonly TextEdit[] = [
  { name: "no comments", edit: (text) => text.replaceAll(/^;.*\n/gm, "") },
  { name: "comments behind", edit: (text) => text.replaceAll(/$/gm, " ; dynamic") },
  { name: "classes", edit: (text) => text.replaceAll(/^(\S+) (A|TXT) /gm, "$1 IN $2 ") },
  { name: "times to live", edit: (text) => text.replaceAll(/^(\S+) (A|TXT) /gm, "$1 600 IN $2 ") },
  { name: "full names", edit: (text) => text.replaceAll(/^([*0-9a-f.]+) (A|TXT) /gm, `$1.${zone}. $2 `) },
  { name: "upper case", edit: (text) => text.replaceAll(/^([*0-9a-f.]+) (A|TXT) /gm, (found) => found.toUpperCase()) },
  { name: "names once", edit: (text) => text.replaceAll(/^\S+ TXT /gm, "\tTXT ") },
  { name: "no reasons", edit: (text) => text.replaceAll(/^\S+ TXT .*\n/gm, "") },
  { name: "other reasons", edit: (text) => text.replaceAll("no mail server", "no ; mail (server)") },
  { name: "another answer of the same kind", edit: (text) => text.replaceAll("A 127.0.0.2", "A 127.0.0.10") },
  { name: "no SOA", edit: (text) => text.replaceAll(/^@ .*\n/gm, "") },
  { name: "a SOA over lines", edit: (text) => text.replace(/^(@ SOA \S+ \S+) (.*)$/m, "$1 (\n $2\n )") },
  {
    name: "lines in another order",
    edit: (text) =>
      text.replace(
        /(?:^[*0-9a-f.]+ (?:A|TXT) .*\n)+/m,
        (some) => `${some.trimEnd().split("\n").toReversed().join("\n")}\n`,
      ),
  },
  { name: "lines twice", edit: (text) => text + text },
  { name: "carriage returns", edit: (text) => text.replaceAll("\n", "\r\n") },
  { name: "a host that is not listed", edit: (text) => `${text}www A 192.0.2.80\n` },
  { name: "a name without an address where nothing is listed", edit: (text) => `${text}9.100.51.198 TXT "exempt"\n` },
  {
    name: "a wildcard in two parts",
    edit: (text) =>
      text.replace(/^\*\.((?:[0-9a-f]\.){6,14}[0-9a-f]) (A .*\n)/m, (_, rest: string, data: string) =>
        "0123456789abcdef"
          .split("")
          .map((nibble) => `*.${nibble}.${rest} ${data}`)
          .join(""),
      ),
  },
  {
    name: "listed in a zone that is not this one",
    edit: (text) => `${text}$ORIGIN other.example.\n1.0.0.10 A 127.0.0.2\n`,
  },
  { name: "tabs between words", edit: (text) => text.replaceAll(/^(\S+) (A|TXT) /gm, "$1\t$2\t") },
  { name: "empty lines", edit: (text) => text.replaceAll("\n", "\n\n") },
  { name: "another time to live for all", edit: (text) => text.replace("$TTL 3600", "$TTL 60") },
  { name: "another serial", edit: (text) => text.replace(/(SOA \S+ \S+) \d+/, "$1 7") },
  { name: "another name server", edit: (text) => text.replace("NS ns2.isp.example.", "NS ns3.isp.example.") },
  { name: "no name servers", edit: (text) => text.replaceAll(/^@ NS .*\n/gm, "") },
  { name: "the origin again", edit: (text) => text.replace("\n0.100.51.198 A", `\n$ORIGIN ${zone}.\n0.100.51.198 A`) },
  { name: "two reasons", edit: (text) => text.replaceAll(/^(\S+) (TXT .*)$/gm, '$1 $2\n$1 TXT "another"') },
  { name: "an address of IPv6 beside", edit: (text) => `${text}www AAAA 2001:db8::80\n` },
  { name: "a mail exchanger of the zone", edit: (text) => `${text}@ MX 10 mx.isp.example.\n` },
  { name: "blanks behind", edit: (text) => text.replaceAll(/ (A 127.0.0.2)$/gm, " $1  ") },
];

test(`${neutral.length} edits that change nothing are not flagged`, () => {
  assertNeutral(bench, original, "as printed");
  for (const { name, edit } of neutral) {
    const text = edit(original);
    assert.notEqual(text, original, `${name} changes nothing`);
    assertNeutral(bench, text, name);
  }
});

/** The two files of rbldnsd, and that of the reverse zones: one of them is edited. */
const others: readonly {
  readonly file: 1 | 2 | 3;
  readonly name: string;
  readonly from: string | RegExp;
  readonly to: string;
}[] = [
  { file: 1, name: "a prefix lost", from: "198.51.100.0/29\n", to: "" },
  { file: 1, name: "an address lost", from: "198.51.100.8\n", to: "" },
  { file: 1, name: "one bit longer", from: "198.51.100.0/29", to: "198.51.100.0/30" },
  { file: 1, name: "one bit shorter, over the exempted address", from: "198.51.100.10/31", to: "198.51.100.8/30" },
  { file: 1, name: "another prefix", from: "198.51.100.16/28", to: "198.51.101.16/28" },
  { file: 1, name: "an exception too many", from: "198.51.100.8\n", to: "!198.51.100.8\n" },
  { file: 1, name: "half of everything", from: "198.51.100.8\n", to: "198.51.100.8\n128.0.0.0/1\n" },
  { file: 2, name: "a prefix of IPv6 lost", from: "2001:db8:a::/125\n", to: "" },
  { file: 2, name: "an address of IPv6 lost", from: "2001:db8:a::8\n", to: "" },
  { file: 2, name: "a prefix of IPv6 one bit longer", from: "2001:db8:a::10/124", to: "2001:db8:a::10/125" },
  { file: 2, name: "a prefix of IPv6 one bit shorter", from: "2001:db8:a::a/127", to: "2001:db8:a::8/126" },
  { file: 2, name: "a network of IPv6 lost", from: "2001:db8:a:400::/54\n", to: "" },
  { file: 3, name: "an address without a name", from: "$GENERATE 8-8 $ PTR 198-51-100-$.dyn.isp.example.\n", to: "" },
  { file: 3, name: "a name for the exempted address", from: "$GENERATE 8-8 $ PTR", to: "$GENERATE 8-9 $ PTR" },
  { file: 3, name: "names for half of a prefix", from: "$GENERATE 0-7 $ PTR", to: "$GENERATE 0-3 $ PTR" },
  {
    file: 3,
    name: "another network",
    from: "$ORIGIN 100.51.198.in-addr.arpa.",
    to: "$ORIGIN 101.51.198.in-addr.arpa.",
  },
  { file: 3, name: "a name of IPv6 lost", from: /^\*(\.[0-9a-f])+(\S*) PTR .*\n/m, to: "" },
];

test(`${others.length} mistakes in the other files are found`, () => {
  const files = filesOf(program);
  for (const { file, name, from, to } of others) {
    const text = files[file]!.text.replace(from, to);
    assert.notEqual(text, files[file]!.text, `${name} changes nothing`);
    const given =
      file === 3
        ? [{ ...files[3]!, text }]
        : [1, 2].map((each) => (each === file ? { ...files[each]!, text } : files[each]!));
    const back = dnsbl.parse(given, bench.context);
    // Names and addresses that do not lead to each other are told without a packet.
    if (!back.ok && file === 3 && /leads back|the name and the address differ/.test(back.error.message)) continue;
    assert.ok(back.ok, `${name}: ${JSON.stringify(back)}`);
    const result = verify(program, back.value, scope);
    assert.ok(result.kind === "different", `${name}: not found`);
    assert.equal(decide(program, result.packet).rule, result.left.rule, name);
  }
});

function edited(edit: (text: string) => string): readonly TextFile[] {
  return [{ path: "zone", text: edit(original) }];
}

test("what is no such list is a problem with its line", () => {
  const problem = (files: readonly TextFile[], sought: RegExp): string => {
    const read = dnsbl.parse(files, bench.context);
    assert.ok(!read.ok, String(sought));
    return `${read.error.path}:${read.error.line}: ${read.error.message}`;
  };
  const files = filesOf(program);
  const changed = (suffix: string, edit: (text: string) => string): readonly TextFile[] =>
    files.map(({ path, text }) => ({ path, text: path.endsWith(suffix) ? edit(text) : text }));
  for (const [some, message] of [
    [edited((text) => text.replaceAll(/^2\.0\.0\.127 .*\n/gm, "")), /127\.0\.0\.2 must be listed/],
    [edited((text) => `${text}1.0.0.127 A 127.0.0.2\n`), /127\.0\.0\.1 must not be listed/],
    [
      edited((text) => text.replaceAll(/^2\.0\.0\.0\.0\.0\.f\.7\.f\.f\.f\.f.* A .*\n/gm, "")),
      /ffff:7f00:2 must be listed/,
    ],
    [edited((text) => `${text}@ A 127.0.0.2\n`), /zone itself/],
    [edited((text) => `${text}1.2 CNAME x\n`), /CNAME/],
    [edited((text) => `${text}1.2 NS x\n`), /NS/],
    [edited((text) => `${text}$INCLUDE x\n`), /\$INCLUDE/],
    [edited((text) => `${text}1.2 WKS x\n`), /no record/],
    [edited((text) => `${text}1.2 TXT "x\n`), /quote/],
    [edited((text) => `${text}1.2 TXT ( x\n`), /not closed/],
    [edited((text) => `${text}1.2 TXT ) x\n`), /closes nothing/],
    [changed(".ip4trie", (text) => text.replace("203.0.113.0/24\n", "203.0.113.0/25\n")), /other addresses/],
    [changed(".ip4trie", (text) => `${text}!203.0.113.7\n`), /other addresses/],
    [changed(".ip4trie", (text) => `${text}203.0.113.7/8\n`), /bits beyond/],
    [changed(".ip6trie", (text) => text.replace(/^2001:db8:c::.*\n/m, "")), /other addresses/],
    [changed(".ptr", (text) => text.replaceAll("GENERATE 0-255", "GENERATE 0-254")), /other addresses/],
    [changed(".ptr", (text) => text.replace(/PTR 203-0-113-/, "PTR 203-0-114-")), /differ/],
    [changed(".ptr", (text) => text.replace(/ A 203\.0\.113\./, " A 203.0.114.")), /differ/],
    [changed(".ptr", (text) => text.replace(/^\$GENERATE .* A 203.*\n/m, "")), /back/],
    [changed(".ptr", (text) => `${text}x PTR y.\n`), /no address/],
  ] as const) {
    assert.match(problem(some, message), message);
  }
  const bare = dnsbl.render(program, { ...bench.options, settings: { ...settings, zone: undefined } });
  assert.ok(!bare.ok && /zone/.test(bare.error[0]!.hint ?? ""));
});

/** Ends of ranges, what is before and behind them, and some inside. */
function probes({ v4, v6 }: AddressSets): readonly { readonly address: Address; readonly family: Family }[] {
  const found: { readonly address: Address; readonly family: Family }[] = [];
  for (const set of [v4, v6]) {
    set.forEachRange((first, last) => {
      for (const [end, step] of [
        [first, -1],
        [first, 0],
        [first, 1],
        [last, 0],
        [last, 1],
      ] as const) {
        const address = end.slice();
        address[address.length - 1] = (address.at(-1)! + step) >>> 0;
        found.push({ address, family: set.family });
      }
    });
  }
  return found;
}

function nameOf(address: Address, family: Family): string {
  const octets = [...address].flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
  const labels =
    family === 4 ? octets.map(String) : octets.flatMap((octet) => octet.toString(16).padStart(2, "0").split(""));
  return `${labels.toReversed().join(".")}.${zone}`;
}

async function answersAsListed(server: string): Promise<number> {
  const resolver = new Resolver({ timeout: 2000, tries: 5 });
  resolver.setServers([server]);
  const isListed = async (name: string): Promise<boolean> => {
    try {
      const [address] = await resolver.resolve4(name);
      return address?.startsWith("127.") === true;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : error;
      if (code === "ENOTFOUND" || code === "ENODATA") return false;
      throw error;
    }
  };
  const test2 = parseAddress("127.0.0.2")!;
  await waitFor("an answer", 30_000, () => isListed(nameOf(test2, 4)).catch(() => undefined));
  const listed = program.filters[0]!.terms[0]!.match.source!;
  const asked = [
    ...probes(listed).map((probe) => ({ ...probe, expected: hasAddress(listed, probe.address) })),
    ...["127.0.0.2", "127.0.0.1", "::ffff:7f00:2", "::ffff:7f00:1"].map((text) => {
      const address = parseAddress(text)!;
      return { address, family: address.length === 1 ? (4 as const) : (6 as const), expected: text.endsWith("2") };
    }),
  ];
  for (const { address, family, expected } of asked) {
    // oxlint-disable-next-line no-await-in-loop -- a few hundred questions, not all at once
    assert.equal(await isListed(nameOf(address, family)), expected, formatAddress(address, family));
  }
  return asked.length;
}

async function written(t: TestContext): Promise<string> {
  const folder = await temporaryDirectory(t);
  // A server that was root reads them as somebody else.
  await chmod(folder, 0o755);
  for (const { path, text } of filesOf(program)) {
    // oxlint-disable-next-line no-await-in-loop -- four files
    await writeFile(join(folder, path), text);
  }
  return folder;
}

test("NSD takes the zone and answers for every address as the policy says", async (t) => {
  const nsd = await requires(t, "nsd");
  const check = await requires(t, "nsd-checkzone");
  if (nsd === undefined || check === undefined) return;
  const folder = await written(t);
  const file = join(folder, `${zone}.zone`);
  const { environment } = check;
  const checked = await runProgram({
    program: check.path,
    parameters: [zone, file],
    environment,
    milliseconds: 60_000,
  });
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  const host = loopbackAddress();
  await writeFile(
    join(folder, "nsd.conf"),
    `server:
	ip-address: ${host}@5353
	username: ""
	chroot: ""
	zonesdir: "${folder}"
	database: ""
	pidfile: "${folder}/nsd.pid"
	xfrdfile: "${folder}/xfrd.state"
	zonelistfile: "${folder}/zone.list"
	xfrdir: "${folder}"
	server-count: 1
remote-control:
	control-enable: no
zone:
	name: ${zone}
	zonefile: "${file}"
`,
  );
  const server = startChild({
    program: nsd.path,
    parameters: ["-d", "-c", join(folder, "nsd.conf")],
    environment: nsd.environment,
  });
  atEnd(t, async () => void (await server.stop("SIGTERM", 20_000)));
  assert.ok((await answersAsListed(`${host}:5353`)) >= 30);
});

test("rbldnsd answers for every address as the policy says", async (t) => {
  const rbldnsd = await requires(t, "rbldnsd");
  if (rbldnsd === undefined) return;
  const folder = await written(t);
  const host = loopbackAddress();
  const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const server = startChild({
    program: rbldnsd.path,
    parameters: [
      "-n",
      ...user,
      "-b",
      `${host}/5353`,
      `${zone}:ip4trie:${join(folder, `${zone}.ip4trie`)}`,
      `${zone}:ip6trie:${join(folder, `${zone}.ip6trie`)}`,
    ],
    environment: rbldnsd.environment,
  });
  atEnd(t, async () => void (await server.stop("SIGTERM", 20_000)));
  assert.ok((await answersAsListed(`${host}:5353`)) >= 30);
});

test("BIND makes names of addresses out of the lines for reverse zones, and the way back", async (t) => {
  const named = await requires(t, "named-compilezone");
  if (named === undefined) return;
  const folder = await written(t);
  const listed = program.filters[0]!.terms[0]!.match.source!;
  const begin = "$TTL 3600\n@ SOA ns1.isp.example. hostmaster.isp.example. 1 2 3 4 5\n@ NS ns1.isp.example.\n";
  for (const [origin, pattern, nameAt] of [
    [
      "113.0.203.in-addr.arpa",
      /^(\d+)\.113\.0\.203\.in-addr\.arpa\.\s.*PTR\s+203-0-113-\1\.dyn\.isp\.example\.$/gm,
      256,
    ],
    [
      "100.51.198.in-addr.arpa",
      /^(\d+)\.100\.51\.198\.in-addr\.arpa\.\s.*PTR\s+198-51-100-\1\.dyn\.isp\.example\.$/gm,
      95,
    ],
    ["dyn.isp.example", /^([\d-]+)\.dyn\.isp\.example\.\s.*\sA\s+[\d.]+$/gm, listed.v4.size],
  ] as const) {
    const file = join(folder, origin);
    const lines = filesOf(program).find(({ path }) => path.endsWith(".ptr"))!.text;
    // oxlint-disable-next-line no-await-in-loop -- three zones
    await writeFile(file, begin + lines);
    const parameters = ["-i", "none", "-k", "ignore", "-o", "-", origin, file];
    // oxlint-disable-next-line no-await-in-loop
    const made = await runProgram({
      program: named.path,
      parameters,
      environment: named.environment,
      milliseconds: 60_000,
    });
    assert.equal(made.code, 0, made.stderr);
    assert.equal([...made.stdout.matchAll(pattern)].length, nameAt, made.stdout.slice(0, 2000));
  }
});

// FlowSpec rules: what is printed for three speakers reads back as the same program in the order of RFC 8955 §5.1; mistakes
// are found with a packet, other spellings are not flagged; real speakers take the texts.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import { setOf } from "../../src/base/address-set.ts";
import { parseAddress } from "../../src/base/address.ts";
import type { Program } from "../../src/compile/ir.ts";
import { flowspec } from "../../src/compile/targets/flowspec/index.ts";
import { compareRules } from "../../src/compile/targets/flowspec/rule.ts";
import type { FlowMatch } from "../../src/compile/targets/flowspec/rule.ts";
import { verify } from "../../src/compile/verify.ts";
import { runProgram } from "../lab/child.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { assertCaught, assertNeutral, benchOf, programMutants } from "./mutants.ts";
import type { Bench, TextEdit } from "./mutants.ts";
import { anyProgram, smallScope } from "./small.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const speakers = ["exabgp.conf", "bird.conf", "gobgp.sh"] as const;
const settings = specimenSettings("flowspec", { validationOff: true, budget: 100_000 });
const bench = benchOf(flowspec, specimen, settings, { kind: "edge" }, specimenAt);
const { program, scope } = bench.projection;

/** The texts by speaker; undefined where it cannot be said. */
function textsOf({ options }: Bench, of: Program): Readonly<Record<string, string>> | undefined {
  const rendered = flowspec.render(of, { ...options, budget: 100_000 });
  return rendered.ok ? Object.fromEntries(rendered.value.map(({ path, text }) => [path, text])) : undefined;
}

const originals = textsOf(bench, program)!;

/** Without what a rule cannot say. One filter may accept for another: both become one list. */
const anyFlowProgram: fc.Arbitrary<Program> = anyProgram.map((any) => ({
  validations: [],
  bindings: any.bindings.map((binding) => ({ ...binding, direction: "both", place: { kind: "everywhere" } })),
  filters: any.filters.map((filter) => ({
    ...filter,
    terms: filter.terms
      .filter(({ match }) => match.fragment === undefined && match.flags === undefined)
      .map((term) => {
        const { sourcePorts, destinationPorts, ...rest } = term.match;
        const port25 = [{ first: 25, last: 25 }];
        return {
          ...term,
          match: {
            ...rest,
            ...(sourcePorts === undefined ? {} : { sourcePorts: port25 }),
            ...(destinationPorts === undefined ? {} : { destinationPorts: port25 }),
          },
        };
      }),
  })),
}));

test("any program that rules can say reads back as itself, for every speaker", () => {
  const context = { ...bench.context, scope: smallScope };
  fc.assert(
    fc.property(anyFlowProgram, (any) => {
      const texts = textsOf({ ...bench, options: { ...bench.options, validUntil: undefined, scope: smallScope } }, any);
      assert.ok(texts !== undefined);
      for (const speaker of speakers) {
        const back = flowspec.parse([{ path: speaker, text: texts[speaker]! }], context);
        assert.ok(back.ok, `${JSON.stringify(back)}\n${texts[speaker]}`);
        const result = verify(any, back.value, smallScope);
        assert.equal(result.kind, "equal", `${JSON.stringify(result)}\n${texts[speaker]}`);
      }
      const together = flowspec.parse(
        speakers.map((path) => ({ path, text: texts[path]! })),
        context,
      );
      assert.ok(together.ok);
    }),
    { numRuns: 150 },
  );
});

test("wrong programs are told from the policy by their texts", () => {
  let caught = 0;
  for (const mutant of programMutants(program, scope, (index) => index % 4 === 0)) {
    const texts = textsOf(bench, mutant.program);
    if (texts === undefined) continue;
    assertCaught(bench, texts[speakers[caught % 3]!]!, mutant.name);
    caught++;
  }
  assert.ok(caught >= 80, `${caught}`);
});

function replace(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => text.replace(from, to) };
}

function everywhere(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => text.replaceAll(from, to) };
}

const route = (match: string): RegExp => new RegExp(String.raw`^.*route \S+ \{ match \{ ${match}.*\n`, "gm");
const pool = String.raw`source 198\.51\.100\.0/26; protocol tcp; destination-port =25; \} then \{ `;
const mistakes: readonly TextEdit[] = [
  replace("a block turned round", new RegExp(`(${pool})discard`), "$1accept"),
  everywhere("all accepted", "discard", "accept"),
  everywhere("all discarded", "accept", "discard"),
  replace("limited to nothing where it is accepted", "accept", "rate-limit 0"),
  everywhere("a rule lost", route(pool), ""),
  everywhere("rules of IPv6 lost", /^.*next-header.*\n/gm, ""),
  everywhere("rules of IPv4 lost", /^.*protocol tcp.*\n/gm, ""),
  everywhere("rules for answers lost", route("[^}]*source-port"), ""),
  everywhere("permits lost", /^.*accept.*\n/gm, ""),
  everywhere("a permit of IPv6 lost", route("destination 2001:db8:25::5/128"), ""),
  everywhere("another port", "destination-port =25", "destination-port =26"),
  everywhere("a wider range", "destination-port =25", "destination-port >=25&<=26"),
  everywhere("two ports", "destination-port =25", "destination-port [ =25 =587 ]"),
  everywhere("every port but one", "destination-port =25", "destination-port !=25"),
  everywhere("ports swapped", "destination-port =25; }", "source-port =25; }"),
  everywhere("source ports swapped", "protocol tcp; source-port", "protocol tcp; destination-port"),
  everywhere("no ports", "destination-port =25; ", ""),
  everywhere("UDP", "protocol tcp", "protocol udp"),
  everywhere("ends swapped", /match \{ source (198[^}]*\} then \{ discard)/g, "match { destination $1"),
  replace("a prefix one bit longer", "source 198.51.100.0/26", "source 198.51.100.0/27"),
  replace("a prefix one bit shorter", "source 198.51.100.96/27", "source 198.51.100.64/26"),
  replace("a prefix of IPv6 one bit longer", "source 2001:db8:a::/52", "source 2001:db8:a::/53"),
  replace("a prefix of IPv6 one bit shorter", "source 2001:db8:a::/52", "source 2001:db8:a::/51"),
  replace("a host for a network", "source 198.51.100.0/26", "source 198.51.100.0/32"),
  replace("a digit wrong", "destination 192.0.2.5/32", "destination 192.0.2.50/32"),
  everywhere("the source of an answer missing", /source \S+; (protocol tcp; source-port)/g, "$1"),
  {
    name: "a permit that the order puts first",
    edit: (text) => add(text, "destination 0.0.0.0/0; protocol tcp; destination-port =25;", "accept"),
  },
  {
    name: "a permit for a host of the pool",
    edit: (text) => add(text, "source 198.51.100.1/32; protocol tcp; destination-port =25;", "accept"),
  },
  { name: "everything discarded", edit: (text) => add(text, "destination 0.0.0.0/0;", "discard") },
  { name: "everything of IPv6 discarded", edit: (text) => add(text, "source ::/0;", "discard") },
  {
    name: "port 587 discarded",
    edit: (text) => add(text, "source 198.51.100.0/26; protocol tcp; destination-port =587;", "discard"),
  },
  {
    name: "a rule announced again with another action",
    edit: (text) => add(text, "source 198.51.100.0/26; protocol tcp; destination-port =25;", "accept"),
  },
];

function add(text: string, match: string, action: string): string {
  return text.replace(
    /\n(\t*)\}\n\t*\}\n\}\n$/,
    (end) => `\n\t\t\troute more { match { ${match} } then { ${action}; } }${end}`,
  );
}

test(`${mistakes.length} mistakes in the text are found`, () => {
  assert.ok(mistakes.length >= 30);
  for (const { name, edit } of mistakes) {
    const original = originals["exabgp.conf"]!;
    const text = edit(original);
    assert.notEqual(text, original, `${name} changes nothing`);
    assertCaught(bench, text, name);
  }
});

const routes = /(?:^\t*route .*\n)+/m;
const neutral: Readonly<Record<(typeof speakers)[number], readonly TextEdit[]>> = {
  "exabgp.conf": [
    {
      name: "the rules in another order",
      edit: (text) => text.replace(routes, (some) => `${some.trimEnd().split("\n").toReversed().join("\n")}\n`),
    },
    {
      name: "sorted as text",
      edit: (text) => text.replace(routes, (some) => `${some.trimEnd().split("\n").toSorted().join("\n")}\n`),
    },
    { name: "no comments", edit: (text) => text.replaceAll(/^#.*\n/gm, "") },
    { name: "comments behind", edit: (text) => text.replaceAll(/(discard; \} \})$/gm, "$1 # as the policy says") },
    { name: "other names", edit: (text) => text.replaceAll(/route \S+/g, (name) => `${name}-x`) },
    { name: "no names", edit: (text) => text.replaceAll(/route \S+/g, "route") },
    { name: "a line for each word", edit: (text) => text.replace(routes, (some) => some.replaceAll("; ", ";\n")) },
    { name: "braces on lines of their own", edit: (text) => text.replaceAll(" { match {", "\n{ match\n{") },
    { name: "carriage returns", edit: (text) => text.replaceAll("\n", "\r\n") },
    { name: "rate-limit 0", edit: (text) => text.replaceAll("discard;", "rate-limit 0;") },
    { name: "numbers of protocols", edit: (text) => text.replaceAll(/(protocol|next-header) tcp/g, "$1 =6") },
    { name: "ports without a sign", edit: (text) => text.replaceAll("port =25", "port 25") },
    { name: "ports in brackets", edit: (text) => text.replaceAll("port =25", "port [ =25 ]") },
    { name: "a range of one port", edit: (text) => text.replaceAll("port =25", "port >=25&<=25") },
    { name: "between two ports", edit: (text) => text.replaceAll("port =25", "port >24&<26") },
    {
      name: "conditions in another order",
      edit: (text) => text.replaceAll(/(protocol tcp;) (destination-port =25;)/g, "$2 $1"),
    },
    { name: "rules twice", edit: (text) => text.replace(routes, (some) => some + some) },
    { name: "no neighbor", edit: (text) => `flow {\n${routes.exec(text)![0]}}\n` },
    {
      name: "a neighbor that inherits",
      edit: (text) => `${text}neighbor 192.0.2.1 {\n\tinherit sekimori;\n\tpeer-as 64500;\n}\n`,
    },
    { name: "upper case", edit: (text) => text.replaceAll(/2001:db8:[0-9a-f:]*/g, (found) => found.toUpperCase()) },
    { name: "hosts without a length", edit: (text) => text.replaceAll("/32;", ";") },
    { name: "an offset of nothing", edit: (text) => text.replaceAll(/(2001:\S+\/\d+);/g, "$1/0;") },
    {
      name: "a permit of what nothing discards",
      edit: (text) => add(text, "destination 192.0.2.0/24; protocol udp;", "accept"),
    },
    {
      name: "a discard within a discard",
      edit: (text) =>
        add(text, "source 198.51.100.0/28; protocol tcp; destination-port =25; source-port =1;", "discard"),
    },
  ],
  "bird.conf": [
    {
      name: "hexadecimal in upper case, and an AS",
      edit: (text) => text.replaceAll("0x80060000, 0x0", "0x8006FBF4, 0x00000000"),
    },
    { name: "no blanks", edit: (text) => text.replaceAll(/ = (\d+)/g, "=$1") },
    { name: "a range of one port", edit: (text) => text.replaceAll("port = 25", "port 25..25") },
    {
      name: "the rules in another order",
      edit: (text) =>
        text.replaceAll(
          /(?:^\troute flow4.*\n)+/gm,
          (some) => `${some.trimEnd().split("\n").toReversed().join("\n")}\n`,
        ),
    },
    {
      name: "other protocols",
      edit: (text) => `router id 192.0.2.1;\nprotocol device { }\n${text}protocol bgp up { local as 64500; }\n`,
    },
    {
      name: "other routes",
      edit: (text) => text.replace("\troute flow4", "\troute 192.0.2.0/24 via 192.0.2.1;\n\troute flow4"),
    },
    { name: "an empty block of attributes", edit: (text) => text.replaceAll("dport = 25; };", "dport = 25; } { };") },
  ],
  "gobgp.sh": [
    { name: "the family at the end", edit: (text) => text.replaceAll(/ -a (\S+)( match .*)$/gm, "$2 -a $1") },
    { name: "double quotes", edit: (text) => text.replaceAll("'", '"') },
    { name: "no shell", edit: (text) => text.replaceAll(/^#.*\n/gm, "") },
    {
      name: "a path",
      edit: (text) => text.replaceAll(/^gobgp/gm, "gobgp").replace("#!/bin/sh -e", "#!/bin/sh\nset -e"),
    },
    { name: "numbers of protocols", edit: (text) => text.replaceAll("protocol tcp", "protocol '==6'") },
    {
      name: "the rules in another order",
      edit: (text) =>
        text.replace(/(?:^gobgp.*\n)+/m, (some) => `${some.trimEnd().split("\n").toReversed().join("\n")}\n`),
    },
    { name: "rate-limit 0", edit: (text) => text.replaceAll("then discard", "then rate-limit 0") },
  ],
};

test("edits that change nothing are not flagged", () => {
  assert.ok(Object.values(neutral).flat().length >= 30);
  for (const speaker of speakers) {
    assertNeutral(bench, originals[speaker]!, speaker);
    for (const { name, edit } of neutral[speaker]) {
      const text = edit(originals[speaker]!);
      assert.notEqual(text, originals[speaker], `${name} changes nothing`);
      assertNeutral(bench, text, `${speaker}: ${name}`);
    }
  }
});

const matchOf = (
  destination?: string,
  source?: string,
  protocol?: number,
  destinationPorts?: readonly number[],
  sourcePorts?: readonly number[],
): FlowMatch => ({
  family: 4,
  destination: prefix(destination),
  source: prefix(source),
  protocol,
  destinationPorts: destinationPorts?.map((port) => ({ first: port, last: port })),
  sourcePorts: sourcePorts?.map((port) => ({ first: port, last: port })),
});

test("rules are tried in the order of RFC 8955 §5.1", () => {
  const ordered = [
    matchOf("192.0.2.0/25"),
    matchOf("192.0.2.0/24", "198.51.100.0/24", 6),
    matchOf("192.0.2.0/24", "198.51.100.0/24"),
    matchOf("192.0.2.0/24"),
    matchOf("192.0.3.0/24", "198.51.100.0/24"),
    matchOf("0.0.0.0/0"),
    matchOf(undefined, "10.0.0.0/16"),
    matchOf(undefined, "10.0.0.0/8"),
    matchOf(undefined, "11.0.0.0/24"),
    matchOf(undefined, undefined, 6, [25], [25]),
    matchOf(undefined, undefined, 6, [25]),
    matchOf(undefined, undefined, 6, [26]),
    matchOf(undefined, undefined, 6, undefined, [25]),
    matchOf(undefined, undefined, 6),
    matchOf(undefined, undefined, 17),
    matchOf(undefined, undefined, undefined, [25]),
  ];
  // The last octet of a value has its mark, so one value comes after two that begin like it, and 25 before 587.
  for (const [index, one] of ordered.entries()) {
    for (const [other, later] of ordered.entries()) {
      assert.equal(Math.sign(compareRules(one, later)), Math.sign(index - other), `${index} ${other}`);
    }
  }
});

function prefix(text: string | undefined): FlowMatch["source"] {
  if (text === undefined) return undefined;
  const [address = "", length] = text.split("/");
  return { address: parseAddress(address)!, length: Number(length) };
}

const refusal = (of: Program, more: object = {}): string => {
  const rendered = flowspec.render(of, { ...bench.options, ...more });
  return rendered.ok ? "" : rendered.error.map((error) => `${error.rule}: ${error.message}`).join("\n");
};

test("what rules cannot say is an error that names the policy's rule", () => {
  assert.equal(refusal(program), "");
  assert.match(refusal(program, { settings: { ...settings, validationOff: false } }), /ignore such rules/);
  assert.match(refusal(program, { budget: 3 }), /routers take 3/);
  assert.match(refusal(program, { strictManner: true }), /^op25b:pool0:full: .*reset/);
  const alice = {
    ...specimen,
    exemptions: [
      { ...specimen.exemptions[0]!, id: "x", subject: { kind: "subscriber", subscriber: "alice" } as const },
    ],
  };
  const known = benchOf(flowspec, alice, settings, { kind: "edge" }, specimenAt);
  assert.match(refusal(known.projection.program), /^op25b:exemption:x: .*subscribers/);
  const bound = { ...program, bindings: program.bindings.map((one) => ({ ...one, direction: "up" as const })) };
  assert.match(refusal(bound), /no directions/);
  assert.equal(refusal(bound, { scope: { ...scope, directions: ["up"] } }), "");
  // An exception that differs in its ports alone, and not in the right way.
  const [tcp, pool0] = [{ protocol: 6 }, { name: "pool", ...setOf("198.51.100.0/24"), timeouts: [] }];
  const ports = (first: number, last: number): object => ({
    ...tcp,
    source: pool0,
    destinationPorts: [{ first, last }],
  });
  const odd = {
    validations: [],
    bindings: [{ filter: "f", place: { kind: "everywhere" }, direction: "both", family: "both" }],
    filters: [
      {
        name: "f",
        otherwise: { kind: "pass" },
        terms: [
          { id: "exception", match: ports(587, 587), action: { kind: "pass" } },
          { id: "block", match: ports(25, 600), action: { kind: "block", manners: ["drop"] } },
        ],
      },
    ],
  } as Program;
  assert.match(refusal(odd), /^exception: the order of RFC 8955/);
});

const flowText = (body: string): string => `flow {\n${body}\n}\n`;

const birdText = (body: string): string => `protocol static {\nflow4;\n${body}\n}\n`;

const gobgpText = (rest: string): string => `#!/bin/sh\ngobgp global rib ${rest}\n`;

test("what is not understood is a problem with its line", () => {
  for (const [text, message] of [
    [
      flowText("route { match { source 192.0.2.0/24; fragment is-fragment; } then { discard; } }"),
      /in match: fragment/,
    ],
    [flowText("route { match { source 192.0.2.0/24; } then { redirect 1:1; } }"), /as an action/],
    [flowText("route { match { source 192.0.2.0/24; } then { rate-limit 9600; } }"), /as an action/],
    [flowText("route { match { source 192.0.2.0/24; } then { accept; discard; } }"), /one thing/],
    [flowText("route { match { source 192.0.2.0/24; source 192.0.2.0/25; } then { discard; } }"), /one source/],
    [flowText("route { match { source 192.0.2.1/24; } then { discard; } }"), /bits beyond/],
    [flowText("route { match { source 192.0.2.0/33; } then { discard; } }"), /no prefix/],
    [flowText("route { match { source 2001:db8::/32/8; } then { discard; } }"), /parts of addresses/],
    [flowText("route { match { source 2001:db8::/32; destination 192.0.2.1; } then { discard; } }"), /two families/],
    [flowText("route { match { protocol tcp; } then { discard; } }"), /which family/],
    [flowText("route { match { source 192.0.2.0/24; protocol [ tcp udp ]; } then { discard; } }"), /several protocols/],
    [flowText("route { match { source 192.0.2.0/24; destination-port =25; } then { discard; } }"), /ports go/],
    [
      flowText("route { match { source 192.0.2.0/24; protocol tcp; destination-port =x; } then { discard; } }"),
      /as destination-port/,
    ],
    [
      flowText("route { match { source 192.0.2.0/24; protocol tcp; destination-port =70000; } then { discard; } }"),
      /as destination-port/,
    ],
    [flowText("route { matches { source 192.0.2.0/24; } }"), /in a route/],
    [flowText("something;"), /in flow/],
    ["flow {\n", /not closed/],
    ["}\n", /closes nothing/],
    [birdText("route flow4 { src 192.0.2.0/24; length > 100; };"), /in a flow/],
    [
      birdText("route flow4 { src 192.0.2.0/24; } { bgp_ext_community.add((generic, 0x80070000, 0x1)); };"),
      /as an action/,
    ],
    [gobgpText("del -a ipv4-flowspec match source 192.0.2.0/24 then discard"), /no command/],
    [gobgpText("add -a ipv4 192.0.2.0/24"), /no command/],
    [gobgpText("add -a ipv4-flowspec match source 192.0.2.0/24 fragment is-fragment then discard"), /in match/],
    [gobgpText("add -a ipv4-flowspec match source 192.0.2.0/24 then redirect 1:1"), /as an action/],
    [gobgpText("add -a ipv4-flowspec match source 192.0.2.0/24 then discard; reboot"), /not understood/],
    [gobgpText("add -a ipv4-flowspec match source '192.0.2.0/24 then discard"), /quote/],
  ] as const) {
    const read = flowspec.parse([{ path: "text", text }], bench.context);
    assert.ok(!read.ok, text);
    assert.match(read.error.message, message, text);
    assert.ok(read.error.line >= 1);
  }
  const files = speakers.map((path) => ({ path, text: originals[path]! }));
  const apart = files.map(({ path, text }) => ({
    path,
    text: path === "bird.conf" ? text.replace(/^\troute flow4.*\n/m, "") : text,
  }));
  const read = flowspec.parse(apart, bench.context);
  assert.ok(!read.ok && read.error.path === "bird.conf" && read.error.message.includes("other rules"));
});

test("ExaBGP takes the text", async (t) => {
  const exabgp = await requires(t, "exabgp");
  const python = await requires(t, "python3");
  if (exabgp === undefined || python === undefined) return;
  const folder = await temporaryDirectory(t);
  const file = join(folder, "exabgp.conf");
  const neighbor =
    "neighbor 127.0.0.2 {\n\tinherit sekimori;\n\trouter-id 192.0.2.1;\n\tlocal-address 127.0.0.1;\n\tlocal-as 64500;\n\tpeer-as 64501;\n}\n";
  const run = async (text: string): Promise<{ readonly code: number | null; readonly said: string }> => {
    await writeFile(file, text);
    const { code, stdout, stderr } = await runProgram({
      program: python.path,
      parameters: [exabgp.path, "--test", "-d", file],
      environment: {
        ...exabgp.environment,
        exabgp_daemon_user: "root",
        exabgp_api_cli: "false",
        exabgp_log_level: "DEBUG",
      },
      milliseconds: 120_000,
    });
    return { code, said: stdout + stderr };
  };
  const good = await run(originals["exabgp.conf"]! + neighbor);
  assert.equal(good.code, 0, good.said.slice(-4000));
  const bad = await run(originals["exabgp.conf"]!.replace("destination-port =25", "destination-port =x") + neighbor);
  assert.notEqual(bad.code, 0);
});

test("BIRD takes the text", async (t) => {
  const bird = await requires(t, "bird");
  if (bird === undefined) return;
  const file = join(await temporaryDirectory(t), "bird.conf");
  const run = async (text: string): Promise<{ readonly code: number | null; readonly said: string }> => {
    await writeFile(file, `router id 192.0.2.1;\nprotocol device { }\n${text}`);
    const { code, stdout, stderr } = await runProgram({
      program: bird.path,
      parameters: ["-p", "-c", file],
      environment: bird.environment,
      milliseconds: 60_000,
    });
    return { code, said: stdout + stderr };
  };
  const good = await run(originals["bird.conf"]!);
  assert.equal(good.code, 0, good.said);
  const bad = await run(originals["bird.conf"]!.replace("dport = 25", "dport = x"));
  assert.notEqual(bad.code, 0);
});

// The five sites in etc/ through the `net` commands: sound, explained as their comments say, told in words; and exemptions
// from their request to their end.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { run } from "./test-run.ts";

const etc = join(import.meta.dirname, "../../etc");
const site = (name: string): string => join(etc, `${name}.toml`);
const now = "2026-12-01";

describe("the sites in etc/", () => {
  for (const name of ["model-a", "model-b", "model-c", "hosting", "home"]) {
    test(`${name} is sound`, async () => {
      const checked = await run("net", "check", "--config", site(name), "--at", now);
      assert.deepEqual(checked, { code: 0, out: `the policy of ${site(name)} is sound\n`, err: "" });
      const config = await run("config", "check", "--config", site(name));
      assert.equal(config.code, 0, config.err);
    });
  }

  test("a network without a mail side says what a mail service would need", async () => {
    const shown = await run("config", "show", "--config", site("model-c"));
    assert.equal(shown.code, 2);
    for (const key of ['"hostname"', "[[domain]]", "[[listener]]"])
      assert.ok(shown.err.includes(`${key} is missing`), key);
  });

  test("a mail side shown with its network side reads back", async () => {
    const { out } = await run("config", "show", "--config", site("model-a"));
    const directory = mkdtempSync(join(tmpdir(), "sekimori-shown-"));
    const file = join(directory, "sekimori.toml");
    writeFileSync(file, out);
    const again = await run("config", "show", "--config", file);
    assert.equal(again.out, out);
    const checked = await run("net", "check", "--config", file, "--at", now);
    assert.deepEqual([checked.code, checked.err], [0, ""]);
    rmSync(directory, { recursive: true });
  });
});

interface Asked {
  readonly in: string;
  readonly from: string;
  readonly to: string;
  readonly port?: string;
  readonly at: string;
  readonly rest?: readonly string[];
  /** Exit code and a part of the rule. */
  readonly code: 0 | 1;
  readonly rule: string;
}

const mx = "203.0.113.25";
const asked: readonly Asked[] = [
  // Model A, as the dates go by.
  { in: "model-a", from: "198.51.100.10", to: mx, at: "2026-12-02", code: 0, rule: "op25b:residential:observe" },
  { in: "model-a", from: "198.51.100.10", to: mx, at: "2027-02-02", code: 0, rule: "op25b:residential:rest" },
  { in: "model-a", from: "198.51.100.10", to: "203.0.113.129", at: "2027-02-02", code: 1, rule: "carrier:mobile-x" },
  { in: "model-a", from: "198.51.100.10", to: mx, at: "2027-04-02", code: 1, rule: "op25b:residential:full" },
  {
    in: "model-a",
    from: "2001:db8:a:d000::10",
    to: "2001:db8:f::25",
    at: "2027-04-02",
    code: 1,
    rule: "residential:full",
  },
  // Days begin in the zone of the file.
  { in: "model-a", from: "198.51.100.10", to: mx, at: "2027-03-31T14:59:59Z", code: 0, rule: "rest" },
  { in: "model-a", from: "198.51.100.10", to: mx, at: "2027-03-31T15:00:00Z", code: 1, rule: "full" },
  // What stays open, and until when.
  { in: "model-a", from: "198.51.100.10", to: "192.0.2.5", at: "2027-04-02", code: 0, rule: "msa25" },
  { in: "model-a", from: "198.51.100.10", to: "192.0.2.7", at: "2027-04-02", code: 1, rule: "full" },
  { in: "model-a", from: "198.51.100.130", to: "192.0.2.130", at: "2028-02-29", code: 0, rule: "partner:isp-b" },
  { in: "model-a", from: "198.51.100.130", to: "192.0.2.130", at: "2028-03-01", code: 1, rule: "full" },
  { in: "model-a", from: "198.51.100.10", to: mx, port: "587", at: "2027-04-02", code: 0, rule: "rest" },
  { in: "model-a", from: "198.51.100.200", to: mx, at: "2027-04-02", code: 0, rule: "rest" },
  { in: "model-a", from: "192.0.2.6", to: mx, at: "2027-04-02", code: 0, rule: "rest" },
  // Answers to packets that left elsewhere, and sources that do not belong to the line.
  {
    in: "model-a",
    from: mx,
    to: "198.51.100.10",
    port: "40000",
    rest: ["--sport", "25"],
    at: "2027-04-02",
    code: 1,
    rule: "ip25b:residential:full",
  },
  {
    in: "model-a",
    from: "192.0.2.5",
    to: "198.51.100.10",
    port: "40000",
    rest: ["--sport", "25"],
    at: "2027-04-02",
    code: 0,
    rule: "ip25b:residential:msa25",
  },
  {
    in: "model-a",
    from: "198.51.100.66",
    to: mx,
    port: "80",
    rest: ["--line", "sta0"],
    at: "2027-05-02",
    code: 1,
    rule: "sav:sta0:foreign",
  },
  {
    in: "model-a",
    from: "198.51.100.200",
    to: mx,
    port: "80",
    rest: ["--line", "sta0"],
    at: "2027-05-02",
    code: 0,
    rule: "sav:sta0:own",
  },
  // Model C: the carrier by its domain, and one customer who has time until August.
  { in: "model-c", from: "198.51.100.10", to: "203.0.113.130", at: "2027-02-02", code: 1, rule: "carrier:mobile-y" },
  { in: "model-c", from: "198.51.100.77", to: mx, at: "2027-08-31", code: 0, rule: "exemption:shop-camera" },
  { in: "model-c", from: "198.51.100.77", to: mx, at: "2027-09-01", code: 1, rule: "full" },
  // Hosting: closed but on request.
  { in: "hosting", from: "203.0.113.12", to: "198.51.100.25", at: now, code: 1, rule: "machines:full" },
  { in: "hosting", from: "203.0.113.11", to: "198.51.100.25", at: now, code: 0, rule: "exemption:vm11" },
  {
    in: "hosting",
    from: "203.0.113.11",
    to: "198.51.100.25",
    rest: ["--line", "tap-vm12"],
    at: now,
    code: 1,
    rule: "sav:tap-vm12",
  },
  // Nobody is blocked at home, or at model B's.
  { in: "home", from: "198.51.100.10", to: mx, at: now, code: 0, rule: "rest" },
  { in: "model-b", from: "198.51.100.138", to: mx, at: now, code: 0, rule: "rest" },
];

const ask = (...words: readonly string[]) => run("net", "explain", "--config", site("model-a"), ...words);

describe("net explain", () => {
  for (const { in: name, from, to, port = "25", at, rest = [], code, rule } of asked) {
    test(`${name} ${at}: ${[from, ...rest].join(" ")} → ${to} port ${port}`, async () => {
      const words = ["net", "explain", "--config", site(name), "--src", from, "--dst", to, "--dport", port, "--at", at];
      const told = await run(...words, ...rest);
      assert.equal(told.code, code, told.out + told.err);
      assert.match(told.out, new RegExp(`rule +\\S*${rule}`));
      const json: unknown = JSON.parse((await run(...words, ...rest, "--json")).out);
      assert.ok(typeof json === "object" && json !== null && "decision" in json);
      assert.equal(json.decision, code === 0 ? "pass" : "block");
    });
  }

  test("questions that make no sense are usage errors", async () => {
    assert.equal((await ask("--src", "a", "--dst", mx)).code, 2);
    assert.equal((await ask("--src", "::1", "--dst", mx)).code, 2);
    assert.equal((await ask("--src", mx, "--dst", mx, "--dport", "70000")).code, 2);
    assert.equal((await ask("--src", mx, "--dst", mx, "--placement", "line:gone")).code, 2);
    assert.equal((await ask("--src", mx, "--dst", mx, "--at", "soon")).code, 2);
  });
});

test("net plan tells what is in force and what changes when", async () => {
  const { code, out } = await run("net", "plan", "--config", site("model-a"), "--at", "2027-03-01");
  assert.equal(code, 0);
  assert.match(out, /pool residential\n +dynamic, 128 IPv4 addresses, 1 IPv6 range\n +port 25 of mobile carriers/);
  assert.match(out, /valid until 2027-04-01; what changes when:\n  2027-04-01  pool residential: port 25 is blocked/);
  assert.match(out, /2028-03-01  permit for partner isp-b ends/);
  const b = await run("net", "plan", "--config", site("model-b"), "--at", now);
  assert.match(
    b.out,
    /partner isp-a: it blocks port 25 from 2027-04-01, and permits our MSA until 2028-03-01; our users: announced, 35 %/,
  );
});

describe("net exempt", () => {
  let directory: string;
  let config: string;
  let file: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "sekimori-exempt-"));
    for (const name of ["model-a", "model-b", "model-a.toml"])
      cpSync(join(etc, name), join(directory, name), { recursive: true });
    config = join(directory, "model-a.toml");
    file = join(directory, "model-a/network.exemptions.toml");
  });
  after(() => rmSync(directory, { recursive: true }));

  const exempt = (verb: string, ...words: readonly string[]) =>
    run("net", "exempt", verb, ...words, "--config", config, "--at", now);
  const add = (...words: readonly string[]) =>
    exempt("add", "--owner", "Example Trading", "--reason", 'runs "its own" server', "--ticket", "T-7", ...words);
  const audit = (): readonly Record<string, unknown>[] =>
    readFileSync(`${file}.audit.jsonl`, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test("from the request to the end", async () => {
    const added = await add("--address", "198.51.100.20", "2001:db8:a:d020::/64", "--until", "2027-11-30");
    assert.equal(added.code, 0, added.err);
    assert.match(added.out, /^added exemption t-7, until 2027-11-30;/);
    const question = [
      "net",
      "explain",
      "--config",
      config,
      "--src",
      "198.51.100.20",
      "--dst",
      mx,
      "--at",
      "2027-06-01",
    ];
    assert.match((await run(...question)).out, /op25b:residential:exemption:t-7/);
    assert.match(
      (await exempt("list")).out,
      /^t-7 +198\.51\.100\.20 2001:db8:a:d020::\/64 +2027-12-01 +in force +Example Trading +T-7$/m,
    );

    const renewed = await exempt("renew", "t-7", "--until", "2027-12-31");
    assert.equal(renewed.code, 0, renewed.err);
    assert.match((await exempt("list")).out, /2028-01-01/);

    const revoked = await exempt("revoke", "t-7", "--reason", "sent spam");
    assert.equal(revoked.code, 0, revoked.err);
    assert.equal((await run(...question)).code, 1);
    assert.deepEqual(
      audit().map(({ action, why }) => [action, why]),
      [
        ["add", undefined],
        ["renew", undefined],
        ["revoke", "sent spam"],
      ],
    );
  });

  test("what would be wrong is refused, and nothing changes", async () => {
    await add("--address", "198.51.100.21", "--until", "2027-11-30", "--id", "keep");
    const [kept, lines] = [readFileSync(file, "utf8"), audit().length];
    const refusals: readonly (readonly [() => ReturnType<typeof run>, number, RegExp])[] = [
      [() => add("--address", "198.51.100.1/25", "--until", "2027-11-30"), 2, /has bits beyond its length/],
      [
        () => add("--address", "203.0.113.9", "--until", "2027-11-30"),
        2,
        /is in no dynamic pool.*\[permit-without-effect\]/,
      ],
      [() => add("--address", "198.51.100.9", "--until", "yesterday"), 2, /is not a date/],
      [() => add("--address", "198.51.100.9", "--until", "2026-11-29"), 2, /has expired/],
      [() => add("--subscriber", "alice", "--until", "2027-11-30"), 2, /\[subscriber-unsayable\]/],
      [() => add("--until", "2027-11-30"), 2, /exactly one of them/],
      [() => add("--address", "198.51.100.9", "--until", "2027-11-30", "--id", "keep"), 1, /there already is/],
      [() => exempt("renew", "gone", "--until", "2027-12-31"), 1, /there is no exemption gone/],
      [() => exempt("revoke", "gone", "--reason", "r"), 1, /there is no exemption gone/],
    ];
    for (const [refusal, code, why] of refusals) {
      const { code: found, err } = await refusal();
      assert.equal(found, code, `${why} ${err}`);
      assert.match(err, why);
    }
    assert.equal(readFileSync(file, "utf8"), kept);
    assert.equal(audit().length, lines);
  });

  test("two at a time do not overwrite each other", async () => {
    writeFileSync(`${file}.lock`, "");
    const { code, err } = await add("--address", "198.51.100.22", "--until", "2027-11-30", "--id", "second");
    assert.equal(code, 3);
    assert.match(err, /another change is being made/);
    assert.ok(existsSync(`${file}.lock`), "the lock of another command stays");
    rmSync(`${file}.lock`);
  });
});

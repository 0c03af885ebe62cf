// `net render` and `net verify` on the example sites.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "./test-run.ts";

const site = (name: string): readonly string[] => [
  "--config",
  join(import.meta.dirname, "../../etc", `${name}.toml`),
  "--at",
  "2027-06-01",
];

let folder = "";
before(() => (folder = mkdtempSync(join(tmpdir(), "sekimori-net-"))));
after(() => rmSync(folder, { recursive: true, force: true }));

test("what is rendered is proved, and a text that somebody changed is told from it by a packet", async () => {
  const rendered = await run("net", "render", "--target", "edge", ...site("model-a"));
  assert.equal(rendered.code, 0, rendered.err);
  assert.match(
    rendered.out,
    /^# nftables: port 25 policy, revision r\w+\n# in force at 2027-05-31T15:00:00.000Z\n# valid until /,
  );
  const file = join(folder, "text");
  writeFileSync(file, rendered.out);
  const same = await run("net", "verify", "--target", "edge", "--file", file, ...site("model-a"));
  assert.equal(same.code, 0, same.err);
  assert.match(same.out, /^edge \(nftables\): proved\n/);
  writeFileSync(file, rendered.out.replace("tcp dport 25 jump", "tcp dport 26 jump"));
  const changed = await run("net", "verify", "--target", "edge", "--file", file, "--json", ...site("model-a"));
  assert.equal(changed.code, 1);
  const [proof] = (JSON.parse(changed.out) as { targets: { result: string; counterexample: { packet: string } }[] })
    .targets;
  assert.equal(proof?.result, "different");
  assert.match(proof.counterexample.packet, /port 25/);
});

test("a text is not proved beyond its time, nor one that cannot be read", async () => {
  const rendered = await run("net", "render", "--target", "edge", ...site("model-a"));
  const file = join(folder, "old");
  writeFileSync(file, rendered.out);
  const later = [...site("model-a").slice(0, 3), "2027-12-01"];
  const stale = await run("net", "verify", "--target", "edge", "--file", file, ...later);
  assert.equal(stale.code, 1);
  assert.match(stale.out, /: (stale|different)\n/);
  writeFileSync(file, rendered.out.replace("tcp dport 25 jump", "tcp dport 25 limit rate 5/second jump"));
  const odd = await run("net", "verify", "--target", "edge", "--file", file, ...site("model-a"));
  assert.equal(odd.code, 2);
  assert.match(odd.out, /old:\d+: the condition limit is not understood/);
});

test("files are written where one wants them", async () => {
  const rendered = await run("net", "render", "--target", "nftables", "--output", folder, ...site("model-c"));
  assert.equal(rendered.code, 0, rendered.err);
  assert.equal(rendered.out, "");
  assert.match(readFileSync(join(folder, "sekimori.nft"), "utf8"), /table inet sekimori/);
});

test("a site without an edge renders nothing and says so", async () => {
  for (const name of ["home", "model-b"]) {
    for (const command of ["render", "verify"]) {
      // oxlint-disable-next-line no-await-in-loop -- they share the terminal
      const outcome = await run("net", command, ...site(name));
      assert.deepEqual([outcome.code, outcome.out], [0, ""]);
      assert.match(outcome.err, /no edge of its own/);
    }
  }
});

test("all of every example site is proved, now and later", async () => {
  for (const name of ["model-a", "model-b", "model-c", "hosting", "home"]) {
    for (const day of ["2026-11-01", "2027-02-15", "2027-06-01"]) {
      // oxlint-disable-next-line no-await-in-loop -- they share the terminal
      const outcome = await run("net", "verify", ...site(name).slice(0, 3), day);
      assert.equal(outcome.code, 0, `${name} ${day}\n${outcome.out}${outcome.err}`);
    }
  }
});

test("a list that somebody changed is told from the policy by an address", async () => {
  const rendered = await run("net", "render", "--target", "list", "--output", folder, ...site("model-a"));
  assert.equal(rendered.code, 0, rendered.err);
  const file = join(folder, "dynamic.isp-a.example.zone");
  const text = readFileSync(file, "utf8");
  for (const [changed, sentence] of [
    [text.replace(/^7\.100\.51\.198 .*\n/gm, ""), "198.51.100.7 belongs on the list, and is not there"],
    [`${text}200.100.51.198 A 127.0.0.2\n`, "198.51.100.200 is listed, and does not belong there"],
  ] as const) {
    writeFileSync(file, changed);
    // oxlint-disable-next-line no-await-in-loop -- they share the terminal
    const outcome = await run("net", "verify", "--target", "list", "--file", file, ...site("model-a"));
    assert.equal(outcome.code, 1, outcome.err);
    assert.ok(outcome.out.includes(sentence), outcome.out);
  }
});

test("a target that nobody knows is a mistake of the caller", async () => {
  const outcome = await run("net", "render", "--target", "toaster", ...site("model-a"));
  assert.equal(outcome.code, 2);
  assert.match(outcome.err, /there is no target toaster: edge, /);
});

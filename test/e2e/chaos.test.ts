// Ten of everything that chaos/ does at length (`npm run chaos`): nothing that was answered 250 is lost.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { chaosClock } from "../../chaos/clock.ts";
import { differences, imageAfter, parseLog, readTree, writeTree } from "../../chaos/disk-image.ts";
import type { Operation, Tree } from "../../chaos/disk-image.ts";
import { chaosDisk } from "../../chaos/disk.ts";
import { chaosKill } from "../../chaos/kill.ts";
import { chaosPowercut } from "../../chaos/powercut.ts";
import { chaosRemote } from "../../chaos/remote.ts";
import { randomFrom } from "../../chaos/report.ts";
import type { ChaosOptions, Report } from "../../chaos/report.ts";

const rounds = 10;

/** The failures, or undefined when the test was skipped. */
async function run(
  t: TestContext,
  scenario: (options: ChaosOptions) => Promise<Report>,
): Promise<readonly string[] | undefined> {
  const seed = Number(process.env["SEKIMORI_SEED"] ?? Math.floor(Math.random() * 1_000_000));
  t.diagnostic(`SEKIMORI_SEED=${seed}`);
  const tell = (line: string): void => t.diagnostic(line);
  const report = await scenario({ scope: t, rounds, threads: [1], random: randomFrom(seed), tell });
  if (report.kind === "not-possible") {
    t.skip(report.reason);
    return undefined;
  }
  tell(report.figures);
  return report.failures;
}

for (const [name, scenario] of [
  [
    "killed under load, with one mail thread and two in turn",
    (options: ChaosOptions) => chaosKill({ ...options, threads: [1, 2] }),
  ],
  ["when the power goes under load", (options: ChaosOptions) => chaosPowercut(options, "real")],
  ["when the disk is full or read-only", chaosDisk],
  ["when the remote host drops connections and hangs, at every point of the dialogue", chaosRemote],
  ["when the wall clock jumps by days", chaosClock],
] as const) {
  test(`nothing that was answered 250 is lost ${name}`, async (t) => {
    const failures = await run(t, scenario);
    if (failures !== undefined) assert.deepEqual(failures, []);
  });
}

test("a disk that does not sync loses mail when the power goes: the power cuts above can fail", async (t) => {
  const failures = await run(t, (options) => chaosPowercut({ ...options, rounds: 3 }, "none"));
  if (failures !== undefined) assert.ok(failures.some((each) => each.startsWith("answered 250 and missing")));
});

const root = "/state";
const octets = (text: string): Buffer => Buffer.from(text);
const before: Tree = new Map([["old", octets("old")]]);
const write = (inode: bigint, offset: number, text: string): Operation => ({
  kind: "write",
  inode,
  offset,
  octets: octets(text),
});
const made: readonly Operation[] = [
  { kind: "open", inode: 1n, path: root },
  { kind: "make-directory", path: `${root}/box` },
  { kind: "open", inode: 2n, path: `${root}/box` },
  { kind: "open", inode: 3n, path: `${root}/box/new` },
  write(3n, 0, "synced"),
  { kind: "sync", inode: 3n, covers: 5 },
];

/** Every tree that chance makes of it. */
function images(operations: readonly Operation[]): readonly Tree[] {
  const random = randomFrom(1);
  return Array.from({ length: 400 }, () => imageAfter(before, operations, root, "chance", random));
}

const box = (tree: Tree): Tree | undefined => tree.get("box") as Tree | undefined;

test("a power cut keeps what was synced: octets by their file, names by their directory", () => {
  const whole = images([...made, { kind: "sync", inode: 2n, covers: 6 }, { kind: "sync", inode: 1n, covers: 7 }]);
  for (const tree of whole) assert.deepEqual(box(tree)?.get("new"), octets("synced"));
});

test("a power cut may take a name whose directory was not synced, and everything in a directory without a name", () => {
  const without = images([...made, { kind: "sync", inode: 1n, covers: 6 }]);
  assert.ok(without.some((tree) => box(tree)?.has("new") === false));
  assert.ok(without.some((tree) => box(tree)?.has("new") === true));
  assert.ok(images(made).some((tree) => !tree.has("box")));
});

test("a power cut tears what was written after the sync, and keeps what the sync covers", () => {
  const names: readonly Operation[] = [
    { kind: "sync", inode: 2n, covers: 6 },
    { kind: "sync", inode: 1n, covers: 7 },
  ];
  const contents = images([...made, ...names, write(3n, 6, " and torn".repeat(200))]).map((tree) => {
    const content = box(tree)?.get("new");
    assert.ok(Buffer.isBuffer(content));
    return content;
  });
  assert.ok(contents.every((content) => content.toString("latin1", 0, 6) === "synced"));
  const lengths = new Set(contents.map((content) => content.length));
  assert.ok(lengths.has(6) && lengths.has(1806) && lengths.size > 10, [...lengths].join(" "));
});

test("a sync that began before a write does not cover it", () => {
  const late = [...made.slice(0, 4), write(3n, 0, "late"), { kind: "sync", inode: 3n, covers: 4 } as const];
  const found = images([...late, { kind: "sync", inode: 2n, covers: 6 }, { kind: "sync", inode: 1n, covers: 7 }]);
  const contents = found.map((tree) => (box(tree)!.get("new") as Buffer).toString());
  assert.ok(contents.includes("late"));
  assert.ok(contents.includes(""));
});

test("a rename that was not synced may be undone, and is whole within one directory", () => {
  const operations: readonly Operation[] = [
    { kind: "open", inode: 1n, path: root },
    { kind: "rename", from: `${root}/old`, to: `${root}/renamed` },
  ];
  const found = images(operations).map((tree) => [...tree.keys()].join(" "));
  assert.deepEqual(new Set(found), new Set(["old", "renamed"]));
});

test("a log that the kill cut short ends before the torn record", () => {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(7, 0);
  head.writeUInt32LE(1, 4);
  head.writeBigUInt64LE(9n, 8);
  const record = Buffer.concat([head, octets("/state\0")]);
  assert.deepEqual(parseLog(Buffer.concat([record, record.subarray(0, 20)])), [
    { kind: "open", inode: 9n, path: "/state" },
  ]);
  assert.equal(parseLog(Buffer.concat([record, record.subarray(0, 28)])).length, 1);
});

test("a tree that is written is the tree that is read", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-test-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "left over"), "");
  const tree: Tree = new Map<string, Tree | Buffer>([
    ["empty", new Map()],
    ["box", new Map([["new", octets("synced")]])],
  ]);
  writeTree(directory, tree);
  assert.deepEqual(differences(tree, readTree(directory)), []);
  assert.deepEqual(differences(tree, before), ["/empty is in one only", "/box is in one only", "/old is in one only"]);
});

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { assignLanes, laneDirectory, lanesOnDisk } from "./lanes.ts";

test("every lane is served by exactly one thread, and every thread takes mail into its own", () => {
  const lane = fc.integer({ min: 0, max: 31 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32 }), fc.array(lane), (threads, known) => {
      const assigned = assignLanes(threads, known);
      assert.deepEqual(
        assigned.map(([own]) => own),
        Array.from({ length: threads }, (_each, thread) => thread),
      );
      const served = assigned.flat();
      assert.equal(new Set(served).size, served.length);
      for (const each of known) assert.ok(served.includes(each));
    }),
  );
});

test("lanes are found by their directories", async (t) => {
  const state = await mkdtemp(join(tmpdir(), "sekimori-lanes-"));
  t.after(() => rm(state, { recursive: true }));
  assert.deepEqual(await lanesOnDisk(state), []);
  for (const lane of [0, 12, 3]) mkdirSync(laneDirectory(state, lane), { recursive: true });
  for (const name of ["lane-0", "lane-99", "lane-x", "0000000001-0011223344556677.segment"])
    mkdirSync(join(state, "spool", name));
  assert.deepEqual(await lanesOnDisk(state), [0, 3, 12]);
});

// What holds for every target.

import assert from "node:assert/strict";
import { test } from "node:test";
import { headerLines } from "../target.ts";
import { targetNamed, targets } from "./index.ts";

test("each target has a name of its own and says what it can", () => {
  for (const target of targets) {
    assert.match(target.name, /^[a-z][a-z0-9-]*$/);
    assert.equal(targetNamed(target.name), target);
    assert.notEqual(target.capabilities.placements.length, 0);
  }
  assert.equal(targetNamed("no such device"), undefined);
});

test("the head of every text tells its revision, its time, and what it rests on", () => {
  const options = {
    revision: "r1",
    at: 0,
    validUntil: 86_400_000,
    hypotheses: ["SAV holds here"],
    strictManner: false,
  };
  assert.deepEqual(headerLines("nftables", options), [
    "nftables: port 25 policy, revision r1",
    "in force at 1970-01-01T00:00:00.000Z",
    "valid until 1970-01-02T00:00:00.000Z",
    "holds if: SAV holds here",
  ]);
});

// A reload changes the rules, not what was counted.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Limits } from "./limits.ts";

const hour = 3_600_000;
const rule = (length: number, limit: number) => ({ name: `${length}`, length, limit });

test("a new limit over the same interval holds for what was taken before", () => {
  const limits = new Limits([rule(hour, 10)]);
  for (let units = 0; units < 8; units++) limits.reserve("a", 1, units * 1000);
  const tighter = limits.reshaped([rule(hour, 8)]);
  assert.equal(tighter.reserve("a", 1, 9000).kind, "over");
  const wider = limits.reshaped([rule(hour, 9)]);
  assert.equal(wider.reserve("a", 1, 9000).kind, "within");
  assert.equal(wider.reserve("a", 1, 9000).kind, "over");
  assert.equal(wider.reserve("b", 9, 9000).kind, "within");
});

test("a reservation of before is given back after", () => {
  const limits = new Limits([rule(hour, 1)]);
  const answer = limits.reserve("a", 1, 5000);
  assert.ok(answer.kind === "within");
  const same = limits.reshaped([rule(hour, 1)]);
  same.release(answer.reservation);
  assert.equal(same.uses("a", 6000)[0]?.used, 0);
});

test("whatever the old and new intervals, nothing still inside the new one is forgotten", () => {
  const interval = fc.integer({ min: 1, max: 48 }).map((count) => count * hour);
  fc.assert(
    fc.property(interval, interval, fc.array(fc.integer({ min: 0, max: 48 * hour })), (before, after, times) => {
      const now = 48 * hour;
      const limits = new Limits([rule(before, 1000)]);
      for (const at of times.toSorted((a, b) => a - b)) limits.count("a", 1, at);
      const inside = times.filter((at) => at > now - Math.min(before, after)).length;
      const used = limits.reshaped([rule(after, 1000)]).uses("a", now)[0]!.used;
      assert.ok(used >= inside, `${used} of ${inside}`);
    }),
  );
});

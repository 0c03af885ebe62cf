import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { latestDue, nextStep } from "./schedule.ts";

test("waits grow as listed, the last one repeats, and the final attempt is made at the end of the message's life", () => {
  const schedule = { retry: [10, 20, 40], giveUp: 200 };
  const dues: number[] = [];
  let now = 0;
  for (let attempts = 1; ; attempts++) {
    const step = nextStep(schedule, { receivedAt: 0, attempts }, now);
    if (step.kind === "give-up") break;
    dues.push(step.due);
    now = step.due;
  }
  assert.deepEqual(dues, [10, 30, 70, 110, 150, 190, 200]);
});

test("every message is given up at last, never before its time, whatever the schedule", () => {
  const schedules = fc.record({
    retry: fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 8 }),
    giveUp: fc.integer({ min: 1, max: 1_000_000 }),
  });
  fc.assert(
    fc.property(schedules, fc.integer({ min: 0, max: 1_000_000 }), (schedule, receivedAt) => {
      let now = receivedAt;
      let attempts = 1;
      for (; attempts < 2_000_000; attempts++) {
        const step = nextStep(schedule, { receivedAt, attempts }, now);
        if (step.kind === "give-up") break;
        assert.ok(step.due > now, "a retry lies ahead");
        assert.ok(step.due <= latestDue(schedule, now), "and not further than any may");
        now = step.due;
      }
      assert.equal(now, receivedAt + schedule.giveUp);
    }),
    { numRuns: 40 },
  );
});

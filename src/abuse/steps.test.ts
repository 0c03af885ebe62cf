// What is done about an account, as a machine: whatever scores come, in whatever order, and however far the operator allows.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { farthestOf, goesBeyond, nextTaken, slowFor, standardThresholds, stepFor, steps } from "./steps.ts";
import type { Step, Taken } from "./steps.ts";

/** Scores at and around every threshold, and the time since the one before: often less than a slowing lasts, often more. */
const anyScore = fc.oneof(
  fc.constantFrom(...steps).map((step) => standardThresholds[step]),
  fc.constantFrom(...steps).map((step) => standardThresholds[step] - 0.01),
  fc.double({ min: 0, max: 40, noNaN: true }),
);
const anyWait = fc.oneof(fc.nat(slowFor / 20), fc.constantFrom(slowFor - 1, slowFor, slowFor + 1), fc.nat(3 * slowFor));
const anyLife = fc.array(fc.record({ score: anyScore, wait: anyWait }), { maxLength: 60 });
const anyFarthest = fc.constantFrom(...steps);

interface Moment {
  readonly at: number;
  readonly score: number;
  readonly before: Taken | undefined;
  readonly after: Taken | undefined;
}

function live(life: readonly { readonly score: number; readonly wait: number }[], farthest: Step): readonly Moment[] {
  let at = 1_800_000_000_000;
  let taken: Taken | undefined;
  return life.map(({ score, wait }) => {
    at += wait;
    const before = taken;
    taken = nextTaken(before, { at, score }, standardThresholds, farthest);
    return { at, score, before, after: taken };
  });
}

test("no step goes farther than the operator allows, nor than a score has asked for", () => {
  fc.assert(
    fc.property(anyLife, anyFarthest, (life, farthest) => {
      let asked: Step | undefined;
      for (const { score, after } of live(life, farthest)) {
        const now = stepFor(score, standardThresholds);
        if (now !== undefined && goesBeyond(now, asked)) asked = now;
        if (after === undefined) continue;
        assert.ok(!goesBeyond(after.step, farthest), `${after.step} of ${farthest}`);
        assert.ok(asked !== undefined && !goesBeyond(after.step, asked));
      }
    }),
  );
});

test("what the score asks for is in force after the observation, as far as it is allowed", () => {
  fc.assert(
    fc.property(anyLife, anyFarthest, (life, farthest) => {
      for (const { score, after } of live(life, farthest)) {
        const asked = stepFor(score, standardThresholds);
        if (asked === undefined || asked === "notice" || farthest === "notice") continue;
        const allowed = goesBeyond(asked, farthest) ? farthest : asked;
        assert.ok(after !== undefined && !goesBeyond(allowed, after.step));
      }
    }),
  );
});

test("hold and suspend never end by themselves, and nothing ever goes back a step while it lasts", () => {
  fc.assert(
    fc.property(anyLife, anyFarthest, (life, farthest) => {
      for (const { at, before, after } of live(life, farthest)) {
        if (before === undefined || (before.step === "slow" && before.until <= at)) continue;
        assert.ok(after !== undefined && !goesBeyond(before.step, after.step));
        if (after.step === before.step) assert.equal(after.since, before.since);
      }
    }),
  );
});

test("a slowing lasts most of a day after the last score that asked for it, and never longer than a day", () => {
  fc.assert(
    fc.property(anyLife, (life) => {
      let last = Number.NEGATIVE_INFINITY;
      for (const { at, score, after } of live(life, "slow")) {
        if (score >= standardThresholds.slow) last = at;
        if (after === undefined) {
          assert.ok(at - last >= slowFor - 3_600_000);
          continue;
        }
        assert.ok(after.step === "slow" && after.until <= last + slowFor && after.until >= last + slowFor - 3_600_000);
      }
    }),
  );
});

test("it is written down anew no more often than once in an hour", () => {
  let taken: Taken | undefined;
  let changes = 0;
  for (let minute = 0; minute < 24 * 60; minute++) {
    const next = nextTaken(taken, { at: minute * 60_000, score: 12 }, standardThresholds, "suspend");
    if (next !== taken) changes++;
    taken = next;
  }
  assert.ok(changes <= 25, String(changes));
});

test("who observes only is told only", () => {
  assert.equal(farthestOf("none"), "notice");
  for (const step of steps) assert.equal(farthestOf(step), step);
  assert.equal(nextTaken(undefined, { at: 1, score: 1000 }, standardThresholds, "notice"), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Limits } from "./limits.ts";

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom("reserve", "reserve", "reserve", "release", "count"),
    units: fc.integer({ min: 1, max: 7 }),
    wait: fc.integer({ min: 0, max: 900 }),
  }),
  { maxLength: 120 },
);

const rules = [
  { name: "1s", length: 1000, limit: 10 },
  { name: "5s", length: 5000, limit: 25 },
];

test("in any interval of a window's length at most its limit is taken, and what fits exactly is not refused for long", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const limits = new Limits(rules);
      let now = 0;
      /** The plain truth: everything taken and not given back. */
      let taken: { at: number; units: number; reservation?: Parameters<Limits["release"]>[0] }[] = [];
      for (const step of sequence) {
        now += step.wait;
        if (step.kind === "count") continue;
        if (step.kind === "release") {
          const held = taken.pop();
          if (held?.reservation !== undefined) limits.release(held.reservation);
          continue;
        }
        const answer = limits.reserve("a", step.units, now);
        const sum = (length: number): number =>
          taken.filter(({ at }) => at > now - length).reduce((total, { units }) => total + units, 0);
        if (answer.kind === "within") {
          taken.push({ at: now, units: step.units, reservation: answer.reservation });
          for (const rule of rules) assert.ok(sum(rule.length) <= rule.limit, `${rule.name} overshot`);
        } else {
          const rule = rules.find(({ name }) => name === answer.window)!;
          // Refused only if it would not fit into the window widened by one granule.
          assert.ok(sum(rule.length + rule.length / 500 + 1e-6) + step.units > rule.limit, "refused without need");
          assert.ok(answer.opensIn > 0 || step.units > rule.limit);
          if (Number.isFinite(answer.opensIn)) assert.ok(answer.opensIn <= rule.length * (1 + 1 / 500) + 1e-6);
        }
      }
      taken = [];
    }),
  );
});

test("one full window refuses for all, and none of the others is charged", () => {
  const limits = new Limits(rules);
  assert.equal(limits.reserve("a", 10, 0).kind, "within");
  assert.equal(limits.reserve("a", 1, 10).kind, "over");
  assert.deepEqual(limits.uses("a", 10), [
    { window: "1s", used: 10, limit: 10 },
    { window: "5s", used: 10, limit: 25 },
  ]);
  assert.equal(limits.reserve("b", 10, 10).kind, "within", "another key has its own windows");
});

test("a release goes into the granule it came from, and late releases of expired units change nothing", () => {
  const limits = new Limits(rules);
  const first = limits.reserve("a", 6, 0);
  const second = limits.reserve("a", 4, 500);
  assert.ok(first.kind === "within" && second.kind === "within");
  limits.release(second.reservation);
  assert.equal(limits.uses("a", 500)[0]!.used, 6);
  assert.equal(limits.uses("a", 1100)[0]!.used, 0);
  limits.release(first.reservation);
  assert.equal(limits.uses("a", 1100)[0]!.used, 0);
  assert.equal(limits.uses("a", 1100)[1]!.used, 0, "released from the longer window, where it still stood");
});

test("counted units are never refused but fill the windows", () => {
  const limits = new Limits(rules);
  limits.count("a", 30, 0);
  assert.equal(limits.reserve("a", 1, 1).kind, "over");
  limits.sweep(1);
  assert.equal(limits.uses("a", 1)[1]!.used, 30);
  limits.sweep(10_000);
  assert.equal(limits.uses("a", 10_000)[1]!.used, 0);
});

test("charges replayed out of order land in their own granules", () => {
  const limits = new Limits([{ name: "1s", length: 1000, limit: 10 }]);
  limits.count("a", 1, 900);
  limits.count("a", 2, 100);
  limits.count("a", 3, 500);
  assert.equal(limits.uses("a", 950)[0]!.used, 6);
  assert.equal(limits.uses("a", 1200)[0]!.used, 4);
});

test("so many keys are kept, and the first go first", () => {
  const limits = new Limits(rules);
  for (const key of ["a", "b", "c"]) limits.count(key, 1, 0);
  limits.count("a", 1, 1);
  limits.keep(3);
  assert.ok(limits.has("a"));
  limits.keep(2);
  assert.deepEqual(
    ["a", "b", "c"].map((key) => limits.has(key)),
    [false, true, true],
  );
});

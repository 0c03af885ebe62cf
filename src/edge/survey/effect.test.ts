import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { classes } from "./counting.ts";
import { effectOf } from "./effect.ts";
import type { EffectSample } from "./effect.ts";
import { effectPage, effectText } from "./effect-page.ts";

const HOUR = 3_600_000;

/** Samples every hour out of what happened in each hour; counters begin anew where `reset`. */
function samplesOf(
  hours: readonly { readonly count: number; readonly blocked: number; readonly reset: boolean }[],
): EffectSample[] {
  let [count, blocked] = [0, 0];
  return hours.map((hour, index) => {
    if (hour.reset) [count, blocked] = [0, 0];
    count += hour.count;
    blocked += hour.blocked;
    return {
      at: index * HOUR,
      pools: [
        {
          pool: "homes",
          stage: index < 24 ? "observe" : "full",
          conversations: { others: count + blocked, "own submission": 2 * count },
          passed: { others: count, "own submission": 2 * count },
        },
      ],
    };
  });
}

const hour = fc.record({ count: fc.nat(1000), blocked: fc.nat(1000), reset: fc.boolean() });

test("nothing is lost or counted twice while counters only grow", () => {
  fc.assert(
    fc.property(fc.array(hour, { minLength: 2, maxLength: 24 }), (hours) => {
      const plan = hours.map((each) => ({ ...each, reset: false }));
      const report = effectOf(samplesOf(plan));
      const total = plan.slice(1).reduce((sum, { count, blocked }) => sum + count + blocked, 0);
      const days = (plan.length - 1) / 24;
      assert.ok(Math.abs(report.stages[0]!.perDay.others * days - total) < 1e-6 * (total + 1));
      assert.equal(
        report.days.reduce((sum, { conversations }) => sum + conversations.others, 0),
        total,
      );
    }),
  );
});

test("counters that begin anew never give more than there was, and nothing negative", () => {
  fc.assert(
    fc.property(fc.array(hour, { minLength: 2, maxLength: 40 }), (hours) => {
      const report = effectOf(samplesOf(hours).toReversed());
      const total = hours.slice(1).reduce((sum, { count, blocked }) => sum + count + blocked, 0);
      const counted = report.days.reduce((sum, { conversations }) => sum + conversations.others, 0);
      assert.ok(counted >= 0 && counted <= total);
      for (const { perDay, passedPerDay } of report.stages) {
        for (const name of classes) assert.ok(perDay[name] >= 0 && passedPerDay[name] >= 0);
      }
    }),
  );
});

test("what lies between two stages is in neither", () => {
  const report = effectOf(samplesOf(Array.from({ length: 48 }, () => ({ count: 10, blocked: 1, reset: false }))));
  assert.deepEqual(
    report.stages.map(({ stage, perDay }) => [stage, Math.round(perDay.others)]),
    [
      ["observe", 264],
      ["full", 264],
    ],
  );
  assert.equal(
    report.days.reduce((sum, { conversations }) => sum + conversations.others, 0),
    506,
  );
});

test("before and after are the last stages without and with blocking, by what passed", () => {
  const report = effectOf(
    samplesOf(
      Array.from({ length: 48 }, (_, index) =>
        index < 24 ? { count: 10, blocked: 0, reset: false } : { count: 1, blocked: 9, reset: false },
      ),
    ),
  );
  const [comparison, ...more] = report.comparisons;
  assert.deepEqual(more, []);
  const { port25, ownSubmission, blocked, before, after } = comparison!;
  assert.deepEqual(
    [before.stage, after.stage, port25, ownSubmission, blocked].map((value) => JSON.stringify(value)),
    [`"observe"`, `"full"`, `{"before":240,"after":24}`, `{"before":480,"after":48}`, "216"],
  );
  const text = effectText(report);
  assert.match(text, /port 25 that passed: 240 → 24 \(-216, -90 %\)/);
  assert.match(text, /port 25 that is blocked: 216/);
});

test("both forms say the figures, and the page the record of why, with nothing of it taken as HTML", () => {
  const report = effectOf(samplesOf(Array.from({ length: 48 }, () => ({ count: 10, blocked: 1, reset: false }))));
  assert.match(effectText(report), /homes +observe +1970-01-01 +1970-01-01 .*\b264 \(24 blocked\)/);
  const text = effectPage(
    report,
    { purpose: "<b>spam</b>", necessity: undefined, scope: "port 25", alternative: "587", terms: "§ 7", notice: 0 },
    "now",
  );
  assert.ok(text.includes("&lt;b&gt;spam&lt;/b&gt;") && !text.includes("<b>spam"));
  assert.ok(text.includes("not written down"));
  assert.ok(!/(?:src|href)=/.test(text), "the page loads nothing");
});

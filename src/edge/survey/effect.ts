// What the policy has changed: from samples of counters to conversations per day, pool by pool and stage by stage, those
// that were tried and those that passed; and before and after, with what submission gained. Counters begin anew with the
// machine; a value below the one before is then all new.

import type { Stage } from "../../policy/network/policy.ts";
import { classes } from "./counting.ts";
import type { DestinationClass } from "./counting.ts";

export interface EffectSample {
  /** Wall ms. */
  readonly at: number;
  readonly pools: readonly PoolSample[];
}

export interface PoolSample {
  readonly pool: string;
  readonly stage: Stage;
  /** Conversations since the counters began, by class. */
  readonly conversations: Readonly<Record<string, number>>;
  /** Of these, those that were not blocked. */
  readonly passed: Readonly<Record<string, number>>;
}

export interface StageEffect {
  readonly pool: string;
  readonly stage: Stage;
  readonly from: number;
  readonly until: number;
  /** Conversations that were tried, and those of them that passed. */
  readonly perDay: Readonly<Record<DestinationClass, number>>;
  readonly passedPerDay: Readonly<Record<DestinationClass, number>>;
}

/** A pool without blocking, and with it. */
export interface Comparison {
  readonly pool: string;
  readonly before: StageEffect;
  readonly after: StageEffect;
  /** Conversations a day on port 25 that passed. */
  readonly port25: Change;
  /** On ports 465 and 587. */
  readonly ownSubmission: Change;
  readonly otherSubmission: Change;
  /** Conversations a day that are blocked now. */
  readonly blocked: number;
}

export interface Change {
  readonly before: number;
  readonly after: number;
}

export interface EffectReport {
  readonly stages: readonly StageEffect[];
  readonly comparisons: readonly Comparison[];
  /** Conversations by pool, day (UTC) and class, for charts. */
  readonly days: readonly DayCount[];
}

export interface DayCount {
  readonly pool: string;
  /** `2026-11-22`. */
  readonly day: string;
  readonly stage: Stage;
  readonly conversations: Readonly<Record<DestinationClass, number>>;
  readonly passed: Readonly<Record<DestinationClass, number>>;
}

const DAY = 86_400_000;

interface Counts {
  readonly tried: readonly number[];
  readonly passed: readonly number[];
}

/** Samples in any order. What lies between two samples belongs to the later one's stage only if the earlier one had it too. */
export function effectOf(samples: readonly EffectSample[]): EffectReport {
  const stages = new Map<string, { pool: PoolSample; from: number; until: number; time: number; counts: Counts }>();
  const days = new Map<string, { pool: PoolSample; day: string; counts: Counts }>();
  const sorted = samples.toSorted((a, b) => a.at - b.at);
  for (const [index, sample] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before === undefined) continue;
    for (const pool of sample.pools) {
      const earlier = before.pools.find((each) => each.pool === pool.pool);
      if (earlier === undefined || earlier.stage !== pool.stage) continue;
      const counts: Counts = {
        tried: classes.map((name) => grown(earlier.conversations[name] ?? 0, pool.conversations[name] ?? 0)),
        passed: classes.map((name) => grown(earlier.passed[name] ?? 0, pool.passed[name] ?? 0)),
      };
      const key = `${pool.pool} ${pool.stage}`;
      const stage = stages.get(key) ?? { pool, from: before.at, time: 0, counts: nothing };
      stages.set(key, {
        ...stage,
        until: sample.at,
        time: stage.time + sample.at - before.at,
        counts: added(stage.counts, counts),
      });
      const day = new Date(sample.at).toISOString().slice(0, 10);
      const known = days.get(`${key} ${day}`) ?? { pool, day, counts: nothing };
      days.set(`${key} ${day}`, { ...known, counts: added(known.counts, counts) });
    }
  }
  const effects = [...stages.values()].map(({ pool: { pool, stage }, from, until, time, counts }): StageEffect => {
    const perDay = (some: readonly number[]) => named(some.map((count) => (count * DAY) / time));
    return { pool, stage, from, until, perDay: perDay(counts.tried), passedPerDay: perDay(counts.passed) };
  });
  return {
    stages: effects,
    comparisons: comparisonsOf(effects),
    days: [...days.values()].map(({ pool: { pool, stage }, day, counts }) => ({
      pool,
      stage,
      day,
      conversations: named(counts.tried),
      passed: named(counts.passed),
    })),
  };
}

/** The last stage without blocking, and the last with it. */
function comparisonsOf(effects: readonly StageEffect[]): readonly Comparison[] {
  return [...new Set(effects.map(({ pool }) => pool))].flatMap((pool): readonly Comparison[] => {
    const own = effects.filter((effect) => effect.pool === pool).toSorted((a, b) => a.from - b.from);
    const before = own.findLast(({ stage }) => stage === "off" || stage === "observe");
    const after = own.findLast(({ stage }) => stage === "mobile-only" || stage === "full");
    if (before === undefined || after === undefined) return [];
    const change = (of: (effect: StageEffect) => number): Change => ({ before: of(before), after: of(after) });
    return [
      {
        pool,
        before,
        after,
        port25: change(({ passedPerDay }) => ofPort25(passedPerDay)),
        ownSubmission: change(({ passedPerDay }) => passedPerDay["own submission"]),
        otherSubmission: change(({ passedPerDay }) => passedPerDay["other submission"]),
        blocked: Math.max(0, ofPort25(after.perDay) - ofPort25(after.passedPerDay)),
      },
    ];
  });
}

/** All but the classes of submission. */
function ofPort25(counts: Readonly<Record<DestinationClass, number>>): number {
  return classes.slice(0, 5).reduce((sum, name) => sum + counts[name], 0);
}

const nothing: Counts = { tried: classes.map(() => 0), passed: classes.map(() => 0) };

function grown(before: number, after: number): number {
  return after < before ? after : after - before;
}

function added(left: Counts, right: Counts): Counts {
  return { tried: sums(left.tried, right.tried), passed: sums(left.passed, right.passed) };
}

function sums(left: readonly number[], right: readonly number[]): readonly number[] {
  return left.map((count, index) => count + right[index]!);
}

function named(counts: readonly number[]): Record<DestinationClass, number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one count for each class
  return Object.fromEntries(classes.map((name, index) => [name, counts[index]!])) as Record<DestinationClass, number>;
}

// What the policy has changed: from samples of counters to conversations per day, pool by pool and stage by stage, with
// what was blocked and what submission gained. Counters begin anew with the machine; a value below the one before is
// then all new.

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
  /** Packets that the filter blocked since its counters began. */
  readonly blocked: number;
}

export interface StageEffect {
  readonly pool: string;
  readonly stage: Stage;
  readonly from: number;
  readonly until: number;
  readonly perDay: Readonly<Record<DestinationClass, number>>;
  readonly blockedPerDay: number;
}

export interface EffectReport {
  readonly stages: readonly StageEffect[];
  /** Conversations by pool, day (UTC) and class, for charts. */
  readonly days: readonly DayCount[];
}

export interface DayCount {
  readonly pool: string;
  /** `2026-11-22`. */
  readonly day: string;
  readonly stage: Stage;
  readonly conversations: Readonly<Record<DestinationClass, number>>;
  readonly blocked: number;
}

const DAY = 86_400_000;

/** Samples in any order. What lies between two samples belongs to the later one's stage only if the earlier one had it too. */
export function effectOf(samples: readonly EffectSample[]): EffectReport {
  const stages = new Map<string, { effect: StageEffect; time: number; counts: number[]; blocked: number }>();
  const days = new Map<string, { day: DayCount; counts: number[]; blocked: number }>();
  const sorted = samples.toSorted((a, b) => a.at - b.at);
  for (const [index, sample] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before === undefined) continue;
    for (const pool of sample.pools) {
      const earlier = before.pools.find((each) => each.pool === pool.pool);
      if (earlier === undefined || earlier.stage !== pool.stage) continue;
      const counts = classes.map((name) => grown(earlier.conversations[name] ?? 0, pool.conversations[name] ?? 0));
      const blocked = grown(earlier.blocked, pool.blocked);
      const key = `${pool.pool} ${pool.stage}`;
      const stage = stages.get(key) ?? {
        effect: {
          ...empty(pool),
          from: before.at,
          until: sample.at,
          blockedPerDay: 0,
          perDay: named(classes.map(() => 0)),
        },
        time: 0,
        counts: classes.map(() => 0),
        blocked: 0,
      };
      stages.set(key, {
        effect: { ...stage.effect, until: sample.at },
        time: stage.time + sample.at - before.at,
        counts: added(stage.counts, counts),
        blocked: stage.blocked + blocked,
      });
      const day = new Date(sample.at).toISOString().slice(0, 10);
      const dayKey = `${key} ${day}`;
      const known = days.get(dayKey) ?? {
        day: { ...empty(pool), day, conversations: named(classes.map(() => 0)), blocked: 0 },
        counts: classes.map(() => 0),
        blocked: 0,
      };
      days.set(dayKey, { day: known.day, counts: added(known.counts, counts), blocked: known.blocked + blocked });
    }
  }
  return {
    stages: [...stages.values()].map(({ effect, time, counts, blocked }) => ({
      ...effect,
      perDay: named(counts.map((count) => (count * DAY) / time)),
      blockedPerDay: (blocked * DAY) / time,
    })),
    days: [...days.values()].map(({ day, counts, blocked }) => ({ ...day, conversations: named(counts), blocked })),
  };
}

function empty({ pool, stage }: PoolSample): { readonly pool: string; readonly stage: Stage } {
  return { pool, stage };
}

function grown(before: number, after: number): number {
  return after < before ? after : after - before;
}

function added(left: readonly number[], right: readonly number[]): number[] {
  return left.map((count, index) => count + right[index]!);
}

function named(counts: readonly number[]): Record<DestinationClass, number> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one count for each class
  return Object.fromEntries(classes.map((name, index) => [name, counts[index]!])) as Record<DestinationClass, number>;
}

// The whole simulation: honest classes and attacks on the seeds that are reported, and what other thresholds would have done.

import { readFile } from "node:fs/promises";
import { standardThresholds, steps } from "../../src/abuse/steps.ts";
import type { Step, Thresholds } from "../../src/abuse/steps.ts";
import type { Attack, Outcomes } from "./attack.ts";
import type { HonestClass } from "./background.ts";
import { simulateAttack, simulateHonest } from "./simulate.ts";
import type { AttackConditions, AttackResult, Background, HonestResult } from "./simulate.ts";

export interface AbuseOptions {
  /** In place of those in data/seeds.json. */
  readonly seeds: readonly number[] | undefined;
  /** Of each class, for each seed. */
  readonly accounts: number | undefined;
  /** Of each attack. */
  readonly runs: number | undefined;
  readonly tell: (line: string) => void;
}

export interface AbuseTable {
  readonly seeds: readonly number[];
  readonly tuning: readonly number[];
  readonly accounts: number;
  readonly days: number;
  readonly runs: number;
  readonly thresholds: Thresholds;
  readonly honest: readonly HonestRow[];
  readonly attacks: readonly AttackRow[];
  readonly curve: readonly CurvePoint[];
  readonly microseconds: number;
}

interface HonestRow {
  readonly title: string;
  readonly months: number;
  readonly reached: Readonly<Record<Step, number>>;
  /** The same on the first seed, of accounts whose holders have consented to looking at content. */
  readonly consenting: Readonly<Record<Step, number>>;
  /** Milliseconds. */
  readonly delay: { readonly p50: number; readonly p99: number };
  readonly highest: number;
}

interface AttackRow {
  readonly name: string;
  readonly goal: number | undefined;
  readonly title: string;
  readonly median: number;
  readonly p90: number;
  readonly worst: number;
  /** Where the server does not count who is new to an account. */
  readonly without: { readonly median: number; readonly worst: number };
  /** Where it does, and content is looked at. */
  readonly consenting: { readonly median: number; readonly worst: number };
  readonly within50: number;
  readonly unstopped: number;
  /** Minutes from the first login. */
  readonly minutes: number;
}

interface CurvePoint {
  readonly threshold: number;
  /** Honest accounts that reach it, for a thousand months. */
  readonly honest: number;
  /** Share of attacks that reach it within 50 recipients, in the order of the attacks. */
  readonly caught: readonly number[];
}

interface Seeds {
  readonly tuning: readonly number[];
  readonly reported: readonly number[];
  readonly attackRuns: number;
}

interface Attacks {
  readonly lasts: number;
  readonly outcomes: Outcomes;
  readonly attacks: readonly Attack[];
}

const curveThresholds = [5, 6, 7, 8, 9, 10, 11, 12.5, 14, 16];

async function data<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(`data/${name}.json`, import.meta.url), "utf8")) as T;
}

export async function benchAbuse(options: AbuseOptions): Promise<AbuseTable> {
  const given = await data<Seeds>("seeds");
  const whole = await data<Background>("background");
  const attacks = await data<Attacks>("attacks");
  const seeds = options.seeds ?? given.reported;
  const background = { ...whole, accounts: options.accounts ?? whole.accounts };
  const runs = options.runs ?? given.attackRuns;

  const begun = performance.now();
  let observations = 0;
  const scores: number[] = [];
  const honest = background.classes.map((kind): HonestRow => {
    const results = seeds.map((seed) => simulateHonest(kind, background, seed, { consent: false }));
    const consenting = seeds.slice(0, 1).map((seed) => simulateHonest(kind, background, seed, { consent: true }));
    for (const each of results) {
      observations += each.observations;
      scores.push(...each.scores);
    }
    for (const each of consenting) observations += each.observations;
    const reached = reachedIn(results);
    const messages = results.reduce((sum, each) => sum + each.messages, 0);
    const delays = results.flatMap((each) => each.delays).toSorted((a, b) => a - b);
    const row = {
      title: kind.title,
      months: seeds.length * background.accounts,
      reached,
      consenting: reachedIn(consenting),
      delay: { p50: delayAt(delays, messages, 0.5), p99: delayAt(delays, messages, 0.99) },
      highest: Math.max(...results.map((each) => each.scores.reduce((most, score) => Math.max(most, score), 0))),
    };
    options.tell(`${kind.name}: ${JSON.stringify(reached)}`);
    return row;
  });
  const microseconds = ((performance.now() - begun) * 1000) / observations;

  const victims = background.classes.filter(({ history }) => history !== 0);
  const attackRows = attacks.attacks.map((attack): AttackRow => {
    const under = (conditions: Pick<AttackConditions, "countsNew" | "consent">): readonly AttackResult[] =>
      run(attack, { ...attacks, ...conditions }, victims, background, seeds, runs, standardThresholds);
    const results = under({ countsNew: true, consent: false });
    const counts = recipientsOf(results);
    const without = recipientsOf(under({ countsNew: false, consent: false }));
    const consenting = recipientsOf(under({ countsNew: true, consent: true }));
    const row = {
      name: attack.name,
      goal: attack.goal,
      title: attack.title,
      median: at(counts, 0.5),
      p90: at(counts, 0.9),
      worst: counts.at(-1)!,
      without: { median: at(without, 0.5), worst: without.at(-1)! },
      consenting: { median: at(consenting, 0.5), worst: consenting.at(-1)! },
      within50: counts.filter((count) => count <= 50).length / counts.length,
      unstopped: results.filter(({ isOver }) => !isOver).length,
      minutes: at(
        results.map(({ time }) => time / 60_000).toSorted((a, b) => a - b),
        0.5,
      ),
    };
    options.tell(`${attack.name}: ${row.median} recipients (median), ${row.worst} (worst)`);
    return row;
  });

  const never = Number.POSITIVE_INFINITY;
  const curve = curveThresholds.map((threshold): CurvePoint => {
    const thresholds = { notice: never, slow: never, hold: threshold, suspend: threshold };
    return {
      threshold,
      honest: (1000 * scores.filter((score) => score >= threshold).length) / scores.length,
      caught: attacks.attacks.map((attack) => {
        const conditions = { ...attacks, countsNew: true, consent: false };
        const results = run(
          attack,
          conditions,
          victims,
          background,
          seeds.slice(0, 1),
          Math.ceil(runs / 4),
          thresholds,
        );
        return (
          results.filter(({ recipients, stopped }) => stopped !== undefined && recipients <= 50).length / results.length
        );
      }),
    };
  });
  const { accounts, days } = background;
  return {
    seeds,
    tuning: given.tuning,
    accounts,
    days,
    runs,
    thresholds: standardThresholds,
    honest,
    attacks: attackRows,
    curve,
    microseconds,
  };
}

function reachedIn(results: readonly HonestResult[]): Readonly<Record<Step, number>> {
  return Object.fromEntries(
    steps.map((step) => [step, results.reduce((sum, each) => sum + each.reached[step], 0)]),
  ) as Record<Step, number>;
}

function recipientsOf(results: readonly AttackResult[]): readonly number[] {
  return results.map(({ recipients }) => recipients).toSorted((a, b) => a - b);
}

function run(
  attack: Attack,
  conditions: AttackConditions,
  victims: readonly HonestClass[],
  background: Background,
  seeds: readonly number[],
  runs: number,
  thresholds: Thresholds,
): readonly AttackResult[] {
  return seeds.flatMap((seed) =>
    Array.from({ length: runs }, (_each, index) =>
      simulateAttack(attack, victims[index % victims.length]!, background, conditions, seed * 1000 + index, thresholds),
    ),
  );
}

/** Of all messages, most of which are not delayed at all. */
function delayAt(delays: readonly number[], messages: number, share: number): number {
  const position = Math.floor(share * messages) - (messages - delays.length);
  return position < 0 ? 0 : (delays[position] ?? 0);
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

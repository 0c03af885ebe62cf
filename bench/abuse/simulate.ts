// A month of honest accounts, and accounts that were taken over, through the decision code of src/abuse: what is stopped, after how many
// recipients, and who is bothered for nothing.

import { observe, standardRules } from "../../src/abuse/detector.ts";
import type { DetectorRules } from "../../src/abuse/detector.ts";
import type { Observation } from "../../src/abuse/observation.ts";
import { DAY, kinds, scoreOf, startProfile } from "../../src/abuse/profile.ts";
import type { Profile } from "../../src/abuse/profile.ts";
import { goesBeyond, slowFor, slowInterval, standardThresholds, stepFor } from "../../src/abuse/steps.ts";
import type { Step, Thresholds } from "../../src/abuse/steps.ts";
import { actsOf } from "./attack.ts";
import type { Attack, Outcomes } from "./attack.ts";
import { createHonest } from "./background.ts";
import type { HonestAccount, HonestClass } from "./background.ts";
import { createRandom } from "./random.ts";

export interface Background {
  readonly days: number;
  readonly history: number;
  readonly accounts: number;
  readonly classes: readonly HonestClass[];
}

/** 1 January 2026, 00:00 UTC: a Thursday. */
const EPOCH = Date.UTC(2026, 0, 1);

export interface HonestResult {
  /** Accounts that reached each step in the month. */
  readonly reached: Readonly<Record<Step, number>>;
  /** The highest score of each account in the month. */
  readonly scores: Float64Array;
  readonly messages: number;
  /** Of messages that came while an account was slowed, ms. */
  readonly delays: readonly number[];
  readonly observations: number;
}

export function simulateHonest(
  kind: HonestClass,
  { days, history, accounts }: Background,
  seed: number,
  thresholds: Thresholds = standardThresholds,
  rules: DetectorRules = standardRules,
): HonestResult {
  const reached = { notice: 0, slow: 0, hold: 0, suspend: 0 };
  const scores = new Float64Array(accounts);
  const delays: number[] = [];
  let observations = 0;
  let messages = 0;
  for (let index = 0; index < accounts; index++) {
    const random = createRandom(seed * 1_000_003 + index);
    const account = createHonest(kind, EPOCH, random);
    const past = kind.history ?? history;
    const profile = startProfile(EPOCH - past * DAY);
    let highest = 0;
    let slowUntil = Number.NEGATIVE_INFINITY;
    for (let day = -past; day < days; day++) {
      for (const observation of account.day(day)) {
        observe(profile, observation, rules);
        observations++;
        if (day < 0) continue;
        const score = scoreOf(profile);
        highest = Math.max(highest, score);
        if (score >= thresholds.slow) slowUntil = observation.at + slowFor;
        if (observation.kind !== "message") continue;
        messages++;
        if (observation.at < slowUntil) delays.push(observation.recipients * slowInterval);
      }
      // What came of the history is settled: the month begins without a suspicion.
      if (day === -1) settle(profile);
    }
    scores[index] = highest;
    for (const step of Object.keys(reached) as Step[]) if (highest >= thresholds[step]) reached[step]++;
  }
  return { reached, scores, messages, delays, observations };
}

export interface AttackResult {
  /** Recipients let through before new mail was held, or until the end. */
  readonly recipients: number;
  readonly stopped: Step | undefined;
  /** From the first login, ms. */
  readonly time: number;
}

/** Against an account of this class with its history, whose owner goes on. */
export function simulateAttack(
  attack: Attack,
  kind: HonestClass,
  { history }: Background,
  { lasts, outcomes }: { readonly lasts: number; readonly outcomes: Outcomes },
  seed: number,
  thresholds: Thresholds = standardThresholds,
  rules: DetectorRules = standardRules,
): AttackResult {
  const random = createRandom(seed);
  const owner = attack.fresh ? undefined : createHonest(kind, EPOCH, random);
  const begin = EPOCH + random.next() * DAY;
  const profile = startProfile(owner === undefined ? begin : EPOCH - history * DAY);
  if (owner !== undefined) live(owner, profile, -history, 0, rules);
  settle(profile);

  const waiting = pending(owner, lasts);
  let taken: Step | undefined;
  let recipients = 0;
  /** Slowed: one recipient in two minutes, so acts come later than the abuser wants. */
  let free = begin;
  for (const act of actsOf(attack, begin, lasts, outcomes, random)) {
    const at = taken === "slow" ? Math.max(act.at, free) : act.at;
    const shift = at - act.at;
    const see = (observation: Observation): void => {
      observe(profile, observation, rules);
      const step = stepFor(scoreOf(profile), thresholds);
      if (step !== undefined && goesBeyond(step, taken)) taken = step;
    };
    for (const observation of waiting.until(at)) see(observation);
    if (stops(taken)) return { recipients, stopped: taken, time: at - begin };
    see({ ...act.login, at });
    if (stops(taken)) return { recipients, stopped: taken, time: at - begin };
    see({ ...act.message, at: act.message.at + shift });
    // The message was let through before anybody could weigh it.
    recipients += act.recipients;
    if (stops(taken)) return { recipients, stopped: taken, time: at - begin };
    waiting.add(act.outcomes.map((each) => ({ ...each, at: each.at + shift })));
    free = at + act.recipients * slowInterval;
  }
  return { recipients, stopped: taken, time: lasts * DAY };
}

function settle({ scores }: Profile): void {
  for (const kind of kinds) scores[kind] = 0;
}

function stops(taken: Step | undefined): boolean {
  return taken === "hold" || taken === "suspend";
}

function live(owner: HonestAccount, profile: Profile, from: number, until: number, rules: DetectorRules): void {
  for (let day = from; day < until; day++) for (const each of owner.day(day)) observe(profile, each, rules);
}

interface Pending {
  add(observations: readonly Observation[]): void;
  until(at: number): readonly Observation[];
}

/** What the owner does and what becomes of recipients, in order of time. */
function pending(owner: HonestAccount | undefined, days: number): Pending {
  let waiting: Observation[] = [];
  if (owner !== undefined) for (let day = 0; day <= days; day++) waiting.push(...owner.day(day));
  waiting = latestFirst(waiting);
  return {
    add: (observations) => {
      waiting = latestFirst([...waiting, ...observations]);
    },
    until: (at) => {
      const due: Observation[] = [];
      while (waiting.length > 0 && waiting.at(-1)!.at <= at) due.push(waiting.pop()!);
      return due;
    },
  };
}

function latestFirst(observations: readonly Observation[]): Observation[] {
  return observations.toSorted((a, b) => b.at - a.at);
}

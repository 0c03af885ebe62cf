// A month of honest accounts, and accounts that were taken over, through the decision code of src/abuse: what is stopped, after how many
// recipients, and who is bothered for nothing. What is done is what a server does with act = "suspend": one recipient in two minutes for
// the whole account once it is slowed, whoever sends, and nothing more once its mail is held.

import { heldTo } from "../../src/counters/account-limits.ts";
import { observe, standardRules } from "../../src/abuse/detector.ts";
import type { DetectorRules } from "../../src/abuse/detector.ts";
import type { Observation } from "../../src/abuse/observation.ts";
import { DAY, kinds, scoreOf, startProfile } from "../../src/abuse/profile.ts";
import type { Profile } from "../../src/abuse/profile.ts";
import { nextTaken, slowInterval, standardThresholds } from "../../src/abuse/steps.ts";
import type { Step, Taken, Thresholds } from "../../src/abuse/steps.ts";
import { actsOf } from "./attack.ts";
import type { Attack, Outcomes } from "./attack.ts";
import { createHonest } from "./background.ts";
import type { GuessedAt, HonestAccount, HonestClass } from "./background.ts";
import { createRandom } from "./random.ts";

export interface Background {
  readonly days: number;
  readonly history: number;
  readonly accounts: number;
  readonly guessed: GuessedAt;
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
  { days, history, accounts, guessed }: Background,
  seed: number,
  { consent }: { readonly consent: boolean },
): HonestResult {
  const thresholds = standardThresholds;
  const rules = standardRules;
  const reached = { notice: 0, slow: 0, hold: 0, suspend: 0 };
  const scores = new Float64Array(accounts);
  const delays: number[] = [];
  let observations = 0;
  let messages = 0;
  for (let index = 0; index < accounts; index++) {
    const random = createRandom(seed * 1_000_003 + index);
    const content = consent ? createRandom(seed * 1_000_033 + index) : undefined;
    const account = createHonest(kind, guessed, EPOCH, random, content);
    const past = kind.history ?? history;
    const profile = startProfile(EPOCH - past * DAY);
    let highest = 0;
    let slowed: Taken | undefined;
    /** From then on one more recipient of an account that is slowed is accepted. */
    let free = Number.NEGATIVE_INFINITY;
    for (let day = -past; day < days; day++) {
      for (const observation of account.day(day)) {
        observe(profile, observation, rules);
        observations++;
        if (day < 0) continue;
        const { at } = observation;
        const score = scoreOf(profile);
        highest = Math.max(highest, score);
        if (observation.kind === "message") {
          messages++;
          // The last recipient, where the client tries again as soon as it may; when the slowing ends, all of them go.
          if (slowed?.step === "slow" && at < slowed.until) {
            const begin = Math.max(at, free);
            free = begin + observation.recipients * slowInterval;
            delays.push(Math.min(free - slowInterval, slowed.until) - at);
          }
        }
        slowed = nextTaken(slowed, { at, score }, thresholds, "slow");
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
  /** The farthest step that was taken, and whether nothing goes on after it. */
  readonly stopped: Step | undefined;
  readonly isOver: boolean;
  /** From the first login, ms. */
  readonly time: number;
}

export interface AttackConditions {
  readonly lasts: number;
  readonly outcomes: Outcomes;
  /** Whether the server knows who is new to an account: where a limit counts them. */
  readonly countsNew: boolean;
  /** Whether the account's holder has consented to looking at content. */
  readonly consent: boolean;
}

/** Against an account of this class with its history, whose owner goes on. */
export function simulateAttack(
  attack: Attack,
  kind: HonestClass,
  { history, guessed }: Background,
  { lasts, outcomes, countsNew, consent }: AttackConditions,
  seed: number,
  thresholds: Thresholds = standardThresholds,
  rules: DetectorRules = standardRules,
): AttackResult {
  const random = createRandom(seed);
  const owner = attack.fresh
    ? undefined
    : createHonest(kind, guessed, EPOCH, random, consent ? createRandom(seed + 1) : undefined);
  const begin = EPOCH + random.next() * DAY;
  const profile = startProfile(owner === undefined ? begin : EPOCH - history * DAY);
  const weigh = (each: Observation): void => {
    observe(profile, each.kind === "message" && !countsNew ? { ...each, newRecipients: 0 } : each, rules);
  };
  if (owner !== undefined) for (let day = -history; day < 0; day++) for (const each of owner.day(day)) weigh(each);
  settle(profile);

  const sends = attack.allAtOnce !== true;
  const waiting = pending(owner, lasts);
  let taken: Taken | undefined;
  let recipients = 0;
  /** Restrained: the next RCPT is looked at from then on. The owner, who is restrained as well, leaves every turn to the abuser. */
  let free = begin;
  const see = (observation: Observation): void => {
    weigh(observation);
    taken = nextTaken(taken, { at: observation.at, score: scoreOf(profile) }, thresholds, "suspend");
  };
  const seeUntil = (at: number): void => {
    for (const observation of waiting.until(at)) see(observation);
  };
  for (const act of actsOf(attack, begin, lasts, outcomes, random)) {
    const start = intervalAt(taken, act.at) > 0 ? Math.max(act.at, free) : act.at;
    waiting.add(act.failures);
    seeUntil(start);
    if (!isOver(taken, sends)) see({ ...act.login, at: start });
    // As many at once as are let: all of them, or one.
    for (let sent = 0, at = start; sent < act.recipients;) {
      if (isOver(taken, sends)) return { recipients, stopped: taken?.step, isOver: true, time: at - begin };
      const interval = intervalAt(taken, at);
      const count = interval > 0 ? 1 : act.recipients - sent;
      const shift = at - act.at;
      const newRecipients = Math.max(0, Math.min(count, act.message.newRecipients - sent));
      if (sends) see({ ...act.message, at: act.message.at + shift, recipients: count, newRecipients });
      if (sends && consent) see({ ...act.content, at: act.content.at + shift });
      // They were let through before anybody could weigh it.
      recipients += count;
      waiting.add(act.outcomes.slice(sent, sent + count).map((each) => ({ ...each, at: each.at + shift })));
      sent += count;
      free = at + (interval > 0 ? interval : slowInterval);
      if (isOver(taken, sends)) return { recipients, stopped: taken?.step, isOver: true, time: at - begin };
      if (sent === act.recipients) break;
      at = free;
      seeUntil(at);
    }
    if (isOver(taken, sends)) return { recipients, stopped: taken?.step, isOver: true, time: start - begin };
  }
  return { recipients, stopped: taken?.step, isOver: false, time: lasts * DAY };
}

/** Between one RCPT that is looked at and the next, ms. */
function intervalAt(taken: Taken | undefined, at: number): number {
  if (taken?.step === "slow") return at < taken.until ? slowInterval : 0;
  return taken?.step === "hold" ? heldTo.length / heldTo.limit : 0;
}

/** Nothing goes out where mail is held; who tries addresses goes on until there is no login any more. */
function isOver(taken: Taken | undefined, sends: boolean): boolean {
  return taken?.step === "suspend" || (sends && taken?.step === "hold");
}

function settle({ scores }: Profile): void {
  for (const kind of kinds) scores[kind] = 0;
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

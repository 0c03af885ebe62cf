// Watches all accounts: observations of all mail threads come here, one after the other; profiles live in the store and, for the
// accounts that are busy, in memory. A step that is reached is told once, and again only after the score has fallen to half of it.
// What is to be done about an account (steps.ts) is asked for until it was done.

import type { ProfileStore } from "../store/store.ts";
import { observe, standardRules } from "./detector.ts";
import type { Evidence } from "./observation.ts";
import type { Profile } from "./profile.ts";
import { scoreOf, startProfile } from "./profile.ts";
import { goesBeyond, nextTaken, standardThresholds, stepFor } from "./steps.ts";
import type { Step, Taken } from "./steps.ts";
import type { Observed } from "./tap.ts";

export interface Suspicion {
  readonly account: string;
  /** Reached for the first time, or done only now; undefined: nothing that a person has not heard of. */
  readonly step: Step | undefined;
  readonly score: number;
  /** What is to be in force from now on, and what was before; the same where nothing changes. */
  readonly taken: Taken | undefined;
  readonly before: Taken | undefined;
  /** The newest last. */
  readonly evidence: readonly Evidence[];
}

export interface AbuseWatch {
  /** Never rejects. */
  observed(batch: readonly Observed[]): Promise<void>;
  /** Writes down what has changed. */
  save(): Promise<void>;
  /**
   * Somebody looked at the account and lets it go on: its habits are kept, what spoke against it is not. `lift` undoes what was done,
   * before anything else is observed. Rejects when that does.
   */
  clear(account: string, lift?: () => Promise<void>): Promise<void>;
}

export interface WatchServices {
  readonly store: { [Name in keyof Pick<ProfileStore, "profile" | "saveProfiles">]: AsyncOf<ProfileStore[Name]> };
  /** Whose name that is, an alias or a key. */
  readonly accountOf: (name: string) => Promise<string | undefined>;
  /** Tells it, and does what is to be done. Where it rejects, it is asked again at the next observation. */
  readonly suspect: (suspicion: Suspicion) => Promise<void> | void;
  /** As far as the operator allows, now. */
  readonly farthest: () => Step;
  readonly failed: (cause: unknown) => void;
}

type AsyncOf<Call> = Call extends (...parameters: infer Parameters) => infer Result
  ? (...parameters: Parameters) => Promise<Result>
  : never;

interface Entry {
  readonly profile: Profile;
  changed: boolean;
}

/** Profiles in memory, a few kB each. */
const MOST_KEPT = 5000;

export function createAbuseWatch({ store, accountOf, suspect, farthest, failed }: WatchServices): AbuseWatch {
  const entries = new Map<string, Entry>();
  /** One thing at a time, in the order in which it came. */
  let work: Promise<void> = Promise.resolve();

  async function entryOf(account: string, at: number): Promise<Entry> {
    const known = entries.get(account);
    if (known !== undefined) {
      entries.delete(account);
      entries.set(account, known);
      return known;
    }
    const stored = await store.profile(account);
    if (entries.size >= MOST_KEPT) await forgetOldest();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by save
    const profile = stored === undefined ? startProfile(at) : (JSON.parse(stored) as Profile);
    const entry: Entry = { profile, changed: false };
    entries.set(account, entry);
    return entry;
  }

  async function forgetOldest(): Promise<void> {
    await write();
    for (const account of [...entries.keys()].slice(0, MOST_KEPT / 10)) entries.delete(account);
  }

  async function write(): Promise<void> {
    const changed = [...entries].filter(([, entry]) => entry.changed);
    if (changed.length === 0) return;
    await store.saveProfiles(
      changed.map(([account, { profile }]) => ({
        account,
        day: profile.today.day,
        profile: JSON.stringify(profile),
        suspect: profile.told !== undefined || profile.done !== undefined,
      })),
    );
    for (const [, entry] of changed) entry.changed = false;
  }

  async function see({ account: name, observation, times }: Observed): Promise<void> {
    const account = observation.kind === "failure" ? await accountOf(name) : name;
    // Guesses at names that nobody has are remembered nowhere, nor at accounts that nobody uses.
    if (account === undefined) return;
    const entry = await entryOf(account, observation.at);
    if (observation.kind === "failure" && entry.profile.networkDays + entry.profile.today.networkDays === 0) return;
    const { profile } = entry;
    for (let each = 0; each < times; each++) observe(profile, observation, standardRules);
    entry.changed = true;
    const score = scoreOf(profile);
    const { told } = profile;
    if (told !== undefined && score < standardThresholds[told] / 2) profile.told = undefined;
    const asked = stepFor(score, standardThresholds);
    const reached = asked !== undefined && goesBeyond(asked, profile.told) ? asked : undefined;
    const before = profile.done;
    const taken = nextTaken(before, { at: observation.at, score }, standardThresholds, farthest());
    if (reached === undefined && taken === before) return;
    const heard = profile.told;
    if (reached !== undefined) profile.told = reached;
    // Whoever is told looks at the account next.
    await write();
    try {
      // A step that could not be taken when it was reached, or one that had ended.
      const isNew = taken !== undefined && (taken.step !== before?.step || taken.since !== before.since);
      const step = reached ?? (isNew ? taken.step : undefined);
      await suspect({ account, step, score, taken, before, evidence: profile.evidence });
      profile.done = taken;
    } catch (error) {
      profile.told = heard;
      throw error;
    } finally {
      entry.changed = true;
      await write();
    }
  }

  function next(job: () => Promise<void>): Promise<void> {
    work = work.then(job).catch(failed);
    return work;
  }

  return {
    observed: (batch) =>
      next(async () => {
        // oxlint-disable-next-line no-await-in-loop -- in their order
        for (const each of batch) await see(each).catch(failed);
      }),
    save: () => next(write),
    clear: async (account, lift) => {
      const { promise, ...cleared } = Promise.withResolvers<void>();
      void next(async () => {
        try {
          // Of an account that nothing is known of, nothing has to be forgotten.
          if (entries.has(account) || (await store.profile(account)) !== undefined) {
            const entry = await entryOf(account, 0);
            forgive(entry.profile);
            entry.changed = true;
            await write();
          }
          await lift?.();
          cleared.resolve();
        } catch (error) {
          cleared.reject(error);
        }
      });
      await promise;
    },
  };
}

export function forgive(profile: Profile): void {
  profile.scores.place = 0;
  profile.scores.volume = 0;
  profile.scores.outcome = 0;
  profile.scores.habit = 0;
  profile.told = undefined;
  profile.done = undefined;
  profile.evidence = [];
}

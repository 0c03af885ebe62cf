// What one account may send and ask for (S7, law 8): two counts in several windows each.
//
//   attempts   every RCPT TO of the account, never given back
//   quota      reserved at RCPT TO, kept when the message is durable, given back otherwise
//
// Charges are handed to `history` in the order of their messages' ids together with the id they reach to, so that a
// restart can add up: history, plus what the spool holds beyond that id. Nothing is counted twice or forgotten.

import type { Clock } from "../io/clock.ts";
import { Limits } from "./limits.ts";
import type { LimitAnswer, Reservation, WindowRule, WindowUse } from "./limits.ts";

export interface AccountCharge {
  readonly account: string;
  /** Wall ms. */
  readonly at: number;
  readonly recipients: number;
}

export interface AccountLimits {
  attempt(account: string): LimitAnswer;
  reserve(account: string): LimitAnswer;
  release(reservations: readonly Reservation[]): void;
  /** Before the message is handed to the spool: from here to `settled` its id holds the history back. */
  charging(id: string): void;
  /** The message is durable (its reservations are now charges) or it is not (they were released). */
  settled(id: string, charge: AccountCharge | undefined): void;
  /** Charges not yet in the history. Call `written` when they are. */
  pendingHistory(): { readonly charges: readonly AccountCharge[]; readonly through: string };
  written(count: number): void;
  /** Before the first message: the charges of earlier runs, and the last id of those runs. */
  replay(charges: readonly AccountCharge[], through: string): void;
  uses(account: string): { readonly quota: readonly WindowUse[]; readonly attempts: readonly WindowUse[] };
  sweep(): void;
  /** Other limits from now on, with what was counted so far. */
  replaceRules(rules: AccountRules): void;
}

export interface AccountRules {
  readonly quota: readonly WindowRule[];
  readonly attempts: readonly WindowRule[];
}

export function createAccountLimits(rules: AccountRules, clock: Clock): AccountLimits {
  let quota = new Limits(rules.quota);
  let attempts = new Limits(rules.attempts);
  /** Ids handed to the spool and not settled, oldest first; each with the id handed over before it. */
  const open = new Map<string, string>();
  let latest = "";
  const unwritten: { readonly id: string; readonly charge: AccountCharge }[] = [];

  /** Every id up to this one is settled. */
  function settledThrough(): string {
    const oldest = open.values().next();
    return oldest.done === true ? latest : oldest.value;
  }

  return {
    attempt: (account) => attempts.reserve(account, 1, clock.monotonic()),
    reserve: (account) => quota.reserve(account, 1, clock.monotonic()),
    release: (reservations) => {
      for (const reservation of reservations) quota.release(reservation);
    },
    charging: (id) => {
      open.set(id, latest);
      latest = id;
    },
    settled: (id, charge) => {
      open.delete(id);
      if (charge !== undefined) unwritten.push({ id, charge });
    },
    pendingHistory: () => {
      const through = settledThrough();
      // What lies beyond waits for the next round, behind what is handed out now.
      const ready = unwritten.filter(({ id }) => id <= through);
      const rest = unwritten.filter(({ id }) => id > through);
      unwritten.splice(0, unwritten.length, ...ready, ...rest);
      return { charges: ready.map(({ charge }) => charge), through };
    },
    written: (count) => {
      unwritten.splice(0, count);
    },
    replay: (charges, through) => {
      if (through > latest) latest = through;
      const now = clock.monotonic();
      const wall = clock.wall();
      for (const { account, at, recipients } of charges) {
        // A charge from the future (the clock was set back) counts as one of now.
        quota.count(account, recipients, now - Math.max(0, wall - at));
      }
    },
    uses: (account) => {
      const now = clock.monotonic();
      return { quota: quota.uses(account, now), attempts: attempts.uses(account, now) };
    },
    sweep: () => {
      const now = clock.monotonic();
      quota.sweep(now);
      attempts.sweep(now);
    },
    replaceRules: (next) => {
      quota = quota.reshaped(next.quota);
      attempts = attempts.reshaped(next.attempts);
    },
  };
}

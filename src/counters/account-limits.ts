// What one account may send and ask for (S7, law 8): two counts in several windows each.
//
//   attempts   every RCPT TO of the account, never given back
//   quota      reserved at RCPT TO, kept when the message is durable, given back otherwise
//
// What is kept across a restart is charge-ledger.ts.

import type { Clock } from "../io/clock.ts";
import { Limits } from "./limits.ts";
import type { LimitAnswer, Reservation, WindowRule, WindowUse } from "./limits.ts";

export interface AccountCharge {
  readonly account: string;
  /** Wall ms. */
  readonly at: number;
  readonly recipients: number;
}

export interface AccountUse {
  readonly quota: readonly WindowUse[];
  readonly attempts: readonly WindowUse[];
}

export interface AccountLimits {
  attempt(account: string): LimitAnswer;
  reserve(account: string): LimitAnswer;
  release(reservations: readonly Reservation[]): void;
  /** Before the first message: the charges of earlier runs. */
  replay(charges: readonly AccountCharge[]): void;
  uses(account: string): AccountUse;
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

  return {
    attempt: (account) => attempts.reserve(account, 1, clock.monotonic()),
    reserve: (account) => quota.reserve(account, 1, clock.monotonic()),
    release: (reservations) => {
      for (const reservation of reservations) quota.release(reservation);
    },
    replay: (charges) => {
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

// What accounts tried (every RCPT TO that counted), on its way to the disk, so that a restart does not give it back (decisions/0003).
//
// Promises: noting one costs an addition and waits for nothing; a round writes at most so many accounts, and one round is under way at a
// time; what could not be written is written later. Coarse in time: a round stands for the minute in which it is written, which is the
// minute of its tries or the next one, so none comes back earlier than it should.
//
// Limits: a crash gives back what was tried since the last round, some seconds.

import { TRY_MINUTE } from "./account-limits.ts";
import type { AccountTries } from "./account-limits.ts";
import type { AccountCounts, AttemptAnswer } from "./counters.ts";

export interface TryLedger {
  note(account: string): void;
  /** One round; nothing when another is under way. Rejects when it cannot be written. */
  write(): Promise<void>;
  /** All there is: the server stops. Rejects likewise. */
  finish(): Promise<void>;
}

/** Accounts in one round, so that the store is busy for milliseconds. */
const MOST = 2000;

/** `wall`: ms. */
export function createTryLedger(
  write: (tries: readonly AccountTries[]) => Promise<void>,
  wall: () => number,
): TryLedger {
  const pending = new Map<string, number>();
  let round: Promise<void> | undefined;

  function add(account: string, tries: number): void {
    pending.set(account, (pending.get(account) ?? 0) + tries);
  }

  async function writeRound(): Promise<void> {
    const at = Math.floor(wall() / TRY_MINUTE) * TRY_MINUTE;
    const some: AccountTries[] = [];
    for (const [account, tries] of pending) {
      if (some.length === MOST) break;
      some.push({ account, at, tries });
      pending.delete(account);
    }
    try {
      await write(some);
    } catch (error) {
      for (const { account, tries } of some) add(account, tries);
      throw error;
    }
  }

  function begin(): Promise<void> {
    round = writeRound().finally(() => {
      round = undefined;
    });
    return round;
  }

  return {
    note: (account) => add(account, 1),
    write: async () => {
      if (round === undefined && pending.size > 0) await begin();
    },
    finish: async () => {
      // Whoever began it hears of its failure.
      await round?.catch(() => undefined);
      // oxlint-disable-next-line no-await-in-loop -- one round after the other
      while (pending.size > 0) await begin();
    },
  };
}

/** The counts, with what was tried noted. What was refused for the account's own limit took nothing. */
export function noteTries(accounts: AccountCounts, ledger: Pick<TryLedger, "note">): AccountCounts {
  return {
    ...accounts,
    attempt: (subject) => {
      const noted = (answer: AttemptAnswer): AttemptAnswer => {
        if (answer.kind === "within" || (answer.kind === "over" && "layer" in answer)) ledger.note(subject.account);
        return answer;
      };
      const answer = accounts.attempt(subject);
      return answer instanceof Promise ? answer.then(noted) : noted(answer);
    },
  };
}

// The counts in the thread that asks: every answer is there at once. This is also what the owner of several threads'
// counts holds.

import { prefixMatcher } from "../base/prefix.ts";
import type { Clock } from "../io/clock.ts";
import { createAccountLimits } from "./account-limits.ts";
import type { AccountLimits } from "./account-limits.ts";
import { createClientLimits } from "./client-limits.ts";
import type { ClientLimits } from "./client-limits.ts";
import type { Counters, CounterRules } from "./counters.ts";
import { createGuesses } from "./guesses.ts";
import type { LocalGuesses } from "./guesses.ts";
import { createLocks } from "./locks.ts";
import type { LocalLocks } from "./locks.ts";
import { createRooms } from "./rooms.ts";
import type { LocalRooms } from "./rooms.ts";
import { createVisits } from "./visits.ts";
import type { LocalVisits } from "./visits.ts";

export interface LocalCounters extends Counters {
  readonly accounts: AccountLimits;
  readonly clients: ClientLimits;
  readonly guesses: LocalGuesses;
  readonly locks: LocalLocks;
  readonly rooms: LocalRooms;
  readonly visits: LocalVisits;
  /** Forgets who is not active; now and then. */
  sweep(): void;
}

export function createLocalCounters(rules: CounterRules, clock: Clock): LocalCounters {
  const accounts = createAccountLimits(rules.account, clock);
  const visits = createVisits(() => clock.monotonic());
  const clients = createClientLimits(rules.client, () => clock.monotonic());
  let isExempt = prefixMatcher(rules.client.exempt);
  return {
    accounts,
    clients,
    guesses: createGuesses(
      () => clock.monotonic(),
      (client) => isExempt(client),
    ),
    locks: createLocks(),
    rooms: createRooms(() => clock.monotonic()),
    visits,
    replay: (charges): void => accounts.replay(charges),
    replayTries: (tries): void => accounts.replayTries(tries),
    replaceRules: ({ account, client }): void => {
      accounts.replaceRules(account);
      clients.replaceRules(client);
      isExempt = prefixMatcher(client.exempt);
    },
    sweep: () => {
      accounts.sweep();
      clients.sweep();
      visits.sweep();
    },
  };
}

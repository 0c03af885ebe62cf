// The counts in the thread that asks: every answer is there at once. This is also what the owner of several threads'
// counts holds.

import type { Clock } from "../io/clock.ts";
import { createAccountLimits } from "./account-limits.ts";
import type { AccountLimits } from "./account-limits.ts";
import { createClientLimits } from "./client-limits.ts";
import type { ClientLimits } from "./client-limits.ts";
import type { Counters, CounterRules } from "./counters.ts";
import { createLocks } from "./locks.ts";
import type { LocalLocks } from "./locks.ts";
import { createRooms } from "./rooms.ts";
import type { LocalRooms } from "./rooms.ts";
import { createVisits } from "./visits.ts";
import type { LocalVisits } from "./visits.ts";

export interface LocalCounters extends Counters {
  readonly accounts: AccountLimits;
  readonly clients: ClientLimits;
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
  return {
    accounts,
    clients,
    locks: createLocks(),
    rooms: createRooms(() => clock.monotonic()),
    visits,
    replay: (charges): void => accounts.replay(charges),
    replaceRules: ({ account, client }): void => {
      accounts.replaceRules(account);
      clients.replaceRules(client);
    },
    sweep: () => {
      accounts.sweep();
      clients.sweep();
      visits.sweep();
    },
  };
}

// Who logged in over POP3 from which address, and when: what POP-before-SMTP rests on. One list for all threads, for POP3 and
// SMTP sessions of one client meet in any of them. Nothing of it survives a restart: then people log in again.

import type { Awaitable } from "./counters.ts";

/** With what somebody logged in: for who keeps it here to understand. It is copied from thread to thread. */
export type Proof = object;

export interface Visit {
  readonly account: string;
  readonly proof: Proof;
  /** How long ago, ms. */
  readonly age: number;
}

export interface Visits {
  /** `place`: an address, or the network that stands for it. */
  note(place: string, account: string, proof: Proof): void;
  /** The last one of each account that logged in there within so many ms. Rejects when nobody can tell. */
  at(place: string, within: number): Awaitable<readonly Visit[]>;
}

export interface LocalVisits extends Visits {
  at(place: string, within: number): readonly Visit[];
  /** Forgets what is older than any window may be. */
  sweep(): void;
}

/** The longest window that a configuration may ask for, ms. */
const LONGEST_VISIT = 3_600_000;
/** Places, and accounts at one place, that are remembered; the oldest go first. */
const MOST_PLACES = 100_000;
const MOST_ACCOUNTS = 32;

/** `now`: monotonic, ms. */
export function createVisits(now: () => number): LocalVisits {
  const places = new Map<string, Map<string, { readonly proof: Proof; readonly at: number }>>();
  return {
    note: (place, account, proof) => {
      const known = places.get(place) ?? new Map<string, { readonly proof: Proof; readonly at: number }>();
      // Anew, so that order is age.
      places.delete(place);
      places.set(place, known);
      known.delete(account);
      known.set(account, { proof, at: now() });
      if (known.size > MOST_ACCOUNTS) known.delete(known.keys().next().value!);
      if (places.size > MOST_PLACES) places.delete(places.keys().next().value!);
    },
    at: (place, within) => {
      const time = now();
      return [...(places.get(place) ?? [])]
        .map(([account, { proof, at }]) => ({ account, proof, age: time - at }))
        .filter(({ age }) => age <= within);
    },
    sweep: () => {
      const before = now() - LONGEST_VISIT;
      for (const [place, known] of places) {
        for (const [account, { at }] of known) if (at < before) known.delete(account);
        if (known.size === 0) places.delete(place);
      }
    },
  };
}

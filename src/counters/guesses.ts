// Guessed passwords: who is asked to wait, and whose password is not looked at for now (S11, A4). Counted are refused logins, in
// counts that fade: of an address, of the network around it, of a name, and of the whole site. There is one owner of them, so they
// hold for all mail threads together; only who has to be hashed anyway asks it and waits for an answer.
//
// The owner is never locked out. From an address from which the account was opened before, a login goes first and is held back
// by no count but that of this very pair. Whoever is held hears that for now nothing is looked at, with a temporary code: it
// is no answer to his guess, and the owner's client does not ask for another password. A name counts as a name, whether there is
// such an account or not.
//
// Behind an exempt address (webmail, monitoring) are many people: it is counted by name only.
//
// What is hashed counts from the moment it is admitted, as if it had failed, so a burst gets no further than one guess after the other: it
// is given back when it was right, or was not looked at after all.

import { clientKey, clientNetwork } from "../base/client-key.ts";
import type { Awaitable } from "./counters.ts";

export interface Attempt {
  /** addressKey of the account, or of what was typed. */
  readonly name: string;
  /** IP address. */
  readonly client: string;
  /** The account was opened from there before. */
  readonly known: boolean;
}

/** When a password is looked at: at once, after those, or not now. */
export type Turn = "first" | "last" | "held";

/** How it was admitted; "free": without a hash, or nobody asked. */
export type Admission = Exclude<Turn, "held"> | "free";

export interface Guesses {
  /** Before a password is hashed. What comes "last" counts from now on. Rejects when the owner of the counts does not answer. */
  admit(attempt: Attempt): Awaitable<Turn>;
  /** Would it be admitted now? For what is not hashed. */
  ask(attempt: Attempt): Awaitable<Turn>;
  /** How long its answer waits, counted from the question, ms. */
  failed(attempt: Attempt, admission: Admission): Awaitable<number>;
  succeeded(attempt: Attempt, admission: Admission): void;
  /** It came "last" and was not looked at after all. */
  forgone(attempt: Attempt): void;
}

export interface LocalGuesses extends Guesses {
  admit(attempt: Attempt): Turn;
  ask(attempt: Attempt): Turn;
  failed(attempt: Attempt, admission: Admission): number;
}

const MINUTE = 60_000;
/** Failures, with the time in which half of them are forgotten. */
const most = {
  /** Of one account from one of its own addresses: an old password in a forgotten device. */
  pair: { count: 20, halfLife: 10 * MINUTE },
  /** 20 with this half-life let about 80 in an hour through. */
  address: { count: 20, halfLife: 10 * MINUTE },
  network: { count: 60, halfLife: 10 * MINUTE },
  /** Of strangers at one name, from however many addresses. */
  name: { count: 10, halfLife: 10 * MINUTE },
  /** Of strangers, beyond as many as there are successes: thin over many addresses and many names. */
  site: { count: 100, halfLife: MINUTE },
} as const;
/** While there are too many, one stranger's password is looked at so often, ms. */
const EVERY = { name: 30_000, site: 200 } as const;
/** What an address waits for, by its failures. */
const waits: readonly (readonly [upTo: number, milliseconds: number])[] = [
  [3, 1000],
  [6, 2000],
  [10, 4000],
  [15, 8000],
  [Number.POSITIVE_INFINITY, 15_000],
];
/** Keys of each kind; the one that was quiet longest goes first. */
const REMEMBERED_MOST = 100_000;

export function createGuesses(now: () => number, isExempt: (client: string) => boolean): LocalGuesses {
  const pairs = createCounts(most.pair.halfLife);
  const addresses = createCounts(most.address.halfLife);
  const networks = createCounts(most.network.halfLife);
  const names = createCounts(most.name.halfLife);
  const site = createCounts(most.site.halfLife);

  const isTrusted = (attempt: Attempt, at: number): boolean =>
    attempt.known && pairs.value(pairOf(attempt), at) < most.pair.count;

  function turnOf(attempt: Attempt, at: number): Turn {
    if (isTrusted(attempt, at)) return "first";
    const { name, client } = attempt;
    if (!isExempt(client)) {
      if (addresses.value(clientKey(client), at) >= most.address.count) return "held";
      if (networks.value(clientNetwork(client), at) >= most.network.count) return "held";
    }
    if (names.value(name, at) >= most.name.count && !names.turn(name, at, EVERY.name)) return "held";
    const failures = site.value("failures", at) - site.value("successes", at);
    if (failures >= most.site.count && !site.turn("failures", at, EVERY.site)) return "held";
    return "last";
  }

  /** Of somebody who is not known. */
  function count({ name, client }: Attempt, by: 1 | -1, at: number): void {
    if (!isExempt(client)) {
      networks.add(clientNetwork(client), by, at);
      addresses.add(clientKey(client), by, at);
    }
    names.add(name, by, at);
    site.add("failures", by, at);
  }

  return {
    ask: (attempt) => turnOf(attempt, now()),
    admit: (attempt) => {
      const at = now();
      const turn = turnOf(attempt, at);
      if (turn === "last") count(attempt, 1, at);
      return turn;
    },
    failed: (attempt, admission) => {
      const at = now();
      const { client } = attempt;
      const wasTrusted = isTrusted(attempt, at);
      const ofPair = pairs.add(pairOf(attempt), 1, at);
      if (admission !== "last") {
        if (!wasTrusted) count(attempt, 1, at);
        else if (!isExempt(client)) {
          networks.add(clientNetwork(client), 1, at);
          addresses.add(clientKey(client), 1, at);
        }
      }
      const failures = isExempt(client) ? ofPair : addresses.value(clientKey(client), at);
      return waits.find(([upTo]) => failures <= upTo)?.[1] ?? 0;
    },
    succeeded: (attempt, admission) => {
      const at = now();
      if (admission === "last") count(attempt, -1, at);
      pairs.forget(pairOf(attempt));
      site.add("successes", 1, at);
    },
    forgone: (attempt) => count(attempt, -1, now()),
  };
}

function pairOf({ name, client }: Attempt): string {
  return `${name} ${clientKey(client)}`;
}

interface Fading {
  readonly value: number;
  readonly at: number;
  /** Not before. */
  readonly next: number;
}

function createCounts(halfLife: number) {
  const counts = new Map<string, Fading>();

  function valueAt({ value, at }: Fading, now: number): number {
    return value * 2 ** ((at - now) / halfLife);
  }

  function put(key: string, fading: Fading): void {
    counts.delete(key);
    if (counts.size >= REMEMBERED_MOST) counts.delete(counts.keys().next().value!);
    counts.set(key, fading);
  }

  return {
    value: (key: string, now: number): number => {
      const found = counts.get(key);
      return found === undefined ? 0 : valueAt(found, now);
    },
    add: (key: string, by: 1 | -1, now: number): number => {
      const found = counts.get(key);
      const value = Math.max(0, (found === undefined ? 0 : valueAt(found, now)) + by);
      put(key, { value, at: now, next: found?.next ?? 0 });
      return value;
    },
    /** Whether one may pass now; then none for `every`. */
    turn: (key: string, now: number, every: number): boolean => {
      const found = counts.get(key);
      if (found === undefined || found.next > now) return false;
      put(key, { ...found, next: now + every });
      return true;
    },
    forget: (key: string): void => void counts.delete(key),
  };
}

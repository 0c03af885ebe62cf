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
// A burst gets no further than one guess after the other: while as many are being looked at as may still fail, whoever comes next waits for
// what becomes of them. When they were right, and an office has just opened, he gets in; when they failed, he is held.

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

/** crowded: too many are being looked at; ask again in a moment. */
export type Admittance = Turn | "crowded";

/** How it was admitted; "free": without a hash, or nobody asked. */
export type Admission = Exclude<Turn, "held"> | "exchange" | "free";

/**
 * What a stranger's password takes while it is being looked at. A hash is over in a moment, and others wait for what becomes of it. An
 * exchange (SCRAM) may take as long as its client likes: at the site, where all strangers would wait for it, it counts as failed until
 * it has succeeded.
 */
export type Look = "hash" | "exchange";

export interface Guesses {
  /**
   * Before a password is hashed, or a proof asked for. What comes "last" is being looked at from now on, and its admission is "last" for a
   * hash, "exchange" for one. Rejects when the owner of the counts does not answer.
   */
  admit(attempt: Attempt, look: Look): Awaitable<Admittance>;
  /** Would it be admitted now? For what is not hashed. */
  ask(attempt: Attempt): Awaitable<Turn>;
  /** How long its answer waits, counted from the question, ms. */
  failed(attempt: Attempt, admission: Admission): Awaitable<number>;
  succeeded(attempt: Attempt, admission: Admission): void;
  /** It was admitted as a stranger's and not looked at after all. */
  forgone(attempt: Attempt, look: Look): void;
}

export interface LocalGuesses extends Guesses {
  admit(attempt: Attempt, look: Look): Admittance;
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
  /** Of strangers, beyond what right logins make up for: thin over many addresses and many names. */
  site: { count: 100, halfLife: MINUTE },
} as const;
/**
 * How many failures of strangers a right login makes up for. People who come from somewhere new get it right more often than not; of
 * those who are at home, one in five may have moved and forgotten it. One account counts once a minute, from wherever it is opened: nobody
 * buys guesses for a botnet with an account of his own.
 */
const WORTH = { stranger: 1, known: 0.2 } as const;
const WORTH_EVERY = MINUTE;
/** While there are too many, one stranger's password is looked at so often, ms. */
const EVERY = { name: 30_000, site: 200 } as const;
/** An exchange has failed by then, ms; who runs them sees to that (directory/scram-login.ts). */
const LONGEST_EXCHANGE = 30_000;
/** What is left by then of one failure of the site: no more is taken back for an exchange that succeeds, whenever it does. */
const STILL_COUNTED = 2 ** (-LONGEST_EXCHANGE / most.site.halfLife);
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
  /** Accounts that were opened within the last minute. */
  const opened = createCounts(WORTH_EVERY);
  /** How many of each are being looked at; by kind and key. */
  const looking = new Map<string, number>();

  const isTrusted = (attempt: Attempt, at: number): boolean =>
    attempt.known && pairs.value(pairOf(attempt), at) < most.pair.count;

  function turnOf(attempt: Attempt, at: number): Turn {
    if (isTrusted(attempt, at)) return "first";
    const { name, client } = attempt;
    if (isShut(client, at)) return "held";
    if (names.value(name, at) >= most.name.count && !names.turn(name, at, EVERY.name)) return "held";
    if (siteFailures(at) >= most.site.count && !site.turn("failures", at, EVERY.site)) return "held";
    return "last";
  }

  function siteFailures(at: number): number {
    return site.value("failures", at) - site.value("successes", at);
  }

  /** What it says was said before: from there nothing is looked at. */
  function isShut(client: string, at: number): boolean {
    if (isExempt(client)) return false;
    return (
      addresses.value(clientKey(client), at) >= most.address.count ||
      networks.value(clientNetwork(client), at) >= most.network.count
    );
  }

  function isFull(kind: string, failures: number, limit: number): boolean {
    const beside = looking.get(kind) ?? 0;
    return beside > 0 && failures + beside >= limit;
  }

  /** Whether there would be too many failures if all that are being looked at failed. Beyond what may fail, one by one. */
  function isCrowded({ name, client }: Attempt, at: number): boolean {
    if (!isExempt(client)) {
      const [address, network] = [clientKey(client), clientNetwork(client)];
      if (isFull(`address ${address}`, addresses.value(address, at), most.address.count)) return true;
      if (isFull(`network ${network}`, networks.value(network, at), most.network.count)) return true;
    }
    if (isFull(`name ${name}`, names.value(name, at), most.name.count)) return true;
    return isFull("site", siteFailures(at), most.site.count);
  }

  function take({ name, client }: Attempt, look: Look, by: 1 | -1, at: number): void {
    const kinds = isExempt(client) ? [] : [`address ${clientKey(client)}`, `network ${clientNetwork(client)}`];
    for (const kind of [...kinds, `name ${name}`, ...(look === "hash" ? ["site"] : [])]) {
      const count = (looking.get(kind) ?? 0) + by;
      if (count > 0) looking.set(kind, count);
      else looking.delete(kind);
    }
    if (look === "exchange") site.add("failures", by === 1 ? 1 : -STILL_COUNTED, at);
  }

  /** It is over, however it ended. */
  function leave(attempt: Attempt, admission: Admission, at: number): void {
    if (admission === "last") take(attempt, "hash", -1, at);
    if (admission === "exchange") take(attempt, "exchange", -1, at);
  }

  return {
    ask: (attempt) => turnOf(attempt, now()),
    admit: (attempt, look) => {
      const at = now();
      if (!isTrusted(attempt, at) && isCrowded(attempt, at)) return "crowded";
      const turn = turnOf(attempt, at);
      if (turn === "last") take(attempt, look, 1, at);
      return turn;
    },
    failed: (attempt, admission) => {
      const at = now();
      const { name, client } = attempt;
      const isLooked = admission === "last" || admission === "exchange";
      const says = isLooked || (!isTrusted(attempt, at) && !isShut(client, at));
      const ofPair = pairs.add(pairOf(attempt), 1, at);
      leave(attempt, admission, at);
      if (!isExempt(client)) {
        networks.add(clientNetwork(client), 1, at);
        addresses.add(clientKey(client), 1, at);
      }
      // From an address that is held, what was never looked at says nothing of a name, nor of the site.
      if (says) {
        names.add(name, 1, at);
        site.add("failures", 1, at);
      }
      const failures = isExempt(client) ? ofPair : addresses.value(clientKey(client), at);
      return waits.find(([upTo]) => failures <= upTo)?.[1] ?? 0;
    },
    succeeded: (attempt, admission) => {
      const at = now();
      leave(attempt, admission, at);
      pairs.forget(pairOf(attempt));
      if (!opened.turn(attempt.name, at, WORTH_EVERY)) return;
      const isStranger = admission === "last" || admission === "exchange";
      site.add("successes", isStranger ? WORTH.stranger : WORTH.known, at);
    },
    forgone: (attempt, look) => take(attempt, look, -1, now()),
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
    add: (key: string, by: number, now: number): number => {
      const found = counts.get(key);
      const value = (found === undefined ? 0 : valueAt(found, now)) + by;
      put(key, { value, at: now, next: found?.next ?? 0 });
      return value;
    },
    /** Whether one may pass now; then none for `every`. */
    turn: (key: string, now: number, every: number): boolean => {
      const found = counts.get(key) ?? { value: 0, at: now, next: now };
      if (found.next > now) return false;
      put(key, { ...found, next: now + every });
      return true;
    },
    forget: (key: string): void => void counts.delete(key),
  };
}

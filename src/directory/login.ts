// What logins have in common, whichever way a password is shown: the answers, when a password is looked at, and whose account a name is.

import { setTimeout as sleep } from "node:timers/promises";
import { addressKey, parseAddress } from "../address/address.ts";
import type { Attempt, Guesses, Look, Turn } from "../counters/guesses.ts";
import type { Clock } from "../io/clock.ts";
import { HashesBusy } from "../io/password-hash.ts";
import type { Remote } from "../io/rpc.ts";
import type { Account, AccountStore, LoginScope } from "../store/store.ts";
import type { Directory } from "./directory.ts";
import type { Origins } from "./origins.ts";
import { isSuspended } from "./restraint.ts";
import type { Credential } from "./standing.ts";

export type LoginAnswer =
  | { readonly kind: "account"; readonly account: string; readonly credential: Credential }
  /** `delay`: how long its answer waits, counted from the question, ms. */
  | { readonly kind: "refused"; readonly delay: number }
  /** Nothing was looked at: somebody is guessing (counters/guesses.ts), or too many passwords wait to be checked. */
  | { readonly kind: "held" }
  | { readonly kind: "busy" }
  /** The same, and the session is over: too many logins failed at this address, and the account was never opened from it. */
  | ({ readonly kind: "shut" } & OverFailures)
  /** An app password that is right, but for other services. */
  | { readonly kind: "wrong-scope" }
  | { readonly kind: "unavailable"; readonly cause: string };

/** `password`: as it was sent. */
export type Login = (name: string, password: string, visit: Visit) => Promise<LoginAnswer>;

/** Where somebody wants in, and from where. */
export interface Visit {
  /** `web`: pages for users, which no app password opens. */
  readonly scope: LoginScope | "web";
  /** IP address. */
  readonly client: string;
  /** More logins failed at this address than [limits.client] allows: then it is for those who are known there. */
  readonly over?: OverFailures | undefined;
}

export interface OverFailures {
  readonly limit: number;
  readonly window: string;
}

export interface LoginServices {
  readonly directory: Directory;
  readonly store: Pick<
    Remote<AccountStore>,
    "completeScram" | "replacePasswordHash" | "noteAppPasswordUse" | "loginSecret"
  >;
  readonly guesses: Guesses;
  readonly origins: Origins;
  readonly clock: Clock;
  /** A login changed what is stored under these keys: other threads must forget them as well. */
  readonly changed: (keys: readonly string[]) => void;
  /** Something about an account could not be written down; its login goes on. */
  readonly failed: (cause: unknown) => void;
}

/**
 * For how long somebody waits for what becomes of others' passwords before he asks again, ms: five seconds in all. Right ones make room
 * within the first of these; longer ones follow, since thousands may be waiting.
 */
const crowdedWaits = [50, 50, 100, 200, 400, 600, 800, 800, 1000, 1000] as const;
/**
 * When the password is looked at, or why it is not. Who is known there has the first turn, and no count but his own holds him. Whoever comes
 * while as many are being looked at as may fail waits for what becomes of them: in time all of it comes to an end, and with right
 * passwords everybody gets in. Rejects when it takes too long (HashesBusy), or nobody can say.
 */
export async function admit(
  guesses: Guesses,
  guess: Attempt,
  { over }: Pick<Visit, "over">,
  look: Look,
): Promise<Exclude<Turn, "held"> | Extract<LoginAnswer, { kind: "held" | "shut" }>> {
  // Nothing is hashed for those who are not known where too many failed: what they ask for need not be counted.
  const turn = over === undefined ? await inTime(guesses, guess, look) : await guesses.ask(guess);
  if (turn === "first") return turn;
  if (over !== undefined) return { kind: "shut", ...over };
  return turn === "held" ? { kind: "held" } : turn;
}

async function inTime(guesses: Guesses, guess: Attempt, look: Look): Promise<Turn> {
  for (const wait of [0, ...crowdedWaits]) {
    // oxlint-disable-next-line no-await-in-loop -- until there is room
    if (wait > 0) await sleep(wait);
    // oxlint-disable-next-line no-await-in-loop
    const turn = await guesses.admit(guess, look);
    if (turn !== "crowded") return turn;
  }
  throw new HashesBusy();
}

export function opened({ key, passwordHash }: Account): LoginAnswer {
  return { kind: "account", account: key, credential: { kind: "password", hash: passwordHash } };
}

/** The account of a login name, unless it may not be used. */
export async function findUsable(directory: Directory, name: string): Promise<Account | undefined> {
  const address = parseAddress(name);
  const account = address.ok ? await directory.findAccount(addressKey(address.value)) : undefined;
  return account === undefined || isSuspended(account) ? undefined : account;
}

/** Spellings of one address are one, as they would be if it existed. */
export function nameKey(name: string): string {
  const address = parseAddress(name);
  return address.ok ? addressKey(address.value) : name;
}

/** Nothing was looked at, which is no answer to what was typed. */
export function unanswered(error: unknown): Extract<LoginAnswer, { kind: "busy" | "unavailable" }> {
  if (error instanceof HashesBusy) return { kind: "busy" };
  return { kind: "unavailable", cause: error instanceof Error ? error.message : String(error) };
}

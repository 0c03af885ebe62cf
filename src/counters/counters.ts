// What sessions ask of the counts, whoever keeps them. There is one owner of each count (law 8): in a server with one mail
// thread that thread itself, and the answer is there at once; with several, a thread of its own (remote.ts), and the
// answer is a promise. An owner that does not answer in time is "unavailable", which lets nothing pass.

import type {
  AccountCharge,
  AccountRules,
  AccountTries,
  AccountUse,
  FitAnswer,
  Held,
  QuotaAnswer,
  Subject,
  TryAnswer,
} from "./account-limits.ts";
import type { ClientRules, Connecting } from "./client-limits.ts";
import type { Guesses } from "./guesses.ts";
import type { LimitAnswer } from "./limits.ts";
import type { Locks } from "./locks.ts";
import type { Visits } from "./visits.ts";
import type { Rooms } from "./rooms.ts";

export type Awaitable<T> = T | Promise<T>;

export interface Unanswered {
  readonly kind: "unavailable";
  readonly cause: string;
}

export type CountAnswer = LimitAnswer | Unanswered;
export type AttemptAnswer = TryAnswer | Unanswered;

export interface AccountCounts {
  /** One more RCPT TO. Never given back. */
  attempt(subject: Subject): Awaitable<AttemptAnswer>;
  /** Quota for one more recipient in all layers, to be kept or released. `stranger`: it had not written to it before. */
  reserve(subject: Subject, stranger?: number): Awaitable<QuotaAnswer | Unanswered>;
  /** The same for the message itself. */
  reserveMessage(subject: Subject): Awaitable<QuotaAnswer | Unanswered>;
  /** Whether so many octets would fit now. Takes nothing. */
  octetsFit(subject: Subject, octets: number): Awaitable<FitAnswer | Unanswered>;
  /** The same for its octets. */
  reserveOctets(subject: Subject, octets: number): Awaitable<QuotaAnswer | Unanswered>;
  release(held: readonly Held[]): void;
  /** Rejects when the owner does not answer. */
  uses(subject: Subject): Awaitable<AccountUse>;
}

/** One client's connection. */
export interface ClientHandle {
  readonly connecting: Awaitable<Connecting | Unanswered>;
  message(): Awaitable<CountAnswer | undefined>;
  recipient(): Awaitable<CountAnswer | undefined>;
  /** A login was refused. */
  failed(): void;
  /** The connection has ended. Once. */
  close(): void;
}

export interface ClientCounts {
  connect(address: string): ClientHandle;
}

export interface CounterRules {
  readonly account: AccountRules;
  readonly client: ClientRules;
}

/** All of it, as a mail thread has it. */
export interface Counters {
  readonly accounts: AccountCounts;
  readonly clients: ClientCounts;
  readonly guesses: Guesses;
  readonly locks: Locks;
  readonly visits: Visits;
  readonly rooms: Rooms;
  /** Before the first message: charges of earlier runs. Rejects when they cannot be counted. */
  replay(charges: readonly AccountCharge[]): Awaitable<void>;
  /** The same of what was tried. */
  replayTries(tries: readonly AccountTries[]): Awaitable<void>;
  /** Other limits from now on, with what was counted so far. */
  replaceRules(rules: CounterRules): Awaitable<void>;
}

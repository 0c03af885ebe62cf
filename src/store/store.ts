// What must be looked up and survive a restart, as narrow interfaces: accounts, the index of mail that waits, and
// the history of charges. Implementations are synchronous inside their thread; callers in other threads see them
// through io/rpc.ts. Message content is never here: that is the spool's.

import type { SpooledMessage } from "../spool/message.ts";

export interface Account {
  /** addressKey of the address: lower case, unique. */
  readonly key: string;
  /** As given when it was made. */
  readonly address: string;
  /** PHC string of io/password-hash.ts. */
  readonly passwordHash: string;
  /** Text of io/scram-keys.ts; undefined until the password was seen by a program that makes them. */
  readonly scram?: string;
  readonly aliases: readonly string[];
  /** Wall ms. */
  readonly createdAt: number;
  readonly suspended: boolean;
}

export interface AccountStore {
  /** By its address or one of its aliases (keys). */
  findAccount(key: string): Account | undefined;
  listAccounts(): readonly Account[];
  /** False when the address or an alias is taken. */
  addAccount(account: Account): boolean;
  /** False when there is no such account. */
  setPasswordHash(key: string, passwordHash: string, scram: string): boolean;
  /** Adds SCRAM keys to an account that has none and still has this password hash; false otherwise. */
  completeScram(key: string, passwordHash: string, scram: string): boolean;
  /** 32 random octets in base64, made once: what makes an unknown login name look like a known one. */
  loginSecret(): string;
  /** False when there is no such account; likewise deleteAccount. */
  setSuspended(key: string, suspended: boolean): boolean;
  /** With its aliases. Its charges stay: the same address made again has the same limits left. */
  deleteAccount(key: string): boolean;
}

/** One recipient that waits for its next attempt. */
export interface WaitingRecipient {
  readonly recipient: number;
  /** Attempts made so far. */
  readonly attempts: number;
  /** Wall ms. */
  readonly due: number;
  readonly status: string;
  readonly reply: string;
  /** The sender was told that it waits. */
  readonly warned?: true;
}

export interface WaitingMessage {
  readonly message: SpooledMessage;
  readonly recipients: readonly WaitingRecipient[];
}

export interface QueueStore {
  /** Adds or replaces recipients of messages; what is claimed becomes free again. */
  putWaiting(messages: readonly WaitingMessage[]): void;
  /**
   * Takes up to `limit` messages whose recipients are due, for `lease` milliseconds: counts an attempt for each of
   * them before anybody dials (law 4). Only free and due recipients are in the answer.
   */
  claimDue(now: number, lease: number, limit: number): readonly WaitingMessage[];
  /** Forgets recipients that are settled. */
  removeWaiting(id: string, recipients: readonly number[]): void;
  /** Makes every waiting recipient of the message due; false when it does not wait here. */
  makeDue(id: string, now: number): boolean;
  findWaiting(id: string): WaitingMessage | undefined;
  listWaiting(limit: number): readonly WaitingMessage[];
  countWaiting(): number;
  /** When the earliest free recipient is due. */
  nextDue(): number | undefined;
  /**
   * After recovery: the spool's open recipients are the truth. Rows for anything else go, what is missing becomes
   * due now, all leases end. Returns how many rows were added.
   */
  reconcile(
    open: readonly { readonly message: SpooledMessage; readonly open: readonly number[] }[],
    now: number,
  ): number;
}

export interface Charge {
  readonly account: string;
  /** Wall ms. */
  readonly at: number;
  readonly recipients: number;
}

export interface ChargeStore {
  /** `through`: the last message id whose charge is included, now or before. */
  addCharges(charges: readonly Charge[], through: string): void;
  chargesSince(time: number): { readonly charges: readonly Charge[]; readonly through: string };
  /** Those at or before `before`. */
  purgeCharges(before: number): void;
  /** What there is: how many, since when, and how many `purgeCharges` would take. */
  chargeSpan(before: number): { readonly items: number; readonly oldest: number | undefined; readonly expired: number };
}

export type Store = AccountStore & QueueStore & ChargeStore;

// What must be looked up and survive a restart, as narrow interfaces: accounts, the index of mail that waits, and
// the history of charges. Implementations are synchronous inside their thread; callers in other threads see them
// through io/rpc.ts. Message content is never here: that is the spool's.

import type { SpooledMessage } from "../spool/message.ts";

export interface Account {
  /** addressKey of the address: lower case, unique. */
  readonly key: string;
  /** As given when it was made. */
  readonly address: string;
  /** PHC string of io/password-hash.ts; until the first login of an imported account what io/legacy-hash/ reads. */
  readonly passwordHash: string;
  /** Text of io/scram-keys.ts; undefined until the password was seen by a program that makes them. */
  readonly scram?: string;
  /** Text of io/cram-keys.ts; undefined unless CRAM-MD5 was offered somewhere when the password was set. */
  readonly cram?: string;
  readonly aliases: readonly string[];
  /** Wall ms. */
  readonly createdAt: number;
  readonly suspended: boolean;
  /** Octets that its mailbox may hold; undefined: as many as the configuration says. */
  readonly quota?: number;
  /** Name of a plan of the configuration; undefined: none of its own. */
  readonly plan?: string;
  /** Its limits are raised for a time. */
  readonly raise?: AccountRaise;
  /** An address elsewhere that is told what concerns the account, besides its own mailbox. */
  readonly contact?: string;
  /** Whom it may send as, besides its own address and aliases. */
  readonly senders?: readonly SenderGrant[];
  /** By name. Never empty. */
  readonly appPasswords?: readonly AppPassword[];
  /** What was done because somebody else may be using it. What an operator suspended is `suspended`. */
  readonly restraint?: AccountRestraint;
}

/** A step of abuse/ladder.ts, and what it rests on. */
export interface AccountRestraint {
  readonly step: "slow" | "hold" | "suspend";
  /** Wall ms. */
  readonly since: number;
  /** It ends by itself: only `slow` does. */
  readonly until?: number;
  /** As they were then. */
  readonly score: number;
  readonly evidence: readonly string[];
  /** The clause of the terms of use. */
  readonly clause?: string;
}

/** What a password is for. */
export type LoginScope = "submission" | "pop3";

export interface AppPassword {
  /** Unique in its account. */
  readonly name: string;
  readonly scopes: readonly LoginScope[];
  /** Of directory/app-passwords.ts. */
  readonly hash: string;
  /** Wall ms. */
  readonly createdAt: number;
  readonly lastUse?: { readonly at: number; readonly client: string };
}

/** Somebody said that an account may send as others. */
export interface SenderGrant {
  /** addressKey of an address; or "@" and a domain, for all its addresses. */
  readonly sender: string;
  /** "own": as if it were an alias. "delegate": for somebody else, and the message says who sent it. */
  readonly as: "own" | "delegate";
}

export interface AccountRaise {
  /** Times the limits of the plan. */
  readonly factor: number;
  /** Wall ms. */
  readonly until: number;
  /** Who answers for it, and why. */
  readonly by: string;
  readonly reason: string;
}

/** One message to a customer about what was done because somebody else may be using his account. */
export interface AbuseNotice {
  /** Key. */
  readonly account: string;
  /** Its own mailbox, or its second contact. */
  readonly to: "account" | "contact";
  /** Wall ms: when it was done. */
  readonly at: number;
  readonly news: AbuseNews;
}

export type AbuseNews =
  /** `signs`: kinds of evidence, names of abuse/observation.ts, the weightiest first. */
  | {
      readonly kind: "taken";
      readonly step: AccountRestraint["step"];
      readonly signs: readonly string[];
      readonly clause?: string;
    }
  /** Somebody has looked, and it is over; what became of the mail that was held for it. */
  | {
      readonly kind: "ended";
      readonly step: AccountRestraint["step"];
      readonly mail: "kept" | "released" | "returned";
    };

/** Notices are noted by setRestraint; whoever sends them notes that here first, so that none is sent twice. */
export interface NoticeStore {
  /** Those that nobody was told yet, the oldest first. */
  pendingNotices(limit: number): readonly (AbuseNotice & { readonly id: number })[];
  /** It is told now (wall ms). False when it is told already, or gone. */
  noteTold(id: number, at: number): boolean;
  /** It was not told after all. */
  noteUntold(id: number): void;
  /** It never will be. */
  dropNotice(id: number): void;
  /** How many were told there after this time. */
  toldSince(account: string, to: AbuseNotice["to"], time: number): number;
  /** Those of that time or before, told or not. */
  purgeNotices(before: number): void;
  noticeSpan(before: number): Span;
}

export interface AccountStore {
  /** By its address or one of its aliases (keys). */
  findAccount(key: string): Account | undefined;
  /** By key, those behind `after`. */
  listAccounts(page: { readonly after: string; readonly limit: number }): readonly Account[];
  countAccounts(): number;
  /** False when the address or an alias is taken. */
  addAccount(account: Account): boolean;
  /** All of them or, when an address or an alias is taken, none. Which are taken, by index; also by those before them in the list. */
  addAccounts(accounts: readonly Account[]): readonly number[];
  /** The same answer, and nothing is added. */
  takenAccounts(accounts: readonly Account[]): readonly number[];
  /** False when there is no such account. */
  setPasswordHash(key: string, passwordHash: string, scram: string, cram?: string): boolean;
  /** How many accounts have what CRAM-MD5 needs. */
  countCram(): number;
  /** Takes that from all of them, in one step. Their keys and aliases. What they had may stay in free parts of the file until `scrub`. */
  dropCram(): readonly string[];
  /** Leaves nothing in the file of what dropCram took, before a crash too. Quick where there is nothing. When it throws it is still to be done. */
  scrub(): void;
  /** Adds SCRAM keys to an account that has none and still has this password hash; false otherwise. */
  completeScram(key: string, passwordHash: string, scram: string): boolean;
  /** Another hash of the same password; false when the account has not this one any more. */
  replacePasswordHash(key: string, from: string, passwordHash: string, scram: string | undefined): boolean;
  /** 32 random octets in base64, made once: what makes an unknown login name look like a known one, and names correspondents. */
  loginSecret(): string;
  /** False when there is no such account; likewise deleteAccount. */
  setSuspended(key: string, suspended: boolean): boolean;
  /** False when there is no such account; likewise setPlan, setRaise, setContact and setRestraint. */
  setQuota(key: string, quota: number | undefined): boolean;
  setPlan(key: string, plan: string | undefined): boolean;
  setRaise(key: string, raise: AccountRaise | undefined): boolean;
  setContact(key: string, contact: string | undefined): boolean;
  /** `notices`: in the same step it is noted that they are to be sent. */
  setRestraint(
    key: string,
    restraint: AccountRestraint | undefined,
    notices?: readonly Omit<AbuseNotice, "account">[],
  ): boolean;
  /** Keys of the accounts that an operator or a restraint has suspended. */
  suspended(): readonly string[];
  /** Keys of the accounts that have one, ended or not. */
  restrained(): readonly string[];
  /** Those that have ended by themselves by then (wall ms) go, with their evidence. */
  purgeRestraints(now: number): void;
  restraintSpan(now: number): Span;
  /** False when there is no such account, or the alias is an address or alias already. */
  addAlias(key: string, alias: string): boolean;
  /** False when the account has no such alias. */
  removeAlias(key: string, alias: string): boolean;
  /** In place of those it had, by sender. False when there is no such account. */
  setSenders(key: string, senders: readonly SenderGrant[]): boolean;
  /** False when there is no such account, or it has one of that name. */
  addAppPassword(key: string, added: Omit<AppPassword, "lastUse">): boolean;
  /** False when there is none of that name. */
  removeAppPassword(key: string, name: string): boolean;
  /** One that is gone meanwhile is left alone. */
  /** From where it was opened: fingerprints of directory/origins.ts, days of the epoch. */
  originsOf(key: string): readonly { readonly origin: number; readonly day: number }[];
  /** What is older than the newest 50 goes; an account that is gone is left alone. */
  noteOrigin(key: string, origin: number, day: number): void;
  /** Those of that time (wall ms) or before. */
  purgeOrigins(before: number): void;
  originSpan(before: number): Span;
  noteAppPasswordUse(key: string, name: string, use: { readonly at: number; readonly client: string }): void;
  /** With its aliases. Its charges stay: the same address made again has the same limits left. */
  deleteAccount(key: string): boolean;
}

/** One attempt as it is remembered while its message waits. */
export interface PastAttempt {
  readonly recipient: number;
  /** Wall ms. */
  readonly at: number;
  /** "host[address]:port", or "local". */
  readonly remote: string;
  readonly status: string;
  /** The remote's words. */
  readonly reply: string;
  readonly tls?: string;
  readonly milliseconds: number;
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
  /** An operator or its limits said so: nothing is tried until it is released. */
  readonly held?: true;
  /** It is held because somebody else may be using the account. */
  readonly suspected?: true;
  /** It is held because an operator suspended the account, or deleted it. */
  readonly suspended?: true;
}

export interface WaitingMessage {
  readonly message: SpooledMessage;
  readonly recipients: readonly WaitingRecipient[];
}

/** What comes back from an attempt to wait. */
export interface DeferredMessage {
  readonly message: SpooledMessage;
  readonly recipients: readonly (Omit<WaitingRecipient, "held" | "suspected" | "suspended"> & {
    readonly attempt?: Omit<PastAttempt, "recipient" | "status" | "reply">;
  })[];
}

/** Nobody has tried these recipients: their numbers say all, however many they are. */
export interface UntriedMessage {
  readonly message: SpooledMessage;
  readonly recipients: readonly number[];
}

/** Which waiting mail is meant. Senders and domains are compared without regard to case; "" is the null sender. */
export type QueueSelector =
  | { readonly kind: "message"; readonly id: string }
  | { readonly kind: "sender"; readonly sender: string }
  /** The recipients of one domain, in whatever messages. */
  | { readonly kind: "domain"; readonly domain: string }
  /** What an account (key) sent. */
  | { readonly kind: "account"; readonly account: string }
  /** Of that, what is held because somebody else may be using the account, or because that was suspended or deleted. */
  | { readonly kind: "suspected"; readonly account: string }
  | { readonly kind: "all" };

/**
 * hold: no attempts until released. release: the end of that, and due now. flush: due now. requeue: due now, with
 * the count of attempts back at nothing. flush and requeue leave alone what is held or being tried.
 */
/** What is done to waiting mail. delete: nobody is told. return: its sender gets it back. */
export type QueueAction = QueueChange | "delete" | "return";

/**
 * hold-suspected: a hold because somebody else may be using the account; what is held already stays as it is. hold-suspended: because that
 * was suspended by an operator or deleted; what is held for a suspicion is from then on held for this.
 */
export type QueueChange = "hold" | "hold-suspected" | "hold-suspended" | "release" | "flush" | "requeue";

export interface QueueCount {
  readonly messages: number;
  readonly recipients: number;
}

export interface WaitingFilter {
  /** Messages with at least one recipient in this state. A recipient that is being tried is neither. */
  readonly state?: "held" | "waiting";
  readonly sender?: string;
  readonly domain?: string;
  /** Key. */
  readonly account?: string;
}

/** Open messages of the spool with ids beyond `after` up to `through` (undefined: all that follow), ascending. */
export interface SpoolRange {
  readonly after: string;
  readonly through: string | undefined;
  readonly open: readonly { readonly id: string; readonly open: readonly number[] }[];
  readonly lane?: number;
}

export interface EndedRecipients {
  /** Of the message. */
  readonly id: string;
  readonly recipients: readonly number[];
}

/**
 * The waiting mail of all lanes. `lane`: only messages of that lane (base/id.ts), which is one spool; 0 where none is given,
 * the only one of a server with one mail thread.
 */
export interface QueueStore {
  /** Adds or replaces recipients of messages; what is claimed becomes free again, what is held stays so, and what is added is held where the message says so. */
  putWaiting(messages: readonly DeferredMessage[]): void;
  /** Adds recipients the store does not know, never tried and due now; claimed until then when `lease` is not 0. */
  addWaiting(messages: readonly UntriedMessage[], now: number, lease: number): void;
  /**
   * Takes up to `limit` messages whose recipients are due, for `lease` milliseconds: counts an attempt for each of
   * them before anybody dials (law 4). Only free and due recipients are in the answer, none of domains that are `full`.
   * Fresh mail first, then retries, then bulk; each class gets a part whenever it has something due.
   */
  claimDue(
    now: number,
    lease: number,
    limit: number,
    full?: readonly string[],
    lane?: number,
  ): readonly WaitingMessage[];
  /** Forgets recipients that are settled. */
  removeWaiting(ended: readonly EndedRecipients[]): void;
  changeWaiting(change: QueueChange, selector: QueueSelector, now: number, lane?: number): QueueCount;
  findWaiting(id: string): WaitingMessage | undefined;
  /** The last attempts for each recipient of a waiting message, oldest first. They go when the message has ended. */
  attemptsFor(id: string): readonly PastAttempt[];
  /** Oldest first, those behind the id `after`; `total` counts all, whatever the limit. Only the recipients that match are in the messages. */
  listWaiting(
    filter: WaitingFilter,
    limit: number,
    after?: string,
  ): { readonly total: number; readonly messages: readonly WaitingMessage[] };
  /**
   * Takes up to `limit` free recipients, held or not, so that nobody tries them meanwhile: for whoever ends them. No
   * attempt is counted.
   */
  seizeWaiting(
    selector: QueueSelector,
    now: number,
    lease: number,
    limit: number,
    lane?: number,
  ): readonly { readonly id: string; readonly recipients: readonly number[] }[];
  /** Of these accounts (keys), those of whose mail anything is held. */
  heldAccounts(keys: readonly string[]): readonly string[];
  countWaiting(): number;
  /** Free recipients that are due later than `latest` are due then: their time was made by a clock that ran ahead. */
  hasten(now: number, latest: number): void;
  /** When the earliest free recipient is due. */
  nextDue(lane?: number): number | undefined;
  /** Which lanes have mail here. */
  lanesWaiting(): readonly number[];
  /**
   * After recovery, range by range: the spool's open recipients are the truth. Rows for anything else go, leases end.
   * Says which messages lack recipients here (addWaiting takes them), and which were being tried when we stopped.
   */
  reconcile(range: SpoolRange): { readonly missing: readonly string[]; readonly interrupted: readonly string[] };
}

export interface Charge {
  readonly account: string;
  /** Wall ms. */
  readonly at: number;
  readonly recipients: number;
  /** Of these, so many the account was not known to have written to. */
  readonly newRecipients: number;
  readonly octets: number;
}

export interface NewCharge extends Omit<Charge, "newRecipients"> {
  /** Its recipients, where they are to be remembered: fingerprints of directory/correspondents.ts. */
  readonly correspondents?: readonly number[];
}

/** What there is: how many, since when, and how many a purge would take. */
export interface Span {
  readonly items: number;
  readonly oldest: number | undefined;
  readonly expired: number;
}

export interface ChargeStore {
  /**
   * `through`: the last message id of the lane whose charge is included, now or before. Correspondents are remembered in
   * the same step; the answer is the number of those that were new, by charge.
   */
  addCharges(charges: readonly NewCharge[], through: string, lane?: number): readonly number[];
  /** Of all lanes; `through` by lane, where there is one. */
  chargesSince(time: number): { readonly charges: readonly Charge[]; readonly through: ReadonlyMap<number, string> };
  /** Those at or before `before`. */
  purgeCharges(before: number): void;
  chargeSpan(before: number): Span;
  /** Has the account written to it? */
  isCorrespondent(account: string, correspondent: number): boolean;
  /** Those last written to at or before `before`, wall ms; to the day. */
  purgeCorrespondents(before: number): void;
  correspondentSpan(before: number): Span;
}

/** What an account tried (RCPT TO), in the minute that begins `at`, wall ms. */
export interface Tries {
  readonly account: string;
  readonly at: number;
  readonly tries: number;
}

export interface TryStore {
  /** On top of what is there of the same minute. */
  addTries(tries: readonly Tries[]): void;
  /** Of minutes that begin after `time`, oldest first. */
  triesSince(time: number): readonly Tries[];
  /** Those of minutes that begin at or before `before`. */
  purgeTries(before: number): void;
  trySpan(before: number): Span;
}

export interface SavedProfile {
  readonly account: string;
  readonly day: number;
  readonly profile: string;
  readonly suspect: boolean;
}

/** What the detector of abused accounts (abuse/) knows of each, as a text of its own. */
export interface ProfileStore {
  profile(account: string): string | undefined;
  /** In place of what was there. `day`: of the epoch, on which the account was last seen. */
  saveProfiles(profiles: readonly SavedProfile[]): void;
  /** Accounts that were told to be suspect when their profile was saved last. */
  suspects(): readonly string[];
  /** Of accounts last seen at or before `before`, wall ms; to the day. */
  purgeProfiles(before: number): void;
  profileSpan(before: number): Span;
}

/** An address at a third party that an account has proved to be its own, or is about to. */
export interface Enrolment {
  /** addressKey. */
  readonly address: string;
  /** Wall ms: how long the last proof holds; undefined: there was none. */
  readonly validUntil?: number;
  /** The code that was mailed last. */
  readonly code?: { readonly hash: string; readonly expires: number; readonly tries: number };
}

/** What a third party publishes about mail of its domain that comes from here. */
export interface ThirdParty {
  readonly domain: string;
  /** The addresses of ours that it was asked about. */
  readonly from: readonly string[];
  /** Wall ms, of the last try to read it. */
  readonly triedAt: number;
  /** What was read last. */
  readonly known?: {
    readonly fit: "passes" | "tolerated" | "fails";
    /** For people and replies. */
    readonly words: string;
    /** Wall ms. */
    readonly at: number;
  };
  /** Why the last try told nothing. */
  readonly cause?: string;
}

export interface EnrolmentStore {
  /** By address. */
  enrolments(account: string): readonly Enrolment[];
  findEnrolment(account: string, address: string): Enrolment | undefined;
  /**
   * Notes that a code is mailed now, wall ms; or, where a window of the account or of the address is full, notes nothing and says
   * when there is room.
   */
  takeCode(
    account: string,
    address: string,
    at: number,
    windows: readonly { readonly length: number; readonly limit: number }[],
  ): number | undefined;
  /** In place of the code before; what was proved holds on. False when there is no such account. */
  putCode(account: string, address: string, code: { readonly hash: string; readonly expires: number }): boolean;
  /** Counts a try, and says on what; undefined: there is no code to try. */
  tryCode(account: string, address: string): Enrolment | undefined;
  /** The code is used up, the proof holds. False when this is not the code any more. */
  confirmEnrolment(account: string, address: string, hash: string, validUntil: number): boolean;
  removeEnrolment(account: string, address: string): boolean;
  /** Proofs that end after `after` and not after `before`, and of which nobody was told; by time, so many at once. */
  endingEnrolments(
    after: number,
    before: number,
  ): readonly { readonly account: string; readonly address: string; readonly validUntil: number }[];
  /** That the proof of that end was told; the next one is another. */
  noteReminded(account: string, address: string, validUntil: number): void;
  /** Of all enrolments. */
  enrolledDomains(): readonly string[];
  /** Never proved, and the code is over; third parties of which nobody has an address. */
  purgeEnrolments(now: number): void;
  /** Notes of codes of that time or before. */
  purgeCodes(before: number): void;
  codeSpan(before: number): Span;
  thirdParty(domain: string): ThirdParty | undefined;
  putThirdParty(party: ThirdParty): void;
}

export type Store = AccountStore & QueueStore & ChargeStore & TryStore & ProfileStore & EnrolmentStore & NoticeStore;

// What an operator can ask and do, as use cases: one interface, behind the command line and the HTTP API alike.
// A running server implements it over its threads (live.ts), a stopped one over its files (offline.ts).

import type { AccountUse } from "../counters/account-limits.ts";
import type { Finding } from "./doctor.ts";
import type { Trace } from "./trace.ts";
import type { QueueAction, QueueSelector } from "../store/store.ts";

export interface AccountView {
  readonly address: string;
  readonly aliases: readonly string[];
  /** ISO 8601. */
  readonly created: string;
  readonly suspended: boolean;
  /** How its password is stored; another than argon2id was imported, and ends with the next login that shows the password. */
  readonly scheme?: string;
  /** CRAM-MD5 opens it where that is offered: what it needs is stored, and is worth as much as the password. */
  readonly cram?: true;
  /** Of the mailbox, octets; absent where another program stores it. `quota`: what it may hold, if that is bounded. */
  readonly mailbox?: { readonly used: number; readonly quota?: number };
  /** Quota in use; absent when the server is not running. */
  readonly use?: AccountUse;
  /** Whom it may send as besides: addresses, and whole domains as "@example.jp". */
  readonly senders?: readonly SenderView[];
  /** Its plan, where it has one of its own. */
  readonly plan?: string;
  readonly contact?: string;
  /** While its limits are raised. */
  readonly raise?: { readonly factor: number; readonly until: string; readonly by: string; readonly reason: string };
  /** Why somebody else may be using it; absent where nothing says so. */
  readonly suspicion?: SuspicionView;
  /** What was done about that, while it lasts. */
  readonly restraint?: RestraintView;
}

/** What is in force, and what it rests on: as of when it was taken. */
export interface RestraintView {
  readonly step: "slow" | "hold" | "suspend";
  /** ISO 8601. */
  readonly since: string;
  /** It ends by itself. */
  readonly until?: string;
  readonly score: number;
  readonly evidence: readonly string[];
  /** Of the terms of use. */
  readonly clause?: string;
}

/** An account that somebody else may be using. */
export interface SuspectView {
  readonly address: string;
  readonly suspendedByOperator: boolean;
  /** What speaks against it now. */
  readonly suspicion?: SuspicionView;
  readonly restraint?: RestraintView;
  /** Messages of it that are held, for whatever reason. */
  readonly held: number;
}

export interface SuspectList {
  /** By address. */
  readonly entries: readonly SuspectView[];
  /** There are more, behind this one. */
  readonly next?: string;
}

/** What becomes of the mail that is held for a suspicion. Nothing of it is ever deleted. */
export type HeldMail = "kept" | "released" | "returned";

export interface SuspicionView {
  /** In nats; steps are taken from 8 on. */
  readonly score: number;
  /** What the score asks for. */
  readonly step?: "notice" | "slow" | "hold" | "suspend";
  /** The newest last. */
  readonly evidence: readonly { readonly at: string; readonly sign: string; readonly text: string }[];
}

export interface SenderView {
  readonly sender: string;
  /** `own`: as if it were an alias. `delegate`: for somebody else; a Sender field says which account it was. */
  readonly as: "own" | "delegate";
}

export interface AppPasswordView {
  readonly name: string;
  readonly scopes: readonly ("submission" | "pop3")[];
  /** ISO 8601. */
  readonly created: string;
  /** To the minute. */
  readonly lastUse?: { readonly at: string; readonly client: string };
}

/** An address of an account at a third party. */
export interface SubstituteView {
  readonly address: string;
  /** `unproved`: a code was mailed, and not told yet. */
  readonly state: "proved" | "expired" | "unproved";
  /** Which way its mail goes now. `relay`: by the third party's server. `unknown`: it is answered 451. */
  readonly way: "direct" | "relay" | "refused" | "unknown";
  /** ISO 8601: how long the proof holds, or held. */
  readonly until?: string;
  /** ISO 8601: how long the mailed code is good. */
  readonly code?: string;
  /** What the third party publishes, in words, and when that was read. */
  readonly published?: string;
  readonly read?: string;
  /** Why the last reading failed. */
  readonly problem?: string;
}

/** For programs that log people in themselves. */
export interface CredentialView {
  readonly address: string;
  readonly aliases: readonly string[];
  readonly suspended: boolean;
  readonly passwordHash: string;
  /** So many, which are not told. */
  readonly appPasswords: number;
}

export interface CredentialList {
  readonly total: number;
  /** By address. */
  readonly entries: readonly CredentialView[];
  /** There are more, behind this one. */
  readonly next?: string;
}

/** What an operator sets for one account. Null: as the configuration says. */
export interface AccountTerms {
  /** Octets that its mailbox may hold. */
  readonly quota?: number | null | undefined;
  /** Name of a [[plan]]. */
  readonly plan?: string | null | undefined;
  /** A second address that hears of limits, elsewhere; null: none. */
  readonly contact?: string | null | undefined;
  /** Its limits are so many times as high, for so long, ms. Who asks answers for it. */
  readonly raise?: { readonly factor: number; readonly for: number; readonly reason: string } | null | undefined;
}

/** A password, or what another program made of one; io/legacy-hash/ says which are read. */
export type Secret = string | { readonly hash: string };

/** An account of another server. */
export interface ImportedAccount {
  readonly address: string;
  readonly hash: string;
}

export interface ImportOutcome {
  /** All of them, or none when there are problems. Accounts that would be added where they are only looked at. */
  readonly added: number;
  readonly problems: readonly {
    /** In the list that was given. */
    readonly index: number;
    /** As in Refused. */
    readonly kind: "invalid" | "conflict";
    readonly why: string;
  }[];
  /** They begin with a part of the limits, as new accounts do, since nobody said that they are older. */
  readonly new?: { readonly share: number; readonly days: number };
}

/** One page of a list. `after` is the `next` of the page before. */
export interface Page {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface AccountList {
  /** All there are, however many are listed. */
  readonly total: number;
  /** By address. */
  readonly entries: readonly AccountView[];
  /** There are more, behind this one. */
  readonly next?: string;
}

export interface QueueRecipient {
  readonly address: string;
  /** `held`: nothing is tried until it is released. */
  readonly state: "in delivery" | "waiting" | "held";
  /**
   * For whom it is held: a limit of its account, somebody who looks whether that is somebody else's, who suspended or deleted that, or an
   * operator said so of the mail.
   */
  readonly heldFor?: "limit" | "suspicion" | "suspension" | "operator";
  /** Which limit, or which step since when. */
  readonly why?: string;
  readonly attempts: number;
  /** By the server of which provider it has to leave. Without `site` there is none in the configuration any more, and it waits. */
  readonly relay?: RelayView;
  /** ISO 8601; when the next attempt is due. */
  readonly next?: string;
  /** Why the last attempt did not work: status and the remote's words. */
  readonly status?: string;
  readonly reply?: string;
  /** The last attempts, oldest first; only where one message is asked for. */
  readonly history?: readonly QueueAttempt[];
}

export interface RelayView {
  /** The provider's domain: that of the sender. */
  readonly domain: string;
  /** As in the list of destinations. */
  readonly site?: string;
}

export interface QueueAttempt {
  /** ISO 8601. */
  readonly at: string;
  readonly remote: string;
  readonly status: string;
  readonly reply: string;
  readonly tls?: string;
  readonly milliseconds: number;
}

export interface QueueQuery extends Page {
  readonly state?: "held" | "waiting" | "active" | undefined;
  /** Of a recipient; only the recipients that match are told. */
  readonly domain?: string | undefined;
  readonly sender?: string | undefined;
  /** Of an account: its address or one of its aliases. */
  readonly account?: string | undefined;
}

export interface QueueList {
  /** Messages that match, however many are listed. */
  readonly total: number;
  /** Oldest first. */
  readonly entries: readonly QueueEntry[];
  /** There are more, behind this one. */
  readonly next?: string;
}

/** Where mail goes, and how it fares there. */
export interface DestinationView {
  /** The mail exchangers, or the next hop. */
  readonly site: string;
  /** Name of the source; "": the system chooses. */
  readonly egress: string;
  /** `slow`: its mail waits. `resting`: it waits for the rate. `idle`: there is none. */
  readonly state: "slow" | "resting" | "busy" | "idle";
  /** Messages that wait for a connection, and how long the first of them has, ms. */
  readonly waiting: number;
  readonly waited: number;
  /** Open now, those that carry something, and attempts to open one more. */
  readonly connections: {
    readonly open: number;
    readonly busy: number;
    readonly dialling: number;
    readonly limit: number;
  };
  readonly rate: readonly { readonly window: string; readonly used: number; readonly limit: number }[];
  /** Until the rate lets the next message go, ms. */
  readonly rests: number;
  /** Recipients, since the server started. */
  readonly delivered: number;
  readonly deferred: number;
  readonly failed: number;
  /** ISO 8601. */
  readonly lastDelivery?: string;
  /** The last that were not a delivery, oldest first. */
  readonly answers: readonly {
    readonly at: string;
    readonly kind: "deferred" | "failed";
    readonly status: string;
    readonly reply: string;
    readonly remote: string;
  }[];
}

export interface QueueCountView {
  readonly messages: number;
  readonly recipients: number;
}

export type QueueOutcome = ({ readonly done: true } & QueueCountView) | Refused;

export interface QueueEntry {
  readonly id: string;
  readonly received: string;
  readonly origin: string;
  readonly sender: string;
  readonly size: number;
  readonly messageId: string;
  readonly account?: string;
  readonly recipients: readonly QueueRecipient[];
}

/** The answer is no. `invalid`: what was given can never do; `conflict`: not as things are now. */
export interface Refused {
  readonly done: false;
  readonly kind: "not-found" | "invalid" | "conflict";
  readonly why: string;
}

export type Outcome = { readonly done: true } | Refused;

/** A password that was made here is told, once. */
export type PasswordOutcome = { readonly done: true; readonly password: string } | Refused;

/** `until`: how long the code is good, or the proof holds. ISO 8601. */
export type SubstituteOutcome = { readonly done: true; readonly until: string } | Refused;

export type TokenOutcome = { readonly done: true; readonly token: string } | Refused;

/** Of the configuration read again. "not-running": there is no server to do it. */
export type ReloadOutcome =
  | { readonly kind: "applied"; readonly changed: readonly string[]; readonly restart: readonly string[] }
  | { readonly kind: "refused"; readonly problems: readonly string[] }
  | { readonly kind: "not-running" };

/** One kind of data on disk. The numbers are there for what ends by time. */
export interface RetentionView {
  readonly what: string;
  /** For how long, in words. */
  readonly kept: string;
  readonly items?: number;
  readonly expired?: number;
  readonly oldest?: string;
}

/** Of a running server. */
export interface Health {
  readonly state: "ready" | "stopping";
  readonly version: string;
  readonly hostname: string;
  /** ISO 8601; when it was ready. */
  readonly since: string;
  readonly listeners: readonly { readonly name: string; readonly address: string; readonly port: number }[];
}

/** For one caller: whoever that is stands in the events of what he changes and looks at. */
export interface Control {
  addAccount(address: string, secret: Secret, aliases: readonly string[], terms?: AccountTerms): Promise<Outcome>;
  /** `look`: only says what would come of it. `since`: ISO 8601, when they were made elsewhere; left out, or later: now. */
  importAccounts(accounts: readonly ImportedAccount[], how: "add" | "look", since?: string): Promise<ImportOutcome>;
  listAccounts(page: Page): Promise<AccountList>;
  /** By its address, one of its aliases, or the id that Received fields name it by (`identity-header`). */
  findAccount(address: string): Promise<AccountView | undefined>;
  setPassword(address: string, password: string): Promise<Outcome>;
  /** With password hashes: never over the network. */
  exportCredentials(page: Page): Promise<CredentialList>;
  /** What is left out stays as it is. */
  changeAccount(address: string, terms: AccountTerms): Promise<Outcome>;
  addAlias(address: string, alias: string): Promise<Outcome>;
  removeAlias(address: string, alias: string): Promise<Outcome>;
  /** Lets it send as an address, or as all addresses of a domain. In place of what was said of the same sender before. */
  addSender(address: string, sender: string, as: SenderView["as"]): Promise<Outcome>;
  removeSender(address: string, sender: string): Promise<Outcome>;
  addAppPassword(address: string, name: string, scopes: AppPasswordView["scopes"]): Promise<PasswordOutcome>;
  /** By name; undefined: no such account. */
  listAppPasswords(address: string): Promise<readonly AppPasswordView[] | undefined>;
  removeAppPassword(address: string, name: string): Promise<Outcome>;
  /** Mails a code to an address at a third party, for the account to tell. What was proved before holds on. */
  addSubstitute(address: string, foreign: string): Promise<SubstituteOutcome>;
  /** With the code the account may send as the address on substitute listeners. */
  confirmSubstitute(address: string, foreign: string, code: string): Promise<SubstituteOutcome>;
  /** By address; undefined: no such account. */
  listSubstitutes(address: string): Promise<readonly SubstituteView[] | undefined>;
  removeSubstitute(address: string, foreign: string): Promise<Outcome>;
  /**
   * A suspended account can neither log in nor send, its sessions end, and what it has in the queue is held; mail for it waits at its sender.
   * Nothing of it is lost. "active" also says that somebody has looked: what spoke against the account is forgotten, and what was done
   * about it is over, except that held mail stays held until it is released or returned.
   */
  setStanding(address: string, standing: "active" | "suspended"): Promise<Outcome>;
  /** Its mailbox stays on disk, its sessions end, what it has in the queue is held. Refused while the configuration leads mail to it. */
  deleteAccount(address: string): Promise<Outcome>;
  /** Accounts that somebody else may be using: told, or something was done about them. */
  listSuspects(page: Page): Promise<SuspectList>;
  /** undefined: no such account, or nothing speaks against it. */
  findSuspect(address: string): Promise<SuspectView | undefined>;
  /**
   * Somebody has looked: what spoke against the account is forgotten, and what was done about it is over. What an operator suspended
   * stays so. The count is of the mail that was released or returned.
   */
  clearSuspect(address: string, how: { readonly reason: string; readonly mail: HeldMail }): Promise<QueueOutcome>;
  listQueue(query: QueueQuery): Promise<QueueList>;
  /** Those whose mail waits longest first; undefined: the server does not run, and nobody knows. */
  listDestinations(): Promise<readonly DestinationView[] | undefined>;
  findInQueue(id: string): Promise<QueueEntry | undefined>;
  /** `delete`: the message ends here; nobody is told. Mail that is being tried is held after the attempt, else left alone. */
  changeQueue(change: QueueAction, selector: QueueSelector): Promise<QueueOutcome>;
  retention(): Promise<readonly RetentionView[]>;
  /** Deletes what has expired, and says what that was. */
  purge(): Promise<readonly RetentionView[]>;
  /** Writes down the look into the log, then looks. "busy": too many are looking now. */
  trace(question: string): Promise<Trace | "busy">;
  /** Only writes it down, before somebody looks who can read the files himself. */
  noteTrace(question: string): Promise<void>;
  /** `probe`: hosts whose ports 25 and 587 are tried. */
  examine(probe: readonly string[]): Promise<readonly Finding[]>;
  /** Only what is seen in the store: third parties, the copy of the accounts for Dovecot. */
  examineDirectory(): Promise<readonly Finding[]>;
  /** The configuration in effect as TOML, every default filled in, secrets hidden. */
  configuration(): Promise<string>;
  /** undefined when no server runs. */
  health(): Promise<Health | undefined>;
  /** Prometheus text; undefined when no server runs. */
  metrics(): Promise<string | undefined>;
  /** Makes the API's own token anew; the old one ends at once. Refused while the configuration names tokens. */
  rotateToken(): Promise<TokenOutcome>;
  /** Reads the configuration again; open sessions go on. */
  reload(): Promise<ReloadOutcome>;
}

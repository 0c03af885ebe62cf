// What the threads tell each other. Everything here is structured-cloned.

import type { MessagePort } from "node:worker_threads";
import type { Observed } from "../abuse/tap.ts";
import type { Settings } from "../config/settings.ts";
import type { DovecotLogins } from "../control/dovecot-logins.ts";
import type { WebLogin } from "../control/web-login.ts";
import type { AccountCharge, AccountTries, AccountUse } from "../counters/account-limits.ts";
import type { CounterRules } from "../counters/counters.ts";
import type { AbuseMail } from "../egress/abuse-mail.ts";
import type { SubstituteMail } from "../egress/substitute-mail.ts";
import type { EgressDestination } from "../egress/delivery.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { QueueAction, QueueCount, QueueSelector, Store } from "../store/store.ts";
import type { Gate, PrivilegedStep } from "./privileged-start.ts";
import type { ThreadPlace } from "./shares.ts";

export interface StateThreadData {
  readonly file: string;
}

/** Served by the state thread on every port it is given. */
export type StateThread = Store;

/** The checked configuration with what the files it names hold. */
export interface MailConfiguration {
  readonly settings: Settings;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** DKIM keys in PEM by domain. */
  readonly dkimKeys: ReadonlyMap<string, string>;
}

export interface MailThreadData extends MailConfiguration {
  readonly place: ThreadPlace;
  /** Lanes it serves; mail that comes in goes into the first. */
  readonly lanes: readonly LaneData[];
  /** Speaks to the state thread. */
  readonly state: MessagePort;
  /** Serves MailThread. */
  readonly control: MessagePort;
  /** Speaks to the counters thread; undefined: the counts are kept here. */
  readonly counters: MessagePort | undefined;
  /** Charges of earlier runs, in the history. The first thread tells the counters. */
  readonly charges: readonly AccountCharge[];
  /** What accounts tried in earlier runs, likewise. */
  readonly tries: readonly AccountTries[];
  /** What the mail threads share (shared-memory.ts); undefined: there is one. */
  readonly shared: SharedArrayBuffer | undefined;
  /** The same in all threads, so that a session of one is resumed in another: what seals TLS tickets, 48 octets. */
  readonly ticketKeys: Uint8Array;
  /** Set when ports are bound with privileges that are given up afterwards: see privileged-start.ts. */
  readonly privileges: Gate | undefined;
}

export interface LaneData {
  readonly lane: number;
  /** Its charges are in the history up to this id. */
  readonly through: string;
}

export interface CountersThreadData {
  readonly rules: CounterRules;
  /** One of each mail thread. */
  readonly ports: readonly MessagePort[];
}

/** Served by a mail thread. */
export interface MailThread {
  /** Its spools and the queue store agree; the counters know what was charged. In all threads before any of them listens. */
  recover(): Promise<void>;
  /** Opens the listeners, on these ports where another thread has opened them already, and begins to deliver. */
  listen(ports: readonly number[]): Promise<readonly OpenListener[]>;
  /** First half of a reload: everything that can fail. Changes nothing that a client would see but new listeners. */
  prepareReload(configuration: MailConfiguration, ports: readonly number[]): Promise<PreparedReload>;
  /** Second half: all of it at once. What cannot change while the thread runs was named and stays as it was. */
  commitReload(): Promise<void>;
  abandonReload(): Promise<void>;
  /** Drains within `grace` ms; after it everything accepted is on disk. */
  stop(grace: number): Promise<void>;
  metrics(): Promise<object>;
  forgetAccounts(keys: readonly string[]): void;
  /** Their accounts may not be used any more. */
  endSessions(accounts: readonly string[]): void;
  destinations(): readonly EgressDestination[];
  activeMessages(): readonly ActiveMessage[];
  changeQueue(change: QueueAction, selector: QueueSelector, by: string): Promise<QueueCount>;
  accountUse(account: string): Promise<AccountUse>;
  /** Resolves when the message is durable. */
  mailThirdParty(mail: SubstituteMail): Promise<void>;
  /** Likewise. */
  mailAbuseNotice(mail: AbuseMail): Promise<void>;
  /** Logins at Dovecot: control/dovecot-logins.ts. */
  admitLogin: DovecotLogins["admit"];
  reportLogin: DovecotLogins["report"];
  /** Logins on pages for users. */
  webLogin: WebLogin;
}

export type PreparedReload =
  | { readonly kind: "prepared"; readonly opened: readonly OpenListener[]; readonly restart: readonly string[] }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

export interface OpenListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/**
 * What a mail thread posts to main unasked: log lines, whole, with their newlines; what it saw of accounts; keys of accounts that a
 * login changed, which all threads must forget; and its turns of a privileged start.
 */
export type MailPost =
  | { readonly log: string }
  | { readonly changed: readonly string[] }
  | { readonly observed: readonly Observed[] }
  | { readonly privileges: PrivilegedStep };

// What the threads tell each other. Everything here is structured-cloned.

import type { MessagePort } from "node:worker_threads";
import type { Settings } from "../config/settings.ts";
import type { AccountCharge } from "../counters/account-limits.ts";
import type { WindowUse } from "../counters/limits.ts";
import type { EgressDestination } from "../egress/delivery.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { QueueChange, QueueCount, QueueSelector, Store } from "../store/store.ts";

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
  /** Speaks to the state thread. */
  readonly state: MessagePort;
  /** Serves MailThread. */
  readonly control: MessagePort;
  /** Set when ports are bound with privileges that are given up afterwards: see privileged-start.ts. */
  readonly privileges: SharedArrayBuffer | undefined;
  readonly charges: { readonly charges: readonly AccountCharge[]; readonly through: string };
}

/** Served by a mail thread. */
export interface MailThread {
  /** Recovers the spool, opens the listeners. */
  start(): Promise<readonly OpenListener[]>;
  /** All of it or nothing; what cannot change while the thread runs is named and stays as it was. */
  reload(configuration: MailConfiguration): Promise<MailReload>;
  /** Drains within `grace` ms; after it everything accepted is on disk. */
  stop(grace: number): Promise<void>;
  metrics(): Promise<object>;
  forgetAccounts(keys: readonly string[]): void;
  destinations(): readonly EgressDestination[];
  activeMessages(): readonly ActiveMessage[];
  changeQueue(change: QueueChange | "delete", selector: QueueSelector, by: string): Promise<QueueCount>;
  accountUse(account: string): { readonly quota: readonly WindowUse[]; readonly attempts: readonly WindowUse[] };
}

export type MailReload =
  | { readonly kind: "applied"; readonly restart: readonly string[] }
  | { readonly kind: "refused"; readonly problems: readonly string[] };

export interface OpenListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** What a mail thread posts to main unasked: log lines, whole, with their newlines; and its turns of a privileged start. */
export type MailPost = { readonly log: string } | { readonly privileges: "wanted" | "done" };

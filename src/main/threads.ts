// What the threads tell each other. Everything here is structured-cloned.

import type { MessagePort } from "node:worker_threads";
import type { Settings } from "../config/settings.ts";
import type { AccountCharge } from "../counters/account-limits.ts";
import type { WindowUse } from "../counters/limits.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { QueueChange, QueueCount, QueueSelector, Store } from "../store/store.ts";

export interface StateThreadData {
  readonly file: string;
}

/** Served by the state thread on every port it is given. */
export type StateThread = Store;

export interface MailThreadData {
  readonly settings: Settings;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** DKIM keys in PEM by domain. */
  readonly dkimKeys: ReadonlyMap<string, string>;
  /** Speaks to the state thread. */
  readonly state: MessagePort;
  /** Serves MailThread. */
  readonly control: MessagePort;
  readonly charges: { readonly charges: readonly AccountCharge[]; readonly through: string };
}

/** Served by a mail thread. */
export interface MailThread {
  /** Recovers the spool, opens the listeners. */
  start(): Promise<readonly OpenListener[]>;
  /** Drains within `grace` ms; after it everything accepted is on disk. */
  stop(grace: number): Promise<void>;
  metrics(): Promise<object>;
  forgetAccounts(keys: readonly string[]): void;
  activeMessages(): readonly ActiveMessage[];
  changeQueue(change: QueueChange | "delete", selector: QueueSelector): Promise<QueueCount>;
  readMessage(id: string): Promise<string>;
  accountUse(account: string): { readonly quota: readonly WindowUse[]; readonly attempts: readonly WindowUse[] };
}

export interface OpenListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** What a mail thread posts to main unasked: log lines, whole, with their newlines. */
export interface LogBatch {
  readonly log: string;
}

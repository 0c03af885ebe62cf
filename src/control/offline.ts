// Control of a stopped server: the same use cases on its files. The caller holds the state lock.

import type { Settings } from "../config/settings.ts";
import type { Remote } from "../io/rpc.ts";
import type { Spool } from "../spool/message.ts";
import type { RecoveredMessage } from "../spool/message.ts";
import type { Store } from "../store/store.ts";
import { accountControl } from "./accounts.ts";
import type { AccountServices } from "./accounts.ts";
import type { Control } from "./control.ts";
import { retentionControl } from "./retention.ts";
import { queueEntries } from "./queue.ts";

export interface OfflineServices extends Omit<AccountServices, "changed" | "store" | "settings"> {
  readonly settings: () => Settings;
  readonly store: Remote<Store>;
  /** Opened at the first question about mail. */
  readonly spool: () => Promise<{ readonly spool: Spool; readonly recovered: readonly RecoveredMessage[] }>;
}

const LIST_LIMIT = 10_000;

export function createOfflineControl(services: OfflineServices): Control {
  const { store, observer, clock } = services;
  const accounts = accountControl({ ...services, changed: () => Promise.resolve() });
  const retained = retentionControl(services);
  let opened: Promise<Spool> | undefined;

  /** The index agrees with the spool from here on. */
  function spool(): Promise<Spool> {
    return (opened ??= services.spool().then(async ({ spool: found, recovered }) => {
      await store.reconcile(recovered, clock.wall());
      return found;
    }));
  }

  return {
    reload: () => Promise.resolve({ kind: "not-running" }),
    addAccount: accounts.addAccount,
    setPassword: accounts.setPassword,
    retention: retained.retention,
    purge: () => retained.purge("operator"),
    noteTrace: (question, by) => {
      observer.emit("trace.asked", { question, by });
      return Promise.resolve();
    },
    setStanding: accounts.setStanding,
    deleteAccount: accounts.deleteAccount,
    findAccount: accounts.find,
    listAccounts: accounts.list,
    listQueue: async () => {
      await spool();
      return queueEntries(await store.listWaiting(LIST_LIMIT), []);
    },
    findInQueue: async (id) => {
      await spool();
      const waiting = await store.findWaiting(id);
      return waiting === undefined ? undefined : queueEntries([waiting], [])[0];
    },
    retryMessage: async (id) => {
      await spool();
      if (!(await store.makeDue(id, clock.wall()))) return { done: false, why: `${id} is not in the queue` };
      observer.emit("queue.changed", { change: "retry", message: id, by: "operator" });
      return { done: true };
    },
    deleteMessage: async (id) => {
      const found = await spool();
      const waiting = await store.findWaiting(id);
      if (waiting === undefined) return { done: false, why: `${id} is not in the queue` };
      const recipients = waiting.recipients.map(({ recipient }) => recipient);
      await found.settle(
        id,
        recipients.map((recipient) => ({ recipient, outcome: "deleted" })),
      );
      await store.removeWaiting(id, recipients);
      observer.emit("message.deleted", { message: id, by: "operator" });
      return { done: true };
    },
  };
}

// Control of a stopped server: the same use cases on its files. The caller holds the state lock.

import type { Settings } from "../config/settings.ts";
import { agreeWithSpool } from "../egress/dispatch/agree.ts";
import { deleteWaiting } from "../egress/dispatch/delete.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { Recovered, Spool } from "../spool/message.ts";
import type { Store } from "../store/store.ts";
import { accountControl } from "./accounts.ts";
import type { AccountServices } from "./accounts.ts";
import type { Control } from "./control.ts";
import { queueControl } from "./queue-control.ts";
import { retentionControl } from "./retention.ts";

export interface OfflineServices extends Omit<AccountServices, "changed" | "store" | "settings"> {
  readonly settings: () => Settings;
  readonly store: Remote<Store>;
  /** Opened at the first question about mail. */
  readonly spool: () => Promise<{ readonly spool: Spool; readonly recovered: Recovered }>;
}

/** Looking at the queue queues nothing again: that is for the server to do, and to tell. */
const quiet: Observer = { emit: () => undefined };

export function createOfflineControl(services: OfflineServices): Control {
  const { store, observer, clock } = services;
  const accounts = accountControl({ ...services, changed: () => Promise.resolve() });
  const retained = retentionControl(services);
  let opened: Promise<Spool> | undefined;

  /** The index agrees with the spool from here on. */
  function spool(): Promise<Spool> {
    return (opened ??= services.spool().then(async ({ spool: found, recovered }) => {
      await agreeWithSpool(recovered, { store, clock, observer: quiet });
      return found;
    }));
  }

  const queue = queueControl({
    store,
    observer,
    active: () => Promise.resolve([]),
    change: async (change, selector) => {
      const found = await spool();
      if (change !== "delete") return store.changeWaiting(change, selector, clock.wall());
      return deleteWaiting({ spool: found, store, observer, clock, beingTried: () => false }, selector);
    },
  });

  return {
    listDestinations: () => Promise.resolve(undefined),
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
    listQueue: async (query) => {
      await spool();
      return queue.listQueue(query);
    },
    findInQueue: async (id) => {
      await spool();
      return queue.findInQueue(id);
    },
    changeQueue: queue.changeQueue,
  };
}

// Control of a stopped server: the same use cases on its files. The caller holds the state lock.

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

export interface OfflineServices extends Omit<AccountServices, "changed" | "store"> {
  readonly store: Remote<Store>;
  /** Opened at the first question about mail. */
  readonly spool: () => Promise<{ readonly spool: Spool; readonly recovered: Recovered }>;
}

/** Looking at the queue queues nothing again: that is for the server to do, and to tell. */
const quiet: Observer = { emit: () => undefined };

export function createOfflineControl(services: OfflineServices): Control {
  const { store, observer, clock } = services;
  const accounts = accountControl({ ...services, changed: () => Promise.resolve() });
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
    addAccount: accounts.addAccount,
    setPassword: accounts.setPassword,
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

// Control of a running server: accounts and waiting mail from the store, mail in delivery from the mail thread.

import { addressKey, parseAddress } from "../address/address.ts";
import type { Settings } from "../config/settings.ts";
import type { WindowUse } from "../counters/limits.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { Store } from "../store/store.ts";
import { accountControl } from "./accounts.ts";
import type { AccountServices } from "./accounts.ts";
import type { AccountView, Control, ReloadOutcome } from "./control.ts";
import { retentionControl } from "./retention.ts";
import { queueEntries } from "./queue.ts";

/** What a mail thread does for an operator. */
export interface MailControl {
  forgetAccounts(keys: readonly string[]): void;
  activeMessages(): readonly ActiveMessage[];
  retryMessage(id: string): Promise<boolean>;
  removeMessage(id: string): Promise<"removed" | "unknown" | "in delivery">;
  accountUse(account: string): { readonly quota: readonly WindowUse[]; readonly attempts: readonly WindowUse[] };
}

export interface LiveServices extends Omit<AccountServices, "changed" | "store" | "settings"> {
  readonly settings: () => Settings;
  readonly store: Remote<Store>;
  readonly mail: Remote<MailControl>;
  readonly reload: (by: string) => Promise<ReloadOutcome>;
}

const LIST_LIMIT = 10_000;

export function createLiveControl(services: LiveServices): Control {
  const { store, mail, observer } = services;
  const accounts = accountControl({ ...services, changed: (keys) => mail.forgetAccounts(keys) });

  const retained = retentionControl(services);

  async function withUse(account: AccountView): Promise<AccountView> {
    const address = parseAddress(account.address);
    return address.ok ? { ...account, use: await mail.accountUse(addressKey(address.value)) } : account;
  }

  return {
    reload: () => services.reload("operator"),
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
    findAccount: async (address) => {
      const account = await accounts.find(address);
      return account === undefined ? undefined : withUse(account);
    },
    listAccounts: async () => Promise.all((await accounts.list()).map(withUse)),
    listQueue: async () => queueEntries(await store.listWaiting(LIST_LIMIT), await mail.activeMessages()),
    findInQueue: async (id) => {
      const waiting = await store.findWaiting(id);
      const active = (await mail.activeMessages()).filter(({ message }) => message.id === id);
      return queueEntries(waiting === undefined ? [] : [waiting], active)[0];
    },
    retryMessage: async (id) => {
      if (!(await mail.retryMessage(id))) return { done: false, why: `${id} is not in the queue` };
      observer.emit("queue.changed", { change: "retry", message: id, by: "operator" });
      return { done: true };
    },
    deleteMessage: async (id) => {
      const outcome = await mail.removeMessage(id);
      if (outcome === "unknown") return { done: false, why: `${id} is not in the queue` };
      if (outcome === "in delivery") return { done: false, why: `${id} is in delivery now: try again in a moment` };
      observer.emit("message.deleted", { message: id, by: "operator" });
      return { done: true };
    },
  };
}

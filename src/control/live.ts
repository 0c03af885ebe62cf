// Control of a running server: accounts and waiting mail from the store, mail in delivery from the mail thread.

import { addressKey, parseAddress } from "../address/address.ts";
import type { Settings } from "../config/settings.ts";
import type { WindowUse } from "../counters/limits.ts";
import type { EgressDestination } from "../egress/delivery.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { QueueChange, QueueCount, QueueSelector, Store } from "../store/store.ts";
import { accountControl } from "./accounts.ts";
import type { AccountServices } from "./accounts.ts";
import type { AccountView, Control, ReloadOutcome } from "./control.ts";
import { destinationViews } from "./destinations.ts";
import { queueControl } from "./queue-control.ts";
import { retentionControl } from "./retention.ts";

/** What a mail thread does for an operator. */
export interface MailControl {
  forgetAccounts(keys: readonly string[]): void;
  destinations(): readonly EgressDestination[];
  activeMessages(): readonly ActiveMessage[];
  changeQueue(change: QueueChange | "delete", selector: QueueSelector): Promise<QueueCount>;
  accountUse(account: string): { readonly quota: readonly WindowUse[]; readonly attempts: readonly WindowUse[] };
}

export interface LiveServices extends Omit<AccountServices, "changed" | "store" | "settings"> {
  readonly settings: () => Settings;
  readonly store: Remote<Store>;
  readonly mail: Remote<MailControl>;
  readonly reload: (by: string) => Promise<ReloadOutcome>;
}

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
    listDestinations: async () => destinationViews(await mail.destinations()),
    ...queueControl({
      store,
      observer,
      active: () => mail.activeMessages(),
      change: (change, selector) => mail.changeQueue(change, selector),
    }),
  };
}

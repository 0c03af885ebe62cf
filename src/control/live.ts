// Control of a running server: accounts and waiting mail from the store, mail in delivery from the mail thread.

import { addressKey, parseAddress } from "../address/address.ts";
import type { WindowUse } from "../counters/limits.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { QueueChange, QueueCount, QueueSelector, Store } from "../store/store.ts";
import { accountControl } from "./accounts.ts";
import type { AccountServices } from "./accounts.ts";
import type { Control } from "./control.ts";
import { queueControl } from "./queue-control.ts";

/** What a mail thread does for an operator. */
export interface MailControl {
  forgetAccounts(keys: readonly string[]): void;
  activeMessages(): readonly ActiveMessage[];
  changeQueue(change: QueueChange | "delete", selector: QueueSelector): Promise<QueueCount>;
  accountUse(account: string): { readonly quota: readonly WindowUse[]; readonly attempts: readonly WindowUse[] };
}

export interface LiveServices extends Omit<AccountServices, "changed" | "store"> {
  readonly store: Remote<Store>;
  readonly mail: Remote<MailControl>;
}

export function createLiveControl(services: LiveServices): Control {
  const { store, mail, observer } = services;
  const accounts = accountControl({ ...services, changed: (keys) => mail.forgetAccounts(keys) });

  return {
    addAccount: accounts.addAccount,
    setPassword: accounts.setPassword,
    listAccounts: async () =>
      Promise.all(
        (await accounts.list()).map(async (account) => {
          const address = parseAddress(account.address);
          return address.ok ? { ...account, use: await mail.accountUse(addressKey(address.value)) } : account;
        }),
      ),
    ...queueControl({
      store,
      observer,
      active: () => mail.activeMessages(),
      change: (change, selector) => mail.changeQueue(change, selector),
    }),
  };
}

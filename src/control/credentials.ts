// What a program that logs people in itself needs of the accounts. It is a copy of the password hashes: over the control socket and from
// the files of a stopped server only, never over the network, and each look is in the log.

import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { Account, AccountStore } from "../store/store.ts";
import { isSuspended } from "../directory/restraint.ts";
import type { Control, CredentialView } from "./control.ts";

interface CredentialServices {
  readonly store: Pick<Remote<AccountStore>, "listAccounts" | "countAccounts">;
  readonly observer: Observer;
}

const MOST = 1000;

/** `by`: who it is that looks. */
export function credentialControl(
  { store, observer }: CredentialServices,
  by: string,
): Pick<Control, "exportCredentials"> {
  return {
    exportCredentials: async ({ after, limit = MOST }) => {
      const most = Math.min(Math.max(1, Math.trunc(limit)), MOST);
      const total = await store.countAccounts();
      if (after === undefined) observer.emit("accounts.exported", { accounts: total, by });
      // One more than asked for says whether there is more.
      const found = await store.listAccounts({ after: after ?? "", limit: most + 1 });
      const entries = found.slice(0, most);
      const last = entries.at(-1);
      const next = found.length > most && last !== undefined ? { next: last.key } : {};
      return { total, entries: entries.map(toView), ...next };
    },
  };
}

/** All of them, for what the server does by itself. */
export async function readCredentials(
  store: Pick<Remote<AccountStore>, "listAccounts">,
): Promise<readonly CredentialView[]> {
  const all: CredentialView[] = [];
  for (let after = ""; ; after = all.at(-1)!.address) {
    // oxlint-disable-next-line no-await-in-loop -- each page begins where the last one ends
    const found = await store.listAccounts({ after, limit: MOST });
    all.push(...found.map(toView));
    if (found.length < MOST) return all;
  }
}

function toView(account: Account): CredentialView {
  const { key, aliases, passwordHash, appPasswords } = account;
  return {
    address: key,
    aliases,
    suspended: isSuspended(account),
    passwordHash,
    appPasswords: appPasswords?.length ?? 0,
  };
}

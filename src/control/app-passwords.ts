// App passwords of an account: made here and shown once, listed without them, ended at once.

import { addressKey, parseAddress } from "../address/address.ts";
import { hashAppPassword, makeAppPassword } from "../directory/app-passwords.ts";
import type { Account, AppPassword } from "../store/store.ts";
import type { AccountServices } from "./accounts.ts";
import type { AppPasswordView, Control, Refused } from "./control.ts";

/** Of one account; each look-up of it carries all of them. */
const MOST = 100;

/** `by`: who it is that changes them. */
export function appPasswordControl(
  services: Omit<AccountServices, "forgive" | "endSessions" | "holdMail" | "loginEnded">,
  by: string,
): Pick<Control, "addAppPassword" | "listAppPasswords" | "removeAppPassword"> {
  const { store, observer, clock } = services;

  async function stored(text: string): Promise<Account | undefined> {
    const parsed = parseAddress(text);
    return parsed.ok ? await store.findAccount(addressKey(parsed.value)) : undefined;
  }

  async function changed(account: Account, change: string): Promise<void> {
    await services.changed([account.key, ...account.aliases]);
    observer.emit("account.changed", { account: account.key, change, by });
  }

  return {
    addAppPassword: async (address, name, scopes) => {
      const account = await stored(address);
      if (account === undefined) return refused("not-found", `${address}: no such account`);
      if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u.test(name)) {
        return refused("invalid", "a name has letters, digits, spaces, `.`, `_` and `-`, at most 64");
      }
      if (scopes.length === 0) return refused("invalid", "an app password is for at least one service");
      if ((account.appPasswords ?? []).length >= MOST) {
        return refused("conflict", `${address} has ${MOST} app passwords already`);
      }
      const password = makeAppPassword();
      const hash = hashAppPassword(account.key, password);
      const added = { name, scopes: [...new Set(scopes)].toSorted(), hash, createdAt: clock.wall() };
      if (!(await store.addAppPassword(account.key, added))) {
        return refused("conflict", `${address} has an app password ${name} already`);
      }
      await changed(account, "app-password-added");
      return { done: true, password };
    },
    listAppPasswords: async (address) => {
      const account = await stored(address);
      return account === undefined ? undefined : (account.appPasswords ?? []).map(toView);
    },
    removeAppPassword: async (address, name) => {
      const account = await stored(address);
      if (account === undefined) return refused("not-found", `${address}: no such account`);
      if (!(await store.removeAppPassword(account.key, name))) {
        return refused("not-found", `${address} has no app password ${name}`);
      }
      await changed(account, "app-password-revoked");
      return { done: true };
    },
  };
}

function toView({ name, scopes, createdAt, lastUse }: AppPassword): AppPasswordView {
  return {
    name,
    scopes,
    created: new Date(createdAt).toISOString(),
    ...(lastUse === undefined ? {} : { lastUse: { at: new Date(lastUse.at).toISOString(), client: lastUse.client } }),
  };
}

function refused(kind: Refused["kind"], why: string): Refused {
  return { done: false, kind, why };
}

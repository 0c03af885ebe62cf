// Accounts: made and changed in the store, with the password hashed here and never seen again.

import { addressKey, formatAddress, parseAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Settings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import { hashPassword } from "../io/password-hash.ts";
import type { Observer } from "../observe/events.ts";
import type { Remote } from "../io/rpc.ts";
import { prepare } from "../proto/sasl/prepare.ts";
import type { AccountStore } from "../store/store.ts";
import type { AccountView, Control, Outcome } from "./control.ts";

export interface AccountServices {
  /** In effect now: a reload replaces them. */
  readonly settings: () => Pick<Settings, "domains">;
  readonly store: Remote<AccountStore>;
  readonly observer: Observer;
  readonly clock: Clock;
  /** These keys changed: caches must forget them. */
  readonly changed: (keys: readonly string[]) => Promise<void>;
}

/** NIST SP 800-63B §5.1.1.2. */
const SHORTEST_PASSWORD = 8;

export function accountControl(
  services: AccountServices,
): Pick<Control, "addAccount" | "setPassword"> & { readonly list: () => Promise<readonly AccountView[]> } {
  const { store, observer, clock } = services;

  function localAddress(text: string): Result<Address, string> {
    const parsed = parseAddress(text);
    if (!parsed.ok) return failure(`${text}: ${parsed.error.message}`);
    if (services.settings().domains.some(({ name }) => name === parsed.value.domain)) return success(parsed.value);
    return failure(`${text}: the domain is not one of [[domain]]`);
  }

  return {
    addAccount: async (address, password, aliases) => {
      const parsed = localAddress(address);
      if (!parsed.ok) return refused(parsed.error);
      const keys: string[] = [];
      for (const alias of aliases) {
        const each = localAddress(alias);
        if (!each.ok) return refused(each.error);
        keys.push(addressKey(each.value));
      }
      const prepared = preparePassword(password);
      if (!prepared.ok) return refused(prepared.error);
      const key = addressKey(parsed.value);
      const added = await store.addAccount({
        key,
        address: formatAddress(parsed.value),
        passwordHash: await hashPassword(prepared.value),
        aliases: keys,
        createdAt: clock.wall(),
        suspended: false,
      });
      if (!added) return refused(`${address} or one of its aliases exists already`);
      await services.changed([key, ...keys]);
      observer.emit("account.changed", { account: key, change: "added", by: "operator" });
      return { done: true };
    },
    setPassword: async (address, password) => {
      const parsed = parseAddress(address);
      if (!parsed.ok) return refused(`${address}: ${parsed.error.message}`);
      const prepared = preparePassword(password);
      if (!prepared.ok) return refused(prepared.error);
      const key = addressKey(parsed.value);
      const account = await store.findAccount(key);
      if (account === undefined) return refused(`${address}: no such account`);
      await store.setPasswordHash(account.key, await hashPassword(prepared.value));
      await services.changed([account.key, ...account.aliases]);
      observer.emit("account.changed", { account: account.key, change: "password", by: "operator" });
      return { done: true };
    },
    list: async () =>
      (await store.listAccounts()).map(({ address, aliases, createdAt, suspended }) => ({
        address,
        aliases,
        created: new Date(createdAt).toISOString(),
        suspended,
      })),
  };
}

/** As the SASL exchanges will see it (RFC 4013). */
function preparePassword(password: string): Result<string, string> {
  if (password.length < SHORTEST_PASSWORD)
    return failure(`the password must have at least ${SHORTEST_PASSWORD} characters`);
  const prepared = prepare(password);
  return prepared === undefined
    ? failure("the password has characters that cannot be used (RFC 4013)")
    : success(prepared);
}

function refused(why: string): Outcome {
  return { done: false, why };
}

// From where an account was opened before: its logins from there go first while others are guessing. Kept in the store as keyed
// fingerprints, one for each pair of account and client (base/client-key.ts), for so many days after the last login; nobody
// reads an address from them. A store that does not answer makes everybody a stranger, and nobody is refused for that.

import { createHmac } from "node:crypto";
import { clientKey } from "../base/client-key.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { AccountStore } from "../store/store.ts";

export interface Origins {
  knows(account: string, client: string): boolean | Promise<boolean>;
  /** As far as it is known at once. */
  knewJustNow(account: string, client: string): boolean;
  /** A login from there was right. */
  note(account: string, client: string): void;
}

const DAY = 86_400_000;
export const ORIGIN_KEPT = 90 * DAY;
const CACHE_SIZE = 50_000;

/** `secret`: the same in all threads and at all times. `failed`: something could not be written down. */
export function createOrigins(
  store: Pick<Remote<AccountStore>, "originsOf" | "noteOrigin">,
  secret: string,
  clock: Pick<Clock, "wall">,
  failed: (cause: unknown) => void,
): Origins {
  const key = createHmac("sha256", secret).update("origins").digest();
  /** Account → fingerprint → day of the last login. */
  const cache = new Map<string, Map<number, number>>();

  function fingerprint(account: string, client: string): number {
    const digest = createHmac("sha256", key)
      .update(`${account}\0${clientKey(client)}`)
      .digest();
    return digest.readUIntBE(0, 6);
  }

  function isRecent(day: number | undefined): boolean {
    return day !== undefined && day * DAY > clock.wall() - ORIGIN_KEPT;
  }

  function knewJustNow(account: string, client: string): boolean {
    return isRecent(cache.get(account)?.get(fingerprint(account, client)));
  }

  return {
    knewJustNow,
    knows: (account, client) => {
      if (cache.has(account)) return knewJustNow(account, client);
      return store.originsOf(account).then(
        (found) => {
          if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value!);
          // Noted while this was on its way.
          const meanwhile = cache.get(account) ?? [];
          cache.set(account, new Map([...found.map(({ origin, day }) => [origin, day] as const), ...meanwhile]));
          return knewJustNow(account, client);
        },
        (error: unknown) => {
          failed(error);
          return false;
        },
      );
    },
    note: (account, client) => {
      const [origin, day] = [fingerprint(account, client), Math.floor(clock.wall() / DAY)];
      const known = cache.get(account);
      if (known?.get(origin) === day) return;
      known?.set(origin, day);
      store.noteOrigin(account, origin, day).catch(failed);
    },
  };
}

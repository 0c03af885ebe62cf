// Which of several accounts cannot be added, for all stores alike.

import type { Account } from "./store.ts";

/** By index: their address or an alias is one already, or one of an account before them in the list. */
export function takenIn(accounts: readonly Account[], isTaken: (key: string) => boolean): readonly number[] {
  const names = new Set<string>();
  return accounts.flatMap(({ key, aliases }, index) => {
    const own = [key, ...aliases];
    if (own.some((name) => names.has(name) || isTaken(name))) return [index];
    for (const name of own) names.add(name);
    return [];
  });
}

// Mail that a deleted account had in the queue is held under its address. Whoever has that next is somebody else: he must not get back what
// the other one sent, nor have it sent in his name. So the mail is settled first, and then the address is free.

import type { Remote } from "../io/rpc.ts";
import type { AccountStore, QueueStore } from "../store/store.ts";

/** Of these keys, those that no account has and under which mail is held. */
export async function leftMail(
  store: Remote<Pick<AccountStore, "findAccount"> & Pick<QueueStore, "heldAccounts">>,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const held = await store.heldAccounts(keys);
  const found = await Promise.all(held.map((key) => store.findAccount(key)));
  return new Set(held.filter((_key, index) => found[index] === undefined));
}

export function whyLeft(key: string): string {
  return (
    `mail of an account ${key} that was deleted is still held: look with \`queue list --state held --account ${key}\`, ` +
    "then `queue release` or `queue delete` it"
  );
}

// At the start, before anything is delivered: what suspended accounts have in the queue is held again. The server may have died between the
// word that suspended an account, which is written down first, and the hold; and what the spool gives back to the index was accepted before
// either. What is held already stays as it is.

import type { Dispatcher } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import { sumOf } from "../control/queue-control.ts";
import type { AccountStore } from "../store/store.ts";

interface Services {
  readonly store: Remote<Pick<AccountStore, "suspended" | "findAccount">>;
  readonly lanes: readonly { readonly dispatcher: Pick<Dispatcher, "change"> }[];
  readonly observer: Observer;
}

export async function holdAgain({ store, lanes, observer }: Services): Promise<void> {
  for (const key of await store.suspended()) {
    // oxlint-disable-next-line no-await-in-loop -- few are suspended, and one store
    const account = await store.findAccount(key);
    const change = account?.suspended === true ? "hold-suspended" : "hold-suspected";
    const held = lanes.map(({ dispatcher }) => dispatcher.change(change, { kind: "account", account: key }));
    // oxlint-disable-next-line no-await-in-loop
    const { recipients } = sumOf(await Promise.all(held));
    if (recipients === 0) continue;
    observer.emit("queue.changed", { change, message: "", selection: `account ${key}`, recipients, by: "start" });
  }
}

// The queue store as one lane sees it: only its own messages, for only their content is in its spool.

import type { Remote } from "../io/rpc.ts";
import type { ChargeStore, QueueStore, Store } from "./store.ts";

/** What a lane asks of the store. */
export type LaneStore = Remote<QueueStore & Pick<ChargeStore, "addCharges">>;

export function storeOfLane(store: Remote<Store>, lane: number): LaneStore {
  return {
    putWaiting: (messages) => store.putWaiting(messages),
    addWaiting: (messages, now, lease) => store.addWaiting(messages, now, lease),
    claimDue: (now, lease, limit, full) => store.claimDue(now, lease, limit, full, lane),
    removeWaiting: (ended) => store.removeWaiting(ended),
    changeWaiting: (change, selector, now) => store.changeWaiting(change, selector, now, lane),
    findWaiting: (id) => store.findWaiting(id),
    attemptsFor: (id) => store.attemptsFor(id),
    listWaiting: (filter, limit, after) => store.listWaiting(filter, limit, after),
    seizeWaiting: (selector, now, lease, limit) => store.seizeWaiting(selector, now, lease, limit, lane),
    heldAccounts: (keys) => store.heldAccounts(keys),
    countWaiting: () => store.countWaiting(),
    lanesWaiting: () => store.lanesWaiting(),
    // Of all lanes: it is the clock that was wrong, and once is enough.
    hasten: (now, latest) => store.hasten(now, latest),
    nextDue: () => store.nextDue(lane),
    reconcile: (range) => store.reconcile({ ...range, lane }),
    addCharges: (charges, through) => store.addCharges(charges, through, lane),
  };
}

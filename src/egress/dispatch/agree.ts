// After a start the spool is the truth and the queue store agrees with it: rows for what has ended go, what the store
// lacks is added and due now, leases end. Range by range: a million waiting messages are never together in memory or in
// one call. What waited before is only compared; what is queued again is told.

import type { Clock } from "../../io/clock.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Observer } from "../../observe/events.ts";
import type { Recovered } from "../../spool/message.ts";
import type { QueueStore } from "../../store/store.ts";

/** Ids compared at a time. */
const BATCH = 10_000;
/** Records read from the spool and put into the store at a time. */
const RECORDS = 500;

export interface AgreeServices {
  readonly store: Remote<QueueStore>;
  readonly clock: Clock;
  readonly observer: Observer;
}

export async function agreeWithSpool({ open, record }: Recovered, services: AgreeServices): Promise<void> {
  const { store, clock, observer } = services;
  let after = "";
  for (let start = 0; ; start += BATCH) {
    const batch = open.slice(start, start + BATCH);
    const isLast = start + BATCH >= open.length;
    const through = isLast ? undefined : batch.at(-1)!.id;
    const { missing, interrupted } = await store.reconcile({ after, through, open: batch });
    const truth = new Map(batch.map((each) => [each.id, each.open]));
    for (let at = 0; at < missing.length; at += RECORDS) {
      const messages = await Promise.all(
        missing.slice(at, at + RECORDS).map(async (id) => ({ message: await record(id), recipients: truth.get(id)! })),
      );
      await store.addWaiting(messages, clock.wall(), 0);
    }
    for (const id of [...new Set([...missing, ...interrupted])].toSorted()) {
      const { recipients } = await record(id);
      const names = truth.get(id)!.map((each) => recipients[each]!);
      observer.emit("message.recovered", { message: id, recipients: names });
    }
    if (isLast) return;
    after = through!;
  }
}

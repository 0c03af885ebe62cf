// Waiting mail ends because an operator says so: settled as deleted in the spool, forgotten by the store, nobody is told.

import type { Clock } from "../../io/clock.ts";
import type { Remote } from "../../io/rpc.ts";
import type { Observer } from "../../observe/events.ts";
import type { Spool } from "../../spool/message.ts";
import type { QueueCount, QueueSelector, QueueStore } from "../../store/store.ts";

const PAGE = 1000;
/** What is not ended by then is free again: its thread is gone. */
const LEASE = 60 * 60_000;

export interface DeleteServices {
  readonly spool: Spool;
  readonly store: Remote<Pick<QueueStore, "seizeWaiting" | "removeWaiting">>;
  readonly observer: Observer;
  readonly clock: Clock;
  /** Left alone. */
  readonly beingTried: (id: string, recipient: number) => boolean;
}

/** `by`: who said so. */
export async function deleteWaiting(
  services: DeleteServices,
  selector: QueueSelector,
  by: string,
): Promise<QueueCount> {
  const { spool, store, observer, clock, beingTried } = services;
  const count = { messages: 0, recipients: 0 };
  for (;;) {
    // Seized first: a claim between the question and the end would try what is gone.
    const page = await store.seizeWaiting(selector, clock.wall(), LEASE, PAGE);
    if (page.length === 0) return count;
    await Promise.all(
      page.map(async ({ id, recipients }) => {
        const ended = recipients.filter((recipient) => !beingTried(id, recipient));
        if (ended.length === 0) return;
        await spool.settle(
          id,
          ended.map((recipient) => ({ recipient, outcome: "deleted" })),
        );
        await store.removeWaiting([{ id, recipients: ended }]);
        observer.emit("message.deleted", { message: id, by });
        count.messages++;
        count.recipients += ended.length;
      }),
    );
  }
}

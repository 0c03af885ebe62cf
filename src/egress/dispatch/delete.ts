// Waiting mail ends because an operator says so: settled in the spool, forgotten by the store. Nobody is told, or its sender gets
// it back.

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
  /** The sender is told before the end is recorded; resolves to what is to be done after it. Left out: nobody is told. */
  readonly report?: (id: string, recipients: readonly number[]) => Promise<() => void>;
}

/** `by`: who said so. */
export async function deleteWaiting(
  services: DeleteServices,
  selector: QueueSelector,
  by: string,
): Promise<QueueCount> {
  const { spool, store, observer, clock, beingTried, report } = services;
  const count = { messages: 0, recipients: 0 };
  for (;;) {
    // Seized first: a claim between the question and the end would try what is gone.
    const page = await store.seizeWaiting(selector, clock.wall(), LEASE, PAGE);
    if (page.length === 0) return count;
    await Promise.all(
      page.map(async ({ id, recipients }) => {
        const ended = recipients.filter((recipient) => !beingTried(id, recipient));
        if (ended.length === 0) return;
        const reported = await report?.(id, ended);
        const outcome = report === undefined ? "deleted" : "failed";
        await spool.settle(
          id,
          ended.map((recipient) => ({ recipient, outcome })),
        );
        await store.removeWaiting([{ id, recipients: ended }]);
        if (reported === undefined) observer.emit("message.deleted", { message: id, by });
        else observer.emit("message.returned", { message: id, by });
        reported?.();
        count.messages++;
        count.recipients += ended.length;
      }),
    );
  }
}

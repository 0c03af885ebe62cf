// Waiting mail ends because an operator says so: settled as deleted in the spool, forgotten by the store, nobody is told.

import type { Remote } from "../../io/rpc.ts";
import type { Observer } from "../../observe/events.ts";
import type { Spool } from "../../spool/message.ts";
import type { QueueCount, QueueSelector, QueueStore } from "../../store/store.ts";

const PAGE = 1000;

export interface DeleteServices {
  readonly spool: Spool;
  readonly store: Remote<QueueStore>;
  readonly observer: Observer;
  /** Being tried now: left alone. */
  readonly inDelivery: (id: string) => boolean;
}

export async function deleteWaiting(services: DeleteServices, selector: QueueSelector): Promise<QueueCount> {
  const { spool, store, observer, inDelivery } = services;
  const count = { messages: 0, recipients: 0 };
  for (let after = ""; ;) {
    const page = await store.selectWaiting(selector, after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return count;
    after = last.id;
    const free = page.filter(({ id }) => !inDelivery(id));
    await Promise.all(
      free.map(async ({ id, recipients }) => {
        await spool.settle(
          id,
          recipients.map((recipient) => ({ recipient, outcome: "deleted" })),
        );
        await store.removeWaiting(id, recipients);
        observer.emit("message.deleted", { message: id, by: "operator" });
        count.messages++;
        count.recipients += recipients.length;
      }),
    );
  }
}

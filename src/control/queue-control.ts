// The queue's use cases, the same for a running server and for its files: only where what is in delivery comes from, and
// who changes the queue, differs.

import { domainOf } from "../queue/classes.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { QueueChange, QueueCount, QueueSelector, QueueStore } from "../store/store.ts";
import type { Control, QueueQuery } from "./control.ts";
import { queueEntries } from "./queue.ts";

const LIST_LIMIT = 1000;

export interface QueueServices {
  readonly store: Remote<QueueStore>;
  readonly observer: Observer;
  readonly active: () => Promise<readonly ActiveMessage[]>;
  readonly change: (change: QueueChange | "delete", selector: QueueSelector) => Promise<QueueCount>;
}

export type QueueControl = Pick<Control, "listQueue" | "findInQueue" | "changeQueue">;

export function queueControl({ store, observer, active, change }: QueueServices): QueueControl {
  return {
    listQueue: async (query) => {
      const limit = query.limit ?? LIST_LIMIT;
      const running = query.state === undefined || query.state === "active" ? matching(await active(), query) : [];
      if (query.state === "active") return page(queueEntries([], running), countIds(running), limit);
      const { total, messages } = await store.listWaiting(
        {
          ...(query.state === undefined ? {} : { state: query.state }),
          ...(query.domain === undefined ? {} : { domain: query.domain }),
          ...(query.sender === undefined ? {} : { sender: query.sender }),
        },
        limit,
      );
      return page(queueEntries(messages, running), total + countIds(running.filter(({ stored }) => !stored)), limit);
    },
    findInQueue: async (id) => {
      const waiting = await store.findWaiting(id);
      const running = (await active()).filter(({ message }) => message.id === id);
      return queueEntries(waiting === undefined ? [] : [waiting], running, await store.attemptsFor(id))[0];
    },
    changeQueue: async (kind, selector) => {
      const count = await change(kind, selector);
      if (count.recipients === 0) return { done: false, why: await whyNothing(kind, selector) };
      const { messages, recipients } = count;
      const fields = { change: kind, message: selector.kind === "message" ? selector.id : "", by: "operator" };
      observer.emit("queue.changed", { ...fields, selection: describe(selector), recipients });
      return { done: true, messages, recipients };
    },
  };

  async function whyNothing(kind: QueueChange | "delete", selector: QueueSelector): Promise<string> {
    if (selector.kind !== "message") return `nothing in the queue that ${kind} applies to: ${describe(selector)}`;
    const { id } = selector;
    if ((await active()).some(({ message }) => message.id === id))
      return `${id} is in delivery now: try again in a moment`;
    const waiting = await store.findWaiting(id);
    if (waiting === undefined) return `${id} is not in the queue`;
    if (kind === "release") return `${id} is not held`;
    return kind === "hold" ? `${id} is held already` : `${id} is held: release it first`;
  }
}

function describe(selector: QueueSelector): string {
  switch (selector.kind) {
    case "all":
      return "all";
    case "message":
      return selector.id;
    case "sender":
      return `sender <${selector.sender}>`;
    case "domain":
      return `recipients at ${selector.domain}`;
  }
}

function page(
  entries: ReturnType<typeof queueEntries>,
  total: number,
  limit: number,
): Awaited<ReturnType<Control["listQueue"]>> {
  return { total, entries: entries.slice(0, limit) };
}

function countIds(active: readonly ActiveMessage[]): number {
  return new Set(active.map(({ message }) => message.id)).size;
}

/** What is in delivery and asked for; only the recipients that match. */
function matching(active: readonly ActiveMessage[], { domain, sender }: QueueQuery): readonly ActiveMessage[] {
  const wanted = domain?.toLowerCase();
  return active
    .filter(({ message }) => sender === undefined || message.sender.toLowerCase() === sender.toLowerCase())
    .map((each) => ({
      ...each,
      recipients: each.recipients.filter(
        (recipient) => wanted === undefined || domainOf(each.message.recipients[recipient]!) === wanted,
      ),
    }))
    .filter(({ recipients }) => recipients.length > 0);
}

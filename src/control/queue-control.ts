// The queue's use cases, the same for a running server and for its files: only where what is in delivery comes from, and
// who changes the queue, differs.

import { addressKey, parseAddress } from "../address/address.ts";
import { domainOf } from "../queue/classes.ts";
import type { ActiveMessage } from "../egress/dispatch/dispatcher.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { AccountStore, QueueAction, QueueCount, QueueSelector, QueueStore } from "../store/store.ts";
import type { Control, QueueQuery, Refused } from "./control.ts";
import { queueEntries } from "./queue.ts";
import { relayViews } from "./queue-relay.ts";
import type { RelaySettings } from "./queue-relay.ts";

const LIST_LIMIT = 1000;

export interface QueueServices {
  /** In effect now. */
  readonly settings: () => RelaySettings;
  readonly store: Remote<QueueStore & Pick<AccountStore, "findAccount">>;
  readonly observer: Observer;
  readonly active: () => Promise<readonly ActiveMessage[]>;
  /** `by`: who it is that changes it. */
  readonly change: (change: QueueAction, selector: QueueSelector, by: string) => Promise<QueueCount>;
}

export type QueueControl = Pick<Control, "listQueue" | "findInQueue" | "changeQueue">;

/** A message is in one lane only, so lanes add up. */
export function sumOf(counts: readonly QueueCount[]): QueueCount {
  return {
    messages: counts.reduce((sum, { messages }) => sum + messages, 0),
    recipients: counts.reduce((sum, { recipients }) => sum + recipients, 0),
  };
}

export function queueControl({ settings, store, observer, active, change }: QueueServices, by: string): QueueControl {
  return {
    listQueue: async (asked) => {
      const query = asked.account === undefined ? asked : { ...asked, account: await keyOf(asked.account) };
      const { limit = LIST_LIMIT, after = "" } = query;
      const running = query.state === undefined || query.state === "active" ? matching(await active(), query) : [];
      const relayOf = relayViews(settings());
      if (query.state === "active") return page(queueEntries([], running, [], relayOf), countIds(running), query);
      const { total, messages } = await store.listWaiting(
        {
          ...(query.state === undefined ? {} : { state: query.state }),
          ...(query.domain === undefined ? {} : { domain: query.domain }),
          ...(query.sender === undefined ? {} : { sender: query.sender }),
          ...(query.account === undefined ? {} : { account: query.account }),
        },
        // One more than asked for says whether there is more.
        limit + 1,
        after,
      );
      const more = countIds(running.filter(({ stored }) => !stored));
      return page(queueEntries(messages, running, [], relayOf), total + more, query);
    },
    findInQueue: async (id) => {
      const waiting = await store.findWaiting(id);
      const running = (await active()).filter(({ message }) => message.id === id);
      const known = waiting === undefined ? [] : [waiting];
      return queueEntries(known, running, await store.attemptsFor(id), relayViews(settings()))[0];
    },
    changeQueue: async (kind, asked) => {
      const selector =
        asked.kind === "account" || asked.kind === "suspected"
          ? { ...asked, account: await keyOf(asked.account) }
          : asked;
      const count = await change(kind, selector, by);
      if (count.recipients === 0) return whyNothing(kind, selector);
      const { messages, recipients } = count;
      const fields = { change: kind, message: selector.kind === "message" ? selector.id : "", by };
      observer.emit("queue.changed", { ...fields, selection: describe(selector), recipients });
      return { done: true, messages, recipients };
    },
  };

  /** Of an account that is gone, mail may wait all the same. */
  async function keyOf(address: string): Promise<string> {
    const parsed = parseAddress(address);
    if (!parsed.ok) return address.toLowerCase();
    const key = addressKey(parsed.value);
    return (await store.findAccount(key))?.key ?? key;
  }

  async function whyNothing(kind: QueueAction, selector: QueueSelector): Promise<Refused> {
    if (selector.kind !== "message")
      return conflict(`nothing in the queue that ${kind} applies to: ${describe(selector)}`);
    const { id } = selector;
    if ((await active()).some(({ message }) => message.id === id))
      return conflict(`${id} is in delivery now: try again in a moment`);
    const waiting = await store.findWaiting(id);
    if (waiting === undefined) return { done: false, kind: "not-found", why: `${id} is not in the queue` };
    if (kind === "release") return conflict(`${id} is not held`);
    return conflict(
      kind === "hold" || kind === "hold-suspected" || kind === "hold-suspended"
        ? `${id} is held already`
        : `${id} is held: release it first`,
    );
  }
}

function conflict(why: string): Refused {
  return { done: false, kind: "conflict", why };
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
    case "account":
      return `account ${selector.account}`;
    case "suspected":
      return `held for a suspicion or a suspension, account ${selector.account}`;
  }
}

function page(
  all: ReturnType<typeof queueEntries>,
  total: number,
  { limit = LIST_LIMIT, after = "" }: QueueQuery,
): Awaited<ReturnType<Control["listQueue"]>> {
  const behind = all.filter(({ id }) => id > after);
  const entries = behind.slice(0, limit);
  const last = entries.at(-1);
  return { total, entries, ...(behind.length > limit && last !== undefined ? { next: last.id } : {}) };
}

function countIds(active: readonly ActiveMessage[]): number {
  return new Set(active.map(({ message }) => message.id)).size;
}

/** What is in delivery and asked for; only the recipients that match. */
function matching(active: readonly ActiveMessage[], { domain, sender, account }: QueueQuery): readonly ActiveMessage[] {
  const wanted = domain?.toLowerCase();
  return active
    .filter(({ message }) => account === undefined || message.account === account)
    .filter(({ message }) => sender === undefined || message.sender.toLowerCase() === sender.toLowerCase())
    .map((each) => ({
      ...each,
      recipients: each.recipients.filter(
        (recipient) => wanted === undefined || domainOf(each.message.recipients[recipient]!) === wanted,
      ),
    }))
    .filter(({ recipients }) => recipients.length > 0);
}

// The waiting mail in a Map: every question looks at all of it. There is no second level for domains that are full
// (sqlite/queue-tables.ts has one, so that many rows are passed over once): they are passed over at every claim.

import { laneOf } from "../../base/id.ts";
import { classOf, domainOf, firstHolds, holds } from "../../queue/classes.ts";
import type { Hold, MailClass } from "../../queue/classes.ts";
import type { SpooledMessage } from "../../spool/message.ts";
import type {
  PastAttempt,
  QueueChange,
  QueueSelector,
  QueueStore,
  SpoolRange,
  WaitingFilter,
  WaitingMessage,
  WaitingRecipient,
} from "../store.ts";

/** As many as the other store remembers; a remote's words likewise, in characters. */
const MOST_ATTEMPTS = 50;
const REPLY_LENGTH = 1000;

interface Row {
  readonly id: string;
  readonly recipient: number;
  readonly domain: string;
  mailClass: MailClass;
  attempts: number;
  due: number;
  status: string;
  reply: string;
  warned: boolean;
  held: Hold;
  /** Wall ms; 0: nobody has it. */
  leasedUntil: number;
}

interface Entry {
  readonly message: SpooledMessage;
  readonly lane: number;
  readonly rows: Map<number, Row>;
  readonly attempts: Map<number, readonly PastAttempt[]>;
}

const isFree = (row: Row): boolean => row.held === holds.none && row.leasedUntil === 0;

export function createMemoryQueue(): QueueStore {
  const entries = new Map<string, Entry>();

  /** What is known of a message stays as it is. */
  function entryOf(message: SpooledMessage): Entry {
    const { id } = message;
    const entry = entries.get(id) ?? { message, lane: laneOf(id), rows: new Map(), attempts: new Map() };
    entries.set(id, entry);
    return entry;
  }

  const sorted = (): readonly Entry[] =>
    [...entries.values()].toSorted((one, other) => (one.message.id < other.message.id ? -1 : 1));

  /** By id and recipient; undefined: of all lanes. */
  const rowsOf = (lane?: number): readonly Row[] =>
    sorted()
      .filter((entry) => lane === undefined || entry.lane === lane)
      .flatMap(inOrder);

  function isMeant(row: Row, selector: QueueSelector): boolean {
    switch (selector.kind) {
      case "all":
        return true;
      case "message":
        return row.id === selector.id;
      case "sender":
        return isFrom(row.id, selector.sender);
      case "domain":
        return row.domain === selector.domain.toLowerCase();
      case "account":
        return accountOf(row.id) === selector.account;
      case "suspected":
        return accountOf(row.id) === selector.account && row.held >= holds.suspicion;
    }
  }

  const isFrom = (id: string, sender: string): boolean =>
    entries.get(id)?.message.sender.toLowerCase() === sender.toLowerCase();

  const accountOf = (id: string): string | undefined => entries.get(id)?.message.account;

  function remove(id: string, recipients: readonly number[]): void {
    const entry = entries.get(id);
    for (const recipient of recipients) entry?.rows.delete(recipient);
    if (entry?.rows.size === 0) entries.delete(id);
  }

  function claim(now: number, lease: number, limit: number, full: readonly string[], lane: number): WaitingMessage[] {
    for (const row of rowsOf()) if (row.leasedUntil <= now) row.leasedUntil = 0;
    const canGo = (row: Row): boolean => isFree(row) && row.due <= now && !full.includes(row.domain);
    const due = rowsOf(lane)
      .filter(canGo)
      .toSorted((one, other) => one.due - other.due);
    const claimed: WaitingMessage[] = [];
    for (const [mailClass, upTo] of turns(limit)) {
      for (const row of due) {
        if (claimed.length >= upTo) break;
        // One that went with an earlier recipient of its message is not free any more.
        if (row.mailClass !== mailClass || !canGo(row)) continue;
        const entry = entries.get(row.id)!;
        const together = inOrder(entry).filter(canGo);
        for (const each of together) {
          each.attempts += 1;
          each.leasedUntil = now + lease;
        }
        claimed.push({ message: entry.message, recipients: together.map(toRecipient) });
      }
    }
    return claimed;
  }

  function list(filter: WaitingFilter, limit: number, after = ""): ReturnType<QueueStore["listWaiting"]> {
    const { state, sender, domain, account } = filter;
    const matches = (row: Row): boolean =>
      (state === undefined || (state === "held" ? row.held !== holds.none : isFree(row))) &&
      (account === undefined || accountOf(row.id) === account) &&
      (domain === undefined || row.domain === domain.toLowerCase()) &&
      (sender === undefined || isFrom(row.id, sender));
    const found = sorted()
      .map((entry) => ({ message: entry.message, recipients: inOrder(entry).filter(matches).map(toRecipient) }))
      .filter(({ recipients }) => recipients.length > 0);
    return { total: found.length, messages: found.filter(({ message }) => message.id > after).slice(0, limit) };
  }

  function reconcile({ after, through, open, lane = 0 }: SpoolRange): ReturnType<QueueStore["reconcile"]> {
    const inRange = (id: string): boolean => id > after && (through === undefined || id <= through);
    const truths = new Map(open.map((each) => [each.id, each.open]));
    const interrupted: string[] = [];
    for (const entry of sorted()) {
      const { id } = entry.message;
      if (entry.lane !== lane || !inRange(id)) continue;
      const truth = truths.get(id);
      const rows = inOrder(entry);
      if (truth !== undefined && rows.some((row) => row.leasedUntil > 0)) interrupted.push(id);
      for (const row of rows) row.leasedUntil = 0;
      remove(
        id,
        rows.map(({ recipient }) => recipient).filter((recipient) => truth?.includes(recipient) !== true),
      );
    }
    const missing = open
      .filter((each) => each.open.some((recipient) => entries.get(each.id)?.rows.has(recipient) !== true))
      .map(({ id }) => id);
    return { missing, interrupted };
  }

  return {
    putWaiting: (messages) => {
      for (const { message, recipients } of messages) {
        const { id, rows, attempts: history } = { id: message.id, ...entryOf(message) };
        for (const { recipient, attempts, due, status, reply, warned, attempt } of recipients) {
          const domain = domainOf(message.recipients[recipient] ?? "");
          const held = rows.get(recipient)?.held ?? firstHolds(message)(recipient);
          const known = { id, recipient, domain, mailClass: classOf(message, attempts), held, leasedUntil: 0 };
          rows.set(recipient, { ...known, attempts, due, status, reply, warned: warned === true });
          if (attempt === undefined) continue;
          const past = { recipient, status, reply: reply.slice(0, REPLY_LENGTH), ...attempt };
          history.set(recipient, [...(history.get(recipient) ?? []), past].slice(-MOST_ATTEMPTS));
        }
      }
    },
    addWaiting: (messages, now, lease) => {
      const leasedUntil = lease === 0 ? 0 : now + lease;
      const fresh = { attempts: 0, due: now, status: "", reply: "", warned: false, leasedUntil };
      for (const { message, recipients } of messages) {
        const { rows } = entryOf(message);
        for (const recipient of recipients) {
          if (rows.has(recipient)) continue;
          const domain = domainOf(message.recipients[recipient] ?? "");
          const held = firstHolds(message)(recipient);
          rows.set(recipient, { id: message.id, recipient, domain, mailClass: classOf(message, 0), held, ...fresh });
        }
      }
    },
    claimDue: (now, lease, limit, full = [], lane = 0) => claim(now, lease, limit, full, lane),
    removeWaiting: (ended) => {
      for (const { id, recipients } of ended) remove(id, recipients);
    },
    changeWaiting: (change, selector, now, lane = 0) => {
      const found = rowsOf(lane).filter((row) => isMeant(row, selector) && isOpenTo(change, row));
      for (const row of found) apply(change, row, now);
      return { messages: new Set(found.map(({ id }) => id)).size, recipients: found.length };
    },
    findWaiting: (id) => {
      const entry = entries.get(id);
      if (entry === undefined || entry.rows.size === 0) return undefined;
      return { message: entry.message, recipients: inOrder(entry).map(toRecipient) };
    },
    attemptsFor: (id) =>
      [...(entries.get(id)?.attempts ?? [])].toSorted(([one], [other]) => one - other).flatMap(([, past]) => past),
    listWaiting: list,
    heldAccounts: (keys) => keys.filter((account) => list({ state: "held", account }, 1).total > 0),
    seizeWaiting: (selector, now, lease, limit, lane = 0) => {
      const seized = rowsOf(lane)
        .filter((row) => row.leasedUntil === 0 && isMeant(row, selector))
        .slice(0, limit);
      for (const row of seized) row.leasedUntil = now + lease;
      return [...Map.groupBy(seized, ({ id }) => id)].map(([id, rows]) => ({
        id,
        recipients: rows.map(({ recipient }) => recipient),
      }));
    },
    countWaiting: () => entries.size,
    hasten: (_now, latest) => {
      for (const row of rowsOf().filter(isFree)) row.due = Math.min(row.due, latest);
    },
    nextDue: (lane = 0) => {
      const free = rowsOf(lane).filter(isFree);
      return free.length === 0 ? undefined : free.reduce((least, { due }) => Math.min(least, due), Infinity);
    },
    lanesWaiting: () => [...new Set([...entries.values()].map(({ lane }) => lane))].toSorted((a, b) => a - b),
    reconcile,
  };
}

function inOrder({ rows }: Entry): readonly Row[] {
  return [...rows.values()].toSorted((one, other) => one.recipient - other.recipient);
}

function isOpenTo(change: QueueChange, row: Row): boolean {
  switch (change) {
    case "hold":
      return row.held !== holds.operator;
    case "hold-suspected":
      return row.held === holds.none;
    case "hold-suspended":
      return row.held === holds.none || row.held === holds.suspicion;
    case "release":
      return row.held !== holds.none;
    case "flush":
    case "requeue":
      return isFree(row);
  }
}

function holdBy(change: QueueChange): Hold {
  switch (change) {
    case "hold":
      return holds.operator;
    case "hold-suspected":
      return holds.suspicion;
    case "hold-suspended":
      return holds.suspension;
    case "release":
    case "flush":
    case "requeue":
      return holds.none;
  }
}

function apply(change: QueueChange, row: Row, now: number): void {
  row.held = holdBy(change);
  if (row.held !== holds.none) return;
  row.due = now;
  if (change !== "requeue") return;
  row.attempts = 0;
  if (row.mailClass === "retry") row.mailClass = "fresh";
}

/** Classes with the number of messages up to which each may fill a claim: the last quarter is not for fresh mail only. */
function turns(limit: number): readonly (readonly [mailClass: MailClass, upTo: number])[] {
  return [
    ["fresh", Math.ceil((limit * 3) / 4)],
    ["retry", Math.ceil((limit * 7) / 8)],
    ["bulk", limit],
    ["retry", limit],
    ["fresh", limit],
  ];
}

function toRecipient({ recipient, attempts, due, status, reply, held, warned }: Row): WaitingRecipient {
  return {
    recipient,
    attempts,
    due,
    status,
    reply,
    ...(held === holds.none ? {} : { held: true }),
    ...(held === holds.suspicion ? { suspected: true } : {}),
    ...(held === holds.suspension ? { suspended: true } : {}),
    ...(warned ? { warned: true } : {}),
  };
}

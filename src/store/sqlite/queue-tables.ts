// The index of mail that waits. Two levels: a recipient is scheduled (it has a time), and when its time has come but its
// domain has all the room it may have, it is ready (it waits for its domain). Ready rows are in an index of their own,
// by domain, so that a million of them for one dead domain are passed over once and not at every claim.
//
// Every question that is asked while mail flows goes by an index: figures in docs/decisions/0004-queue-window.md.

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { laneOf } from "../../base/id.ts";
import { classOf, domainOf, firstHolds, holds, mailClasses } from "../../queue/classes.ts";
import type { SpooledMessage } from "../../spool/message.ts";
import type {
  PastAttempt,
  QueueChange,
  QueueCount,
  QueueSelector,
  QueueStore,
  WaitingFilter,
  WaitingMessage,
  WaitingRecipient,
} from "../store.ts";
import { all, one } from "./rows.ts";

/** Attempts remembered for each recipient: five days of the default schedule are 36. */
const MOST_ATTEMPTS = 50;
/** Rows looked at together, and how often in one claim: what one call may cost. */
const CHUNK = 500;
const MOST_CHUNKS = 8;
/** A remote's words beyond this are not kept, characters. */
const REPLY_LENGTH = 1000;

interface RecipientRow {
  readonly id: string;
  readonly recipient: number;
  readonly attempts: number;
  readonly due: number;
  readonly leased_until: number;
  readonly status: string;
  readonly reply: string;
  readonly domain: string;
  readonly held: number;
  readonly warned: number;
}

type DueRow = Pick<RecipientRow, "id" | "recipient" | "domain">;

const free = "held = 0 AND leased_until = 0";

export function createQueueTables(database: DatabaseSync, transaction: <T>(work: () => T) => T): QueueStore {
  const sql = {
    putMessage: database.prepare(
      "INSERT INTO waiting_message (id, sender, account) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
    ),
    putRecord: database.prepare("INSERT INTO waiting_record (id, message) VALUES (?, ?)"),
    putRecipient: database.prepare(
      `INSERT INTO waiting_recipient (id, recipient, attempts, due, status, reply, warned, domain, class, lane, held)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id, recipient) DO UPDATE SET attempts = excluded.attempts, due = excluded.due, leased_until = 0,
         status = excluded.status, reply = excluded.reply, warned = excluded.warned, class = excluded.class, ready = 0`,
    ),
    addRecipient: database.prepare(
      `INSERT INTO waiting_recipient (id, recipient, attempts, due, status, reply, domain, class, leased_until, lane, held)
       VALUES (?, ?, 0, ?, '', '', ?, ?, ?, ?, ?) ON CONFLICT (id, recipient) DO NOTHING`,
    ),
    addAttempt: database.prepare(
      `INSERT INTO attempt VALUES (?1, ?2,
         (SELECT coalesce(max(serial), 0) + 1 FROM attempt WHERE id = ?1 AND recipient = ?2), ?3, ?4, ?5, ?6, ?7, ?8)`,
    ),
    trimAttempts: database.prepare(
      `DELETE FROM attempt WHERE id = ?1 AND recipient = ?2
         AND serial <= (SELECT max(serial) FROM attempt WHERE id = ?1 AND recipient = ?2) - ${MOST_ATTEMPTS}`,
    ),
    attempts: database.prepare("SELECT * FROM attempt WHERE id = ? ORDER BY recipient, serial"),
    endLeases: database.prepare(
      "UPDATE waiting_recipient SET leased_until = 0 WHERE leased_until > 0 AND leased_until <= ?",
    ),
    // The first ready domain beyond another: one step in the index, however many rows each has.
    nextReady: database.prepare(
      `SELECT domain FROM waiting_recipient WHERE ${free} AND ready = 1 AND lane = ? AND domain > ? ORDER BY domain LIMIT 1`,
    ),
    firstReady: database.prepare(
      `SELECT domain FROM waiting_recipient WHERE ${free} AND ready = 1 AND lane = ? ORDER BY domain LIMIT 1`,
    ),
    readyOf: database.prepare(
      `SELECT id, recipient, domain FROM waiting_recipient
       WHERE ${free} AND ready = 1 AND lane = ? AND domain = ? ORDER BY class, due LIMIT ?`,
    ),
    scheduled: database.prepare(
      `SELECT id, recipient, domain FROM waiting_recipient
       WHERE ${free} AND ready = 0 AND lane = ? AND class = ? AND due <= ? ORDER BY due LIMIT ${CHUNK}`,
    ),
    makeReady: database.prepare("UPDATE waiting_recipient SET ready = 1 WHERE id = ? AND recipient = ?"),
    dueRecipients: database.prepare(
      `SELECT * FROM waiting_recipient WHERE id = ? AND ${free} AND due <= ? ORDER BY recipient`,
    ),
    lease: database.prepare(
      `UPDATE waiting_recipient SET attempts = attempts + 1, leased_until = ?, ready = 0 WHERE id = ? AND recipient = ?`,
    ),
    seize: database.prepare("UPDATE waiting_recipient SET leased_until = ? WHERE id = ? AND recipient = ?"),
    message: database.prepare("SELECT message FROM waiting_record WHERE id = ?"),
    recipients: database.prepare("SELECT * FROM waiting_recipient WHERE id = ? ORDER BY recipient"),
    removeRecipient: database.prepare("DELETE FROM waiting_recipient WHERE id = ? AND recipient = ?"),
    removeMessage: database.prepare(
      `DELETE FROM waiting_message WHERE id = ?
         AND NOT EXISTS (SELECT 1 FROM waiting_recipient WHERE waiting_recipient.id = waiting_message.id)`,
    ),
    count: database.prepare("SELECT count(*) AS count FROM waiting_message"),
    nextScheduled: database.prepare(
      `SELECT min(due) AS due FROM waiting_recipient WHERE ${free} AND ready = 0 AND lane = ? AND class = ?`,
    ),
    // What was ready under the clock that ran ahead is not due yet.
    hasten: database.prepare(
      `UPDATE waiting_recipient SET due = min(due, ?), ready = 0
       WHERE ${free} AND (due > ? OR (ready = 1 AND due > ?))`,
    ),
    range: database.prepare(
      `SELECT id, recipient, leased_until FROM waiting_recipient
       WHERE id > ?1 AND (?2 IS NULL OR id <= ?2) AND lane = ?3 ORDER BY id, recipient`,
    ),
    unlease: database.prepare("UPDATE waiting_recipient SET leased_until = 0 WHERE id = ? AND leased_until > 0"),
    lanes: database.prepare("SELECT DISTINCT lane FROM waiting_recipient ORDER BY lane"),
    heldOf: database.prepare(
      `SELECT 1 FROM waiting_message JOIN waiting_recipient USING (id) WHERE account = ? AND held > 0 LIMIT 1`,
    ),
    dropMessage: database.prepare("DELETE FROM waiting_message WHERE id = ?"),
  } satisfies Record<string, StatementSync>;

  function messageOf(id: string): SpooledMessage | undefined {
    const row = one<{ message: string }>(sql.message, id);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by putMessage below
    return row === undefined ? undefined : (JSON.parse(row.message) as SpooledMessage);
  }

  function toWaiting(id: string, rows: readonly RecipientRow[]): WaitingMessage | undefined {
    const message = rows.length === 0 ? undefined : messageOf(id);
    return message === undefined ? undefined : { message, recipients: rows.map(toRecipient) };
  }

  function putMessage(message: SpooledMessage): void {
    const { changes } = sql.putMessage.run(message.id, message.sender.toLowerCase(), message.account ?? "");
    if (changes > 0) sql.putRecord.run(message.id, JSON.stringify(message));
  }

  function remove(id: string, recipients: readonly number[]): void {
    for (const recipient of recipients) sql.removeRecipient.run(id, recipient);
    sql.removeMessage.run(id);
  }

  function claim(
    now: number,
    lease: number,
    limit: number,
    full: ReadonlySet<string>,
    lane: number,
  ): readonly WaitingMessage[] {
    const claimed: WaitingMessage[] = [];
    const take = (rows: readonly DueRow[], upTo: number): void => {
      for (const { id, recipient, domain } of rows) {
        if (full.has(domain)) {
          sql.makeReady.run(id, recipient);
          continue;
        }
        if (claimed.length >= upTo) return;
        // All its recipients that are due travel together. A row that went with an earlier one is not free any more.
        const due = all<RecipientRow>(sql.dueRecipients, id, now).filter((row) => !full.has(row.domain));
        const waiting = toWaiting(id, due);
        if (waiting === undefined) continue;
        for (const row of due) sql.lease.run(now + lease, id, row.recipient);
        claimed.push({
          message: waiting.message,
          recipients: waiting.recipients.map((each) => ({ ...each, attempts: each.attempts + 1 })),
        });
      }
    };
    sql.endLeases.run(now);
    const ready: string[] = [];
    let row = one<DueRow>(sql.firstReady, lane);
    for (; row !== undefined; row = one<DueRow>(sql.nextReady, lane, row.domain)) {
      if (!full.has(row.domain)) ready.push(row.domain);
    }
    // What waits for its domain gets at most half of a claim, shared by the domains.
    const share = Math.max(1, Math.floor(limit / 2 / Math.max(1, ready.length)));
    for (const domain of ready) {
      take(all<DueRow>(sql.readyOf, lane, domain, share), Math.min(limit, claimed.length + share));
    }
    let chunks = 0;
    for (const [mailClass, upTo] of turns(limit)) {
      while (claimed.length < upTo && chunks < MOST_CHUNKS) {
        const rows = all<DueRow>(sql.scheduled, lane, mailClass, now);
        take(rows, upTo);
        chunks++;
        if (rows.length < CHUNK) break;
      }
    }
    return claimed;
  }

  /** Statements of commands are rare and many: made when they are needed. */
  function change(kind: QueueChange, selector: QueueSelector, now: number, lane: number): QueueCount {
    const [where, ...parameters] = whereOf(selector, lane);
    const [set, only] = {
      hold: [`held = ${holds.operator}`, `held <> ${holds.operator}`],
      "hold-suspected": [`held = ${holds.suspicion}`, "held = 0"],
      "hold-suspended": [`held = ${holds.suspension}`, `held IN (0, ${holds.suspicion})`],
      release: [`held = 0, due = ${now}, ready = 0`, "held > 0"],
      flush: [`due = ${now}, ready = 0`, free],
      requeue: [
        `due = ${now}, ready = 0, attempts = 0, class = CASE class WHEN ${mailClasses.indexOf("retry")} THEN 0 ELSE class END`,
        free,
      ],
    }[kind];
    const count = database.prepare(
      `SELECT count(DISTINCT id) AS messages, count(*) AS recipients FROM waiting_recipient WHERE ${where} AND ${only}`,
    );
    const found = one<QueueCount>(count, ...parameters)!;
    database.prepare(`UPDATE waiting_recipient SET ${set} WHERE ${where} AND ${only}`).run(...parameters);
    return { ...found };
  }

  function list(filter: WaitingFilter, limit: number, after = ""): ReturnType<QueueStore["listWaiting"]> {
    const conditions: string[] = [];
    const parameters: SQLInputValue[] = [];
    if (filter.state !== undefined) conditions.push(filter.state === "held" ? "held > 0" : free);
    if (filter.domain !== undefined) {
      conditions.push("domain = ?");
      parameters.push(filter.domain.toLowerCase());
    }
    if (filter.sender !== undefined) {
      conditions.push("id IN (SELECT id FROM waiting_message WHERE sender = ?)");
      parameters.push(filter.sender.toLowerCase());
    }
    if (filter.account !== undefined) {
      conditions.push("id IN (SELECT id FROM waiting_message WHERE account = ?)");
      parameters.push(filter.account);
    }
    const where = conditions.length === 0 ? "1" : conditions.join(" AND ");
    const total =
      conditions.length === 0
        ? one<{ count: number }>(sql.count)!.count
        : one<{ count: number }>(
            database.prepare(`SELECT count(DISTINCT id) AS count FROM waiting_recipient WHERE ${where}`),
            ...parameters,
          )!.count;
    const rows = all<RecipientRow & { readonly message: string }>(
      database.prepare(
        `SELECT waiting_recipient.*, message FROM waiting_recipient JOIN waiting_record USING (id) WHERE ${where}
         AND id IN (SELECT DISTINCT id FROM waiting_recipient WHERE ${where} AND id > ? ORDER BY id LIMIT ?) ORDER BY id, recipient`,
      ),
      ...parameters,
      ...parameters,
      after,
      limit,
    );
    const messages: { message: SpooledMessage; recipients: WaitingRecipient[] }[] = [];
    for (const row of rows) {
      let last = messages.at(-1);
      if (last?.message.id !== row.id) {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by putMessage above
        last = { message: JSON.parse(row.message) as SpooledMessage, recipients: [] };
        messages.push(last);
      }
      last.recipients.push(toRecipient(row));
    }
    return { total, messages };
  }

  return {
    putWaiting: (messages) =>
      transaction(() => {
        for (const { message, recipients } of messages) {
          putMessage(message);
          const lane = laneOf(message.id);
          const holdOf = firstHolds(message);
          for (const { recipient, attempts, due, status, reply, warned, attempt } of recipients) {
            const mailClass = mailClasses.indexOf(classOf(message, attempts));
            const domain = domainOf(message.recipients[recipient] ?? "");
            const told = warned === true ? 1 : 0;
            const hold = holdOf(recipient);
            sql.putRecipient.run(
              message.id,
              recipient,
              attempts,
              due,
              status,
              reply,
              told,
              domain,
              mailClass,
              lane,
              hold,
            );
            if (attempt === undefined) continue;
            const { at, remote, tls = "", milliseconds } = attempt;
            const words = reply.slice(0, REPLY_LENGTH);
            sql.addAttempt.run(message.id, recipient, at, remote, status, words, tls, milliseconds);
            sql.trimAttempts.run(message.id, recipient);
          }
        }
      }),
    addWaiting: (messages, now, lease) =>
      transaction(() => {
        const until = lease === 0 ? 0 : now + lease;
        for (const { message, recipients } of messages) {
          putMessage(message);
          const mailClass = mailClasses.indexOf(classOf(message, 0));
          const lane = laneOf(message.id);
          const holdOf = firstHolds(message);
          for (const recipient of recipients) {
            const domain = domainOf(message.recipients[recipient] ?? "");
            const hold = holdOf(recipient);
            sql.addRecipient.run(message.id, recipient, now, domain, mailClass, until, lane, hold);
          }
        }
      }),
    claimDue: (now, lease, limit, full = [], lane = 0) =>
      transaction(() => claim(now, lease, limit, new Set(full), lane)),
    removeWaiting: (ended) =>
      transaction(() => {
        for (const { id, recipients } of ended) remove(id, recipients);
      }),
    changeWaiting: (kind, selector, now, lane = 0) => transaction(() => change(kind, selector, now, lane)),
    findWaiting: (id) => toWaiting(id, all<RecipientRow>(sql.recipients, id)),
    attemptsFor: (id) =>
      all<PastAttempt & { readonly tls: string }>(sql.attempts, id).map(
        ({ recipient, at, remote, status, reply, tls, milliseconds }) => {
          const past = { recipient, at, remote, status, reply, milliseconds };
          return tls === "" ? past : { ...past, tls };
        },
      ),
    listWaiting: list,
    heldAccounts: (keys) => keys.filter((key) => one(sql.heldOf, key) !== undefined),
    seizeWaiting: (selector, now, lease, limit, lane = 0) =>
      transaction(() => {
        const [where, ...parameters] = whereOf(selector, lane);
        const rows = database.prepare(
          `SELECT id, recipient FROM waiting_recipient WHERE ${where} AND leased_until = 0 ORDER BY id, recipient LIMIT ?`,
        );
        const seized = new Map<string, number[]>();
        for (const { id, recipient } of all<DueRow>(rows, ...parameters, limit)) {
          sql.seize.run(now + lease, id, recipient);
          const recipients = seized.get(id);
          if (recipients === undefined) seized.set(id, [recipient]);
          else recipients.push(recipient);
        }
        return [...seized].map(([id, recipients]) => ({ id, recipients }));
      }),
    countWaiting: () => one<{ count: number }>(sql.count)?.count ?? 0,
    hasten: (now, latest) => void sql.hasten.run(latest, latest, now),
    lanesWaiting: () => all<{ readonly lane: number }>(sql.lanes).map(({ lane }) => lane),
    nextDue: (lane = 0) => {
      // Ready rows are due already; when exactly is of no interest.
      if (one(sql.firstReady, lane) !== undefined) return 0;
      const times = mailClasses.map((_name, index) => one<{ due: number | null }>(sql.nextScheduled, lane, index)?.due);
      const known = times.filter((due) => typeof due === "number");
      return known.length === 0 ? undefined : Math.min(...known);
    },
    reconcile: ({ after, through, open, lane = 0 }) =>
      transaction(() => {
        const known = new Map<string, { recipients: number[]; leased: boolean }>();
        const rows = all<RecipientRow>(sql.range, after, through ?? null, lane);
        for (const { id, recipient, leased_until: leased } of rows) {
          let entry = known.get(id);
          if (entry === undefined) known.set(id, (entry = { recipients: [], leased: false }));
          entry.recipients.push(recipient);
          if (leased > 0) entry.leased = true;
        }
        const missing: string[] = [];
        const interrupted: string[] = [];
        for (const { id, open: truth } of open) {
          const entry = known.get(id);
          known.delete(id);
          if (entry === undefined) {
            missing.push(id);
            continue;
          }
          const gone = entry.recipients.filter((recipient) => !truth.includes(recipient));
          if (gone.length > 0) remove(id, gone);
          if (entry.leased) sql.unlease.run(id);
          if (entry.leased) interrupted.push(id);
          if (truth.some((recipient) => !entry.recipients.includes(recipient))) missing.push(id);
        }
        for (const id of known.keys()) sql.dropMessage.run(id);
        return { missing, interrupted };
      }),
  };
}

/** Classes with the number of messages up to which each may fill a claim: the last quarter is not for fresh mail only. */
function turns(limit: number): readonly (readonly [mailClass: number, upTo: number])[] {
  const first = Math.ceil((limit * 3) / 4);
  const second = Math.ceil((limit * 7) / 8);
  return [
    [0, first],
    [1, second],
    [2, limit],
    [1, limit],
    [0, limit],
  ];
}

/** A condition on waiting_recipient, and its parameters. */
function whereOf(selector: QueueSelector, lane: number): readonly [string, ...SQLInputValue[]] {
  const [where, ...parameters] = meant(selector);
  return [`${where} AND lane = ?`, ...parameters, lane];
}

function meant(selector: QueueSelector): readonly [string, ...SQLInputValue[]] {
  switch (selector.kind) {
    case "all":
      return ["1"];
    case "message":
      return ["id = ?", selector.id];
    case "sender":
      return ["id IN (SELECT id FROM waiting_message WHERE sender = ?)", selector.sender.toLowerCase()];
    case "domain":
      return ["domain = ?", selector.domain.toLowerCase()];
    case "account":
      return ["id IN (SELECT id FROM waiting_message WHERE account = ?)", selector.account];
    case "suspected":
      return [
        `held >= ${holds.suspicion} AND id IN (SELECT id FROM waiting_message WHERE account = ?)`,
        selector.account,
      ];
  }
}

function toRecipient({ recipient, attempts, due, status, reply, held, warned }: RecipientRow): WaitingRecipient {
  return {
    recipient,
    attempts,
    due,
    status,
    reply,
    ...(held === holds.none ? {} : { held: true }),
    ...(held === holds.suspicion ? { suspected: true } : {}),
    ...(held === holds.suspension ? { suspended: true } : {}),
    ...(warned === 0 ? {} : { warned: true }),
  };
}

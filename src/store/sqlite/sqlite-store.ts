// The store on node:sqlite: WAL, synchronous=FULL, so that what was answered is on disk. Synchronous: it lives in the
// state thread, where a slow commit delays no mail.

import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, StatementSync } from "node:sqlite";
import type { SpooledMessage } from "../../spool/message.ts";
import type { Account, Charge, Store, WaitingMessage, WaitingRecipient } from "../store.ts";
import { migrate } from "./schema.ts";

interface AccountRow {
  readonly key: string;
  readonly address: string;
  readonly password_hash: string;
  readonly created_at: number;
  readonly suspended: number;
  readonly scram: string | null;
}

interface RecipientRow {
  readonly id: string;
  readonly recipient: number;
  readonly attempts: number;
  readonly due: number;
  readonly status: string;
  readonly reply: string;
  readonly warned: number;
}

/** Rows have the columns of the schema beside this file: the one place where that is taken on trust. */
function all<Row>(statement: StatementSync, ...parameters: SQLInputValue[]): Row[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return statement.all(...parameters) as Row[];
}

function one<Row>(statement: StatementSync, ...parameters: SQLInputValue[]): Row | undefined {
  return all<Row>(statement, ...parameters)[0];
}

export interface SqliteStore extends Store {
  close(): void;
}

/** Opens or creates the file. Throws when it cannot be opened, is damaged, or is from a newer program. */
export function openSqliteStore(file: string): SqliteStore {
  const database = new DatabaseSync(file, { timeout: 5000 });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  migrate(database);

  const sql = {
    account: database.prepare("SELECT * FROM account WHERE key = ?"),
    accountByAlias: database.prepare(
      "SELECT account.* FROM account_alias JOIN account ON account.key = account_alias.account WHERE alias = ?",
    ),
    aliases: database.prepare("SELECT alias FROM account_alias WHERE account = ? ORDER BY alias"),
    accounts: database.prepare("SELECT * FROM account ORDER BY key"),
    addAccount: database.prepare(
      "INSERT INTO account (key, address, password_hash, created_at, suspended, scram) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    addAlias: database.prepare("INSERT INTO account_alias VALUES (?, ?)"),
    setPassword: database.prepare("UPDATE account SET password_hash = ?, scram = ? WHERE key = ?"),
    completeScram: database.prepare(
      "UPDATE account SET scram = ? WHERE key = ? AND password_hash = ? AND scram IS NULL",
    ),
    setSuspended: database.prepare("UPDATE account SET suspended = ? WHERE key = ?"),
    deleteAccount: database.prepare("DELETE FROM account WHERE key = ?"),
    putMessage: database.prepare("INSERT INTO waiting_message VALUES (?, ?) ON CONFLICT (id) DO NOTHING"),
    putRecipient: database.prepare(
      `INSERT INTO waiting_recipient (id, recipient, attempts, due, status, reply, warned) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id, recipient) DO UPDATE SET attempts = excluded.attempts, due = excluded.due, leased_until = 0,
         status = excluded.status, reply = excluded.reply, warned = excluded.warned`,
    ),
    addRecipient: database.prepare(
      `INSERT INTO waiting_recipient (id, recipient, attempts, due, status, reply) VALUES (?, ?, 0, ?, '', '')
       ON CONFLICT (id, recipient) DO NOTHING`,
    ),
    due: database.prepare(
      `SELECT id FROM waiting_recipient WHERE due <= ? AND leased_until <= ? GROUP BY id ORDER BY min(due) LIMIT ?`,
    ),
    dueRecipients: database.prepare(
      "SELECT * FROM waiting_recipient WHERE id = ? AND due <= ? AND leased_until <= ? ORDER BY recipient",
    ),
    lease: database.prepare(
      "UPDATE waiting_recipient SET attempts = attempts + 1, leased_until = ? WHERE id = ? AND recipient = ?",
    ),
    message: database.prepare("SELECT message FROM waiting_message WHERE id = ?"),
    recipients: database.prepare("SELECT * FROM waiting_recipient WHERE id = ? ORDER BY recipient"),
    removeRecipient: database.prepare("DELETE FROM waiting_recipient WHERE id = ? AND recipient = ?"),
    removeMessage: database.prepare(
      "DELETE FROM waiting_message WHERE id = ? AND NOT EXISTS (SELECT 1 FROM waiting_recipient WHERE waiting_recipient.id = waiting_message.id)",
    ),
    makeDue: database.prepare("UPDATE waiting_recipient SET due = ? WHERE id = ? AND leased_until <= ?"),
    list: database.prepare("SELECT id FROM waiting_message ORDER BY id LIMIT ?"),
    ids: database.prepare("SELECT id FROM waiting_message"),
    count: database.prepare("SELECT count(*) AS count FROM waiting_message"),
    nextDue: database.prepare("SELECT min(due) AS due FROM waiting_recipient WHERE leased_until = 0"),
    endLeases: database.prepare("UPDATE waiting_recipient SET leased_until = 0"),
    dropMessage: database.prepare("DELETE FROM waiting_message WHERE id = ?"),
    addCharge: database.prepare("INSERT INTO charge VALUES (?, ?, ?)"),
    charges: database.prepare("SELECT * FROM charge WHERE at > ? ORDER BY at"),
    purgeCharges: database.prepare("DELETE FROM charge WHERE at <= ?"),
    chargeSpan: database.prepare(
      "SELECT count(*) AS items, min(at) AS oldest, count(*) FILTER (WHERE at <= ?) AS expired FROM charge",
    ),
    note: database.prepare("SELECT value FROM note WHERE name = ?"),
    addNote: database.prepare("INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO NOTHING"),
    setNote: database.prepare("INSERT INTO note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"),
  } satisfies Record<string, StatementSync>;

  function transaction<T>(work: () => T): T {
    database.exec("BEGIN IMMEDIATE");
    try {
      const value = work();
      database.exec("COMMIT");
      return value;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }

  function toAccount(row: AccountRow | undefined): Account | undefined {
    if (row === undefined) return undefined;
    const aliases = all<{ alias: string }>(sql.aliases, row.key).map(({ alias }) => alias);
    return {
      key: row.key,
      address: row.address,
      passwordHash: row.password_hash,
      aliases,
      createdAt: row.created_at,
      suspended: row.suspended !== 0,
      ...(row.scram === null ? {} : { scram: row.scram }),
    };
  }

  function findAccount(key: string): Account | undefined {
    const row = one<AccountRow>(sql.account, key) ?? one<AccountRow>(sql.accountByAlias, key);
    return toAccount(row);
  }

  function toWaiting(id: string, rows: readonly RecipientRow[]): WaitingMessage | undefined {
    const row = one<{ message: string }>(sql.message, id);
    if (row === undefined || rows.length === 0) return undefined;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by put() below
    return { message: JSON.parse(row.message) as SpooledMessage, recipients: rows.map(toRecipient) };
  }

  function findWaiting(id: string): WaitingMessage | undefined {
    return toWaiting(id, all<RecipientRow>(sql.recipients, id));
  }

  function put({ message, recipients }: WaitingMessage): void {
    sql.putMessage.run(message.id, JSON.stringify(message));
    for (const { recipient, attempts, due, status, reply, warned = false } of recipients) {
      sql.putRecipient.run(message.id, recipient, attempts, due, status, reply, warned ? 1 : 0);
    }
  }

  function remove(id: string, recipients: readonly number[]): void {
    for (const recipient of recipients) sql.removeRecipient.run(id, recipient);
    sql.removeMessage.run(id);
  }

  return {
    findAccount,
    listAccounts: () => all<AccountRow>(sql.accounts).map((row) => toAccount(row)!),
    addAccount: (account) =>
      transaction(() => {
        for (const key of [account.key, ...account.aliases]) if (findAccount(key) !== undefined) return false;
        const { key, address, passwordHash, createdAt, suspended, scram } = account;
        sql.addAccount.run(key, address, passwordHash, createdAt, suspended ? 1 : 0, scram ?? null);
        for (const alias of account.aliases) sql.addAlias.run(alias, key);
        return true;
      }),
    setPasswordHash: (key, passwordHash, scram) => sql.setPassword.run(passwordHash, scram, key).changes > 0,
    completeScram: (key, passwordHash, scram) => sql.completeScram.run(scram, key, passwordHash).changes > 0,
    loginSecret: () => {
      sql.addNote.run("login-secret", randomBytes(32).toString("base64"));
      return one<{ value: string }>(sql.note, "login-secret")!.value;
    },
    setSuspended: (key, suspended) => sql.setSuspended.run(suspended ? 1 : 0, key).changes > 0,
    deleteAccount: (key) => sql.deleteAccount.run(key).changes > 0,

    putWaiting: (messages) => transaction(() => messages.forEach(put)),
    claimDue: (now, lease, limit) =>
      transaction(() => {
        const claimed: WaitingMessage[] = [];
        for (const { id } of all<{ id: string }>(sql.due, now, now, limit)) {
          const rows = all<RecipientRow>(sql.dueRecipients, id, now, now);
          for (const { recipient } of rows) sql.lease.run(now + lease, id, recipient);
          const waiting = toWaiting(id, rows);
          if (waiting === undefined) continue;
          const recipients = waiting.recipients.map((each) => ({ ...each, attempts: each.attempts + 1 }));
          claimed.push({ message: waiting.message, recipients });
        }
        return claimed;
      }),
    removeWaiting: (id, recipients) => transaction(() => remove(id, recipients)),
    makeDue: (id, now) => sql.makeDue.run(now, id, now).changes > 0,
    findWaiting,
    listWaiting: (limit) =>
      all<{ id: string }>(sql.list, limit)
        .map(({ id }) => findWaiting(id))
        .filter((waiting) => waiting !== undefined),
    countWaiting: () => one<{ count: number }>(sql.count)?.count ?? 0,
    nextDue: () => one<{ due: number | null }>(sql.nextDue)?.due ?? undefined,
    reconcile: (open, now) =>
      transaction(() => {
        const truth = new Map(open.map((entry) => [entry.message.id, entry]));
        sql.endLeases.run();
        for (const { id } of all<{ id: string }>(sql.ids)) {
          const entry = truth.get(id);
          if (entry === undefined) sql.dropMessage.run(id);
          else {
            const rows = all<RecipientRow>(sql.recipients, id);
            remove(
              id,
              rows.map(({ recipient }) => recipient).filter((recipient) => !entry.open.includes(recipient)),
            );
          }
        }
        let added = 0;
        for (const { message, open: recipients } of truth.values()) {
          sql.putMessage.run(message.id, JSON.stringify(message));
          for (const recipient of recipients) {
            if (sql.addRecipient.run(message.id, recipient, now).changes > 0) added++;
          }
        }
        return added;
      }),

    addCharges: (charges: readonly Charge[], through: string) =>
      transaction(() => {
        for (const { account, at, recipients } of charges) sql.addCharge.run(account, at, recipients);
        sql.setNote.run("charges-through", through);
      }),
    chargesSince: (time) => ({
      charges: all<Charge>(sql.charges, time),
      through: one<{ value: string }>(sql.note, "charges-through")?.value ?? "",
    }),
    purgeCharges: (before) => {
      sql.purgeCharges.run(before);
    },
    chargeSpan: (before) => {
      const row = one<{ items: number; oldest: number | null; expired: number }>(sql.chargeSpan, before);
      return { items: row?.items ?? 0, oldest: row?.oldest ?? undefined, expired: row?.expired ?? 0 };
    },
    close: () => database.close(),
  };
}

function toRecipient({ recipient, attempts, due, status, reply, warned }: RecipientRow): WaitingRecipient {
  return { recipient, attempts, due, status, reply, ...(warned === 0 ? {} : { warned: true }) };
}

// The store on node:sqlite: WAL, synchronous=FULL, so that what was answered is on disk. Synchronous: it lives in the
// state thread, where a slow commit delays no mail.

import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type { Account, Charge, Store } from "../store.ts";
import { createQueueTables } from "./queue-tables.ts";
import { all, one } from "./rows.ts";
import { migrate } from "./schema.ts";

interface AccountRow {
  readonly key: string;
  readonly address: string;
  readonly password_hash: string;
  readonly created_at: number;
  readonly suspended: number;
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
    addAccount: database.prepare("INSERT INTO account VALUES (?, ?, ?, ?, ?)"),
    addAlias: database.prepare("INSERT INTO account_alias VALUES (?, ?)"),
    setPassword: database.prepare("UPDATE account SET password_hash = ? WHERE key = ?"),
    addCharge: database.prepare("INSERT INTO charge VALUES (?, ?, ?)"),
    charges: database.prepare("SELECT * FROM charge WHERE at > ? ORDER BY at"),
    purgeCharges: database.prepare("DELETE FROM charge WHERE at <= ?"),
    note: database.prepare("SELECT value FROM note WHERE name = ?"),
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
    };
  }

  function findAccount(key: string): Account | undefined {
    const row = one<AccountRow>(sql.account, key) ?? one<AccountRow>(sql.accountByAlias, key);
    return toAccount(row);
  }

  return {
    findAccount,
    listAccounts: () => all<AccountRow>(sql.accounts).map((row) => toAccount(row)!),
    addAccount: (account) =>
      transaction(() => {
        for (const key of [account.key, ...account.aliases]) if (findAccount(key) !== undefined) return false;
        const { key, address, passwordHash, createdAt, suspended } = account;
        sql.addAccount.run(key, address, passwordHash, createdAt, suspended ? 1 : 0);
        for (const alias of account.aliases) sql.addAlias.run(alias, key);
        return true;
      }),
    setPasswordHash: (key, passwordHash) => sql.setPassword.run(passwordHash, key).changes > 0,

    ...createQueueTables(database, transaction),

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
    close: () => database.close(),
  };
}

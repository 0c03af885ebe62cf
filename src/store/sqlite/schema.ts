// The tables, and how an older file becomes a newer one. `user_version` says which steps were taken; a step is never
// changed once released, a new one is added at the end.

import type { DatabaseSync } from "node:sqlite";

const steps: readonly string[] = [
  `CREATE TABLE account (
     key TEXT PRIMARY KEY,
     address TEXT NOT NULL,
     password_hash TEXT NOT NULL,
     created_at INTEGER NOT NULL,
     suspended INTEGER NOT NULL DEFAULT 0
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE account_alias (
     alias TEXT PRIMARY KEY,
     account TEXT NOT NULL REFERENCES account (key) ON DELETE CASCADE
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX account_alias_account ON account_alias (account);
   CREATE TABLE waiting_message (
     id TEXT PRIMARY KEY,
     message TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE waiting_recipient (
     id TEXT NOT NULL REFERENCES waiting_message (id) ON DELETE CASCADE,
     recipient INTEGER NOT NULL,
     attempts INTEGER NOT NULL,
     due INTEGER NOT NULL,
     leased_until INTEGER NOT NULL DEFAULT 0,
     status TEXT NOT NULL,
     reply TEXT NOT NULL,
     PRIMARY KEY (id, recipient)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX waiting_recipient_due ON waiting_recipient (due);
   CREATE TABLE charge (
     account TEXT NOT NULL,
     at INTEGER NOT NULL,
     recipients INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX charge_at ON charge (at);
   CREATE TABLE note (
     name TEXT PRIMARY KEY,
     value TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE account ADD COLUMN scram TEXT;`,
  "ALTER TABLE waiting_recipient ADD COLUMN warned INTEGER NOT NULL DEFAULT 0",
];

const schemaVersion = steps.length;

/** Brings the file to this version. Throws when it was written by a newer program: then nothing is touched. */
export function migrate(database: DatabaseSync): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (found > schemaVersion) {
    throw new Error(`the index has version ${found}, this program knows ${schemaVersion}: use the newer program`);
  }
  for (let version = found; version < schemaVersion; version++) {
    database.exec("BEGIN IMMEDIATE");
    try {
      database.exec(steps[version]!);
      database.exec(`PRAGMA user_version = ${version + 1}`);
      database.exec("COMMIT");
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  }
}

// An index that an older program wrote becomes one of this program, and keeps what was in it.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openSqliteStore } from "./sqlite-store.ts";

/** What the first version made. Never changed: files of this form exist. */
const versionOne = `CREATE TABLE account (
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
   ) STRICT, WITHOUT ROWID;
   PRAGMA user_version = 1;`;

function withFile(work: (file: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-schema-"));
  try {
    work(join(directory, "index.sqlite"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("accounts of version 1 are kept, and have no SCRAM keys yet", () => {
  withFile((file) => {
    const old = new DatabaseSync(file);
    old.exec(versionOne);
    old.exec("INSERT INTO account VALUES ('alice@sekimori.test', 'Alice@sekimori.test', '$argon2id$x', 7, 1)");
    old.exec("INSERT INTO account_alias VALUES ('a@sekimori.test', 'alice@sekimori.test')");
    old.close();
    for (const round of ["upgraded", "opened again"]) {
      const store = openSqliteStore(file);
      const account = store.findAccount("a@sekimori.test");
      assert.equal(account?.passwordHash, "$argon2id$x", round);
      assert.equal(account.suspended, true);
      assert.equal(account.scram, undefined);
      assert.equal(account.quota, undefined);
      store.close();
    }
  });
});

test("an index of a newer program is left alone", () => {
  withFile((file) => {
    const newer = new DatabaseSync(file);
    newer.exec("PRAGMA user_version = 1000");
    newer.close();
    assert.throws(() => openSqliteStore(file), /use the newer program/);
  });
});

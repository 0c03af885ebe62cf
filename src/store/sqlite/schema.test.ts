// An index that an older program wrote becomes one of this program, and keeps what was in it.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { SpooledMessage } from "../../spool/message.ts";
import { migrate } from "./schema.ts";
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

function message(recipients: readonly string[]): SpooledMessage {
  return {
    id: "m1",
    receivedAt: 1,
    origin: "submission",
    sender: "a@b.test",
    recipients,
    eightBit: false,
    messageId: "<x@y>",
    size: 3,
  };
}

test("an index of version 3 kept the warnings", () => {
  withFile((file) => {
    const old = new DatabaseSync(file);
    migrate(old, 3);
    old.prepare("INSERT INTO waiting_message VALUES (?, ?)").run("m1", JSON.stringify(message(["x@r.test"])));
    old
      .prepare(
        "INSERT INTO waiting_recipient (id, recipient, attempts, due, status, reply, warned) VALUES ('m1', 0, 1, 100, '', '', 1)",
      )
      .run();
    old.close();
    const store = openSqliteStore(file);
    assert.equal(store.claimDue(100, 1000, 10)[0]!.recipients[0]!.warned, true);
    store.close();
  });
});

test("an index of the first version is brought up to this one: senders, domains and classes are known", () => {
  withFile((file) => {
    const old = new DatabaseSync(file);
    migrate(old, 1);
    const record = message(['"a@b"@R.test', "postmaster"]);
    old.prepare("INSERT INTO waiting_message VALUES (?, ?)").run("m1", JSON.stringify(record));
    for (const recipient of [0, 1]) {
      old.prepare("INSERT INTO waiting_recipient VALUES ('m1', ?, ?, 100, 0, '', '')").run(recipient, recipient);
    }
    old.close();
    const store = openSqliteStore(file);
    assert.equal(store.listWaiting({ sender: "a@b.test" }, 10).total, 1);
    assert.deepEqual(store.seizeWaiting({ kind: "domain", domain: "r.test" }, 100, 0, 10), [
      { id: "m1", recipients: [0] },
    ]);
    assert.deepEqual(store.seizeWaiting({ kind: "domain", domain: "" }, 100, 0, 10), [{ id: "m1", recipients: [1] }]);
    assert.equal(store.claimDue(100, 1000, 10)[0]!.recipients.length, 2);
    store.close();
  });
});

test("an index from before there were restraints knows whose mail waits, and who was suspect", () => {
  withFile((file) => {
    const old = new DatabaseSync(file);
    migrate(old, 14);
    const record = { ...message(["x@r.test"]), account: "a@b.test" };
    old.prepare("INSERT INTO waiting_message VALUES (?, ?)").run("m1", "a@b.test");
    old.prepare("INSERT INTO waiting_record VALUES (?, ?)").run("m1", JSON.stringify(record));
    old
      .prepare(
        "INSERT INTO waiting_recipient (id, recipient, attempts, due, status, reply, held) VALUES ('m1', 0, 1, 100, '', '', 1)",
      )
      .run();
    old.exec(`INSERT INTO abuse_profile VALUES ('a@b.test', 10, '{"told":"hold"}'), ('c@b.test', 10, '{}')`);
    old.close();
    const store = openSqliteStore(file);
    assert.equal(store.listWaiting({ account: "a@b.test", state: "held" }, 10).total, 1);
    assert.equal(store.findWaiting("m1")!.recipients[0]!.suspected, undefined);
    assert.deepEqual(store.suspects(), ["a@b.test"]);
    store.close();
  });
});

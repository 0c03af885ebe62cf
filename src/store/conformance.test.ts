// What every store must do. One suite over every implementation.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { SpooledMessage } from "../spool/message.ts";
import { openSqliteStore } from "./sqlite/sqlite-store.ts";
import type { SqliteStore } from "./sqlite/sqlite-store.ts";
import type { Account } from "./store.ts";

function withStore(work: (store: SqliteStore, reopen: () => SqliteStore) => void): void {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-store-"));
  let store = openSqliteStore(join(directory, "index.sqlite"));
  try {
    work(store, () => {
      store.close();
      store = openSqliteStore(join(directory, "index.sqlite"));
      return store;
    });
  } finally {
    store.close();
    rmSync(directory, { recursive: true });
  }
}

const alice: Account = {
  key: "alice@sekimori.test",
  address: "Alice@sekimori.test",
  passwordHash: "$argon2id$x",
  aliases: ["a.smith@sekimori.test"],
  createdAt: 1,
  suspended: false,
};

function message(id: string, recipients: readonly string[]): SpooledMessage {
  return {
    id,
    receivedAt: 1,
    origin: "submission",
    sender: "a@b.test",
    recipients,
    eightBit: false,
    messageId: "<x@y>",
    size: 3,
  };
}

test("an account is found by its address and its aliases, and neither can be taken twice", () => {
  withStore((store, reopen) => {
    assert.equal(store.addAccount(alice), true);
    assert.equal(store.addAccount({ ...alice, aliases: [] }), false);
    assert.equal(store.addAccount({ ...alice, key: "bob@sekimori.test", aliases: ["alice@sekimori.test"] }), false);
    assert.equal(store.addAccount({ ...alice, key: "a.smith@sekimori.test", aliases: [] }), false);
    assert.equal(store.findAccount("bob@sekimori.test"), undefined, "a refused account leaves nothing behind");
    assert.equal(store.setSuspended("nobody@sekimori.test", true), false);
    assert.equal(store.setSuspended(alice.key, true), true);
    assert.equal(store.findAccount("a.smith@sekimori.test")?.suspended, true);
    assert.equal(store.setSuspended(alice.key, false), true);
    assert.equal(store.findAccount(alice.key)?.suspended, false);
    assert.equal(store.setPasswordHash("nobody@sekimori.test", "x", "keys"), false);
    assert.equal(store.setPasswordHash(alice.key, "$argon2id$y", "keys"), true);
    const changed = { ...alice, passwordHash: "$argon2id$y", scram: "keys" };
    assert.deepEqual(reopen().findAccount("a.smith@sekimori.test"), changed);
  });
});

test("SCRAM keys are added only where there are none, and only to the password they were made of", () => {
  withStore((store, reopen) => {
    store.addAccount(alice);
    assert.equal(store.findAccount(alice.key)?.scram, undefined);
    assert.equal(store.completeScram(alice.key, "$argon2id$another", "keys"), false);
    assert.equal(store.completeScram("nobody@sekimori.test", alice.passwordHash, "keys"), false);
    assert.equal(store.completeScram(alice.key, alice.passwordHash, "keys"), true);
    assert.equal(store.completeScram(alice.key, alice.passwordHash, "other keys"), false);
    const bob = { ...alice, key: "bob@sekimori.test", aliases: [], scram: "his" };
    store.addAccount(bob);
    const reopened = reopen();
    assert.deepEqual(reopened.findAccount(alice.key), { ...alice, scram: "keys" });
    assert.deepEqual(reopened.findAccount(bob.key), bob);
  });
});

test("the login secret is made once, and each store has its own", () => {
  const secrets = [0, 1].map(() => {
    let secret = "";
    withStore((store, reopen) => {
      secret = store.loginSecret();
      assert.equal(Buffer.from(secret, "base64").length, 32);
      assert.equal(store.loginSecret(), secret);
      assert.equal(reopen().loginSecret(), secret);
    });
    return secret;
  });
  assert.notEqual(secrets[0], secrets[1]);
});

test("a claim counts the attempt, is exclusive while its lease runs, and comes back when it ends", () => {
  withStore((store, reopen) => {
    const waiting = [0, 1].map((recipient) => ({
      recipient,
      attempts: 1,
      due: 100,
      status: "4.4.1",
      reply: "no answer",
    }));
    store.putWaiting([{ message: message("m1", ["x@r.test", "y@r.test"]), recipients: waiting }]);
    assert.equal(store.nextDue(), 100);
    assert.deepEqual(store.claimDue(99, 1000, 10), []);
    const [claimed] = store.claimDue(100, 1000, 10);
    assert.deepEqual(
      claimed!.recipients.map(({ attempts }) => attempts),
      [2, 2],
    );
    assert.deepEqual(store.claimDue(500, 1000, 10), [], "leased");
    assert.equal(store.nextDue(), undefined);
    assert.equal(reopen().findWaiting("m1")!.recipients[0]!.attempts, 2, "the attempt was recorded durably");
    store = reopen();
    assert.equal(store.claimDue(1100, 1000, 10)[0]!.recipients[0]!.attempts, 3, "the lease has expired");
    store.putWaiting([
      { message: message("m1", ["x@r.test", "y@r.test"]), recipients: [{ ...waiting[0]!, attempts: 3, due: 5000 }] },
    ]);
    assert.equal(store.nextDue(), 5000, "what was put back is free");
    store.removeWaiting("m1", [1]);
    assert.deepEqual(
      store.findWaiting("m1")!.recipients.map(({ recipient }) => recipient),
      [0],
    );
    assert.equal(store.makeDue("m1", 2000), true);
    assert.equal(store.nextDue(), 2000);
    store.removeWaiting("m1", [0]);
    assert.equal(store.findWaiting("m1"), undefined);
    assert.equal(store.countWaiting(), 0);
    assert.equal(store.makeDue("m1", 2000), false);
  });
});

test("that a sender was told of a delay is kept, over a restart and a claim", () => {
  withStore((store, reopen) => {
    const wait = { recipient: 0, attempts: 1, due: 100, status: "4.4.1", reply: "no answer" };
    store.putWaiting([{ message: message("m1", ["x@r.test", "y@r.test"]), recipients: [{ ...wait, warned: true }] }]);
    store.putWaiting([{ message: message("m1", ["x@r.test", "y@r.test"]), recipients: [{ ...wait, recipient: 1 }] }]);
    const [claimed] = reopen().claimDue(100, 1000, 10);
    assert.deepEqual(
      claimed!.recipients.map(({ warned }) => warned),
      [true, undefined],
    );
  });
});

test("reconcile makes the index agree with the spool and keeps what it knows of attempts", () => {
  withStore((store) => {
    const known = message("m1", ["x@r.test", "y@r.test"]);
    const wait = { attempts: 4, due: 9000, status: "4.2.0", reply: "later" };
    store.putWaiting([
      {
        message: known,
        recipients: [
          { recipient: 0, ...wait },
          { recipient: 1, ...wait },
        ],
      },
      { message: message("gone", ["z@r.test"]), recipients: [{ recipient: 0, ...wait }] },
    ]);
    const added = store.reconcile(
      [
        { message: known, open: [1] },
        { message: message("new", ["n@r.test", "o@r.test"]), open: [0, 1] },
      ],
      50,
    );
    assert.equal(added, 2);
    assert.equal(store.findWaiting("gone"), undefined);
    assert.deepEqual(store.findWaiting("m1")!.recipients, [{ recipient: 1, ...wait }]);
    assert.deepEqual(
      store.findWaiting("new")!.recipients.map(({ due, attempts }) => [due, attempts]),
      [
        [50, 0],
        [50, 0],
      ],
    );
    assert.deepEqual(
      store.listWaiting(10).map((entry) => entry.message.id),
      ["m1", "new"],
    );
  });
});

test("charges come back with the id they reach to, until they are purged", () => {
  withStore((store, reopen) => {
    assert.deepEqual(store.chargesSince(0), { charges: [], through: "" });
    store.addCharges(
      [
        { account: "a", at: 10, recipients: 3 },
        { account: "b", at: 20, recipients: 1 },
      ],
      "id7",
    );
    store.addCharges([], "id9");
    const again = reopen().chargesSince(10);
    assert.deepEqual(
      again.charges.map((charge) => ({ ...charge })),
      [{ account: "b", at: 20, recipients: 1 }],
    );
    assert.equal(again.through, "id9");
  });
});

test("a deleted account is gone with its aliases, which are free again", () => {
  withStore((store, reopen) => {
    store.addAccount(alice);
    assert.equal(store.deleteAccount("a.smith@sekimori.test"), false);
    assert.equal(store.deleteAccount(alice.key), true);
    assert.equal(store.deleteAccount(alice.key), false);
    const again = reopen();
    assert.equal(again.findAccount("a.smith@sekimori.test"), undefined);
    assert.equal(again.addAccount({ ...alice, key: "a.smith@sekimori.test", aliases: [] }), true);
  });
});

test("the span of charges says what a purge takes", () => {
  withStore((store) => {
    assert.deepEqual(store.chargeSpan(10), { items: 0, oldest: undefined, expired: 0 });
    store.addCharges(
      [5, 10, 11].map((at) => ({ account: alice.key, at, recipients: 1 })),
      "id",
    );
    assert.deepEqual(store.chargeSpan(10), { items: 3, oldest: 5, expired: 2 });
    store.purgeCharges(10);
    assert.deepEqual(store.chargeSpan(10), { items: 1, oldest: 11, expired: 0 });
  });
});

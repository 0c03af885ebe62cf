// What every store must do: one suite over every implementation. What is about the file alone (older versions of it) is
// in sqlite/schema.test.ts.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { SpooledMessage } from "../spool/message.ts";
import { openMemoryStore } from "./memory/memory-store.ts";
import { openSqliteStore } from "./sqlite/sqlite-store.ts";
import type { Account, DeferredMessage, Store, WaitingFilter, WaitingMessage } from "./store.ts";

interface OpenStore {
  readonly store: Store;
  readonly close: () => void;
}

/** Only what has a file can be asked to know everything again: that is an implementation of its own here. */
const implementations: readonly { readonly name: string; readonly open: () => OpenStore }[] = [
  { name: "memory", open: () => ({ store: openMemoryStore(), close: () => {} }) },
  {
    name: "sqlite",
    open: () => {
      const store = openSqliteStore(":memory:");
      return { store, close: () => store.close() };
    },
  },
  { name: "sqlite, its file opened anew for every call", open: openAnewForEveryCall },
];

function openAnewForEveryCall(): OpenStore {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-store-"));
  const file = join(directory, "index.sqlite");
  let current = openSqliteStore(file);
  const store = new Proxy<Store>(current, {
    get:
      (_first, name) =>
      (...parameters: unknown[]): unknown => {
        current.close();
        current = openSqliteStore(file);
        const method: unknown = Reflect.get(current, name);
        assert.ok(typeof method === "function");
        return Reflect.apply(method, current, parameters);
      },
  });
  const close = (): void => {
    current.close();
    rmSync(directory, { recursive: true });
  };
  return { store, close };
}

function everyStore(what: string, work: (store: Store, another: () => Store) => void): void {
  for (const { name, open } of implementations) {
    test(`${what} (${name})`, () => {
      const opened: OpenStore[] = [];
      const another = (): Store => {
        const one = open();
        opened.push(one);
        return one.store;
      };
      try {
        work(another(), another);
      } finally {
        for (const { close } of opened) close();
      }
    });
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

everyStore("an account is found by its address and its aliases, and neither can be taken twice", (store) => {
  assert.equal(store.addAccount(alice), true);
  assert.equal(store.addAccount({ ...alice, aliases: [] }), false);
  assert.equal(store.addAccount({ ...alice, key: "bob@sekimori.test", aliases: ["alice@sekimori.test"] }), false);
  assert.equal(store.addAccount({ ...alice, key: "a.smith@sekimori.test", aliases: [] }), false);
  assert.equal(store.findAccount("bob@sekimori.test"), undefined, "a refused account leaves nothing behind");
  assert.equal(store.setPlan("nobody@sekimori.test", "office"), false);
  assert.equal(store.setPlan(alice.key, "office"), true);
  const raise = { factor: 5, until: 9, by: "carol", reason: "new year" };
  assert.equal(store.setRaise(alice.key, raise), true);
  assert.deepEqual([store.findAccount(alice.key)?.plan, store.findAccount(alice.key)?.raise], ["office", raise]);
  store.setPlan(alice.key, undefined);
  store.setRaise(alice.key, undefined);
  assert.equal(store.setContact(alice.key, "alice@example.org"), true);
  assert.equal(store.findAccount(alice.key)?.contact, "alice@example.org");
  store.setContact(alice.key, undefined);
  assert.deepEqual([store.findAccount(alice.key)?.plan, store.findAccount(alice.key)?.raise], [undefined, undefined]);
  assert.equal(store.setQuota("nobody@sekimori.test", 1), false);
  assert.equal(store.setQuota(alice.key, 2 ** 50), true);
  assert.equal(store.findAccount(alice.key)?.quota, 2 ** 50);
  assert.equal(store.setQuota(alice.key, undefined), true);
  assert.equal(store.findAccount(alice.key)?.quota, undefined);
  assert.equal(store.setSuspended("nobody@sekimori.test", true), false);
  assert.equal(store.setSuspended(alice.key, true), true);
  assert.equal(store.findAccount("a.smith@sekimori.test")?.suspended, true);
  assert.equal(store.setSuspended(alice.key, false), true);
  assert.equal(store.findAccount(alice.key)?.suspended, false);
  assert.equal(store.setPasswordHash("nobody@sekimori.test", "x", "keys"), false);
  assert.equal(store.setPasswordHash(alice.key, "$argon2id$y", "keys"), true);
  const changed = { ...alice, passwordHash: "$argon2id$y", scram: "keys" };
  assert.deepEqual(store.findAccount("a.smith@sekimori.test"), changed);
  store.setPasswordHash(alice.key, "$argon2id$y", "keys", "states");
  assert.deepEqual(store.findAccount(alice.key), { ...changed, cram: "states" });
  store.setPasswordHash(alice.key, "$argon2id$y", "keys");
  assert.deepEqual(store.findAccount(alice.key), changed, "set without them, they are gone");
});

everyStore("aliases come and go, and so do those an account may send as", (store) => {
  assert.equal(store.addAccount(alice), true);
  assert.equal(store.addAlias("nobody@sekimori.test", "new@sekimori.test"), false);
  assert.equal(store.addAlias(alice.key, "new@sekimori.test"), true);
  for (const taken of ["new@sekimori.test", "a.smith@sekimori.test", alice.key]) {
    assert.equal(store.addAlias(alice.key, taken), false, taken);
  }
  assert.deepEqual(store.findAccount("new@sekimori.test")?.aliases, ["a.smith@sekimori.test", "new@sekimori.test"]);
  assert.equal(store.removeAlias("nobody@sekimori.test", "new@sekimori.test"), false);
  assert.equal(store.removeAlias(alice.key, alice.key), false);
  assert.equal(store.removeAlias(alice.key, "new@sekimori.test"), true);
  assert.equal(store.removeAlias(alice.key, "new@sekimori.test"), false);
  assert.equal(store.findAccount("new@sekimori.test"), undefined);

  const senders = [
    { sender: "@example.com", as: "own" },
    { sender: "boss@sekimori.test", as: "delegate" },
  ] as const;
  assert.equal(store.setSenders("nobody@sekimori.test", senders), false);
  assert.equal(store.setSenders(alice.key, senders.toReversed()), true);
  assert.deepEqual(store.findAccount(alice.key), { ...alice, senders });
  assert.equal(store.setSenders(alice.key, []), true);
  assert.deepEqual(store.findAccount(alice.key), alice);
});

everyStore("from where an account was opened is remembered by day, for the last fifty places", (store) => {
  const day = 86_400_000;
  store.noteOrigin(alice.key, 1, 10);
  assert.deepEqual(store.originsOf(alice.key), [], "there is no such account");
  store.addAccount(alice);
  store.noteOrigin(alice.key, 1, 10);
  store.noteOrigin(alice.key, 2 ** 47, 11);
  store.noteOrigin(alice.key, 1, 12);
  store.noteOrigin(alice.key, 1, 9);
  const both = [
    { origin: 1, day: 12 },
    { origin: 2 ** 47, day: 11 },
  ];
  assert.deepEqual(store.originsOf(alice.key), both);
  assert.deepEqual(store.originSpan(11 * day), { items: 2, oldest: 11 * day, expired: 1 });
  store.purgeOrigins(11 * day);
  assert.deepEqual(store.originsOf(alice.key), [both[0]]);
  for (let origin = 100; origin < 160; origin++) store.noteOrigin(alice.key, origin, origin);
  const kept = store.originsOf(alice.key);
  assert.deepEqual([kept.length, kept[0]], [50, { origin: 110, day: 110 }]);
  store.deleteAccount(alice.key);
  assert.deepEqual(store.originSpan(0), { items: 0, oldest: undefined, expired: 0 });
});

everyStore("an address elsewhere is proved by the code that was mailed last, and each try is counted", (store) => {
  const there = "alice@provider.example";
  const code = { hash: "first", expires: 100 };
  assert.equal(store.putCode(alice.key, there, code), false, "there is no such account");
  store.addAccount(alice);
  assert.equal(store.putCode("a.smith@sekimori.test", there, code), false, "an alias is no account");
  assert.equal(store.tryCode(alice.key, there), undefined);
  assert.equal(store.putCode(alice.key, there, code), true);
  assert.deepEqual(store.tryCode(alice.key, there), { address: there, code: { ...code, tries: 1 } });
  assert.equal(store.putCode(alice.key, there, { hash: "second", expires: 200 }), true);
  assert.equal(store.confirmEnrolment(alice.key, there, "first", 1000), false);
  assert.deepEqual(store.tryCode(alice.key, there), {
    address: there,
    code: { hash: "second", expires: 200, tries: 1 },
  });
  assert.equal(store.confirmEnrolment(alice.key, there, "second", 1000), true);
  assert.equal(store.confirmEnrolment(alice.key, there, "second", 2000), false, "a code works once");
  assert.deepEqual(store.findEnrolment(alice.key, there), { address: there, validUntil: 1000 });
  // What was proved holds while a new code is on its way.
  store.putCode(alice.key, there, { hash: "third", expires: 300 });
  assert.equal(store.findEnrolment(alice.key, there)?.validUntil, 1000);
  store.putCode(alice.key, "a@other.example", { hash: "fourth", expires: 300 });
  assert.deepEqual(
    store.enrolments(alice.key).map(({ address }) => address),
    ["a@other.example", there],
  );
  assert.deepEqual(store.enrolledDomains(), ["other.example", "provider.example"]);
  for (const domain of ["other.example", "provider.example"]) {
    store.putThirdParty({ domain, from: ["192.0.2.1"], triedAt: 1, known: { fit: "passes", words: "", at: 1 } });
  }
  const reading = { domain: "provider.example", from: ["192.0.2.1"], triedAt: 2, cause: "timeout" };
  store.putThirdParty(reading);
  store.purgeEnrolments(299);
  assert.equal(store.enrolments(alice.key).length, 2);
  store.purgeEnrolments(300);
  assert.deepEqual(store.enrolledDomains(), ["provider.example"]);
  assert.equal(store.thirdParty("other.example"), undefined);
  assert.deepEqual(store.thirdParty("provider.example"), reading);
  assert.equal(store.removeEnrolment(alice.key, there), true);
  assert.equal(store.removeEnrolment(alice.key, there), false);
  store.putCode(alice.key, there, code);
  store.deleteAccount(alice.key);
  store.addAccount(alice);
  assert.deepEqual(store.enrolments(alice.key), []);
});

everyStore("a proof that ends soon is told of once, and the next one anew", (store) => {
  store.addAccount(alice);
  const prove = (address: string, validUntil: number): void => {
    store.putCode(alice.key, address, { hash: "x", expires: 1 });
    store.confirmEnrolment(alice.key, address, "x", validUntil);
  };
  const ending = (after: number, before: number): readonly string[] =>
    store.endingEnrolments(after, before).map(({ address }) => address);
  prove("b@p.example", 100);
  prove("a@p.example", 200);
  store.putCode(alice.key, "c@p.example", { hash: "x", expires: 1 });
  assert.deepEqual(ending(99, 200), ["b@p.example", "a@p.example"]);
  assert.deepEqual(ending(100, 199), []);
  store.noteReminded(alice.key, "b@p.example", 100);
  assert.deepEqual(ending(0, 1000), ["a@p.example"]);
  prove("b@p.example", 300);
  assert.deepEqual(store.endingEnrolments(200, 1000), [
    { account: alice.key, address: "b@p.example", validUntil: 300 },
  ]);
});

everyStore("codes are counted for each account and each address, and the next one's time is told", (store) => {
  const windows = [
    { length: 100, limit: 2 },
    { length: 1000, limit: 3 },
  ];
  const take = (account: string, address: string, at: number): number | undefined =>
    store.takeCode(account, address, at, windows);
  assert.equal(take("a", "x@p", 1000), undefined);
  assert.equal(take("a", "y@p", 1010), undefined);
  assert.equal(take("a", "z@p", 1020), 1100, "of the account");
  assert.equal(take("b", "x@p", 1020), undefined);
  assert.equal(take("c", "x@p", 1030), 1100, "of the address, whoever asks");
  assert.equal(take("c", "x@p", 1100), undefined);
  assert.equal(take("d", "x@p", 1500), 2000, "of the longer window");
  assert.deepEqual(store.codeSpan(1010), { items: 4, oldest: 1000, expired: 2 });
  store.purgeCodes(1010);
  assert.deepEqual(store.codeSpan(1010), { items: 2, oldest: 1020, expired: 0 });
});

everyStore("app passwords are added, used and removed by name, and go with their account", (store) => {
  const phone = { name: "phone", scopes: ["submission", "pop3"], hash: "x", createdAt: 2 } as const;
  const desk = { name: "desk", scopes: ["submission"], hash: "y", createdAt: 3 } as const;
  assert.equal(store.addAppPassword(alice.key, phone), false);
  store.addAccount(alice);
  assert.equal(store.addAppPassword(alice.key, phone), true);
  assert.equal(store.addAppPassword(alice.key, { ...phone, hash: "z" }), false);
  assert.equal(store.addAppPassword(alice.key, desk), true);
  assert.deepEqual(store.findAccount("a.smith@sekimori.test")?.appPasswords, [desk, phone]);
  store.noteAppPasswordUse(alice.key, "phone", { at: 9, client: "192.0.2.1" });
  store.noteAppPasswordUse(alice.key, "gone", { at: 9, client: "192.0.2.1" });
  const used = { ...phone, lastUse: { at: 9, client: "192.0.2.1" } };
  assert.deepEqual(store.findAccount(alice.key)?.appPasswords, [desk, used]);
  assert.equal(store.removeAppPassword(alice.key, "gone"), false);
  assert.equal(store.removeAppPassword(alice.key, "desk"), true);
  assert.deepEqual(store.findAccount(alice.key), { ...alice, appPasswords: [used] });
  store.deleteAccount(alice.key);
  store.addAccount(alice);
  assert.deepEqual(store.findAccount(alice.key), alice);
});

everyStore("an account is added with all that is said of it, and an alias that is said twice is one", (store) => {
  const raise = { factor: 5, until: 9, by: "carol", reason: "new year" };
  const whole = { ...alice, suspended: true, scram: "keys", cram: "states", quota: 7, plan: "office", raise };
  assert.equal(
    store.addAccount({ ...whole, aliases: ["b@sekimori.test", "a@sekimori.test", "b@sekimori.test"] }),
    true,
  );
  assert.deepEqual(store.findAccount("b@sekimori.test"), { ...whole, aliases: ["a@sekimori.test", "b@sekimori.test"] });
});

everyStore("what CRAM-MD5 needs is taken from all accounts at once, and can be set again", (store) => {
  assert.deepEqual([store.countCram(), store.dropCram()], [0, []]);
  const bob = { ...alice, key: "bob@sekimori.test", aliases: [] };
  store.addAccount({ ...alice, scram: "keys", cram: "states" });
  store.addAccount(bob);
  assert.equal(store.countCram(), 1);
  assert.deepEqual(store.dropCram(), ["a.smith@sekimori.test", alice.key]);
  assert.deepEqual(store.findAccount(alice.key), { ...alice, scram: "keys" });
  assert.deepEqual([store.countCram(), store.dropCram()], [0, []]);
  store.scrub();
  store.scrub();
  assert.deepEqual(store.findAccount(alice.key), { ...alice, scram: "keys" });
  store.setPasswordHash(bob.key, "$argon2id$y", "keys", "states");
  assert.equal(store.countCram(), 1);
});

everyStore("SCRAM keys are added only where there are none, and only to the password they were made of", (store) => {
  store.addAccount(alice);
  assert.equal(store.findAccount(alice.key)?.scram, undefined);
  assert.equal(store.completeScram(alice.key, "$argon2id$another", "keys"), false);
  assert.equal(store.completeScram("nobody@sekimori.test", alice.passwordHash, "keys"), false);
  assert.equal(store.completeScram(alice.key, alice.passwordHash, "keys"), true);
  assert.equal(store.completeScram(alice.key, alice.passwordHash, "other keys"), false);
  const bob = { ...alice, key: "bob@sekimori.test", aliases: [], scram: "his" };
  store.addAccount(bob);
  assert.deepEqual(store.findAccount(alice.key), { ...alice, scram: "keys" });
  assert.deepEqual(store.findAccount(bob.key), bob);
});

everyStore("several accounts are added together or not at all", (store) => {
  const [bob, carol] = ["bob", "carol"].map((name) => ({ ...alice, key: `${name}@sekimori.test`, aliases: [] }));
  assert.ok(bob !== undefined && carol !== undefined);
  assert.deepEqual(store.addAccounts([]), []);
  assert.deepEqual(store.addAccounts([bob, { ...carol, aliases: [bob.key] }, bob]), [1, 2]);
  assert.deepEqual(store.takenAccounts([bob, bob]), [1]);
  assert.deepEqual(store.takenAccounts([bob]), []);
  assert.equal(store.countAccounts(), 0);
  store.addAccount(alice);
  assert.deepEqual(store.addAccounts([bob, { ...carol, aliases: [alice.aliases[0]!] }]), [1]);
  assert.deepEqual(store.addAccounts([bob, carol]), []);
  assert.deepEqual([store.findAccount(bob.key), store.findAccount(carol.key)], [bob, carol]);
});

everyStore("a hash is replaced only where it is still the one that was checked", (store) => {
  store.addAccount({ ...alice, passwordHash: "$6$a" });
  assert.equal(store.replacePasswordHash(alice.key, "$6$b", "$argon2id$z", "keys"), false);
  assert.equal(store.replacePasswordHash("nobody@sekimori.test", "$6$a", "$argon2id$z", "keys"), false);
  assert.equal(store.replacePasswordHash(alice.key, "$6$a", "$argon2id$z", "keys"), true);
  assert.equal(store.replacePasswordHash(alice.key, "$6$a", "$argon2id$z", "keys"), false);
  assert.deepEqual(store.findAccount(alice.key), { ...alice, passwordHash: "$argon2id$z", scram: "keys" });
  assert.equal(store.replacePasswordHash(alice.key, "$argon2id$z", "$argon2id$w", undefined), true);
  assert.deepEqual(store.findAccount(alice.key), { ...alice, passwordHash: "$argon2id$w" });
});

everyStore("the login secret is made once, and each store has its own", (store, another) => {
  const secret = store.loginSecret();
  assert.equal(Buffer.from(secret, "base64").length, 32);
  assert.equal(store.loginSecret(), secret);
  assert.notEqual(another().loginSecret(), secret);
});

everyStore("after a clock that ran ahead, what is free is due soon; what is held or leased stays as it is", (store) => {
  const recipients = ["a@r.test", "b@r.test", "c@r.test", "d@r.test"];
  const far = { attempts: 1, status: "4.4.1", reply: "no answer", due: 1_000_000 };
  store.putWaiting([
    {
      message: message("m1", recipients),
      recipients: [0, 1, 2, 3].map((recipient) => ({ ...far, recipient, due: recipient === 3 ? 50 : far.due })),
    },
    { message: message("m2", ["h@held.test"]), recipients: [{ ...far, recipient: 0 }] },
    { message: message("m3", ["r@full.test"]), recipients: [{ ...far, recipient: 0 }] },
  ]);
  store.changeWaiting("hold", { kind: "domain", domain: "held.test" }, 10);
  // Under the clock that runs ahead: one domain has no room, one message is claimed and put back.
  store.claimDue(1_000_001, 1000, 10, ["full.test"]);
  store.putWaiting([{ message: message("m1", recipients), recipients: [{ ...far, recipient: 0, due: 2_000_000 }] }]);
  store.hasten(100, 400);
  const due = (id: string): readonly number[] => store.findWaiting(id)!.recipients.map((each) => each.due);
  assert.deepEqual(due("m1"), [400, 1_000_000, 1_000_000, 50], "only the first one is free");
  assert.deepEqual(due("m2"), [1_000_000]);
  assert.deepEqual(due("m3"), [400]);
  assert.equal(store.nextDue(), 400);
  assert.deepEqual(
    store.claimDue(400, 1000, 10).map(({ message: { id } }) => id),
    ["m1", "m3"],
  );
});

everyStore("a claim counts the attempt, is exclusive while its lease runs, and comes back when it ends", (store) => {
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
  assert.equal(store.findWaiting("m1")!.recipients[0]!.attempts, 2, "the attempt was recorded durably");
  assert.equal(store.claimDue(1100, 1000, 10)[0]!.recipients[0]!.attempts, 3, "the lease has expired");
  store.putWaiting([
    { message: message("m1", ["x@r.test", "y@r.test"]), recipients: [{ ...waiting[0]!, attempts: 3, due: 5000 }] },
  ]);
  assert.equal(store.nextDue(), 5000, "what was put back is free");
  store.removeWaiting([{ id: "m1", recipients: [1] }]);
  assert.deepEqual(
    store.findWaiting("m1")!.recipients.map(({ recipient }) => recipient),
    [0],
  );
  const one = { kind: "message", id: "m1" } as const;
  assert.deepEqual(store.changeWaiting("flush", one, 2000), { messages: 1, recipients: 1 });
  assert.equal(store.nextDue(), 2000);
  store.removeWaiting([{ id: "m1", recipients: [0] }]);
  assert.equal(store.findWaiting("m1"), undefined);
  assert.equal(store.countWaiting(), 0);
  assert.deepEqual(store.changeWaiting("flush", one, 2000), { messages: 0, recipients: 0 });
});

everyStore("that a sender was told of a delay is kept, over a restart and a claim", (store) => {
  const wait = { recipient: 0, attempts: 1, due: 100, status: "4.4.1", reply: "no answer" };
  store.putWaiting([{ message: message("m1", ["x@r.test", "y@r.test"]), recipients: [{ ...wait, warned: true }] }]);
  store.putWaiting([{ message: message("m1", ["x@r.test", "y@r.test"]), recipients: [{ ...wait, recipient: 1 }] }]);
  const [claimed] = store.claimDue(100, 1000, 10);
  assert.deepEqual(
    claimed!.recipients.map(({ warned }) => warned),
    [true, undefined],
  );
});

everyStore("reconcile makes the index agree with the spool and keeps what it knows of attempts", (store) => {
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
  const found = store.reconcile({
    after: "",
    through: undefined,
    open: [
      { id: "m1", open: [1] },
      { id: "new", open: [0, 1] },
    ],
  });
  assert.deepEqual(found, { missing: ["new"], interrupted: [] });
  store.addWaiting([{ message: message("new", ["n@r.test", "o@r.test"]), recipients: [0, 1] }], 50, 0);
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
    store.listWaiting({}, 10).messages.map((entry) => entry.message.id),
    ["m1", "new"],
  );
});

everyStore("charges come back with the id they reach to, until they are purged", (store) => {
  assert.deepEqual(store.chargesSince(0), { charges: [], through: new Map() });
  store.addCharges(
    [
      { account: "a", at: 10, recipients: 3, octets: 7 },
      { account: "b", at: 20, recipients: 1, octets: 9 },
    ],
    "id7",
  );
  store.addCharges([], "id9");
  const again = store.chargesSince(10);
  assert.deepEqual(
    again.charges.map((charge) => ({ ...charge })),
    [{ account: "b", at: 20, recipients: 1, newRecipients: 0, octets: 9 }],
  );
  assert.deepEqual(again.through, new Map([[0, "id9"]]));
});

everyStore("a deleted account is gone with its aliases, which are free again", (store) => {
  store.addAccount(alice);
  assert.equal(store.deleteAccount("a.smith@sekimori.test"), false);
  assert.equal(store.deleteAccount(alice.key), true);
  assert.equal(store.deleteAccount(alice.key), false);
  assert.equal(store.findAccount("a.smith@sekimori.test"), undefined);
  assert.equal(store.addAccount({ ...alice, key: "a.smith@sekimori.test", aliases: [] }), true);
});

everyStore("tries of one account and minute add up, and go minute by minute", (store) => {
  assert.deepEqual([store.triesSince(0), store.trySpan(1)], [[], { items: 0, oldest: undefined, expired: 0 }]);
  store.addTries([
    { account: "b", at: 120, tries: 3 },
    { account: "a", at: 120, tries: 1 },
    { account: "a", at: 60, tries: 2 },
  ]);
  store.addTries([{ account: "b", at: 120, tries: 4 }]);
  const seen = (time: number) => store.triesSince(time).map(({ account, at, tries }) => [account, at, tries]);
  assert.deepEqual(seen(0), [
    ["a", 60, 2],
    ["a", 120, 1],
    ["b", 120, 7],
  ]);
  assert.deepEqual(seen(60).length, 2);
  assert.deepEqual(store.trySpan(60), { items: 3, oldest: 60, expired: 1 });
  store.purgeTries(60);
  assert.deepEqual(store.trySpan(60), { items: 2, oldest: 120, expired: 0 });
});

everyStore("the span of charges says what a purge takes", (store) => {
  assert.deepEqual(store.chargeSpan(10), { items: 0, oldest: undefined, expired: 0 });
  store.addCharges(
    [5, 10, 11].map((at) => ({ account: alice.key, at, recipients: 1, octets: 1 })),
    "id",
  );
  assert.deepEqual(store.chargeSpan(10), { items: 3, oldest: 5, expired: 2 });
  store.purgeCharges(10);
  assert.deepEqual(store.chargeSpan(10), { items: 1, oldest: 11, expired: 0 });
});

const charge = (account: string, day: number, ...correspondents: readonly number[]) => ({
  account,
  at: day * 86_400_000 + 5,
  recipients: correspondents.length,
  octets: 1,
  correspondents,
});

everyStore(
  "correspondents are new once to each account, in the order of the charges, and stay for their days",
  (store) => {
    const charges = [charge("a", 10, 1, 2 ** 48 - 1, 1), charge("a", 12, 1, 3), charge("b", 10, 1)];
    assert.deepEqual(store.addCharges(charges, "id"), [2, 1, 1]);
    assert.deepEqual(
      store.chargesSince(0).charges.map(({ account, newRecipients }) => `${account} ${newRecipients}`),
      ["a 2", "b 1", "a 1"],
    );
    assert.deepEqual(store.addCharges([charge("a", 11, 1)], "id"), [0]);
    assert.equal(store.isCorrespondent("a", 2 ** 48 - 1), true);
    assert.equal(store.isCorrespondent("b", 3), false);
    const before = 11 * 86_400_000;
    assert.deepEqual(store.correspondentSpan(before), { items: 4, oldest: 10 * 86_400_000, expired: 2 });
    store.purgeCorrespondents(before);
    assert.deepEqual(
      [
        ["a", 1],
        ["a", 2 ** 48 - 1],
        ["a", 3],
        ["b", 1],
      ].map(([account, each]) => store.isCorrespondent(String(account), Number(each))),
      [true, false, true, false],
    );
  },
);

const wait = { attempts: 1, due: 100, status: "4.4.1", reply: "no answer" };

function deferred(id: string, recipients: readonly string[], more: Partial<typeof wait> = {}): DeferredMessage {
  return {
    message: message(id, recipients),
    recipients: recipients.map((_each, recipient) => ({ recipient, ...wait, ...more })),
  };
}

function many(prefix: string, more: Partial<typeof wait>): DeferredMessage[] {
  return Array.from({ length: 20 }, (_each, index) => deferred(`${prefix}${index + 10}`, ["x@r.test"], more));
}

function idsOf(claimed: readonly WaitingMessage[]): readonly string[] {
  return claimed.map((each) => each.message.id);
}

everyStore("what is held is never claimed, not even after a restart, until it is released", (store) => {
  store.putWaiting([deferred("m1", ["x@r.test", "y@s.test"]), deferred("m2", ["x@r.test"])]);
  const byDomain = { kind: "domain", domain: "R.test" } as const;
  assert.deepEqual(store.changeWaiting("hold", byDomain, 100), { messages: 2, recipients: 2 });
  assert.deepEqual(store.changeWaiting("hold", byDomain, 100), { messages: 0, recipients: 0 }, "held already");
  const [claimed, ...others] = store.claimDue(200, 1000, 10);
  assert.deepEqual(others, []);
  assert.deepEqual(
    claimed!.recipients.map(({ recipient }) => recipient),
    [1],
  );
  store.putWaiting([deferred("m2", ["x@r.test"], { due: 150 })]);
  assert.deepEqual(store.findWaiting("m2")!.recipients[0], { recipient: 0, ...wait, due: 150, held: true });
  store.reconcile({ after: "", through: undefined, open: ["m1", "m2"].map((id) => ({ id, open: [0] })) });
  assert.deepEqual(store.claimDue(200, 1000, 10), []);
  assert.equal(store.nextDue(), undefined);
  assert.deepEqual(store.changeWaiting("flush", { kind: "all" }, 200), { messages: 0, recipients: 0 });
  assert.deepEqual(store.changeWaiting("release", { kind: "sender", sender: "A@b.TEST" }, 200), {
    messages: 2,
    recipients: 2,
  });
  assert.deepEqual(idsOf(store.claimDue(200, 1000, 10)), ["m1", "m2"]);
});

everyStore("requeue begins the schedule anew for what is free", (store) => {
  store.putWaiting([deferred("m1", ["x@r.test"], { attempts: 7, due: 9000 }), deferred("m2", ["x@r.test"])]);
  assert.deepEqual(idsOf(store.claimDue(100, 1000, 10)), ["m2"]);
  assert.deepEqual(store.changeWaiting("requeue", { kind: "all" }, 200), { messages: 1, recipients: 1 });
  assert.equal(store.claimDue(200, 1000, 10)[0]!.recipients[0]!.attempts, 1);
});

everyStore("what is requeued goes with fresh mail again, before retries that are due longer", (store) => {
  store.putWaiting([deferred("m1", ["x@r.test"], { due: 5 }), deferred("m2", ["x@r.test"], { due: 10 })]);
  store.changeWaiting("requeue", { kind: "message", id: "m2" }, 50);
  assert.deepEqual(idsOf(store.claimDue(60, 1000, 1)), ["m2"]);
});

everyStore("domains that are full are passed over, once, and served again when they have room", (store) => {
  const dead = Array.from({ length: 1200 }, (_each, index) => deferred(`d${index + 1000}`, ["x@dead.test"]));
  store.putWaiting([...dead, deferred("m1", ["x@alive.test", "y@dead.test"], { due: 101 })]);
  const [claimed, ...others] = store.claimDue(200, 1000, 10, ["dead.test"]);
  assert.deepEqual(others, []);
  assert.equal(claimed!.message.id, "m1");
  assert.deepEqual(
    claimed!.recipients.map(({ recipient }) => recipient),
    [0],
    "the part of the message that can go",
  );
  assert.deepEqual(store.claimDue(200, 1000, 10, ["dead.test"]), []);
  assert.ok(store.nextDue()! <= 200, "something is due all the same");
  const seen = new Set<string>();
  for (let round = 0; round < 30; round++) for (const id of idsOf(store.claimDue(200, 10_000, 100))) seen.add(id);
  assert.equal(seen.size, 1201, "everything gets its turn");
  assert.equal(store.nextDue(), undefined);
});

everyStore("fresh mail goes before retries and retries before bulk, but each gets a part", (store) => {
  const bulk = many("b", { attempts: 0, due: 1 }).map((each) => ({
    ...each,
    message: { ...each.message, bulk: true as const },
  }));
  store.putWaiting([...bulk, ...many("r", { due: 2 }), ...many("f", { attempts: 0, due: 3 })]);
  const kinds = idsOf(store.claimDue(200, 1000, 16)).map((id) => id[0]);
  assert.equal(kinds.join(""), "ffffffffffffrrbb");
  assert.deepEqual(idsOf(store.claimDue(200, 1000, 1)), ["f22"], "a single place is for fresh mail");
});

everyStore("a list tells what matches and counts all of it", (store) => {
  store.putWaiting([
    deferred("m1", ["x@r.test", "y@s.test"]),
    deferred("m2", ["x@r.test"]),
    { ...deferred("m3", ["z@s.test"]), message: { ...message("m3", ["z@s.test"]), sender: "" } },
  ]);
  store.changeWaiting("hold", { kind: "message", id: "m2" }, 100);
  const told = (filter: WaitingFilter, limit = 10) => {
    const { total, messages } = store.listWaiting(filter, limit);
    return [
      total,
      ...messages.map((each) => `${each.message.id}:${each.recipients.map((one) => one.recipient).join("")}`),
    ];
  };
  assert.deepEqual(told({}), [3, "m1:01", "m2:0", "m3:0"]);
  assert.deepEqual(told({}, 1), [3, "m1:01"]);
  assert.deepEqual(told({ domain: "S.TEST" }), [2, "m1:1", "m3:0"]);
  assert.deepEqual(told({ sender: "" }), [1, "m3:0"]);
  assert.deepEqual(told({ state: "held" }), [1, "m2:0"]);
  assert.deepEqual(told({ state: "waiting", domain: "r.test" }), [1, "m1:0"]);
  const byDomain = { kind: "domain", domain: "s.test" } as const;
  assert.deepEqual(store.seizeWaiting(byDomain, 100, 1000, 1), [{ id: "m1", recipients: [1] }]);
  assert.deepEqual(store.seizeWaiting(byDomain, 100, 1000, 10), [{ id: "m3", recipients: [0] }]);
  assert.deepEqual(store.seizeWaiting(byDomain, 100, 1000, 10), []);
  assert.deepEqual(idsOf(store.claimDue(100, 1000, 10)), ["m1"], "what is seized or held is not claimed");
});

everyStore("the last fifty attempts for each recipient are kept while the message waits, and not longer", (store) => {
  for (let at = 1; at <= 60; at++) {
    const attempt = {
      at,
      remote: "mx.r.test[192.0.2.1]:25",
      milliseconds: 5,
      ...(at === 60 ? { tls: "TLSv1.3" } : {}),
    };
    store.putWaiting([
      {
        message: message("m1", ["x@r.test", "y@r.test"]),
        recipients: [0, 1].slice(0, at === 60 ? 2 : 1).map((recipient) => ({ recipient, ...wait, attempt })),
      },
    ]);
  }
  const attempts = store.attemptsFor("m1");
  assert.deepEqual([attempts.length, attempts[0]!.at], [51, 11]);
  assert.deepEqual(attempts.at(-1), {
    recipient: 1,
    at: 60,
    remote: "mx.r.test[192.0.2.1]:25",
    status: "4.4.1",
    reply: "no answer",
    milliseconds: 5,
    tls: "TLSv1.3",
  });
  store.removeWaiting([{ id: "m1", recipients: [0, 1] }]);
  assert.deepEqual(store.attemptsFor("m1"), []);
});

everyStore("reconcile goes range by range, and says what was being tried", (store) => {
  store.putWaiting(["m1", "m2", "m3", "m4"].map((id) => deferred(id, ["x@r.test"])));
  assert.deepEqual(idsOf(store.claimDue(100, 1000, 1)), ["m1"]);
  const first = store.reconcile({ after: "", through: "m2", open: [{ id: "m1", open: [0] }] });
  assert.deepEqual(first, { missing: [], interrupted: ["m1"] });
  assert.equal(store.findWaiting("m2"), undefined);
  assert.equal(store.countWaiting(), 3, "what lies beyond is left alone");
  const last = store.reconcile({ after: "m2", through: undefined, open: [{ id: "m4", open: [0] }] });
  assert.deepEqual(last, { missing: [], interrupted: [] });
  assert.deepEqual(
    store.listWaiting({}, 10).messages.map((each) => each.message.id),
    ["m1", "m4"],
  );
  assert.equal(store.nextDue(), 100, "leases have ended");
});

everyStore("what is held and warned stays both", (store) => {
  store.putWaiting([{ message: message("m1", ["x@r.test"]), recipients: [{ recipient: 0, ...wait, warned: true }] }]);
  store.changeWaiting("hold", { kind: "all" }, 100);
  assert.deepEqual(store.findWaiting("m1")!.recipients, [{ recipient: 0, ...wait, held: true, warned: true }]);
  assert.deepEqual(store.listWaiting({}, 10).messages[0]!.recipients[0]!.warned, true);
});

everyStore("a lane sees its own messages only", (store) => {
  const [zero, two] = ["0000000000aaaaaa", "0000000002aaaaaa"];
  const waiting = [zero, two].map((id) => ({
    message: message(id, ["x@r.test"]),
    recipients: [{ recipient: 0, attempts: 1, due: 100, status: "4.4.1", reply: "no answer" }],
  }));
  store.putWaiting(waiting);
  store.addWaiting([{ message: message("0000000003aaaaaa", ["x@r.test"]), recipients: [0] }], 50, 0);
  assert.deepEqual(store.lanesWaiting(), [0, 2, 3]);
  assert.equal(store.nextDue(), 100);
  assert.equal(store.nextDue(3), 50);
  assert.equal(store.nextDue(1), undefined);
  assert.deepEqual(store.changeWaiting("hold", { kind: "all" }, 0, 2), { messages: 1, recipients: 1 });
  assert.deepEqual(store.changeWaiting("release", { kind: "all" }, 100, 0), { messages: 0, recipients: 0 });
  assert.deepEqual(store.changeWaiting("release", { kind: "all" }, 100, 2), { messages: 1, recipients: 1 });
  assert.deepEqual(idsOf(store.claimDue(100, 1000, 10, [], 1)), []);
  assert.deepEqual(idsOf(store.claimDue(100, 1000, 10, ["r.test"], 2)), []);
  assert.deepEqual(idsOf(store.claimDue(100, 1000, 10, [], 2)), [two]);
  assert.deepEqual(store.seizeWaiting({ kind: "all" }, 100, 1000, 10, 2), []);
  assert.deepEqual(store.seizeWaiting({ kind: "all" }, 100, 1000, 10), [{ id: zero, recipients: [0] }]);
  const all = { after: "", through: undefined, open: [] };
  assert.deepEqual(store.reconcile({ ...all, lane: 0 }), { missing: [], interrupted: [] });
  assert.deepEqual(store.lanesWaiting(), [2, 3], "the rows of the others are still there");
  store.addCharges([], "0000000000bbbbbb");
  store.addCharges([{ account: "a", at: 5, recipients: 1, octets: 1 }], "0000000002bbbbbb", 2);
  const { charges, through } = store.chargesSince(0);
  assert.equal(charges.length, 1);
  assert.deepEqual(
    [...through].toSorted(([one], [other]) => one - other),
    [
      [0, "0000000000bbbbbb"],
      [2, "0000000002bbbbbb"],
    ],
  );
});

everyStore("profiles are replaced, and go when their account was not seen for long", (store) => {
  const day = 86_400_000;
  assert.equal(store.profile("a"), undefined);
  assert.deepEqual(store.profileSpan(0), { items: 0, oldest: undefined, expired: 0 });
  store.saveProfiles([
    { account: "a", day: 10, profile: "{}", suspect: true },
    { account: "b", day: 12, profile: '{"x":"日本"}', suspect: true },
  ]);
  assert.deepEqual(store.suspects(), ["a", "b"]);
  store.saveProfiles([{ account: "a", day: 13, profile: "[]", suspect: false }]);
  assert.deepEqual(store.suspects(), ["b"]);
  assert.deepEqual([store.profile("a"), store.profile("b")], ["[]", '{"x":"日本"}']);
  assert.deepEqual(store.profileSpan(12 * day), { items: 2, oldest: 12 * day, expired: 1 });
  store.purgeProfiles(12 * day);
  assert.deepEqual([store.profile("a"), store.profile("b")], ["[]", undefined]);
});

const sentBy = (id: string, more: Partial<SpooledMessage>): SpooledMessage => ({
  ...message(id, ["x@r.test", "y@r.test"]),
  account: "a@b.test",
  ...more,
});

everyStore(
  "what is held since its account was suspended takes over from a suspicion, not from an operator",
  (store) => {
    store.addWaiting(
      [{ message: sentBy("m1", { suspended: "by an operator", suspected: "x" }), recipients: [0] }],
      1,
      0,
    );
    store.addWaiting([{ message: sentBy("m2", { suspected: "x" }), recipients: [0] }], 1, 0);
    store.addWaiting([{ message: sentBy("m3", {}), recipients: [0] }], 1, 0);
    store.addWaiting([{ message: sentBy("m4", { hold: { why: "a limit", recipients: [0] } }), recipients: [0] }], 1, 0);
    const states = (): readonly string[] =>
      ["m1", "m2", "m3", "m4"].map((id) => {
        const [recipient] = store.findWaiting(id)!.recipients;
        const { held, suspected, suspended } = recipient!;
        return suspended ? "suspended" : suspected ? "suspected" : held ? "held" : "free";
      });
    assert.deepEqual(states(), ["suspended", "suspected", "free", "held"]);
    const account = { kind: "account", account: "a@b.test" } as const;
    assert.deepEqual(store.changeWaiting("hold-suspended", account, 100), { messages: 2, recipients: 2 });
    assert.deepEqual(states(), ["suspended", "suspended", "suspended", "held"]);
    assert.deepEqual(store.changeWaiting("hold-suspected", account, 100), { messages: 0, recipients: 0 });
    assert.deepEqual(store.claimDue(200, 1000, 10), []);
    const ofAccount = { kind: "suspected", account: "a@b.test" } as const;
    assert.deepEqual(store.changeWaiting("release", ofAccount, 200), { messages: 3, recipients: 3 });
    assert.deepEqual(states(), ["free", "free", "free", "held"]);
  },
);

everyStore("what is held for a suspicion is told from the rest, and ends with it or by an operator", (store) => {
  const limited = { suspected: "hold since then", hold: { why: "a limit", recipients: [1] } };
  store.addWaiting([{ message: sentBy("m1", limited), recipients: [0, 1] }], 100, 0);
  store.addWaiting([{ message: sentBy("m2", {}), recipients: [0, 1] }], 100, 0);
  store.addWaiting([{ message: sentBy("m3", { account: "other@b.test" }), recipients: [0] }], 100, 0);
  const states = (id: string) =>
    store.findWaiting(id)!.recipients.map(({ held, suspected }) => (suspected ? "suspected" : held ? "held" : "free"));
  assert.deepEqual(states("m1"), ["suspected", "held"]);
  const account = { kind: "account", account: "a@b.test" } as const;
  const suspected = { kind: "suspected", account: "a@b.test" } as const;
  store.changeWaiting("hold", { kind: "message", id: "m2" }, 100);
  store.changeWaiting("release", { kind: "message", id: "m2" }, 100);
  assert.deepEqual(store.changeWaiting("hold-suspected", account, 100), { messages: 1, recipients: 2 });
  assert.deepEqual([states("m2"), states("m3")], [["suspected", "suspected"], ["free"]]);
  assert.deepEqual(idsOf(store.claimDue(200, 1000, 10)), ["m3"]);
  assert.equal(store.listWaiting({ state: "held", account: "a@b.test" }, 10).total, 2);
  // An operator's hold is his own.
  store.changeWaiting("hold", { kind: "message", id: "m2" }, 200);
  assert.deepEqual(states("m2"), ["held", "held"]);
  assert.deepEqual(store.seizeWaiting(suspected, 200, 0, 10), [{ id: "m1", recipients: [0] }]);
  assert.deepEqual(store.changeWaiting("release", suspected, 200), { messages: 1, recipients: 1 });
  assert.deepEqual(
    [states("m1"), states("m2")],
    [
      ["free", "held"],
      ["held", "held"],
    ],
  );
  assert.deepEqual(store.changeWaiting("release", account, 200), { messages: 2, recipients: 3 });
});

everyStore("accounts with held mail are named, of those that are asked for", (store) => {
  for (const [index, account] of ["a@b.test", "b@b.test", "c@b.test"].entries()) {
    store.addWaiting([{ message: sentBy(`m${index}`, { account }), recipients: [0, 1] }], 1, 0);
  }
  const held = (): readonly string[] => store.heldAccounts(["c@b.test", "a@b.test", "d@b.test"]);
  assert.deepEqual(held(), []);
  for (const account of ["a@b.test", "b@b.test"]) store.changeWaiting("hold", { kind: "account", account }, 2);
  store.changeWaiting("hold-suspended", { kind: "account", account: "c@b.test" }, 2);
  assert.deepEqual(held(), ["c@b.test", "a@b.test"]);
  store.removeWaiting([{ id: "m2", recipients: [0] }]);
  assert.deepEqual(held(), ["c@b.test", "a@b.test"], "one recipient is enough");
  store.removeWaiting([{ id: "m2", recipients: [1] }]);
  store.changeWaiting("release", { kind: "all" }, 3);
  assert.deepEqual(held(), []);
});

everyStore("an account is under a restraint until it is taken away", (store) => {
  assert.equal(store.addAccount(alice), true);
  const restraint = { step: "slow", since: 5, until: 9, score: 11.5, evidence: ["a login"], clause: "§ 7" } as const;
  assert.equal(store.setRestraint("nobody@sekimori.test", restraint), false);
  assert.deepEqual(store.restrained(), []);
  assert.equal(store.setRestraint(alice.key, restraint), true);
  assert.deepEqual(store.findAccount("a.smith@sekimori.test")?.restraint, restraint);
  assert.equal(store.findAccount(alice.key)?.suspended, false);
  assert.deepEqual(store.restrained(), [alice.key]);
  assert.equal(store.setRestraint(alice.key, undefined), true);
  assert.deepEqual(store.findAccount(alice.key), alice);
  assert.deepEqual(store.restrained(), []);
});

everyStore("accounts that are suspended are named, whoever suspended them", (store) => {
  const bob = { ...alice, key: "bob@sekimori.test", aliases: [] };
  const carol = { ...alice, key: "carol@sekimori.test", aliases: [] };
  for (const account of [carol, alice, bob]) store.addAccount(account);
  assert.deepEqual(store.suspended(), []);
  store.setRestraint(carol.key, { step: "suspend", since: 4, score: 19, evidence: [] });
  store.setRestraint(bob.key, { step: "hold", since: 4, score: 13, evidence: [] });
  store.setSuspended(alice.key, true);
  assert.deepEqual(store.suspended(), [alice.key, carol.key]);
  store.setRestraint(carol.key, undefined);
  store.setSuspended(alice.key, false);
  assert.deepEqual(store.suspended(), []);
});

everyStore("a restraint that has ended by itself goes, and none that is in force", (store) => {
  const bob = { ...alice, key: "bob@sekimori.test", aliases: [] };
  const carol = { ...alice, key: "carol@sekimori.test", aliases: [] };
  for (const account of [alice, bob, carol]) store.addAccount(account);
  assert.deepEqual(store.restraintSpan(9), { items: 0, oldest: undefined, expired: 0 });
  const grounds = { score: 11.5, evidence: ["a login"] };
  store.setRestraint(alice.key, { step: "slow", since: 5, until: 9, ...grounds });
  store.setRestraint(bob.key, { step: "slow", since: 6, until: 10, ...grounds });
  store.setRestraint(carol.key, { step: "suspend", since: 4, ...grounds });
  assert.deepEqual(store.restraintSpan(9), { items: 3, oldest: 4, expired: 1 });
  store.purgeRestraints(9);
  assert.deepEqual(store.restrained(), [bob.key, carol.key]);
  assert.deepEqual(store.findAccount(alice.key), alice);
  assert.deepEqual(store.restraintSpan(9), { items: 2, oldest: 4, expired: 0 });
});

everyStore(
  "what a customer is to be told is noted with the step, told once, and goes with its account or its time",
  (store) => {
    const taken = { kind: "taken", step: "hold", signs: ["new-network"], clause: "§ 7" } as const;
    const ended = { kind: "ended", step: "hold", mail: "released" } as const;
    const restraint = { step: "hold", since: 5, score: 13, evidence: [] } as const;
    const notices = [
      { to: "account", at: 5, news: taken },
      { to: "contact", at: 5, news: taken },
    ] as const;
    assert.equal(store.setRestraint(alice.key, restraint, notices), false);
    assert.deepEqual(store.pendingNotices(10), [], "there is no such account");
    store.addAccount(alice);
    assert.equal(store.setRestraint(alice.key, restraint, notices), true);
    assert.equal(store.setRestraint(alice.key, undefined, [{ to: "contact", at: 9, news: ended }]), true);
    const pending = store.pendingNotices(10);
    const [first, second, third] = pending.map(({ id }) => id);
    assert.deepEqual(pending, [
      { id: first, account: alice.key, ...notices[0] },
      { id: second, account: alice.key, ...notices[1] },
      { id: third, account: alice.key, to: "contact", at: 9, news: ended },
    ]);
    assert.equal(store.pendingNotices(2).length, 2);
    assert.equal(store.noteTold(first!, 100), true);
    assert.equal(store.noteTold(first!, 101), false, "once");
    assert.equal(store.noteTold(second!, 110), true);
    assert.deepEqual(
      store.pendingNotices(10).map(({ id }) => id),
      [third],
    );
    assert.equal(store.toldSince(alice.key, "account", 99), 1);
    assert.equal(store.toldSince(alice.key, "account", 100), 0);
    assert.equal(store.toldSince(alice.key, "contact", 99), 1);
    store.noteUntold(second!);
    assert.equal(store.toldSince(alice.key, "contact", 99), 0);
    assert.equal(store.pendingNotices(10).length, 2);
    store.dropNotice(third!);
    assert.equal(store.noteTold(third!, 120), false);
    store.setRestraint(alice.key, undefined, [{ to: "contact", at: 9, news: ended }]);
    assert.ok(
      store.pendingNotices(10).every(({ id }) => id !== third),
      "an id means one notice for ever",
    );
    assert.deepEqual(store.noticeSpan(5), { items: 3, oldest: 5, expired: 2 });
    store.purgeNotices(5);
    assert.deepEqual(store.noticeSpan(5), { items: 1, oldest: 9, expired: 0 });
    store.deleteAccount(alice.key);
    assert.deepEqual(store.noticeSpan(5), { items: 0, oldest: undefined, expired: 0 });
  },
);

everyStore("what a message says is to be held begins held, and stays released once it was", (store) => {
  const held = { ...message("m1", ["a@r.test", "b@r.test"]), hold: { why: "a limit", recipients: [1] } };
  const other = { ...held, id: "m2" };
  store.addWaiting([{ message: held, recipients: [0, 1] }], 100, 0);
  store.putWaiting([{ message: other, recipients: [0, 1].map((recipient) => ({ ...wait, recipient })) }]);
  const claimed = store.claimDue(100, 1000, 10);
  const went = claimed.flatMap(({ message: { id }, recipients }) =>
    recipients.map(({ recipient }) => `${id} ${recipient}`),
  );
  assert.deepEqual(went.toSorted(), ["m1 0", "m2 0"]);
  assert.equal(store.listWaiting({ state: "held" }, 10).total, 2);
  store.changeWaiting("release", { kind: "message", id: "m1" }, 200);
  store.putWaiting([{ message: held, recipients: [{ ...wait, recipient: 1 }] }]);
  assert.equal(store.listWaiting({ state: "held" }, 10).total, 1);
});

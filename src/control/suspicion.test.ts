import assert from "node:assert/strict";
import { test } from "node:test";
import { startProfile } from "../abuse/profile.ts";
import { asRemote } from "../io/rpc.ts";
import type { SpooledMessage } from "../spool/message.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { AccountRestraint, Store } from "../store/store.ts";
import type { Control } from "./control.ts";
import { forgetSuspicion, liftRestraint, suspicionControl, suspicionOf } from "./suspicion.ts";

const NOW = 1_800_000_000_000;
const grounds = { since: NOW - 60_000, score: 13, evidence: ["a login from nowhere"], clause: "article 12" };
const holding: AccountRestraint = { step: "hold", ...grounds };

interface Desk {
  readonly store: Store;
  readonly control: Pick<Control, "listSuspects" | "findSuspect" | "clearSuspect">;
  /** Names that caches were to forget, and changes of the queue, in their order. */
  readonly journal: string[];
  readonly events: object[];
}

function desk(returns = true): Desk {
  const store = openMemoryStore();
  const journal: string[] = [];
  const events: object[] = [];
  for (const name of ["alice", "bob", "carol", "dora"]) {
    const key = `${name}@b.test`;
    const address = name === "dora" ? "Dora@b.test" : key;
    const aliases = name === "bob" ? ["robert@b.test"] : [];
    store.addAccount({ key, address, passwordHash: "", aliases, createdAt: 1, suspended: false });
  }
  const remote = asRemote<Store>(store);
  const control = suspicionControl(
    {
      store: remote,
      observer: { emit: (event, fields) => void events.push({ event, ...fields }) },
      clock: { wall: () => NOW, monotonic: () => 0 },
      forgive: async (account, lift) => {
        await forgetSuspicion(remote, account);
        await lift();
      },
      changed: async (keys) => void journal.push(`forget ${keys.join(" ")}`),
      changeQueue: async (change, selector) => {
        journal.push(`${change} ${JSON.stringify(selector)}`);
        return change === "release" ? store.changeWaiting(change, selector, NOW) : { messages: 1, recipients: 1 };
      },
      returns,
    },
    "carla",
  );
  return { store, control, journal, events };
}

/** Two messages of bob's, the first of which is held for a suspicion and the second by an operator. */
function fill(store: Store): void {
  for (const id of ["m1", "m2"]) {
    const message: SpooledMessage = {
      id,
      receivedAt: 1,
      origin: "submission",
      sender: "bob@b.test",
      account: "bob@b.test",
      recipients: ["x@r.test"],
      eightBit: false,
      messageId: "<x@y>",
      size: 3,
    };
    store.addWaiting([{ message, recipients: [0] }], NOW, 0);
  }
  store.changeWaiting("hold", { kind: "message", id: "m2" }, NOW);
  store.changeWaiting("hold-suspected", { kind: "account", account: "bob@b.test" }, NOW);
}

function suspect(store: Store, account: string): void {
  const profile = { ...startProfile(NOW), told: "notice" as const };
  profile.scores.place = 9;
  profile.evidence.push({ at: NOW, sign: "new-network", weight: 2, text: "a login from nowhere" });
  store.saveProfiles([{ account, day: profile.today.day, profile: JSON.stringify(profile), suspect: true }]);
}

test("the list has who is told of and who something was done about, by address, page by page", async () => {
  const { store, control } = desk();
  suspect(store, "alice@b.test");
  store.setRestraint("bob@b.test", holding);
  store.setRestraint("carol@b.test", { ...grounds, step: "slow", until: NOW });
  store.setRestraint("dora@b.test", { ...grounds, step: "slow", until: NOW + 1 });
  suspect(store, "dora@b.test");
  const { entries, next } = await control.listSuspects({});
  assert.equal(next, undefined);
  assert.deepEqual(
    entries.map(({ address, suspicion, restraint }) => [address, suspicion?.score, restraint?.step]),
    [
      ["alice@b.test", 9, undefined],
      ["bob@b.test", undefined, "hold"],
      ["Dora@b.test", 9, "slow"],
    ],
    "who was slowed and is not any more is not there",
  );
  const first = await control.listSuspects({ limit: 2 });
  assert.deepEqual([first.entries.length, first.next], [2, "bob@b.test"]);
  const second = await control.listSuspects({ limit: 2, after: first.next });
  assert.deepEqual([second.entries.map(({ address }) => address), second.next], [["Dora@b.test"], undefined]);
  const { clause, evidence, since } = (await control.findSuspect("Robert@b.test"))!.restraint!;
  assert.deepEqual([clause, evidence, since], ["article 12", grounds.evidence, new Date(NOW - 60_000).toISOString()]);
  assert.equal(await control.findSuspect("carol@b.test"), undefined);
  assert.equal(await control.findSuspect("nonsense"), undefined);
});

for (const [mail, change] of [
  ["kept", undefined],
  ["released", "release"],
  ["returned", "return"],
] as const) {
  test(`clearing lifts what was done and forgets what spoke for it; held mail is ${mail}`, async () => {
    const { store, control, journal, events } = desk();
    fill(store);
    suspect(store, "bob@b.test");
    store.setRestraint("bob@b.test", holding);
    assert.equal((await control.findSuspect("bob@b.test"))?.held, 2);
    const outcome = await control.clearSuspect("robert@b.test", { reason: "she called", mail });
    const count = mail === "kept" ? 0 : 1;
    assert.deepEqual(outcome, { done: true, messages: count, recipients: count });
    assert.equal(store.findAccount("bob@b.test")?.restraint, undefined);
    assert.equal(await suspicionOf(asRemote<Store>(store), "bob@b.test"), undefined);
    assert.deepEqual(store.suspects(), []);
    assert.deepEqual(
      store.pendingNotices(10).map(({ to, at, news }) => [to, at, news]),
      [["account", NOW, { kind: "ended", step: "hold", mail }]],
      "its customer is told",
    );
    const selector = JSON.stringify({ kind: "suspected", account: "bob@b.test" });
    const after = change === undefined ? [] : [`${change} ${selector}`];
    assert.deepEqual(
      journal,
      ["forget bob@b.test robert@b.test", ...after],
      "mail goes when new mail is not held any more",
    );
    const cleared = { event: "account.cleared", account: "bob@b.test", step: "hold", reason: "she called", mail };
    assert.deepEqual(events, [{ ...cleared, recipients: count, by: "carla" }]);
    // The operator's own hold is his.
    assert.equal(store.listWaiting({ state: "held" }, 10).total, mail === "released" ? 1 : 2);
  });
}

test("clearing leaves what an operator suspended, needs a reason and something to clear", async () => {
  const { store, control, events } = desk();
  const how = { reason: "she called", mail: "kept" } as const;
  for (const [address, kind] of [
    ["alice@b.test", "conflict"],
    ["nobody@b.test", "not-found"],
    ["nonsense", "not-found"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const outcome = await control.clearSuspect(address, how);
    assert.equal(outcome.done ? "done" : outcome.kind, kind);
  }
  store.setSuspended("alice@b.test", true);
  store.setRestraint("alice@b.test", { ...holding, step: "suspend" });
  for (const reason of ["", "  ", "x".repeat(501)]) {
    // oxlint-disable-next-line no-await-in-loop
    assert.equal((await control.clearSuspect("alice@b.test", { ...how, reason })).done, false);
  }
  assert.deepEqual(events, []);
  assert.equal((await control.clearSuspect("alice@b.test", how)).done, true);
  const { suspended, restraint } = store.findAccount("alice@b.test")!;
  assert.deepEqual([suspended, restraint], [true, undefined]);
  assert.deepEqual(store.pendingNotices(1), [], "it can be used no more than before");
});

test("mail that was kept can be settled later, and a stopped server returns none", async () => {
  const { store, control } = desk();
  fill(store);
  store.setRestraint("bob@b.test", holding);
  await control.clearSuspect("bob@b.test", { reason: "she called", mail: "kept" });
  const later = await control.clearSuspect("bob@b.test", { reason: "all of it is hers", mail: "released" });
  assert.deepEqual(later, { done: true, messages: 1, recipients: 1 });
  const stopped = desk(false);
  stopped.store.setRestraint("bob@b.test", holding);
  const outcome = await stopped.control.clearSuspect("bob@b.test", { reason: "she called", mail: "returned" });
  assert.equal(outcome.done, false);
  assert.equal(stopped.store.findAccount("bob@b.test")?.restraint, holding);
});

test("who resumes an account ends what the detection did as well, and its customer is told", async () => {
  const { store } = desk();
  store.setSuspended("bob@b.test", true);
  store.setRestraint("bob@b.test", { ...holding, step: "suspend" });
  const services = {
    store: asRemote<Store>(store),
    changed: () => Promise.resolve(),
    clock: { wall: () => NOW, monotonic: () => 0 },
  };
  await liftRestraint(services, "bob@b.test", "resumed");
  assert.equal(store.findAccount("bob@b.test")?.restraint, undefined);
  assert.deepEqual(
    store.pendingNotices(10).map(({ news }) => news),
    [{ kind: "ended", step: "suspend", mail: "kept" }],
  );
});

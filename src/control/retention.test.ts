import assert from "node:assert/strict";
import { unlimitedPlan } from "../config/test-plan.ts";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { makeCramKeys } from "../io/cram-keys.ts";
import { asRemote } from "../io/rpc.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import { kept, retentionControl } from "./retention.ts";

const DAY = 86_400_000;
const now = Date.UTC(2027, 0, 15, 12);

function office(t: TestContext, days: number, cram = { isOffered: true }) {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-retention-"));
  const store = openSqliteStore(join(directory, "index.sqlite"));
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });
  const log = join(directory, "log");
  mkdirSync(log);
  const events: object[] = [];
  const changed: string[] = [];
  const control = retentionControl({
    settings: () => ({
      retention: { log: days * DAY, correspondents: 7 * DAY },
      limits: {
        standard: {
          ...unlimitedPlan,
          recipients: [{ name: "1d", length: DAY, recipients: 10 }],
          attempts: [{ name: "1d", length: DAY, recipients: 20 }],
        },
        plans: new Map(),
        domain: [],
        domainRamp: { length: 0, share: 20 },
      },
      log: { level: "info", directory: log, stdout: false },
      substitute: { codes: [{ name: "1d", length: DAY, recipients: 6 }] },
    }),
    store: asRemote(store),
    observer: { emit: (event, fields) => void events.push({ event, ...fields }) },
    clock: { wall: () => now },
    offersCram: () => cram.isOffered,
    changed: async (keys) => void changed.push(...keys),
  });
  return { directory, store, log, events, changed, control };
}

test("a day of the log goes when its last moment is older than is kept, and nothing else in the folder", async (t) => {
  const { log, control, events } = office(t, 2);
  // At noon two days are kept from noon of the 13th on: the 13th has moments in it.
  for (const name of ["2027-01-11.jsonl", "2027-01-12.jsonl", "2027-01-13.jsonl", "2027-01-15.jsonl", "2020-notes.txt"])
    writeFileSync(join(log, name), "");
  const [shown] = await control.retention();
  assert.deepEqual(shown, { what: "log", kept: "2 days", items: 4, expired: 2, oldest: "2027-01-11" });
  assert.equal(readdirSync(log).length, 5);
  assert.deepEqual(
    (await control.purge("operator")).map(({ what, expired }) => [what, expired]),
    [["log", 2]],
  );
  assert.deepEqual(readdirSync(log).toSorted(), ["2020-notes.txt", "2027-01-13.jsonl", "2027-01-15.jsonl"]);
  assert.deepEqual(events, [{ event: "retention.purged", what: "log", items: 2, by: "operator" }]);
  assert.deepEqual(await control.purge("schedule"), []);
  assert.equal(events.length, 1);
});

test("a charge goes when it has left the longest window", async (t) => {
  const { store, control } = office(t, 2);
  const charges = [now - DAY - 1, now - DAY, now - DAY + 1].map((at) => ({
    account: "a@b",
    at,
    recipients: 1,
    octets: 1,
  }));
  store.addCharges(charges, "id");
  const charge = (await control.retention()).find(({ what }) => what === "charge");
  assert.deepEqual([charge?.items, charge?.expired], [3, 2]);
  await control.purge("schedule");
  assert.equal(store.chargesSince(0).charges.length, 1);
});

test("what was tried goes when it has left the longest window of attempts", async (t) => {
  const { store, control } = office(t, 2);
  const minute = 60_000;
  store.addTries([now - DAY - minute, now - DAY, now].map((at) => ({ account: "a@b", at, tries: 1 })));
  const tries = (await control.retention()).find(({ what }) => what === "rcpt_try");
  assert.deepEqual([tries?.items, tries?.expired], [3, 1]);
  await control.purge("schedule");
  assert.equal(store.triesSince(0).length, 2);
});

const charge = (days: number, ...correspondents: readonly number[]) => ({
  account: "a@b",
  at: now - days * DAY,
  recipients: correspondents.length,
  octets: 1,
  correspondents,
});

test("a correspondent goes when nothing was written to it for as long as is said", async (t) => {
  const { store, control } = office(t, 2);
  assert.deepEqual(store.addCharges([charge(9, 1, 2), charge(8, 3), charge(6, 2)], "id"), [2, 1, 0]);
  const shown = (await control.retention()).find(({ what }) => what === "correspondent");
  assert.deepEqual([shown?.items, shown?.expired, shown?.oldest], [3, 2, "2027-01-06"]);
  await control.purge("schedule");
  assert.deepEqual(
    [1, 2, 3].map((each) => store.isCorrespondent("a@b", each)),
    [false, true, false],
  );
});

test("the evidence of a slowing goes when that has ended by itself; what is in force keeps its own", async (t) => {
  const { store, control, events } = office(t, 2);
  for (const [name, until] of [
    ["over", now],
    ["slowed", now + 1],
    ["held", undefined],
  ] as const) {
    const key = `${name}@b.test`;
    store.addAccount({ key, address: key, passwordHash: "", aliases: [], createdAt: 1, suspended: false });
    const grounds = { since: now - DAY, score: 12, evidence: ["a login from nowhere"] };
    store.setRestraint(key, until === undefined ? { step: "hold", ...grounds } : { step: "slow", until, ...grounds });
  }
  const shown = (await control.retention()).find(({ what }) => what === "restraint");
  assert.deepEqual([shown?.items, shown?.expired], [3, 1]);
  await control.purge("schedule");
  assert.deepEqual(store.restrained(), ["held@b.test", "slowed@b.test"]);
  assert.deepEqual(events, [{ event: "retention.purged", what: "restraint", items: 1, by: "schedule" }]);
});

/** Accounts with what CRAM-MD5 needs; how much of it is anywhere in the file. */
function addStates(store: SqliteStore, directory: string): () => number {
  const states = Array.from({ length: 400 }, (_each, index) => makeCramKeys(`password ${index}`));
  // In no order, so that pages are split and parts of them are free.
  for (const [index, state] of states.entries()) {
    const key = `u${(index * 7919) % 1009}@sekimori.test`;
    const hash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const aliases = index === 0 ? ["first@sekimori.test"] : [];
    const account = { key, address: key, passwordHash: hash, cram: state, aliases, createdAt: 1, suspended: false };
    assert.ok(store.addAccount(account));
  }
  return () => {
    const text = ["index.sqlite", "index.sqlite-wal"]
      .map((name) => join(directory, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, "latin1"))
      .join("");
    return states.filter((state) => text.includes(state)).length;
  };
}

test("what CRAM-MD5 needs goes when nothing offers it any more, out of the file too, and that is said before", async (t) => {
  const cram = { isOffered: true };
  const { directory, store, control, events, changed } = office(t, 1, cram);
  const found = addStates(store, directory);
  assert.equal(found(), 400);
  assert.deepEqual(await control.purge("schedule"), []);
  const shown = async () => (await control.retention()).find(({ what }) => what === "cram_md5");
  assert.deepEqual([(await shown())?.items, (await shown())?.expired, found()], [400, 0, 400]);
  cram.isOffered = false;
  assert.equal((await shown())?.expired, 400);
  await control.purge("schedule");
  assert.equal(found(), 0);
  assert.deepEqual([(await shown())?.items, changed.length], [0, 401]);
  assert.deepEqual(events, [{ event: "retention.purged", what: "cram_md5", items: 400, by: "schedule" }]);
  assert.equal(store.findAccount("first@sekimori.test")?.cram, undefined);
  await control.purge("schedule");
  assert.equal(events.length, 1);
});

test("what a crash or another program kept in the file of what CRAM-MD5 needs goes with the next round", async (t) => {
  const cram = { isOffered: true };
  const { directory, store, control, events, changed } = office(t, 1, cram);
  const found = addStates(store, directory);
  cram.isOffered = false;
  const reader = new DatabaseSync(join(directory, "index.sqlite"));
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM account").get();
  await assert.rejects(control.purge("schedule"), /another program/);
  // All else is done: nobody's cache has it any more, and it was said.
  assert.deepEqual([store.countCram(), changed.length, events.length], [0, 401, 1]);
  assert.notEqual(found(), 0);
  reader.close();
  cram.isOffered = true;
  await control.purge("schedule");
  assert.deepEqual([found(), events.length], [0, 1]);
});

test("every table of the index has a class, and no class is of a table that is gone", (t) => {
  const { directory } = office(t, 1);
  const database = new DatabaseSync(join(directory, "index.sqlite"), { readOnly: true });
  const tables = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map(({ name }) => String(name));
  database.close();
  const classes = [
    ...kept.keys(),
    "charge",
    "correspondent",
    "abuse_profile",
    "login_origin",
    "enrolment_code",
    "abuse_notice",
    "rcpt_try",
  ].filter((name) => name !== "spool" && name !== "mail");
  assert.deepEqual(classes.toSorted(), tables.toSorted());
});

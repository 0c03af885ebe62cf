import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { asRemote } from "../io/rpc.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { kept, retentionControl } from "./retention.ts";

const DAY = 86_400_000;
const now = Date.UTC(2027, 0, 15, 12);

function office(t: TestContext, days: number) {
  const directory = mkdtempSync(join(tmpdir(), "sekimori-retention-"));
  const store = openSqliteStore(join(directory, "index.sqlite"));
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true });
  });
  const log = join(directory, "log");
  mkdirSync(log);
  const events: object[] = [];
  const control = retentionControl({
    settings: () => ({
      retention: { log: days * DAY, correspondents: 7 * DAY },
      limits: {
        standard: {
          recipients: [{ name: "1d", length: DAY, recipients: 10 }],
          attempts: [],
          messages: [],
          newRecipients: [],
          bytes: [],
          recipientsPerMessage: 100,
          over: "defer",
          foreignSender: "refuse",
          contentChecks: false,
          identityHeader: "none",
          ramp: { length: 0, share: 100 },
        },
        plans: new Map(),
        domain: [],
      },
      log: { level: "info", directory: log, stdout: false },
      substitute: { codes: [{ name: "1d", length: DAY, recipients: 6 }] },
    }),
    store: asRemote(store),
    observer: { emit: (event, fields) => void events.push({ event, ...fields }) },
    clock: { wall: () => now },
  });
  return { directory, store, log, events, control };
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

test("every table of the index has a class, and no class is of a table that is gone", (t) => {
  const { directory } = office(t, 1);
  const database = new DatabaseSync(join(directory, "index.sqlite"), { readOnly: true });
  const tables = database
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map(({ name }) => String(name));
  database.close();
  const classes = [...kept.keys(), "charge", "correspondent", "abuse_profile", "login_origin", "enrolment_code", "abuse_notice"].filter(
    (name) => name !== "spool" && name !== "mail",
  );
  assert.deepEqual(classes.toSorted(), tables.toSorted());
});

// Third parties of the substitute role and the copy of the accounts for Dovecot: good, perhaps, no.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { demoSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { asRemote } from "../io/rpc.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { Store, ThirdParty } from "../store/store.ts";
import { examineDirectory, hasDirectoryChecks } from "./doctor-directory.ts";
import { dovecotUsers } from "./dovecot-users.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2027, 0, 15, 12);
const hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$dGFndGFndGFndGFndGFn";
const from = ["192.0.2.26"];

type Fit = NonNullable<ThirdParty["known"]>["fit"];

/** Read so many days ago. */
function read(domain: string, fit: Fit, days: number, more: Partial<ThirdParty> = {}): ThirdParty {
  const at = NOW - days * DAY;
  return { domain, from, triedAt: at, known: { fit, words: `SPF of ${domain} says so`, at }, ...more };
}

function settingsOf(more: Partial<Settings>): Settings {
  const demo = demoSettings("/nowhere");
  const substitute = { ...demo.substitute, sendsFrom: from, reread: DAY, keepVerdict: 7 * DAY };
  return { ...demo, substitute, ...more };
}

const listeners = [
  { role: "substitute", endpoints: [], tls: "starttls", mechanisms: [], proxies: [] },
] as const satisfies Settings["listeners"];

function parties(readings: readonly (ThirdParty | string)[], more: Partial<Settings> = {}) {
  const store: Store = openMemoryStore();
  const key = "alice@sekimori.test";
  store.addAccount({ key, address: key, passwordHash: hash, aliases: [], createdAt: 0, suspended: false });
  for (const reading of readings) {
    const domain = typeof reading === "string" ? reading : reading.domain;
    store.putCode(key, `x@${domain}`, { hash: "h", expires: NOW + DAY });
    if (typeof reading !== "string") store.putThirdParty(reading);
  }
  return async (server: "running" | "stopped" = "running"): Promise<readonly string[]> => {
    const findings = await examineDirectory({
      settings: settingsOf({ listeners, ...more }),
      store: asRemote(store),
      clock: { wall: () => NOW },
      server,
      pause: () => Promise.resolve(),
    });
    for (const { result, advice } of findings) assert.ok(result === "ok" || advice !== undefined, "says what to do");
    return findings.map(({ check, result, text }) => `${result} ${check}: ${text}`);
  };
}

test("third parties that take our mail are one finding, each of the others its own", async () => {
  const asked = parties([
    read("passes.example", "passes", 0),
    read("tolerated.example", "tolerated", 2),
    read("fails.example", "fails", 0),
    read("late.example", "passes", 3, { cause: "TXT: timeout" }),
    read("forgotten.example", "passes", 8, { cause: "TXT: timeout" }),
    read("elsewhere.example", "passes", 0, { from: ["192.0.2.99"] }),
    "never.example",
  ]);
  const found = await asked();
  const of = (name: string): string => found.find((line) => line.includes(`${name}.example:`)) ?? "none";
  assert.match(of("fails"), /^fail .*refused here, as receivers would refuse it: SPF of fails\.example says so/);
  assert.match(of("late"), /^warn .*read last at 2027-01-12T12:00.* \(TXT: timeout\); from 2027-01-19T12:00/);
  for (const name of ["forgotten", "elsewhere", "never"])
    assert.match(of(name), /^warn .*answered 451, as nobody knows/);
  assert.match(found.at(-1)!, /^ok third parties: 2 of 7/);
  assert.equal(found.length, 6);
});

test("what goes by the third party's own server needs no reading, and what is over by agreement is no finding", async () => {
  const relay = {
    host: "relay.example",
    port: 25,
    protocol: "smtp",
    tls: "opportunistic",
    auth: undefined,
  } as const;
  const domains = [demoSettings("/nowhere").domains[0]!.name];
  const [domain] = domains;
  const reading = read(String(domain), "fails", 8);
  const substitute = (more: object): Settings["substitute"] => ({
    ...settingsOf({}).substitute,
    providers: [{ domains, relay, until: undefined, ...more }],
  });
  assert.match((await parties([reading], { substitute: substitute({}) })())[0]!, /^ok third parties: 1 of 1/);
  const until = { written: "2026-12-31", at: NOW - DAY, zoned: false };
  assert.deepEqual(await parties([reading], { substitute: substitute({ until }) })(), []);
  assert.deepEqual(await parties([reading], { listeners: [] })(), []);
});

/** With one account of each kind, and the file as it was written `then`. */
async function copy(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "doctor-directory-"));
  t.after(() => rm(directory, { recursive: true }));
  const users = join(directory, "users");
  const settings = settingsOf({});
  const store = openMemoryStore();
  const add = (key: string): void =>
    void store.addAccount({ key, address: key, passwordHash: hash, aliases: [], createdAt: 0, suspended: false });
  const write = async (): Promise<void> => {
    const credentials = store
      .listAccounts({ after: "", limit: 100 })
      .map(({ key, aliases, suspended, passwordHash }) => ({
        address: key,
        aliases,
        suspended,
        passwordHash,
        appPasswords: 0,
      }));
    await writeFile(users, (await dovecotUsers(credentials, [])).text, { mode: 0o600 });
  };
  const ask = async (server: "running" | "stopped", pause: () => Promise<void> = async () => undefined) => {
    const examined = { ...settings, dovecot: { ...settings.dovecot, users } };
    assert.ok(hasDirectoryChecks(examined));
    const remote = asRemote<Store>(store);
    const findings = await examineDirectory({
      settings: examined,
      store: remote,
      clock: { wall: () => NOW },
      server,
      pause,
    });
    assert.equal(findings.length, 1);
    const [{ result, text, advice }] = findings as [(typeof findings)[0]];
    assert.ok(result === "ok" || advice !== undefined);
    return `${result} ${text}`;
  };
  return { add, write, ask, store };
}

test("the copy for Dovecot is there, and as the accounts are", async (t) => {
  const { add, write, ask, store } = await copy(t);
  assert.match(await ask("stopped"), /^warn .*does not exist/);
  assert.match(await ask("running"), /^fail .*cannot be read/);
  for (const name of ["alice", "bob", "carol", "dave"]) add(`${name}@a.test`);
  await write();
  assert.match(await ask("running"), /^ok .*4 names/);
  store.setSuspended("bob@a.test", true);
  store.setPasswordHash("carol@a.test", `${hash}2`, "");
  store.deleteAccount("dave@a.test");
  add("erin@a.test");
  const differences =
    /^fail .*older than the accounts: 1 suspended may log in \(bob@a\.test\); 1 gone may log in \(dave@a\.test\); 1 with another password \(carol@a\.test\); 1 missing \(erin@a\.test\)$/;
  assert.match(await ask("running"), differences);
  assert.match(await ask("stopped"), differences);
  for (let count = 0; count < 5; count++) add(`p${count}@a.test`);
  assert.match(await ask("stopped"), /6 missing \(erin@a\.test, p0@a\.test, p1@a\.test, …\)/);
});

test("what a running server writes a moment later is no finding", async (t) => {
  const { add, write, ask } = await copy(t);
  await write();
  add("alice@a.test");
  assert.match(await ask("running", write), /^ok .*1 names/);
});

test("without a file for Dovecot and without third parties the store is not asked", () => {
  assert.equal(hasDirectoryChecks(settingsOf({ listeners: [] })), false);
  assert.equal(hasDirectoryChecks(settingsOf({ listeners })), true);
});

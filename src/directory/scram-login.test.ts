import assert from "node:assert/strict";
import { test } from "node:test";
import { createGuesses } from "../counters/guesses.ts";
import { makeCramKeys, parseCramKeys } from "../io/cram-keys.ts";
import type { CramKeys } from "../io/cram-keys.ts";
import { makeScramKeys, parseScramKeys } from "../io/scram-keys.ts";
import { acceptedNow, keysOf, makeHouse, refused, visit } from "./test-login.ts";
import type { House } from "./test-login.ts";

const house = () => makeHouse(createGuesses);

async function cramKeysOf(where: House, name: string): Promise<CramKeys> {
  const answer = await where.scram.keys(name, visit, "cram-md5");
  assert.ok(answer.kind === "keys" && "inner" in answer.keys);
  return answer.keys;
}

test("keys for CRAM-MD5 open the account that has them now; everybody else gets some that open nothing", async () => {
  const built = house();
  built.account = {
    ...built.account,
    scram: await makeScramKeys("right password"),
    cram: makeCramKeys("right password"),
  };
  const keys = await cramKeysOf(built, "A.Smith@sekimori.test");
  assert.deepEqual(keys, parseCramKeys(makeCramKeys("right password")));
  assert.deepEqual(await built.scram.confirm("a.smith@sekimori.test", keys, visit), acceptedNow(built));
  const without = house();
  for (const [where, name] of [
    [built, "nobody@sekimori.test"],
    [without, "alice@sekimori.test"],
  ] as const) {
    const made = await cramKeysOf(where, name);
    assert.deepEqual([made.inner.length, made.outer.length], [16, 16]);
    assert.deepEqual(await where.scram.confirm(name, made, visit), refused);
  }
  built.account = { ...built.account, cram: makeCramKeys("another password") };
  built.directory.forget();
  assert.equal((await built.scram.confirm("alice@sekimori.test", keys, visit)).kind, "refused", "it was changed");
  built.account = { ...built.account, cram: "damaged" };
  built.directory.forget();
  assert.equal((await built.scram.keys("alice@sekimori.test", visit, "cram-md5")).kind, "unavailable");
});

test("an unknown, a suspended and a keyless account get keys that look real and stay the same, but open nothing", async () => {
  const built = house();
  const real = parseScramKeys(await makeScramKeys("right password"));
  const suspended = house();
  suspended.account = { ...suspended.account, suspended: true, scram: await makeScramKeys("right password") };
  for (const [where, name, again] of [
    [built, "nobody@sekimori.test", "NOBODY@Sekimori.TEST"],
    [built, "nobody", "nobody"],
    [built, "alice@sekimori.test", "alice@sekimori.test"],
    [suspended, "alice@sekimori.test", "Alice@sekimori.test"],
  ] as const) {
    const [first, second] = [await keysOf(where, name), await keysOf(where, again)];
    assert.deepEqual(first.salt, second.salt, name);
    assert.equal(first.salt.length, real.salt.length);
    assert.equal(first.iterations, real.iterations);
    assert.notDeepEqual(first.storedKey, second.storedKey);
    assert.deepEqual(await where.scram.confirm(name, first, visit), refused);
  }
  const others = await Promise.all(["a@x.test", "b@x.test"].map(async (name) => (await keysOf(built, name)).salt));
  assert.notDeepEqual(others[0], others[1]);
});

test("proved keys open the account they belong to now", async () => {
  const built = house();
  built.account = { ...built.account, scram: await makeScramKeys("right password") };
  const keys = await keysOf(built, "A.Smith@sekimori.test");
  assert.deepEqual(await built.scram.confirm("a.smith@sekimori.test", keys, visit), acceptedNow(built));
  built.account = { ...built.account, scram: await makeScramKeys("another password") };
  built.directory.forget();
  assert.deepEqual(
    await built.scram.confirm("a.smith@sekimori.test", keys, visit),
    refused,
    "the password was changed",
  );
  built.account = { ...built.account, suspended: true };
  built.directory.forget();
  const now = parseScramKeys(built.account.scram!);
  assert.deepEqual(await built.scram.confirm("alice@sekimori.test", now, visit), refused, "suspended meanwhile");
});

test("SCRAM over a store that fails or holds damaged keys is unavailable", async () => {
  const broken = house();
  broken.broken = true;
  assert.deepEqual(await broken.scram.keys("alice@sekimori.test", visit), {
    kind: "unavailable",
    cause: "the store is away",
  });
  broken.broken = false;
  assert.equal((await broken.scram.keys("alice@sekimori.test", visit)).kind, "keys", "asked again");
  const damaged = house();
  damaged.account = { ...damaged.account, scram: "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA" };
  assert.equal((await damaged.scram.keys("alice@sekimori.test", visit)).kind, "unavailable");
  assert.equal(
    (await damaged.scram.confirm("alice@sekimori.test", await keysOf(house(), "x"), visit)).kind,
    "unavailable",
  );
});

/** Of somebody who was never there. */
async function begin(built: House, name: string, client: string): Promise<string> {
  return (await built.scram.keys(name, { ...visit, client })).kind;
}

test("proofs are counted for the account, under whichever of its names", async () => {
  const built = house();
  built.account = { ...built.account, scram: await makeScramKeys("right password") };
  for (let tries = 0; tries < 10; tries++) {
    const client = `198.51.100.${tries}`;
    assert.equal(await begin(built, "a.smith@sekimori.test", client), "keys");
    assert.equal((await built.scram.refused("a.smith@sekimori.test", { ...visit, client })).kind, "refused");
  }
  // One in half a minute from now on.
  assert.equal(await begin(built, "alice@sekimori.test", "203.0.113.1"), "keys");
  await built.scram.refused("alice@sekimori.test", { ...visit, client: "203.0.113.1" });
  assert.equal(await begin(built, "alice@sekimori.test", "203.0.113.2"), "held");
  assert.equal(await begin(built, "a.smith@sekimori.test", "203.0.113.2"), "held");
});

test("a thousand exchanges that were opened before get no further than one guess after the other", async () => {
  const built = house();
  built.account = { ...built.account, scram: await makeScramKeys("right password") };
  const ten = Promise.withResolvers<void>();
  let given = 0;
  const all = Array.from({ length: 1000 }, async (_each, n) => {
    const client = `198.51.${n % 250}.${n >> 8}`;
    const kind = await begin(built, "alice@sekimori.test", client);
    if (kind !== "keys") return kind;
    if (++given === 10) ten.resolve();
    // The others wait for what becomes of these.
    await ten.promise;
    await built.scram.refused("alice@sekimori.test", { ...visit, client });
    return kind;
  });
  const kinds = await Promise.all(all);
  assert.equal(kinds.filter((kind) => kind === "keys").length, 11, "and one for the half minute");
  assert.equal(kinds.filter((kind) => kind === "held").length, 989);
});

test("right proofs make room for those that wait", async () => {
  const built = house();
  built.account = { ...built.account, scram: await makeScramKeys("right password") };
  const answers = Array.from({ length: 30 }, async () => {
    const from = { ...visit, client: "198.51.100.1" };
    const answer = await built.scram.keys("a.smith@sekimori.test", from);
    assert.ok(answer.kind === "keys", answer.kind);
    return built.scram.confirm("a.smith@sekimori.test", answer.keys, from);
  });
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, acceptedNow(built));
});

test("a proof that the store could not answer for is no failure, and gives its place back", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const built = house();
  built.account = { ...built.account, scram: await makeScramKeys("right password") };
  for (let tries = 0; tries < 12; tries++) {
    const from = { ...visit, client: `198.51.100.${tries}` };
    const answer = await built.scram.keys("a.smith@sekimori.test", from);
    assert.ok(answer.kind === "keys", answer.kind);
    built.broken = true;
    built.directory.forget();
    const { kind } = await built.scram.confirm("a.smith@sekimori.test", answer.keys, from);
    assert.equal(kind, "unavailable");
    built.broken = false;
  }
  t.mock.timers.tick(60_000);
  assert.equal(built.guesses.admit({ name: built.account.key, client: "203.0.113.1", known: false }, "hash"), "last");
  assert.equal(built.guesses.ask({ name: built.account.key, client: "203.0.113.2", known: false }), "last");
});

test("a proof under an alias whose account is suspended meanwhile fails once", async () => {
  const built = house();
  built.account = { ...built.account, scram: await makeScramKeys("right password") };
  const from = { ...visit, client: "198.51.100.1" };
  for (let tries = 0; tries < 9; tries++) {
    const answer = await built.scram.keys("a.smith@sekimori.test", from);
    assert.ok(answer.kind === "keys", answer.kind);
    built.account = { ...built.account, suspended: true };
    built.directory.forget();
    assert.equal((await built.scram.confirm("a.smith@sekimori.test", answer.keys, from)).kind, "refused");
    built.account = { ...built.account, suspended: false };
    built.directory.forget();
  }
  // Nine of ten.
  assert.equal(built.guesses.admit({ name: built.account.key, client: "203.0.113.1", known: false }, "hash"), "last");
  assert.equal(
    built.guesses.admit({ name: built.account.key, client: "203.0.113.2", known: false }, "hash"),
    "crowded",
  );
});

test("an exchange that is given up has failed after half a minute", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const built = house();
  for (let tries = 0; tries < 10; tries++) assert.equal(await begin(built, "nobody", `198.51.100.${tries}`), "keys");
  const next = { name: "nobody", client: "203.0.113.1", known: false };
  assert.equal(built.guesses.admit(next, "hash"), "crowded");
  t.mock.timers.tick(30_000);
  assert.equal(built.guesses.admit(next, "hash"), "last", "the one of this half minute");
  assert.equal(built.guesses.ask({ ...next, client: "203.0.113.2" }), "held");
});

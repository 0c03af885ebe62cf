// Whether a password was hashed is seen in Node's own record of what runs in the thread pool: no clock, no replaced module.

import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { hash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { prepare } from "../base/saslprep.ts";
import { createGuesses } from "../counters/guesses.ts";
import { hashPassword, inTurn, verifyPassword } from "../io/password-hash.ts";
import { makeScramKeys, parseScramKeys } from "../io/scram-keys.ts";
import type { AppPassword } from "../store/store.ts";
import { hashAppPassword, makeAppPassword } from "./app-passwords.ts";
import type { LoginAnswer } from "./login.ts";
import { acceptedNow, keysOf, makeHouse, refused, rightHash, visit } from "./test-login.ts";

const house = () => makeHouse(createGuesses);

let hashes = 0;
createHook({
  init: (_id, type) => {
    if (type === "ARGON2REQUEST") hashes++;
  },
}).enable();

async function hashesOf(work: () => Promise<unknown>): Promise<number> {
  const start = hashes;
  await work();
  return hashes - start;
}

/** SHA512-CRYPT of "right password", made by openssl passwd -6. */
const IMPORTED =
  "$6$importedsalt$k1IF4AFe1oiJHEqnRh8h.sgtR7JRcNBcOVZjpagTCtVw9yDbSa5xtyYdqnuI.z2vDNBN0UqlQwtE50Xcyg.2c/";

test("the right password opens the account under its address and its aliases, in any case", async () => {
  const built = house();
  for (const name of ["alice@sekimori.test", "ALICE@SEKIMORI.TEST", "a.smith@sekimori.test"]) {
    assert.deepEqual(await built.login(name, "right password"), acceptedNow(built), name);
  }
});

test("a wrong password, an unknown name and what is no address are refused alike, each for one hash", async () => {
  const { login } = house();
  await login("nobody@sekimori.test", "x");
  for (const [name, password] of [
    ["alice@sekimori.test", "wrong password"],
    ["alice@sekimori.test", ""],
    ["nobody@sekimori.test", "right password"],
    ["alice@example.com", "right password"],
    ["alice", "right password"],
    ["", ""],
  ] as const) {
    const count = await hashesOf(async () => assert.deepEqual(await login(name, password), refused, name));
    assert.equal(count, 1, `${name}: the work must not tell which of the two it was`);
  }
});

test("a suspended account is refused like an unknown one, at once after a good login too", async () => {
  const built = house();
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  built.account = { ...built.account, suspended: true };
  built.directory.forget([built.account.key]);
  await built.login("nobody@sekimori.test", "x");
  const count = await hashesOf(async () =>
    assert.deepEqual(await built.login("alice@sekimori.test", "right password"), refused),
  );
  assert.equal(count, 1);
});

test("a password that was right a moment ago is not hashed again, for five minutes", async () => {
  const built = house();
  const { login, clock } = built;
  const again = (): Promise<number> =>
    hashesOf(async () => assert.deepEqual(await login("alice@sekimori.test", "right password"), acceptedNow(built)));
  assert.equal(await again(), 1);
  assert.equal(await again(), 0);
  clock.now = 5 * 60_000 - 1;
  assert.equal(await again(), 0);
  clock.now = 5 * 60_000;
  assert.equal(await again(), 1);
});

test("a wrong password is hashed every time, beside a remembered right one", async () => {
  const { login } = house();
  await login("alice@sekimori.test", "right password");
  for (let attempt = 0; attempt < 2; attempt++) {
    const count = await hashesOf(async () => assert.deepEqual(await login("alice@sekimori.test", "wrong"), refused));
    assert.equal(count, 1);
  }
});

test("a changed password dies in memory at once", async () => {
  const built = house();
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  built.account = { ...built.account, passwordHash: await hashPassword("another password") };
  built.directory.forget([built.account.key]);
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), refused);
  assert.deepEqual(await built.login("alice@sekimori.test", "another password"), acceptedNow(built));
});

function entry(name: string, password: string, scopes: AppPassword["scopes"]): AppPassword {
  return { name, scopes, hash: hashAppPassword("alice@sekimori.test", password), createdAt: 1 };
}

test("an app password opens the services it is for, beside the main one, and its use is written down once a minute", async () => {
  const built = house();
  const [phone, desk] = [makeAppPassword(), makeAppPassword()];
  const appPasswords = [entry("desk", desk, ["pop3"]), entry("phone", phone, ["submission", "pop3"])];
  built.account = { ...built.account, appPasswords };
  const account = "alice@sekimori.test";
  const credential = { kind: "app-password", name: "phone", hash: appPasswords[1]!.hash };
  const count = await hashesOf(async () => {
    assert.deepEqual(await built.login("a.smith@sekimori.test", phone), { kind: "account", account, credential });
    assert.deepEqual(await built.login(account, phone), { kind: "account", account, credential });
    assert.deepEqual(await built.login(account, desk), { kind: "wrong-scope" });
  });
  assert.equal(count, 0);
  assert.deepEqual(built.uses, [`${account} phone`]);
  built.clock.now = 60_000;
  await built.login(account, phone);
  assert.equal(built.uses.length, 2);
  assert.deepEqual(await built.login(account, "right password"), acceptedNow(built));
  assert.deepEqual(await built.login(account, makeAppPassword()), refused);

  built.account = { ...built.account, appPasswords: [appPasswords[0]!] };
  built.directory.forget([account]);
  assert.deepEqual(await built.login(account, phone), refused, "revoked");
  built.account = { ...built.account, appPasswords, suspended: true };
  built.directory.forget([account]);
  assert.deepEqual(await built.login(account, phone), refused, "suspended");
});

test("an account that the detector suspended opens for no password, remembered or not, and its mail comes in", async () => {
  const built = house();
  const phone = makeAppPassword();
  built.account = { ...built.account, appPasswords: [entry("phone", phone, ["submission"])] };
  const account = "alice@sekimori.test";
  assert.equal((await built.login(account, "right password")).kind, "account");
  built.account = { ...built.account, restraint: { step: "suspend", since: 1, score: 19, evidence: [] } };
  built.directory.forget([account]);
  assert.deepEqual(await built.login(account, "right password"), refused);
  assert.deepEqual(await built.login(account, phone), refused);
  assert.equal((await built.scram.confirm(account, await keysOf(built, account), visit)).kind, "refused");
});

test("a login that is under way when its account is suspended is refused", async () => {
  const built = house();
  const pending = built.login("alice@sekimori.test", "right password");
  built.account = { ...built.account, suspended: true };
  built.directory.forget(["alice@sekimori.test"]);
  assert.deepEqual(await pending, refused);
});

test("a store that fails or holds a damaged hash is unavailable: neither a yes nor a wrong password", async () => {
  const broken = house();
  broken.broken = true;
  const answer = await broken.login("alice@sekimori.test", "right password");
  assert.deepEqual(answer, { kind: "unavailable", cause: "the store is away" });

  const damaged = house();
  damaged.account = { ...damaged.account, passwordHash: rightHash.slice(0, -30) };
  assert.equal((await damaged.login("alice@sekimori.test", "right password")).kind, "unavailable");
});

test("from an address with too many failures only those log in who did before, by PLAIN and SCRAM, and app passwords", async () => {
  const built = house();
  const app = makeAppPassword();
  const over = { limit: 100, window: "1h" };
  const there = { ...visit, over };
  const shut = { kind: "shut", ...over };
  built.account = {
    ...built.account,
    scram: await makeScramKeys("right password"),
    appPasswords: [entry("phone", app, ["submission"])],
  };
  const account = "alice@sekimori.test";
  const looked = await hashesOf(async () => {
    assert.deepEqual(await built.loginFrom(there, account, "right password"), shut);
    assert.deepEqual(await built.loginFrom(there, "nobody@sekimori.test", "x"), shut);
    assert.deepEqual(await built.scram.keys(account, there), shut);
    assert.equal((await built.loginFrom(there, account, app)).kind, "account");
  });
  assert.equal(looked, 0);
  // That was a login from there: from now on she is known.
  assert.deepEqual(await built.loginFrom(there, account, "right password"), acceptedNow(built));
  assert.equal((await built.scram.keys(account, there)).kind, "keys");
  assert.deepEqual(await built.loginFrom({ ...there, client: "198.51.100.1" }, account, "wrong password"), shut);
});

test("a queue that is full is busy: nothing was looked at, and who is known has a place", async () => {
  const built = house();
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  built.clock.now = 10 * 60_000;
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = Array.from({ length: 51 }, () => inTurn(() => promise, "last"));
  const stranger = { ...visit, client: "198.51.100.1" };
  assert.deepEqual(await built.loginFrom(stranger, "alice@sekimori.test", "wrong password"), { kind: "busy" });
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  resolve();
  await Promise.all(waiting);
  assert.deepEqual(await built.loginFrom(stranger, "alice@sekimori.test", "wrong password"), refused);
});

test("thirty first logins at once with the right password all get in, and of thirty with a wrong one few are looked at", async () => {
  const built = house();
  const together = (password: string, client: string): Promise<readonly LoginAnswer[]> =>
    Promise.all(
      Array.from({ length: 30 }, () => built.loginFrom({ ...visit, client }, "alice@sekimori.test", password)),
    );
  for (const answer of await together("right password", "198.51.100.1")) assert.equal(answer.kind, "account");
  const wrong = await together("wrong password", "203.0.113.1");
  // Ten may fail, and one more in every half minute.
  assert.equal(wrong.filter(({ kind }) => kind === "refused").length, 11);
  assert.equal(wrong.filter(({ kind }) => kind === "held").length, 19);
});

test("what comes to nothing gives its place back", async () => {
  const built = house();
  // Right, and then the store is away: an imported hash is replaced first, and the account read again.
  built.account = { ...built.account, passwordHash: IMPORTED };
  const stranger = { ...visit, client: "198.51.100.1" };
  for (let tries = 0; tries < 12; tries++) {
    built.breaks = "after the hash is replaced";
    const answer = await built.loginFrom(stranger, "alice@sekimori.test", "right password");
    assert.deepEqual(answer, { kind: "unavailable", cause: "the store is away" });
    built.broken = false;
    built.account = { ...built.account, passwordHash: IMPORTED };
    built.directory.forget();
  }
  // Ten that still hang would be all that may fail.
  assert.equal(built.guesses.admit({ name: built.account.key, client: "203.0.113.1", known: false }, "hash"), "last");
});

test("an account from before SCRAM gets its keys with the next right password, once", async () => {
  const built = house();
  assert.deepEqual(await built.login("alice@sekimori.test", "wrong password"), refused);
  assert.equal(built.account.scram, undefined);
  assert.deepEqual(await built.login("a.smith@sekimori.test", "right password"), acceptedNow(built));
  const { scram } = built.account;
  assert.ok(scram !== undefined);
  assert.deepEqual(await keysOf(built, "alice@sekimori.test"), parseScramKeys(scram), "the directory has forgotten");
  built.clock.now = 10 * 60_000;
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  assert.equal(built.account.scram, scram);
});

test("an imported hash is replaced by ours with the first right password, and every thread forgets the old one", async () => {
  const built = house();
  built.account = { ...built.account, passwordHash: IMPORTED };
  assert.deepEqual(await built.login("alice@sekimori.test", "wrong password"), refused);
  assert.equal(built.account.passwordHash, IMPORTED);
  const answer = await built.login("a.smith@sekimori.test", "right password");
  assert.match(built.account.passwordHash, /^\$argon2id\$/);
  assert.deepEqual(answer, acceptedNow(built));
  assert.deepEqual(built.told, ["alice@sekimori.test", "a.smith@sekimori.test"]);
  assert.deepEqual(await keysOf(built, "alice@sekimori.test"), parseScramKeys(built.account.scram!));
  const count = await hashesOf(async () =>
    assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built)),
  );
  assert.equal(count, 0, "it is remembered under our hash");
  built.clock.now = 10 * 60_000;
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  assert.deepEqual(await built.login("alice@sekimori.test", "wrong password"), refused);
});

/** What another program keeps of a password: of the octets that were typed. */
function saltedHash(password: string): string {
  const octets = Buffer.concat([hash("sha512", Buffer.from(`${password}salt`), "buffer"), Buffer.from("salt")]);
  return `{SSHA512}${octets.toString("base64")}`;
}

/** Spellings that SASLprep changes, and what it prohibits. */
const typed = fc
  .tuple(
    fc.constantFrom("pass", "\u00a0", "\uff50\uff57", "\u00ad", "e\u0301", "パス\u3000ワード", "\uff8a\uff9f"),
    fc.constantFrom("", "\u0007", "\u202e", "\ue000"),
    fc.string({ maxLength: 8, unit: "grapheme" }),
  )
  .map((parts) => parts.join(""))
  .filter((text) => !/[\0\r\n]/.test(text));

test("a hash of what was typed is found whatever SASLprep makes of it, and upgraded to what SCRAM can prove", async () => {
  const account = "alice@sekimori.test";
  await fc.assert(
    fc.asyncProperty(typed, async (password) => {
      const built = house();
      built.account = { ...built.account, passwordHash: saltedHash(password) };
      assert.deepEqual(await built.login(account, `${password}!`), refused);
      const answer = await built.login(account, password);
      assert.match(built.account.passwordHash, /^\$argon2id\$/);
      assert.deepEqual(answer, acceptedNow(built));
      const prepared = prepare(password);
      assert.equal(built.account.scram === undefined, prepared === undefined);
      assert.equal(await verifyPassword(prepared ?? password, built.account.passwordHash), true);
      built.clock.now = 10 * 60_000;
      assert.deepEqual(await built.login(account, password), acceptedNow(built), "and again");
      assert.deepEqual(await built.login(account, `${password}!`), refused);
      if (prepared !== undefined && prepare(prepared) === prepared)
        assert.deepEqual(await built.login(account, prepared), acceptedNow(built));
    }),
    {
      numRuns: 12,
      examples: [["pass\u00a0word"], ["\uff50\uff41ss"], ["bell\u0007"], ["\u00ad"], ["plain"]],
    },
  );
});

test("two forms cost two hashes at most, until there are SCRAM keys; an unknown name costs one", async () => {
  const account = "alice@sekimori.test";
  const [written, prepared] = ["p\u00a0ssword", "p ssword"];
  const built = house();
  const cost = (name: string, password: string, answer: () => LoginAnswer): Promise<number> =>
    hashesOf(async () => assert.deepEqual(await built.login(name, password), answer()));
  // Imported as it is, for it is as good as ours.
  built.account = { ...built.account, passwordHash: await hashPassword(written) };
  await built.login("nobody@sekimori.test", "x");
  assert.equal(await cost(account, "p\u00a0wrong", () => refused), 2);
  assert.equal(await cost(account, "wrong", () => refused), 1);
  assert.equal(await cost(account, "bell\u0007", () => refused), 1, "prohibited: one form");
  assert.equal(await cost("nobody@sekimori.test", "p\u00a0wrong", () => refused), 1);
  assert.equal(await cost(account, written, () => acceptedNow(built)), 3, "both, and ours");
  assert.equal(await verifyPassword(prepared, built.account.passwordHash), true);
  assert.ok(built.account.scram !== undefined);
  built.clock.now = 10 * 60_000;
  assert.equal(await cost(account, written, () => acceptedNow(built)), 1);
  assert.equal(await cost(account, "p\u00a0wrong", () => refused), 1);
  assert.equal(await cost(account, "bell\u0007", () => refused), 1);
});

test("of ours only the prepared form opens: a hash of what SASLprep changes is none of ours", async () => {
  const built = house();
  const scram = await makeScramKeys("p ssword");
  built.account = { ...built.account, passwordHash: await hashPassword("p\u00a0ssword"), scram };
  assert.deepEqual(await built.login("alice@sekimori.test", "p\u00a0ssword"), refused);
});

test("until then SCRAM sees what it sees of an unknown name", async () => {
  const built = house();
  built.account = { ...built.account, passwordHash: IMPORTED };
  const keys = await keysOf(built, "alice@sekimori.test");
  assert.deepEqual((await keysOf(built, "ALICE@sekimori.test")).salt, keys.salt);
  assert.deepEqual(await built.scram.confirm("alice@sekimori.test", keys, visit), refused);
  assert.equal(built.account.passwordHash, IMPORTED);
});

test("two sessions that log in at once with an imported hash both come in, and one hash is left", async () => {
  const built = house();
  built.account = { ...built.account, passwordHash: IMPORTED };
  const answers = await Promise.all(
    ["alice@sekimori.test", "a.smith@sekimori.test"].map((name) => built.login(name, "right password")),
  );
  assert.deepEqual(answers, [acceptedNow(built), acceptedNow(built)]);
});

test("a password that was changed while the imported hash was checked is refused", async () => {
  const built = house();
  built.account = { ...built.account, passwordHash: IMPORTED };
  const passwordHash = await hashPassword("another password");
  // It asks for the account at once; what is stored is another hash by the time it is replaced.
  const asked = built.login("alice@sekimori.test", "right password");
  built.account = { ...built.account, passwordHash };
  assert.deepEqual(await asked, refused);
  assert.deepEqual(await built.login("alice@sekimori.test", "another password"), acceptedNow(built));
});

test("an imported hash that cannot be replaced stays, without SCRAM, and opens all the same", async () => {
  const built = house();
  built.account = { ...built.account, passwordHash: IMPORTED };
  built.completing = "disk full";
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  assert.deepEqual([built.account.passwordHash, built.account.scram], [IMPORTED, undefined]);
  assert.deepEqual(built.failures, ["Error: disk full"]);
});

test("a login goes on when its keys cannot be stored, and somebody is told", async () => {
  const built = house();
  built.completing = "disk full";
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), acceptedNow(built));
  assert.deepEqual(built.failures, ["Error: disk full"]);
});

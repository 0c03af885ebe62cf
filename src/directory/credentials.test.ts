// Whether a password was hashed is seen in Node's own record of what runs in the thread pool: no clock, no replaced module.

import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { hash } from "node:crypto";
import { before, test } from "node:test";
import * as fc from "fast-check";
import { createDirectory } from "./directory.ts";
import type { Directory } from "./directory.ts";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { prepare } from "../base/saslprep.ts";
import { hashPassword, inTurn, verifyPassword } from "../io/password-hash.ts";
import { makeCramKeys, parseCramKeys } from "../io/cram-keys.ts";
import type { CramKeys } from "../io/cram-keys.ts";
import { makeScramKeys, parseScramKeys } from "../io/scram-keys.ts";
import type { ScramKeys } from "../io/scram-keys.ts";
import type { Account, AppPassword } from "../store/store.ts";
import { hashAppPassword, makeAppPassword } from "./app-passwords.ts";
import { createLogin, createScramLogin } from "./credentials.ts";
import { createGuesses } from "../counters/guesses.ts";
import type { LocalGuesses } from "../counters/guesses.ts";
import { createOrigins } from "./origins.ts";
import type { LoginAnswer, ScramLogin, Visit } from "./credentials.ts";

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

let rightHash = "";
before(async () => {
  rightHash = await hashPassword("right password");
});

interface House {
  readonly directory: Directory;
  readonly login: (name: string, password: string) => Promise<LoginAnswer>;
  readonly loginFrom: (from: Visit, name: string, password: string) => Promise<LoginAnswer>;
  readonly clock: { now: number };
  readonly scram: ScramLogin;
  account: Account;
  broken: boolean;
  breaks: "after the hash is replaced" | undefined;
  readonly guesses: LocalGuesses;
  /** While set, keys cannot be added. */
  completing: string | undefined;
  readonly failures: string[];
  /** Keys that other threads were told to forget. */
  readonly told: string[];
  /** Of app passwords, as they were written down. */
  readonly uses: string[];
  /** From where it was opened, as the store has it. */
  readonly origins: { readonly origin: number; readonly day: number }[];
}

function house(): House {
  const postmaster = parseAddress("alice@sekimori.test");
  const name = parseDomain("sekimori.test");
  assert.ok(postmaster.ok && name.ok);
  const clock = { now: 0 };
  const made: Pick<House, "account" | "broken" | "breaks" | "completing" | "failures" | "told" | "uses" | "origins"> = {
    account: {
      key: "alice@sekimori.test",
      address: "Alice@sekimori.test",
      passwordHash: rightHash,
      aliases: ["a.smith@sekimori.test"],
      createdAt: 1,
      suspended: false,
    },
    broken: false,
    breaks: undefined,
    completing: undefined,
    failures: [],
    told: [],
    uses: [],
    origins: [],
  };
  const directory = createDirectory(
    [{ name: name.value, postmaster: postmaster.value, aliases: new Map(), dkim: undefined, store: undefined }],
    {
      findAccount: async (key) => {
        if (made.broken) throw new Error("the store is away");
        return [made.account.key, ...made.account.aliases].includes(key) ? made.account : undefined;
      },
    },
  );
  const store = {
    completeScram: async (key: string, passwordHash: string, scram: string) => {
      if (made.completing !== undefined) throw new Error(made.completing);
      assert.equal(key, made.account.key);
      assert.equal(passwordHash, made.account.passwordHash);
      made.account = { ...made.account, scram };
      return true;
    },
    replacePasswordHash: async (key: string, from: string, passwordHash: string, scram: string | undefined) => {
      if (made.completing !== undefined) throw new Error(made.completing);
      assert.equal(key, made.account.key);
      if (from !== made.account.passwordHash) return false;
      made.account = { ...made.account, passwordHash, ...(scram === undefined ? {} : { scram }) };
      if (made.breaks !== undefined) made.broken = true;
      made.breaks = undefined;
      return true;
    },
    noteAppPasswordUse: async (key: string, used: string) => void made.uses.push(`${key} ${used}`),
    originsOf: async () => made.origins,
    noteOrigin: async (_key: string, origin: number, day: number) => void made.origins.push({ origin, day }),
    loginSecret: async () => {
      if (made.broken) throw new Error("the store is away");
      return "c2VjcmV0";
    },
  };
  const guesses = createGuesses(
    () => clock.now,
    () => true,
  );
  const origins = createOrigins(store, "secret", { wall: () => clock.now }, assert.ifError);
  const services = {
    directory,
    store,
    guesses,
    origins,
    clock: { wall: () => clock.now, monotonic: () => clock.now },
    changed: (keys: readonly string[]) => void made.told.push(...keys),
    failed: (cause: unknown) => void made.failures.push(String(cause)),
  };
  const login = createLogin(services);
  return Object.assign(made, {
    directory,
    guesses,
    login: (user: string, password: string) => login(user, password, visit),
    loginFrom: (from: Visit, user: string, password: string) => login(user, password, from),
    scram: createScramLogin(services),
    clock,
  });
}

const visit = { scope: "submission", client: "192.0.2.1" } as const;
/** With the password that the account has now. */
const acceptedNow = ({ account }: House): LoginAnswer => ({
  kind: "account",
  account: "alice@sekimori.test",
  credential: { kind: "password", hash: account.passwordHash },
});
const refused = { kind: "refused", delay: 1000 } as const;

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

async function keysOf({ scram }: House, name: string): Promise<ScramKeys> {
  const answer = await scram.keys(name, visit);
  assert.equal(answer.kind, "keys");
  assert.ok(answer.kind === "keys" && "storedKey" in answer.keys);
  return answer.keys;
}

test("keys for CRAM-MD5 open the account that has them now; everybody else gets some that open nothing", async () => {
  const built = house();
  const ask = async (where: House, name: string): Promise<CramKeys> => {
    const answer = await where.scram.keys(name, visit, "cram-md5");
    assert.ok(answer.kind === "keys" && "inner" in answer.keys);
    return answer.keys;
  };
  built.account = {
    ...built.account,
    scram: await makeScramKeys("right password"),
    cram: makeCramKeys("right password"),
  };
  const keys = await ask(built, "A.Smith@sekimori.test");
  assert.deepEqual(keys, parseCramKeys(makeCramKeys("right password")));
  assert.deepEqual(await built.scram.confirm("a.smith@sekimori.test", keys, visit), acceptedNow(built));
  const without = house();
  for (const [where, name] of [
    [built, "nobody@sekimori.test"],
    [without, "alice@sekimori.test"],
  ] as const) {
    const made = await ask(where, name);
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

// Whether a password was hashed is seen in Node's own record of what runs in the thread pool: no clock, no replaced module.

import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { before, test } from "node:test";
import { createDirectory } from "./directory.ts";
import type { Directory } from "./directory.ts";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { hashPassword } from "../io/password-hash.ts";
import type { Account } from "../store/store.ts";
import { createLogin } from "./credentials.ts";
import type { Login } from "./credentials.ts";

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

let rightHash = "";
before(async () => {
  rightHash = await hashPassword("right password");
});

interface House {
  readonly directory: Directory;
  readonly login: Login;
  readonly clock: { now: number };
  account: Account;
  broken: boolean;
}

function house(): House {
  const postmaster = parseAddress("alice@sekimori.test");
  const name = parseDomain("sekimori.test");
  assert.ok(postmaster.ok && name.ok);
  const clock = { now: 0 };
  const made: { account: Account; broken: boolean } = {
    account: {
      key: "alice@sekimori.test",
      address: "Alice@sekimori.test",
      passwordHash: rightHash,
      aliases: ["a.smith@sekimori.test"],
      createdAt: 1,
      suspended: false,
    },
    broken: false,
  };
  const directory = createDirectory(
    [{ name: name.value, postmaster: postmaster.value, aliases: new Map(), dkim: undefined }],
    {
      findAccount: async (key) => {
        if (made.broken) throw new Error("the store is away");
        return [made.account.key, ...made.account.aliases].includes(key) ? made.account : undefined;
      },
    },
  );
  const login = createLogin(directory, { wall: () => 0, monotonic: () => clock.now });
  return Object.assign(made, { directory, login, clock });
}

const accepted = { kind: "account", account: "alice@sekimori.test" } as const;
const refused = { kind: "refused" } as const;

test("the right password opens the account under its address and its aliases, in any case", async () => {
  const { login } = house();
  for (const name of ["alice@sekimori.test", "ALICE@SEKIMORI.TEST", "a.smith@sekimori.test"]) {
    assert.deepEqual(await login(name, "right password"), accepted, name);
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
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), accepted);
  built.account = { ...built.account, suspended: true };
  built.directory.forget([built.account.key]);
  await built.login("nobody@sekimori.test", "x");
  const count = await hashesOf(async () =>
    assert.deepEqual(await built.login("alice@sekimori.test", "right password"), refused),
  );
  assert.equal(count, 1);
});

test("a password that was right a moment ago is not hashed again, for five minutes", async () => {
  const { login, clock } = house();
  const again = (): Promise<number> =>
    hashesOf(async () => assert.deepEqual(await login("alice@sekimori.test", "right password"), accepted));
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
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), accepted);
  built.account = { ...built.account, passwordHash: await hashPassword("another password") };
  built.directory.forget([built.account.key]);
  assert.deepEqual(await built.login("alice@sekimori.test", "right password"), refused);
  assert.deepEqual(await built.login("alice@sekimori.test", "another password"), accepted);
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

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import type { DomainSettings } from "../config/settings.ts";
import type { Account } from "../store/store.ts";
import { createDirectory } from "./directory.ts";
import type { Directory } from "./directory.ts";

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok, text);
  return parsed.value;
}

function domain(
  name: string,
  postmaster: string,
  aliases: Readonly<Record<string, readonly string[]>>,
): DomainSettings {
  const parsed = parseDomain(name);
  assert.ok(parsed.ok);
  const targets = Object.entries(aliases).map(([local, to]) => [local, to.map(address)] as const);
  return {
    name: parsed.value,
    postmaster: address(postmaster),
    aliases: new Map(targets),
    dkim: undefined,
    store: undefined,
  };
}

const domains = [
  domain("sekimori.test", "alice@sekimori.test", {
    team: ["alice@sekimori.test", "bob@sekimori.test"],
    sales: ["bob@sekimori.test"],
    desk: ["bob@sekimori.test"],
    abuse: ["bob@sekimori.test"],
    alice: ["bob@sekimori.test"],
  }),
  domain("example.jp", "bob@sekimori.test", {}),
];

function account(key: string, aliases: readonly string[] = [], suspended = false): Account {
  return { key, address: key, passwordHash: "$argon2id$x", aliases, createdAt: 1, suspended };
}

interface Store {
  readonly accounts: Account[];
  readonly asked: string[];
  broken: boolean;
  findAccount(key: string): Promise<Account | undefined>;
}

function memoryStore(...accounts: Account[]): Store {
  const store: Store = {
    accounts,
    asked: [],
    broken: false,
    findAccount: async (key) => {
      store.asked.push(key);
      if (store.broken) throw new Error("the store is away");
      return store.accounts.find((each) => each.key === key || each.aliases.includes(key));
    },
  };
  return store;
}

const alice = account("alice@sekimori.test", ["a.smith@sekimori.test"]);
const bob = account("bob@sekimori.test");

function directoryOf(...accounts: Account[]): { readonly directory: Directory; readonly store: Store } {
  const store = memoryStore(...accounts);
  return { directory: createDirectory(domains, store), store };
}

test("an account is found by its address and its aliases, in any case, before an alias of the configuration", async () => {
  const { directory } = directoryOf(alice, bob);
  for (const name of ["alice@sekimori.test", "ALICE@Sekimori.Test", "a.smith@sekimori.test"]) {
    assert.deepEqual(await directory.lookup(address(name)), { kind: "mailbox", account: alice.key }, name);
  }
});

test("an alias of the configuration leads to all its accounts", async () => {
  const { directory } = directoryOf(alice, bob);
  assert.deepEqual(await directory.lookup(address("Team@sekimori.test")), {
    kind: "alias",
    accounts: [alice.key, bob.key],
  });
  assert.deepEqual(await directory.lookup(address("team@example.jp")), { kind: "unknown-mailbox" });
});

test("role addresses reach the postmaster of their own domain, or their alias", async () => {
  const { directory } = directoryOf(alice, bob);
  for (const role of ["postmaster", "Postmaster", "hostmaster"]) {
    const here = await directory.lookup(address(`${role}@sekimori.test`));
    assert.deepEqual(here, { kind: "role", accounts: [alice.key] });
    const there = await directory.lookup(address(`${role}@example.jp`));
    assert.deepEqual(there, { kind: "role", accounts: [bob.key] });
  }
  const abuse = await directory.lookup(address("abuse@sekimori.test"));
  assert.deepEqual(abuse, { kind: "alias", accounts: [bob.key] });
});

test("postmaster without a domain is the postmaster of the first domain (RFC 5321 §4.1.1.3)", async () => {
  const { directory } = directoryOf(alice, bob);
  const bare: Address = { local: "Postmaster", domain: undefined, literal: undefined };
  assert.deepEqual(await directory.lookup(bare), { kind: "role", accounts: [alice.key] });
});

test("a suspended account takes no mail, but role mail under its name still reaches somebody", async () => {
  const { directory } = directoryOf(
    account("carol@sekimori.test", [], true),
    account("postmaster@sekimori.test", [], true),
    account("abuse@sekimori.test", [], true),
  );
  const carol = await directory.lookup(address("carol@sekimori.test"));
  assert.deepEqual(carol, { kind: "suspended", account: "carol@sekimori.test" });
  const postmaster = await directory.lookup(address("postmaster@sekimori.test"));
  assert.deepEqual(postmaster, { kind: "role", accounts: [alice.key] });
  const abuse = await directory.lookup(address("abuse@sekimori.test"));
  assert.deepEqual(abuse, { kind: "alias", accounts: [bob.key] });
});

test("a letter that only looks or folds like another leads nowhere (RFC 6531)", async () => {
  const { directory } = directoryOf(alice, bob, account("ünal@sekimori.test"));
  // The Kelvin sign, which toLowerCase makes a "k", and a Cyrillic "а".
  for (const text of ["des\u212a@sekimori.test", "\u0430lice@sekimori.test", "Ünal@sekimori.test"]) {
    const parsed = parseAddress(text, { utf8: true });
    assert.ok(parsed.ok);
    assert.deepEqual(await directory.lookup(parsed.value), { kind: "unknown-mailbox" }, text);
  }
  const own = parseAddress("ünal@sekimori.test", { utf8: true });
  assert.ok(own.ok);
  assert.deepEqual(await directory.lookup(own.value), { kind: "mailbox", account: "ünal@sekimori.test" });
});

test("whatever is not in a local domain is remote, address literals too, and costs no question", async () => {
  const { directory, store } = directoryOf(alice, bob);
  const remote = fc
    .constantFrom("alice@example.com", "postmaster@example.com", "alice@sub.sekimori.test", "alice@[192.0.2.1]")
    .map(address);
  fc.assert(fc.property(remote, (each) => assert.deepEqual(directory.lookup(each), { kind: "remote" })));
  assert.deepEqual(store.asked, []);
});

test("an account owns its address and aliases, and an alias that leads to nobody else", async () => {
  const { directory } = directoryOf(alice, bob);
  const owners: Readonly<Record<string, readonly string[]>> = {
    "alice@sekimori.test": [alice.key],
    "A.Smith@sekimori.test": [alice.key],
    "bob@sekimori.test": [bob.key],
    "sales@sekimori.test": [bob.key],
    "abuse@sekimori.test": [bob.key],
    "team@sekimori.test": [],
    "hostmaster@sekimori.test": [alice.key],
    "postmaster@example.jp": [bob.key],
    "nobody@sekimori.test": [],
    "alice@example.jp": [],
    "alice@example.com": [],
  };
  for (const [text, expected] of Object.entries(owners)) {
    for (const { key } of [alice, bob]) {
      const right = await directory.rightTo(key, address(text));
      assert.equal(right, expected.includes(key) ? "own" : "foreign", `${key} as ${text}`);
    }
  }
});

test("what was granted to an account it may use: addresses and whole domains, as its own or for somebody else", async () => {
  const senders = [
    { sender: "boss@sekimori.test", as: "delegate" },
    { sender: "bob@sekimori.test", as: "delegate" },
    { sender: "team@sekimori.test", as: "own" },
    { sender: "@example.com", as: "own" },
    { sender: "x@example.com", as: "delegate" },
    { sender: "@example.org", as: "delegate" },
  ] as const;
  const secretary = { ...alice, senders };
  const { directory } = directoryOf(secretary, bob);
  for (const [text, expected] of [
    [alice.key, "own"],
    ["Boss@SEKIMORI.test", "delegate"],
    [bob.key, "delegate"],
    ["team@sekimori.test", "own"],
    ["anybody@example.com", "own"],
    ["x@example.com", "own"],
    ["a@example.org", "delegate"],
    ["a@sub.example.com", "foreign"],
    ["a@notexample.com", "foreign"],
    ['"a@example.com"@example.net', "foreign"],
    ["a@[192.0.2.1]", "foreign"],
    ["nobody@sekimori.test", "foreign"],
  ] as const) {
    assert.equal(await directory.rightTo(alice.key, address(text)), expected, text);
  }
  assert.equal(await directory.rightTo(bob.key, address(alice.key)), "foreign", "the other way is another grant");
  const suspended = directoryOf({ ...secretary, suspended: true }).directory;
  assert.equal(await suspended.rightTo(alice.key, address("a@example.com")), "foreign");
});

test("a suspended account owns nothing", async () => {
  const { directory } = directoryOf({ ...alice, suspended: true });
  assert.equal(await directory.rightTo(alice.key, address(alice.key)), "foreign");
});

test("a store that fails makes the answer unavailable, never an unknown mailbox, and is asked again", async () => {
  const { directory, store } = directoryOf(alice, bob);
  store.broken = true;
  for (const name of ["alice", "nobody", "team", "postmaster"]) {
    const answer = await directory.lookup(address(`${name}@sekimori.test`));
    assert.deepEqual(answer, { kind: "unavailable", cause: "the store is away" });
  }
  await assert.rejects(async () => directory.rightTo(alice.key, address(alice.key)), /the store is away/);
  await assert.rejects(async () => directory.findAccount(alice.key), /the store is away/);
  store.broken = false;
  assert.deepEqual(await directory.lookup(address(alice.key)), { kind: "mailbox", account: alice.key });
});

test("answers are remembered, also that there is nobody, until they are forgotten", async () => {
  const { directory, store } = directoryOf(alice);
  const [known, unknown] = [address(alice.key), address("bob@sekimori.test")];
  await directory.lookup(known);
  await directory.lookup(unknown);
  assert.deepEqual(directory.lookup(known), { kind: "mailbox", account: alice.key }, "at once");
  assert.deepEqual(directory.lookup(unknown), { kind: "unknown-mailbox" }, "at once");
  assert.equal(store.asked.length, 2);

  store.accounts.push(bob);
  directory.forget([bob.key]);
  assert.deepEqual(directory.lookup(known), { kind: "mailbox", account: alice.key }, "others are kept");
  assert.deepEqual(await directory.lookup(unknown), { kind: "mailbox", account: bob.key });
  directory.forget();
  await directory.lookup(known);
  assert.equal(store.asked.length, 4);
});

test("an answer that was on its way while something was forgotten is not kept", async () => {
  const { promise: held, resolve } = Promise.withResolvers<void>();
  let current: Account = alice;
  let asked = 0;
  const directory = createDirectory(domains, {
    findAccount: async () => {
      const answer = current;
      if (asked++ === 0) await held;
      return answer;
    },
  });
  const early = directory.lookup(address(alice.key));
  current = { ...alice, suspended: true };
  directory.forget([alice.key]);
  resolve();
  assert.deepEqual(await early, { kind: "mailbox", account: alice.key }, "used once");
  assert.deepEqual(await directory.lookup(address(alice.key)), { kind: "suspended", account: alice.key });
});

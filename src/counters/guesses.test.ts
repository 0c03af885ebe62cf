// Guessers against the counts, over hours that pass at once. What is counted is how many passwords were really looked at.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createGuesses } from "./guesses.ts";
import type { Attempt, LocalGuesses } from "./guesses.ts";

const HOUR = 3_600_000;
const owner = { name: "alice@sekimori.test", client: "192.0.2.1", known: true } as const;

function counts(exempt: (client: string) => boolean = () => false): {
  readonly guesses: LocalGuesses;
  readonly clock: { now: number };
} {
  const clock = { now: 0 };
  return { guesses: createGuesses(() => clock.now, exempt), clock };
}

/** Every guess is wrong; says how many were looked at. */
function guess(
  { guesses, clock }: ReturnType<typeof counts>,
  times: number,
  over: number,
  who: (n: number) => Attempt,
) {
  let looked = 0;
  for (let n = 0; n < times; n++) {
    clock.now += over / times;
    const attempt = who(n);
    const turn = guesses.admit(attempt, "hash");
    assert.notEqual(turn, "crowded", "they come one after the other");
    if (turn === "held" || turn === "crowded") continue;
    looked++;
    guesses.failed(attempt, turn);
  }
  return looked;
}

const address = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

test("one address that tries many names is held soon, and gets about eighty passwords looked at in an hour", () => {
  const house = counts();
  const looked = guess(house, 36_000, HOUR, (n) => ({ name: `n${n}`, client: "198.51.100.7", known: false }));
  assert.ok(looked >= 20 && looked <= 110, String(looked));
  assert.equal(house.guesses.ask(owner), "first");
  assert.equal(house.guesses.ask({ ...owner, client: "203.0.113.5", known: false }), "last", "others are not held");
});

test("a network with an address for every guess is held as well: a /24, and a /48", () => {
  for (const client of [
    (n: number) => `198.51.100.${n % 256}`,
    (n: number) => `2001:db8:1:${(n % 65_536).toString(16)}::1`,
  ]) {
    const looked = guess(counts(), 36_000, HOUR, (n) => ({ name: `n${n}`, client: client(n), known: false }));
    assert.ok(looked >= 60 && looked <= 330, String(looked));
  }
});

test("one name from thousands of addresses is looked at seldom, and its owner goes first all the time", () => {
  const house = counts();
  let first = 0;
  const looked = guess(house, 36_000, HOUR, (n) => {
    if (house.guesses.admit(owner, "hash") === "first") first++;
    return { name: owner.name, client: address(n * 256), known: false };
  });
  // Ten at once, then one in thirty seconds.
  assert.ok(looked >= 100 && looked <= 180, String(looked));
  assert.equal(first, 36_000);
  // A name without an account looks the same.
  const nobody = guess(counts(), 36_000, HOUR, (n) => ({ name: "nobody", client: address(n * 256), known: false }));
  assert.equal(nobody, looked);
});

test("thin over many names and many addresses: the site sees it; known addresses notice nothing", () => {
  const house = counts();
  const looked = guess(house, 1_800_000, HOUR, (n) => ({
    name: `n${n % 100_000}`,
    client: address(n * 256),
    known: false,
  }));
  // Of 500 in a second: the first hundred, then at most five.
  assert.ok(looked <= 5 * 3600 + 200, String(looked));
  assert.equal(house.guesses.ask(owner), "first");
  house.clock.now += HOUR;
  assert.equal(
    house.guesses.ask({ ...owner, client: "203.0.113.5", known: false }),
    "last",
    "it is over when it is over",
  );
});

/** Many right logins a second, and a stranger who gets it wrong with every so many of them: all of them are looked at. */
function mistakes(of: "known" | "strangers", right: number): void {
  const { guesses, clock } = counts();
  for (let n = 0; n < 20_000; n++) {
    clock.now += 50;
    const person = { name: `n${n}`, client: address(n * 256), known: of === "known" };
    const turn = guesses.admit(person, "hash");
    assert.equal(turn, of === "known" ? "first" : "last");
    guesses.succeeded({ ...person, known: true }, turn === "first" ? "first" : "last");
    if (n % right !== 0) continue;
    const attempt = { name: `old${n}`, client: address(n * 256), known: false };
    assert.equal(guesses.admit(attempt, "hash"), "last");
    guesses.failed(attempt, "last");
  }
}

test("a large site with as many failures as people make is not under attack", () => {
  // As many from somewhere new as get it right there, and one for five of those who are at home.
  mistakes("strangers", 1);
  mistakes("known", 5);
});

test("nobody makes room for guesses with an account of his own", () => {
  const house = counts();
  const looked = guess(house, 180_000, HOUR, (n) => {
    // Ten logins for each guess, from a hundred thousand addresses.
    for (let login = 0; login < 10; login++) {
      const bot = { ...owner, client: address((n * 10 + login) % 100_000) };
      house.guesses.succeeded(bot, login % 2 === 0 ? "free" : "first");
    }
    return { name: `n${n % 100_000}`, client: address(n * 256), known: false };
  });
  const alone = guess(counts(), 180_000, HOUR, (n) => ({
    name: `n${n % 100_000}`,
    client: address(n * 256),
    known: false,
  }));
  assert.ok(looked <= alone * 1.02 && alone <= 5 * 3600 + 200, `${looked} of ${alone}`);
});

/** Opens so many exchanges of strangers, each from a network of its own and for another name. */
function exchanges({ guesses }: ReturnType<typeof counts>, count: number): readonly Attempt[] {
  return Array.from({ length: count }, (_each, n) => {
    const attempt = { name: `e${n}`, client: address(n * 256), known: false };
    assert.equal(guesses.admit(attempt, "exchange"), "last");
    return attempt;
  });
}

const stranger = (n: number): Attempt => ({ name: `s${n}`, client: address(1_000_000 + n * 256), known: false });

test("exchanges that are left open keep no stranger waiting: at the site they have failed until they succeed", () => {
  const house = counts();
  const open = exchanges(house, 100);
  const turns = Array.from({ length: 50 }, (_each, n) => {
    house.clock.now += 100;
    const turn = house.guesses.admit(stranger(n), "hash");
    if (turn === "last") house.guesses.failed(stranger(n), turn);
    return turn;
  });
  // The hundred have faded a little, and then there are five in a second.
  assert.deepEqual([turns.filter((turn) => turn === "last").length, turns.includes("crowded")], [26, false]);
  for (const each of open) house.guesses.succeeded({ ...each, known: true }, "exchange");
  assert.equal(house.guesses.admit(stranger(99), "hash"), "last");
  assert.equal(house.guesses.admit(stranger(100), "hash"), "last", "they were right");
});

test("exchanges that succeed slowly pay for no guess", () => {
  const house = counts();
  const attempts = Array.from({ length: 3000 }, (_each, n) => ({
    name: "bot",
    client: address(n * 256),
    known: false,
  }));
  for (const attempt of attempts) {
    house.clock.now += 1000;
    if (house.guesses.admit(attempt, "exchange") !== "last") continue;
    house.clock.now += 29_000;
    house.guesses.succeeded({ ...attempt, known: true }, "exchange");
  }
  const looked = guess(house, 1000, 1000, (n) => ({ name: `n${n}`, client: address(n * 256), known: false }));
  assert.ok(looked <= 110, String(looked));
});

test("an address that is held raises no count of a name or of the site with what nobody looks at", () => {
  const house = counts();
  const from = { client: "198.51.100.7", known: false } as const;
  for (let n = 0; n < 1000; n++) house.guesses.failed({ ...from, name: "alice@sekimori.test" }, "free");
  house.clock.now += 10 * 60_000;
  assert.equal(house.guesses.ask({ ...from, name: "alice@sekimori.test" }), "held", "from there");
  // Twenty were counted for the name; ten minutes are one half-life.
  house.clock.now += 60_000;
  assert.equal(house.guesses.ask({ ...from, client: "203.0.113.5", name: "alice@sekimori.test" }), "last");
  assert.equal(house.guesses.ask({ ...from, client: "203.0.113.5", name: "bob@sekimori.test" }), "last");
});

test("a forgotten device with an old password does not hold its owner at the same address for good", () => {
  const house = counts();
  guess(house, 600, HOUR, () => owner);
  // The pair is a stranger now, and its address is held: the device alone is to blame.
  assert.equal(house.guesses.ask(owner), "held");
  assert.equal(house.guesses.ask({ ...owner, client: "203.0.113.9" }), "first", "the owner elsewhere");
  assert.equal(house.guesses.ask({ ...owner, name: "bob@sekimori.test" }), "first", "others at the same address");
  house.clock.now += HOUR;
  assert.equal(house.guesses.ask(owner), "first");
});

test("answers to wrong passwords come later and later", () => {
  const { guesses } = counts();
  const wrong = { name: "n", client: "198.51.100.7", known: false };
  const waits = Array.from({ length: 20 }, () => guesses.failed(wrong, "free"));
  assert.deepEqual(
    [waits[0], waits[2], waits[3], waits[6], waits[10], waits[19]],
    [1000, 1000, 2000, 4000, 8000, 15_000],
  );
  assert.ok(waits.every((wait, index) => index === 0 || wait >= waits[index - 1]!));
  assert.equal(guesses.failed({ ...wrong, client: "203.0.113.1" }, "free"), 1000);
});

const webmail = (name: string): Attempt => ({ name, client: "192.0.2.80", known: false });

test("behind an exempt address are many people: only names count there", () => {
  const house = counts((client) => client === "192.0.2.80");
  guess(house, 90, HOUR, (n) => webmail(`n${n}`));
  assert.equal(house.guesses.ask(webmail("somebody")), "last");
  guess(house, 90, 1000, () => webmail("somebody"));
  assert.equal(house.guesses.ask(webmail("somebody")), "held");
});

const from = (n: number): Attempt => ({ name: `n${n}`, client: "198.51.100.7", known: false });

test("a burst gets no further than one guess after the other, and whoever comes meanwhile waits for what becomes of it", () => {
  const { guesses } = counts();
  const turns = Array.from({ length: 60 }, (_each, n) => guesses.admit(from(n), "hash"));
  assert.deepEqual(
    [turns.slice(0, 20), turns.slice(20)],
    [Array<string>(20).fill("last"), Array<string>(40).fill("crowded")],
  );
  guesses.forgone(from(0), "hash");
  guesses.succeeded({ ...from(1), known: true }, "last");
  assert.deepEqual(
    [guesses.admit(from(60), "hash"), guesses.admit(from(61), "hash"), guesses.admit(from(62), "hash")],
    ["last", "last", "crowded"],
  );
  for (let n = 2; n < 20; n++) guesses.failed(from(n), "last");
  assert.equal(guesses.ask(from(63)), "last", "18 have failed");
  for (const n of [60, 61]) guesses.failed(from(n), "last");
  assert.equal(guesses.admit(from(63), "hash"), "held", "counted once");
  // An office opens: right passwords of one account, or of a hundred, all get in.
  const office = counts().guesses;
  for (let n = 0; n < 100; n++) {
    const one = { ...from(n % 2), client: "203.0.113.200" };
    assert.equal(office.admit(one, "hash"), "last");
    office.succeeded({ ...one, known: true }, "last");
  }
  // What is only asked counts nothing.
  const asking = counts();
  for (let n = 0; n < 60; n++) assert.equal(asking.guesses.ask(from(n)), "last");
});

import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { before, test } from "node:test";
import { HashesBusy, hashPassword, verifyPassword } from "./password-hash.ts";
import type { Turn } from "./password-hash.ts";

const open = new Set<number>();
let most = 0;
createHook({
  init: (id, type) => {
    if (type !== "ARGON2REQUEST") return;
    open.add(id);
    most = Math.max(most, open.size);
  },
  before: (id) => {
    open.delete(id);
  },
}).enable();

let stored = "";
before(async () => {
  stored = await hashPassword("pässword");
});

test("a hash is an argon2id PHC string with a salt of its own and no padding", async () => {
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(await hashPassword("pässword"), stored);
});

test("the right password verifies, others do not", async () => {
  assert.equal(await verifyPassword("pässword", stored), true);
  for (const wrong of ["", "password", "pässword ", "PÄSSWORD"]) {
    assert.equal(await verifyPassword(wrong, stored), false, wrong);
  }
});

test("a string of the reference implementation verifies", async () => {
  // argon2 command line: salt "somesalt", -id -t 2 -m 16 -p 1 -l 32, password "password".
  const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  assert.equal(await verifyPassword("password", reference), true);
  assert.equal(await verifyPassword("passwort", reference), false);
});

test("what is no argon2id PHC string is a damaged store, not a wrong password", async () => {
  for (const damaged of [
    "",
    "pässword",
    "$2b$12$abcdefghijklmnopqrstuv",
    stored.replace("argon2id", "argon2i"),
    stored.replace("v=19", "v=16"),
    stored.replace("m=19456,", ""),
    stored.replace("m=19456", "m=9999999"),
    stored.replace("m=19456", "m=0"),
    stored.replace("p=1", "p=0"),
    `${stored}=`,
    `${stored}\n`,
    ` ${stored}`,
    `${stored}$`,
    stored.slice(0, stored.lastIndexOf("$")),
    stored.slice(0, stored.lastIndexOf("$") + 1),
    stored.slice(0, stored.lastIndexOf("$") + 20),
    stored.replace(/\$[^$]{22}\$/, "$$AAAA$$"),
  ]) {
    await assert.rejects(verifyPassword("pässword", damaged), `${damaged} passed`);
  }
});

test("a string of which one character was changed or cut never verifies", async () => {
  const cheaper = stored.replace("m=19456,t=2", "m=64,t=1");
  const genuine = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
  for (const damaged of [
    `${genuine.slice(0, -1)}d`,
    genuine.slice(0, -1),
    genuine.replace("c29tZXNhbHQ", "c29tZXNhbHR"),
    cheaper,
  ]) {
    const verified = await verifyPassword("password", damaged).catch(() => false);
    assert.equal(verified, false, damaged);
  }
});

test("at most two run at once, and all that wait have their turn, failures included", async () => {
  most = 0;
  const results = await Promise.allSettled([
    ...Array.from({ length: 4 }, () => verifyPassword("pässword", stored)),
    verifyPassword("pässword", stored.replace("p=1", "p=0")),
    ...Array.from({ length: 4 }, () => verifyPassword("no", stored)),
  ]);
  const values = results.map((result) => (result.status === "fulfilled" ? result.value : "failed"));
  assert.deepEqual(values, [true, true, true, true, "failed", false, false, false, false]);
  assert.equal(most, 2);
});

test("those who come last leave a place free, go after everybody else, and are told when too many wait", async () => {
  const order: string[] = [];
  const ask = (turn: Turn): Promise<boolean> => verifyPassword("no", stored, turn).finally(() => void order.push(turn));
  const last = Array.from({ length: 51 }, () => ask("last"));
  await assert.rejects(ask("last"), HashesBusy);
  order.length = 0;
  // One of "last" runs, fifty wait: these six begin before them, and two places are never taken by "last".
  await Promise.all(Array.from({ length: 6 }, () => ask("first")));
  assert.ok(order.filter((turn) => turn === "last").length <= 7, order.join(" "));
  await Promise.all(last);
  assert.equal(await verifyPassword("pässword", stored, "last"), true);
});

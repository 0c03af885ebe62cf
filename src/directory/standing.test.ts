import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account, AppPassword } from "../store/store.ts";
import { findAppPassword, hashAppPassword, makeAppPassword } from "./app-passwords.ts";
import { loginStanding } from "./standing.ts";
import type { Credential } from "./standing.ts";

const key = "alice@sekimori.test";
const alice: Account = { key, address: key, passwordHash: "h1", aliases: [], createdAt: 1, suspended: false };
const phone = (password: string): AppPassword => ({
  name: "phone",
  scopes: ["submission"],
  hash: hashAppPassword(key, password),
  createdAt: 1,
});

function standing(account: Account | undefined, credential: Credential): unknown {
  return loginStanding({ findAccount: () => account })(key, credential);
}

test("an app password is 100 bits in four groups, never the same twice, and found however it is typed", () => {
  const made = Array.from({ length: 200 }, makeAppPassword);
  assert.equal(new Set(made).size, made.length);
  for (const password of made) {
    assert.match(password, /^[a-z2-7]{5}(?:-[a-z2-7]{5}){3}$/);
    for (const typed of [password, password.replaceAll("-", ""), password.replaceAll("-", " ").toUpperCase()]) {
      assert.equal(findAppPassword(key, [phone(password)], typed)?.name, "phone");
    }
    assert.equal(findAppPassword("bob@sekimori.test", [phone(password)], password), undefined, "of one account only");
    assert.equal(findAppPassword(key, [phone(password)], `${password.slice(0, -1)}-`), undefined);
  }
  for (const other of ["", "x", "a".repeat(20), "a".repeat(10_000)]) {
    assert.equal(findAppPassword(key, [phone(makeAppPassword())], other), undefined);
  }
  assert.equal(findAppPassword(key, undefined, "a".repeat(20)), undefined);
});

test("a login holds as long as what it was made with is there, and the account may be used", () => {
  const app = phone("abcde-abcde-abcde-abcde");
  const main = { kind: "password", hash: "h1" } as const;
  const other = { kind: "app-password", name: "phone", hash: app.hash } as const;
  const withApp = { ...alice, appPasswords: [app] };
  assert.equal(standing(withApp, main), "active");
  assert.equal(standing(withApp, other), "active");
  assert.equal(standing({ ...withApp, passwordHash: "h2" }, main), "ended");
  assert.equal(standing({ ...withApp, passwordHash: "h2" }, other), "active", "the app password is another one");
  assert.equal(standing(alice, other), "ended");
  const reading = { ...alice, appPasswords: [{ ...app, scopes: ["pop3"] }] } as const;
  assert.equal(standing(reading, other), "ended", "for reading alone: it never could send");
  const again = { ...alice, appPasswords: [phone("bbbbb-bbbbb-bbbbb-bbbbb")] };
  assert.equal(standing(again, other), "ended", "made anew under the same name");
  assert.equal(standing({ ...withApp, suspended: true }, main), "suspended");
  assert.equal(standing({ ...withApp, suspended: true }, other), "suspended");
  assert.equal(standing(undefined, main), "ended");
  for (const step of ["slow", "hold", "suspend"] as const) {
    const suspect = { ...withApp, restraint: { step, since: 1, score: 12, evidence: [] } };
    for (const credential of [main, other])
      assert.equal(standing(suspect, credential), step === "suspend" ? "suspended" : "active");
  }
});

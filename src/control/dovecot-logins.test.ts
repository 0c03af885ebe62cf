// Logins at Dovecot by their promises, with the real counts: what opens an address, what is a guess, and what is neither.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createVisits } from "../counters/visits.ts";
import { createGuesses } from "../counters/guesses.ts";
import type { Origins } from "../directory/origins.ts";
import type { Account } from "../store/store.ts";
import { createDovecotLogins } from "./dovecot-logins.ts";
import type { ReportedLogin } from "./dovecot-logins.ts";

const alice: Account = {
  key: "alice@sekimori.test",
  address: "Alice@sekimori.test",
  passwordHash: "of alice",
  aliases: ["a@sekimori.test"],
  createdAt: 0,
  suspended: false,
};
const fine: ReportedLogin = {
  login: "alice@sekimori.test",
  client: "198.51.100.9",
  port: 50_000,
  protocol: "pop3",
  tls: true,
  session: "s1",
  passwordDigest: "0abc",
};

function house(account: Account = alice) {
  const clock = { now: 0, monotonic: () => clock.now };
  const visits = createVisits(() => clock.now);
  const events: { readonly name: string; readonly fields: object }[] = [];
  const noted: string[] = [];
  const origins: Origins = {
    knows: (_account, client) => noted.includes(client),
    knewJustNow: (_account, client) => noted.includes(client),
    note: (_account, client) => void noted.push(client),
  };
  const logins = createDovecotLogins({
    directory: { findAccount: (key) => ([account.key, ...account.aliases].includes(key) ? account : undefined) },
    guesses: createGuesses(
      () => clock.now,
      () => false,
    ),
    origins,
    visits,
    observer: { emit: (name, fields) => void events.push({ name, fields }) },
    clock,
  });
  const opened = (client = fine.client): readonly string[] =>
    visits.at(client, 900_000).map(({ account: who, proof }) => `${who} ${JSON.stringify(proof)}`);
  return { logins, clock, events, noted, opened };
}

const asAlice = `${alice.key} ${JSON.stringify({ kind: "password", hash: alice.passwordHash })}`;

test("a right login over POP3 or IMAP inside TLS opens its address, under whatever name of the account", async () => {
  for (const login of [
    fine,
    { ...fine, protocol: "imap" },
    { ...fine, login: "A@Sekimori.test" },
    { ...fine, client: "::ffff:198.51.100.9" },
  ]) {
    const { logins, opened, events, noted } = house();
    // oxlint-disable-next-line no-await-in-loop -- a house of its own each
    await logins.report(login, "right");
    assert.deepEqual(opened(), [asAlice], JSON.stringify(login));
    assert.deepEqual(noted, ["198.51.100.9"]);
    assert.deepEqual(
      events.map(({ name }) => name),
      ["auth.succeeded"],
    );
  }
});

test("nothing else opens anything: no TLS, another protocol, no such account, a suspended one, a wrong password", async () => {
  for (const [login, outcome, account] of [
    [{ ...fine, tls: false }, "right", alice],
    [{ ...fine, protocol: "smtp" }, "right", alice],
    [{ ...fine, protocol: "" }, "right", alice],
    [{ ...fine, login: "nobody@sekimori.test" }, "right", alice],
    [{ ...fine, login: "alice" }, "right", alice],
    [{ ...fine, client: "" }, "right", alice],
    [{ ...fine, client: "mx.example.org" }, "right", alice],
    [fine, "right", { ...alice, suspended: true }],
    [fine, "wrong", alice],
    [fine, "untold", alice],
  ] as const) {
    const { logins, opened } = house(account);
    // oxlint-disable-next-line no-await-in-loop -- a house of its own each
    await logins.report(login, outcome);
    assert.deepEqual(opened(login.client), [], JSON.stringify([login, outcome]));
  }
});

test("who guesses is refused there, and his own address lets the owner in all the same", async () => {
  const { logins, events, clock } = house();
  await logins.report(fine, "right");
  const guesser = { ...fine, client: "203.0.113.5" };
  let held = 0;
  for (let guess = 0; guess < 40; guess++) {
    const asked = { ...guesser, session: `g${guess}`, passwordDigest: String(guess) };
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    if ((await logins.admit(asked)) === "held") held++;
    // oxlint-disable-next-line no-await-in-loop
    else await logins.report(asked, "wrong");
  }
  assert.ok(held >= 20, `${held} of 40 were held`);
  const refused = events.filter(({ fields }) => "reason" in fields && fields.reason === "auth.held");
  assert.equal(refused.length, held);
  assert.equal(await logins.admit({ ...fine, session: "s2" }), "admitted");
  clock.now += 24 * 3_600_000;
  assert.equal(await logins.admit({ ...guesser, session: "later" }), "admitted");
});

test("what was admitted is admitted when Dovecot asks again after the password was right", async () => {
  const { logins } = house();
  // Ten strangers have guessed at the name: now one password in 30 s is looked at.
  for (let guess = 0; guess < 12; guess++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await logins.report({ ...fine, client: `203.0.113.${guess}` }, "wrong");
  }
  const asked = { ...fine, client: "192.0.2.1" };
  assert.equal(await logins.admit(asked), "admitted");
  assert.equal(await logins.admit(asked), "admitted", "the same question");
  assert.equal(await logins.admit({ ...asked, passwordDigest: "0abd" }), "held", "another password");
  assert.equal(await logins.admit({ ...asked, client: "192.0.2.2" }), "held");
});

test("a wrong login is in the log with the address, and what may be a password in the wrong field is not", async () => {
  const { logins, events } = house();
  await logins.report(fine, "wrong");
  await logins.report({ ...fine, login: "correct horse battery" }, "wrong");
  assert.deepEqual(
    events.map(({ fields }) => ("account" in fields ? fields.account : undefined)),
    [alice.key, ""],
  );
  assert.ok(!JSON.stringify(events).includes(fine.passwordDigest));
});

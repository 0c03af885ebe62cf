// Entries on the page for codes: the login first, so many of one client, and who the client is behind a proxy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrefix } from "../base/prefix.ts";
import { demoSettings } from "../config/load.ts";
import type { SubstituteOutcome } from "./control.ts";
import { createCodePage } from "./code-page.ts";
import type { Arrival, CodeEntry } from "./code-page.ts";
import type { CodePageSettings } from "./setup/code-url.ts";
import type { WebLoginAnswer, WebLoginRequest } from "./web-login.ts";

const demo = demoSettings("/nowhere");
const proxy = parsePrefix("192.0.2.0/28");
assert.ok(proxy.ok);
const ALICE = "alice@sekimori.test";
const right: CodeEntry = {
  account: ALICE,
  password: "right",
  address: " carol@third.example ",
  code: "good",
  client: { client: "198.51.100.9", port: 50_000 },
};

function office(answers: { readonly login?: WebLoginAnswer; readonly starting?: true; readonly broken?: true } = {}) {
  const clock = { now: 0, monotonic: () => clock.now };
  const asked: (WebLoginRequest | readonly string[])[] = [];
  const waits: number[] = [];
  const events: { readonly name: string; readonly fields: object }[] = [];
  const settings: CodePageSettings = {
    hostname: demo.hostname,
    listeners: [{ role: "substitute", endpoints: [], tls: "starttls", mechanisms: ["plain"], proxies: [] }],
    substitute: { ...demo.substitute, codePage: true },
    web: {
      ...demo.web,
      listen: [{ address: "0.0.0.0", port: 443 }],
      forwardedBy: [proxy.ok ? proxy.value : assert.fail()],
    },
  };
  const login = (request: WebLoginRequest): Promise<WebLoginAnswer> => {
    asked.push(request);
    clock.now += 100;
    if (answers.login !== undefined) return Promise.resolve(answers.login);
    return Promise.resolve(
      request.password === "right" ? { kind: "account", account: ALICE } : { kind: "refused", delay: 1000 },
    );
  };
  const confirmSubstitute = (account: string, foreign: string, code: string): Promise<SubstituteOutcome> => {
    asked.push([account, foreign, code]);
    if (answers.broken) return Promise.reject(new Error("the store is gone"));
    if (code === "good") return Promise.resolve({ done: true, until: "2028-01-15T12:00:00.000Z" });
    return Promise.resolve({ done: false, kind: code === "none" ? "not-found" : "conflict", why: `secret ${code}` });
  };
  const page = createCodePage({
    settings: () => settings,
    login: () => (answers.starting ? undefined : login),
    control: () => ({ confirmSubstitute }),
    observer: { emit: (name, fields) => void events.push({ name, fields }) },
    clock,
    wait: (milliseconds) => Promise.resolve(void waits.push(milliseconds)),
  });
  return { page, asked, clock, waits, events, settings };
}

test("a right login and the right code prove the address", async () => {
  const { page, asked, events } = office();
  assert.deepEqual(await page.enter(right), { kind: "proved", until: "2028-01-15T12:00:00.000Z" });
  assert.deepEqual(asked.at(-1), [ALICE, "carol@third.example", "good"]);
  assert.deepEqual(events, [
    { name: "code.accepted", fields: { account: ALICE, address: "carol@third.example", ...right.client } },
  ]);
});

test("without the login no code is looked at, and the answer waits as a wrong password's does", async () => {
  const { page, asked, waits, events } = office();
  assert.deepEqual(await page.enter({ ...right, password: "wrong" }), { kind: "refused", what: "login" });
  assert.equal(asked.length, 1);
  assert.deepEqual(waits, [900], "counted from the question");
  assert.deepEqual(
    events.map(({ fields }) => fields),
    [{ ...right.client, cause: "login" }],
  );
});

test("with the login, a wrong code, one that nobody asked for and one that is over are the same", async () => {
  const { page, events } = office();
  for (const code of ["wrong", "none", ""]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.deepEqual(await page.enter({ ...right, code }), { kind: "refused", what: "code" });
  }
  assert.equal(new Set(events.map(({ fields }) => JSON.stringify(fields))).size, 1);
});

test("who is held, and what nobody can look at, is told without a verdict", async () => {
  for (const [answers, kind, cause] of [
    [{ login: { kind: "held" } }, "later", "held"],
    [{ login: { kind: "unavailable" } }, "unavailable", "unavailable"],
    [{ starting: true }, "unavailable", "unavailable"],
  ] as const) {
    const { page, events } = office(answers);
    // oxlint-disable-next-line no-await-in-loop -- an office of its own each
    assert.deepEqual(await page.enter(right), { kind });
    assert.deepEqual(events[0]?.fields, { ...right.client, cause });
  }
  const { page, events } = office({ broken: true });
  assert.deepEqual(await page.enter(right), { kind: "unavailable" });
  assert.equal(events[0]?.name, "internal.failed");
});

test("one client has so many entries, right or wrong, and a /64 is one client; others go on", async () => {
  const { page, asked, clock } = office();
  const enter = async (client: string): Promise<string> =>
    (await page.enter({ ...right, client: { client, port: 1 } })).kind;
  for (let index = 0; index < 10; index++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal(await enter(`2001:db8::${index}`), "proved");
  }
  const looked = asked.length;
  assert.equal(await enter("2001:db8::ffff"), "later");
  assert.equal(asked.length, looked, "nothing is looked at");
  assert.equal(await enter("2001:db8:0:1::1"), "proved");
  clock.now += 11 * 60_000;
  assert.equal(await enter("2001:db8::ffff"), "proved");
});

const arrival: Arrival = {
  client: "198.51.100.9",
  port: 50_000,
  isSecure: true,
  forwardedFor: undefined,
  forwardedProto: undefined,
};

const seen = (client: string, port = 50_000): unknown => ({ kind: "client", client: { client, port } });

test("the page is for TLS, our own or a named proxy's, and the client is the last that the proxy names", () => {
  const { page, settings } = office();
  const who = (more: Partial<Arrival>): unknown => page.clientOf({ ...arrival, ...more });
  const none = { kind: "none" };
  assert.deepEqual(who({}), seen("198.51.100.9"));
  assert.deepEqual(who({ client: "::ffff:198.51.100.9" }), seen("198.51.100.9"));
  assert.deepEqual(who({ isSecure: false }), none);
  // Anybody can write a header.
  const forged = { forwardedFor: "203.0.113.1", forwardedProto: "https" };
  assert.deepEqual(who(forged), seen("198.51.100.9"));
  assert.deepEqual(who({ ...forged, isSecure: false }), none);

  const proxied = { client: "192.0.2.3", isSecure: false };
  assert.deepEqual(who({ ...proxied, forwardedFor: "203.0.113.1, 198.51.100.77" }), seen("198.51.100.77", 0));
  assert.deepEqual(who({ ...proxied, forwardedProto: "http" }), none);
  assert.deepEqual(who({ ...proxied, forwardedFor: "::1", forwardedProto: "HTTPS" }), seen("::1", 0));
  assert.deepEqual(who({ ...proxied, forwardedFor: "198.51.100.77:4711" }), seen("198.51.100.77", 4711));
  assert.deepEqual(who({ ...proxied, forwardedFor: "[2001:DB8::7]:4711" }), seen("2001:db8::7", 4711));
  assert.deepEqual(who({ ...proxied, forwardedFor: "[2001:db8::7]" }), seen("2001:db8::7", 0));
  Object.assign(settings, { substitute: { ...settings.substitute, codePage: false } });
  assert.deepEqual(who({}), none);
});

test("what a visitor does is never held against the proxy that does not name him", () => {
  const { page } = office();
  for (const forwardedFor of [undefined, "", "203.0.113.1, unknown", "203.0.113.1,", "198.51.100.7:99999", "[]:1"])
    assert.deepEqual(
      page.clientOf({ ...arrival, client: "192.0.2.3", isSecure: false, forwardedFor }),
      { kind: "unnamed", proxy: { client: "192.0.2.3", port: 50_000 } },
      forwardedFor,
    );
});

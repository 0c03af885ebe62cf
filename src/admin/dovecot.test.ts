// Dovecot's policy protocol as it comes: who is answered, what is understood, what is said.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReportedLogin } from "../control/dovecot-logins.ts";
import { createDovecotApp } from "./dovecot.ts";

const token = "0123456789abcdef0123456789abcdef";

function house(answer: "admitted" | "held" | "broken" | "starting" = "admitted") {
  const asked: (readonly [string, ReportedLogin])[] = [];
  const events: string[] = [];
  const logins = {
    admit: async (login: ReportedLogin) => {
      asked.push(["allow", login]);
      if (answer === "broken") throw new Error("nobody can tell");
      return Promise.resolve(answer === "held" ? ("held" as const) : ("admitted" as const));
    },
    report: async (login: ReportedLogin, outcome: string) => {
      asked.push([outcome, login]);
      return Promise.resolve();
    },
  };
  const app = createDovecotApp({
    token: () => token,
    logins: () => (answer === "starting" ? undefined : logins),
    observer: { emit: (name, fields) => void events.push(`${name} ${"cause" in fields ? fields.cause : ""}`) },
  });
  const post = async (
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>> = { authorization: `Bearer ${token}` },
  ): Promise<{ readonly status: number; readonly text: string }> => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const answered = await app.request(path, { method: "POST", body: text, headers });
    return { status: answered.status, text: await answered.text() };
  };
  return { app, post, asked, events };
}

const said = {
  device_id: "",
  login: "alice@sekimori.test",
  protocol: "POP3",
  pwhash: "0abc",
  remote: "198.51.100.9",
  session_id: "s1",
  tls: true,
};

test("nobody is answered without the token, and the log says so", async () => {
  const { post, app, asked, events } = house();
  for (const headers of [
    {},
    { authorization: "Bearer 0123456789abcdef0123456789abcdee" },
    { authorization: `Basic ${Buffer.from(`dovecot:${token}`).toString("base64")}` },
    { "x-api-key": `${token}x` },
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await post("/?command=report", { ...said, success: true }, headers)).status, 401);
  }
  assert.deepEqual(asked, []);
  assert.deepEqual(events, [
    "api.refused no-token",
    "api.refused wrong-token",
    "api.refused no-token",
    "api.refused wrong-token",
  ]);
  assert.equal((await app.request("/", { headers: { authorization: `Bearer ${token}` } })).status, 404);
  assert.equal((await post("/?command=allow", said, { "x-api-key": token })).status, 200, "the bare setting");
});

test("a question is answered as Dovecot reads it", async () => {
  const { post, asked } = house();
  assert.deepEqual(await post("/?command=allow", said), { status: 200, text: '{"status":0,"msg":""}' });
  assert.deepEqual(asked, [
    [
      "allow",
      {
        login: "alice@sekimori.test",
        client: "198.51.100.9",
        port: 0,
        protocol: "pop3",
        tls: true,
        session: "s1",
        passwordDigest: "0abc",
      },
    ],
  ]);
  const held = await house("held").post("/?command=allow", said);
  assert.match(held.text, /^\{"status":-1,"msg":"too many wrong passwords/);
});

test("what a report means: only true is success, only true is TLS, and our own refusal is no guess", async () => {
  for (const [more, outcome, tls] of [
    [{ success: true }, "right", true],
    [{ success: true, tls: "true" }, "right", false],
    [{ success: true, tls: undefined }, "right", false],
    [{ success: "true" }, "wrong", true],
    [{ success: false, policy_reject: false }, "wrong", true],
    [{ success: false, fail_type: "credentials" }, "wrong", true],
    [{ success: false, fail_type: "internal" }, "untold", true],
    [{ success: false, policy_reject: true }, "untold", true],
    [{}, "wrong", true],
  ] as const) {
    const { post, asked } = house();
    // oxlint-disable-next-line no-await-in-loop -- a house of its own each
    assert.equal((await post("/?command=report", { ...said, ...more, port: "50000" })).status, 200);
    assert.deepEqual(
      [asked[0]?.[0], asked[0]?.[1].tls, asked[0]?.[1].port],
      [outcome, tls, 50_000],
      JSON.stringify(more),
    );
  }
});

test("what is no request gets 400, what is too large 413, what breaks 500, and before the start is over 503", async () => {
  const { post, asked } = house();
  for (const body of [
    "",
    "{",
    "[]",
    "null",
    '"x"',
    "\0",
    { login: 1 },
    { login: "x".repeat(2000) },
    { remote: "::1" },
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await post("/?command=report", body)).status, 400, JSON.stringify(body));
  }
  for (const path of ["/", "/?command=", "/?command=reset"]) {
    // oxlint-disable-next-line no-await-in-loop
    assert.equal((await post(path, said)).status, 400, path);
  }
  assert.equal((await post("/?command=report", "x".repeat(20_000))).status, 413);
  assert.deepEqual(asked, []);
  assert.equal((await house("starting").post("/?command=allow", said)).status, 503);
  const broken = house("broken");
  assert.deepEqual(await broken.post("/?command=allow", said), { status: 500, text: "something went wrong here\n" });
  assert.match(broken.events.join(), /^internal\.failed /);
});

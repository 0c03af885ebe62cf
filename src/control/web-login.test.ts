// A login on a page is counted like every other, and tells no more.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClientHandle } from "../counters/counters.ts";
import type { LoginAnswer, Visit } from "../directory/login.ts";
import { createWebLogin } from "./web-login.ts";

const ALICE = "alice@sekimori.test";
const fine = { name: ` ${ALICE}`, password: "ｒight", client: "198.51.100.9", port: 50_000 };
const over = { limit: 3, window: "1h" };

function house(answer: LoginAnswer, connecting: ClientHandle["connecting"] = { kind: "within" }) {
  const asked: { readonly name: string; readonly password: string; readonly visit: Visit }[] = [];
  const events: { readonly name: string; readonly fields: object }[] = [];
  const counted: string[] = [];
  const login = createWebLogin({
    login: (name, password, visit) => {
      asked.push({ name, password, visit });
      return Promise.resolve(answer);
    },
    clients: {
      connect: (client) => {
        counted.push(`open ${client}`);
        return {
          connecting,
          message: () => undefined,
          recipient: () => undefined,
          failed: () => void counted.push("failed"),
          close: () => void counted.push("close"),
        };
      },
    },
    clientFail: () => "closed",
    observer: { emit: (name, fields) => void events.push({ name, fields }) },
  });
  return { login, asked, events, counted };
}

const opened: LoginAnswer = { kind: "account", account: ALICE, credential: { kind: "password", hash: "h" } };

test("a name is prepared as in AUTH and the password goes on as it was typed, and no app password is in question", async () => {
  const { login, asked, events, counted } = house(opened);
  assert.deepEqual(await login(fine), { kind: "account", account: ALICE });
  assert.deepEqual(asked, [
    { name: ALICE, password: fine.password, visit: { scope: "web", client: fine.client, over: undefined } },
  ]);
  assert.deepEqual(
    events.map(({ name }) => name),
    ["auth.succeeded"],
  );
  assert.deepEqual(counted, [`open ${fine.client}`, "close"]);
});

test("each refusal has its reason in the log, and the page hears no more than it may tell", async () => {
  const cases: readonly (readonly [LoginAnswer, string, object])[] = [
    [{ kind: "refused", delay: 4000 }, "auth.credentials", { kind: "refused", delay: 4000 }],
    [{ kind: "wrong-scope" }, "auth.scope", { kind: "refused", delay: 1000 }],
    [{ kind: "held" }, "auth.held", { kind: "held" }],
    [{ kind: "shut", ...over }, "auth.client-logins", { kind: "held" }],
    [{ kind: "busy" }, "auth.busy", { kind: "unavailable" }],
    [{ kind: "unavailable", cause: "the store" }, "auth.unavailable", { kind: "unavailable" }],
  ];
  for (const [answer, reason, told] of cases) {
    const { login, events, counted } = house(answer);
    // oxlint-disable-next-line no-await-in-loop -- a house of its own each
    assert.deepEqual(await login(fine), told);
    assert.deepEqual(
      events.map(({ fields }) => "reason" in fields && fields.reason),
      [reason],
    );
    assert.equal(counted.includes("failed"), answer.kind === "refused");
  }
});

test("what is no password at all is not asked about; a name that looks like none is not logged", async () => {
  const { login, asked, events } = house(opened);
  assert.deepEqual(await login({ ...fine, password: "a\u0000b" }), { kind: "refused", delay: 1000 });
  assert.deepEqual(await login({ ...fine, name: "" }), { kind: "refused", delay: 1000 });
  assert.equal(asked.length, 0);
  const { login: other, events: said } = house({ kind: "refused", delay: 0 });
  await other({ ...fine, name: "my secret password" });
  assert.ok(!JSON.stringify([events, said]).includes("secret"));
});

test("the limits of the client's address hold here as well", async () => {
  const beyond = { kind: "over", window: "1h", used: 3, limit: 3, opensIn: 1 } as const;
  const { login, asked } = house(opened, { kind: "logins", over: beyond });
  await login(fine);
  assert.deepEqual(asked[0]?.visit.over, over);
  for (const [connecting, told] of [
    [{ kind: "rate", over: beyond }, "held"],
    [{ kind: "connections", limit: 1 }, "held"],
    [Promise.resolve({ kind: "unavailable", cause: "gone" } as const), "unavailable"],
  ] as const) {
    const { login: tried, asked: questions } = house(opened, connecting);
    // oxlint-disable-next-line no-await-in-loop -- a house of its own each
    assert.equal((await tried(fine)).kind, told);
    assert.equal(questions.length, 0);
  }
});

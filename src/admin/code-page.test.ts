// The page for codes over HTTP: what is answered to whom, in which form.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CodeEntry, CodePage } from "../control/code-page.ts";
import type { CodeOutcome } from "../control/setup/code-form.ts";
import type { Guide } from "../control/setup/guide.ts";
import { createWebApp } from "./web.ts";

const guide: Guide = {
  autoconfig: () => undefined,
  autodiscover: () => "",
  profile: () => undefined,
  stsPolicy: () => undefined,
  page: () => undefined,
  portTest: () => undefined,
};

function house(outcome: CodeOutcome | "off" | "unnamed" = { kind: "refused", what: "code" }) {
  const entered: CodeEntry[] = [];
  const refused: string[] = [];
  const codes: CodePage = {
    clientOf: ({ client, port }) => {
      if (outcome === "off") return { kind: "none" };
      if (outcome === "unnamed") return { kind: "unnamed", proxy: { client, port } };
      return { kind: "client", client: { client, port } };
    },
    enter: (entry) => {
      entered.push(entry);
      return Promise.resolve(typeof outcome === "string" ? { kind: "unavailable" } : outcome);
    },
    refuse: (_client, cause) => void refused.push(cause),
    text: (language, view) => `${language} ${view.kind}`,
  };
  const app = createWebApp({ guide, codes, observer: { emit: () => undefined }, clock: { wall: () => 0 } });
  const ask = async (
    method: string,
    more: { readonly path?: string; readonly body?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> => {
    const { path = "/code", body, headers } = more;
    const type = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
    const answer = await app.request(path, {
      method,
      headers: { ...type, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  return { ask, entered, refused };
}

const form = "account=alice%40sekimori.test&password=p+w%26&address=carol%40third.example&code=abcde";

test("GET shows the form and never enters anything, whatever is in the query; HEAD is its head; nothing is kept", async () => {
  const { ask, entered } = house();
  const shown = await ask("GET", { path: `/code?${form}` });
  assert.deepEqual([shown.status, shown.text], [200, "en empty"]);
  assert.equal((await ask("GET", { path: "/code?lang=ja" })).text, "ja empty");
  assert.equal((await ask("GET", { headers: { "accept-language": "ja,en;q=0.5" } })).text, "ja empty");
  const head = await ask("HEAD");
  assert.deepEqual([head.status, head.text], [200, ""]);
  for (const { headers } of [shown, head, await ask("POST", { body: form })]) {
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.match(headers.get("content-security-policy") ?? "", /default-src 'none';.*frame-ancestors 'none'/);
    assert.equal(headers.get("set-cookie"), null);
    assert.match(headers.get("content-type") ?? "", /^text\/html; charset=utf-8$/i);
  }
  assert.equal(entered.length, 1);
});

test("what is posted is what was typed, and each outcome has its status", async () => {
  const statuses = [
    [{ kind: "proved", until: "2028-01-15T12:00:00.000Z" }, 200, null],
    [{ kind: "refused", what: "login" }, 403, null],
    [{ kind: "refused", what: "code" }, 403, null],
    [{ kind: "later" }, 429, "600"],
    [{ kind: "unavailable" }, 503, "60"],
  ] as const;
  for (const [outcome, status, again] of statuses) {
    const { ask, entered } = house(outcome);
    // oxlint-disable-next-line no-await-in-loop -- a house of its own each
    const answer = await ask("POST", { path: "/code?lang=ja", body: form });
    assert.deepEqual([answer.status, answer.text, answer.headers.get("retry-after")], [status, "ja answer", again]);
    const { client: _client, ...typed } = entered[0]!;
    assert.deepEqual(typed, {
      account: "alice@sekimori.test",
      password: "p w&",
      address: "carol@third.example",
      code: "abcde",
    });
  }
});

test("what is no form of ours is not looked at", async () => {
  const { ask, entered, refused } = house();
  const cases: readonly (readonly [number, string, Readonly<Record<string, string>>])[] = [
    [400, "account=a&password=b&address=c", {}],
    [400, `${form}&code=another`, {}],
    [400, "", {}],
    [415, "{}", { "content-type": "application/json" }],
    [415, form, { "content-type": "text/plain" }],
    [413, `${form}&more=${"x".repeat(5000)}`, {}],
    [403, form, { "sec-fetch-site": "cross-site", origin: "https://elsewhere.example" }],
    [403, form, { "sec-fetch-site": "same-site" }],
    [403, form, { host: "mx.example.jp", origin: "https://elsewhere.example" }],
  ];
  for (const [status, body, headers] of cases) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assert.equal((await ask("POST", { body, headers })).status, status, JSON.stringify([body.slice(0, 60), headers]));
  }
  assert.equal(entered.length, 0);
  assert.deepEqual(refused, [...Array<string>(5).fill("malformed"), ...Array<string>(3).fill("foreign")]);
  // As a browser posts from the page itself.
  for (const headers of [{ "sec-fetch-site": "same-origin", origin: "null" }, { origin: "null" }, {}]) {
    // oxlint-disable-next-line no-await-in-loop
    assert.equal((await ask("POST", { body: form, headers })).text, "en answer");
  }
});

test("other methods are told which there are; where the page is off there is none", async () => {
  const { ask } = house();
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const answer = await ask(method);
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "GET, HEAD, POST"]);
  }
  const { ask: off, entered } = house("off");
  for (const [method, more] of [
    ["GET", {}],
    ["HEAD", {}],
    ["PUT", {}],
    ["POST", { body: form }],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop
    assert.equal((await off(method, more)).status, 404, method);
  }
  assert.equal(entered.length, 0);
});

test("behind a proxy that does not say who asks there is no form, and why is told", async () => {
  const { ask, entered, refused } = house("unnamed");
  for (const [method, more] of [
    ["GET", {}],
    ["POST", { body: form }],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const answer = await ask(method, more);
    assert.equal(answer.status, 503);
    assert.match(answer.text, /does not say who asks/);
    assert.equal(answer.headers.get("cache-control"), "no-store");
  }
  assert.deepEqual([entered, refused], [[], ["unnamed", "unnamed"]]);
});

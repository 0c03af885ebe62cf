// The API as its document says it is: every route, who may ask it, what it answers; and who it was stands in the log.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { apiDocument } from "../../src/admin/api.ts";
import { problems } from "../../src/admin/problems.ts";
import { allRights, readOnly, startApi } from "../lab/api.ts";
import type { ApiService } from "../lab/api.ts";
import { waitFor } from "../lab/wait.ts";

let service: ApiService;
before(async () => {
  service = await startApi();
});
after(() => service.close());

interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly description: string;
  readonly operationId?: string;
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
}

const document = apiDocument("0.0.0");
const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
  Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    template: new RegExp(`^${path.replaceAll(/\{[^}]*\}/g, "[^/]+")}$`),
    path: path.replace("{address}", "alice@sekimori.test").replace(/\{(?:id|alias|sender|name)\}/, "nothing"),
    operation,
  })),
);

test("the document is OpenAPI 3.1, complete, and every reference in it leads somewhere", () => {
  assert.equal(document.openapi, "3.1.0");
  assert.ok(operations.length >= 19, `${operations.length} operations`);
  const tags = new Set(document.tags?.map(({ name }) => name));
  for (const { name, operation } of operations) {
    assert.match(operation.summary, /^[A-Z].*[^.]$/, name);
    assert.ok(operation.tags.length === 1 && tags.has(operation.tags[0]!), name);
    assert.match(operation.description, /^Needs the right `(read|change)`\.$/, name);
    for (const [status, { description }] of Object.entries(operation.responses)) {
      assert.notEqual(description, "", `${name} ${status}`);
      for (const [, code = ""] of status.startsWith("2") ? [] : description.matchAll(/`([^`]+)`/g))
        assert.equal(String(problems[code as keyof typeof problems].status), status, `${name}: ${code}`);
    }
  }
  const text = JSON.stringify(document);
  assert.ok(!text.includes("x-said"));
  for (const [, name = ""] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
    assert.ok(Object.hasOwn(document.components?.schemas ?? {}, name), name);
});

test("every problem is said by some route or for all, and explained by the server", async () => {
  const said = new Set(
    operations.flatMap(({ operation }) =>
      Object.values(operation.responses).flatMap(({ description }) =>
        [...description.matchAll(/`([^`]+)`/g)].map(([, code]) => code),
      ),
    ),
  );
  const unsaid = Object.keys(problems).filter((code) => !said.has(code));
  // Of paths and methods that are in no document.
  assert.deepEqual(unsaid, ["no-such-path", "method"]);
  for (const [code, { meaning }] of Object.entries(problems)) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const page = await service.ask({ method: "GET", path: `/api/problems/${code}`, headers: { authorization: null } });
    assert.ok(page.status === 200 && page.text.includes(meaning), code);
  }
});

test("the document is served without a token", async () => {
  const answer = await service.ask({ method: "GET", path: "/api/openapi.json", headers: { authorization: null } });
  assert.equal(answer.status, 200);
  assert.deepEqual(
    Object.keys((JSON.parse(answer.text) as { paths: object }).paths),
    Object.keys(document.paths ?? {}),
  );
});

for (const { name, method, path, operation } of operations) {
  test(`${name} keeps to the rights it names, and knows no other method`, async () => {
    const headers = { authorization: `Bearer ${readOnly}` };
    const body = operation.requestBody === undefined ? {} : { body: "{}" };
    const answer = await service.ask({ method, path, headers, ...body });
    const code = answer.status < 400 ? "" : (JSON.parse(answer.text) as { code: string }).code;
    if (operation.description.includes("change")) {
      // What is sent is looked at first, and {} is nothing; where nothing is sent the rights decide.
      assert.ok(code === "rights" || (code === "invalid" && body.body !== undefined), answer.text);
    } else assert.ok(answer.status === 200 || ["invalid", "not-found"].includes(code), answer.text);
    assert.ok(answer.headers["cache-control"] === "no-store");
    // /accounts/import is an account's path as well.
    const known = new Set(operations.filter((each) => each.template.test(path)).map((each) => each.method));
    const unknown = ["PATCH", "PUT", "DELETE"].find((each) => !known.has(each))!;
    const other = await service.ask({ method: unknown, path });
    assert.equal(other.status, 405);
    assert.ok(other.headers.allow?.includes(method), other.headers.allow);
  });
}

test("changes with a token that may only look are refused, whatever they say", async () => {
  const headers = { authorization: `Bearer ${readOnly}` };
  for (const [method, path, body] of [
    ["POST", "accounts", { address: "eve@sekimori.test", password: "correct horse" }],
    ["PUT", "accounts/alice@sekimori.test/password", { password: "correct horse" }],
    ["PUT", "accounts/alice@sekimori.test/standing", { standing: "suspended" }],
    ["POST", "queue/changes", { change: "hold", selector: { kind: "all" } }],
    ["POST", "doctor", { probe: ["192.0.2.1"] }],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const answer = await service.ask({ method, path, headers, body: JSON.stringify(body) });
    assert.deepEqual([answer.status, (JSON.parse(answer.text) as { code: string }).code], [403, "rights"], path);
  }
  assert.equal(service.store.findAccount("alice@sekimori.test")?.suspended, false);
});

test("an account is made, shown, suspended and deleted, and each step is logged with the token's name", async () => {
  service.events.length = 0;
  const path = "accounts/dora@sekimori.test";
  const ask = (method: string, where: string, body?: object): ReturnType<ApiService["ask"]> =>
    service.ask({ method, path: where, body: body === undefined ? undefined : JSON.stringify(body) });
  const made = await ask("POST", "accounts", {
    address: "dora@sekimori.test",
    password: "correct horse battery",
    aliases: ["d@sekimori.test"],
  });
  assert.deepEqual([made.status, made.headers.location], [201, "/api/v1/accounts/dora%40sekimori.test"]);
  const shown = await ask("GET", made.headers.location ?? "");
  const { address, aliases, suspended } = JSON.parse(shown.text) as Record<string, unknown>;
  assert.deepEqual([address, aliases, suspended], ["dora@sekimori.test", ["d@sekimori.test"], false]);
  const first = JSON.parse((await ask("GET", "accounts?limit=1")).text) as {
    total: number;
    entries: object[];
    next: string;
  };
  assert.deepEqual([first.total, first.entries.length, first.next], [2, 1, "alice@sekimori.test"]);
  const second = JSON.parse((await ask("GET", `accounts?limit=1&after=${first.next}`)).text) as typeof first;
  assert.deepEqual([second.total, second.entries.length, second.next], [2, 1, undefined]);
  assert.equal((await ask("PUT", `${path}/standing`, { standing: "suspended" })).status, 204);
  assert.equal((await ask("PUT", `${path}/password`, { password: "another password" })).status, 204);
  assert.equal((await ask("DELETE", path)).status, 204);
  assert.equal((await ask("GET", path)).status, 404);
  const changes = service.events.filter(({ name }) => name === "account.changed").map(({ fields }) => fields);
  assert.deepEqual(
    changes,
    ["added", "suspended", "password", "deleted"].map((change) => ({
      account: "dora@sekimori.test",
      change,
      by: "token portal",
    })),
  );
});

test("a look into the log is written down before it happens, and the third at once is refused", async () => {
  const gate = Promise.withResolvers<{ stories: []; more: false }>();
  let begun = 0;
  const slow = await startApi({
    searchLog: () => {
      begun++;
      return gate.promise;
    },
  });
  try {
    const look = (): ReturnType<ApiService["ask"]> =>
      slow.ask({ method: "POST", path: "traces", body: '{"question":"bob@sekimori.test"}' });
    const two = [look(), look()];
    await waitFor("both to have begun", 10_000, () => (begun >= 2 ? true : undefined));
    assert.equal(slow.events.filter(({ name }) => name === "trace.asked").length, 2);
    const third = await look();
    assert.deepEqual([third.status, third.headers["retry-after"]], [429, "1"]);
    gate.resolve({ stories: [], more: false });
    assert.deepEqual(
      (await Promise.all(two)).map(({ status }) => status),
      [200, 200],
    );
    assert.deepEqual(slow.events.find(({ name }) => name === "trace.asked")?.fields, {
      question: "bob@sekimori.test",
      by: "token portal",
    });
  } finally {
    await slow.close();
  }
});

test("more than 64 questions at once are too many, and the server answers again afterwards", async () => {
  const gate = Promise.withResolvers<{ kind: "applied"; changed: []; restart: [] }>();
  let begun = 0;
  const slow = await startApi({
    reload: () => {
      begun++;
      return gate.promise;
    },
  });
  try {
    const reload = (): ReturnType<ApiService["ask"]> => slow.ask({ method: "POST", path: "reload" });
    const many = Array.from({ length: 64 }, reload);
    await waitFor("all to have begun", 10_000, () => (begun >= 64 ? true : undefined));
    assert.equal((await reload()).status, 429);
    gate.resolve({ kind: "applied", changed: [], restart: [] });
    for (const { status } of await Promise.all(many)) assert.equal(status, 200);
    assert.equal((await reload()).status, 200);
  } finally {
    await slow.close();
  }
});

test("what breaks is a 500 that says nothing, and a line in the log that says all", async () => {
  const broken = await startApi({
    activeMessages: () => {
      throw new Error("secret cause");
    },
  });
  try {
    const answer = await broken.ask({ method: "GET", path: "queue" });
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.text, /secret cause|at /);
    const failed = broken.events.find(({ name }) => name === "internal.failed");
    assert.match(JSON.stringify(failed?.fields), /secret cause/);
  } finally {
    await broken.close();
  }
});

test("the control socket needs no token and takes the name it is told, if that can stand in the log", async () => {
  service.events.length = 0;
  for (const [operator, by] of [
    ["carol", "carol"],
    ["carol and a line", "operator"],
    ["x".repeat(65), "operator"],
    [null, "operator"],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const answer = await service.ask({
      method: "POST",
      path: "traces/notes",
      body: '{"question":"x"}',
      headers: { "sekimori-operator": operator },
      through: "socket",
    });
    assert.equal(answer.status, 204);
    assert.deepEqual(service.events.filter(({ name }) => name === "trace.asked").at(-1)?.fields, { question: "x", by });
  }
});

test("names of the API are its own: addresses, localhost, the host's name and those of the configuration", async () => {
  const named = await startApi({ http: { names: ["admin.example.jp"] } });
  try {
    for (const host of [
      "127.0.0.1:2080",
      "[::1]:2080",
      "192.0.2.1",
      "localhost",
      "LOCALHOST:1",
      "mx.sekimori.test",
      "mx.sekimori.test.",
      "Admin.Example.JP:443",
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      assert.equal((await named.ask({ method: "GET", path: "health", headers: { host } })).status, 200, host);
    }
    const page = { host: "admin.example.jp", origin: "https://admin.example.jp", "sec-fetch-site": "same-origin" };
    assert.equal((await named.ask({ method: "GET", path: "health", headers: page })).status, 200);
  } finally {
    await named.close();
  }
});

test("without tokens in the configuration the one in the state directory opens, until it is made anew", async () => {
  const own = await startApi({ http: { tokens: [] } });
  try {
    const health = async (token: string): Promise<number> =>
      (await own.ask({ method: "GET", path: "health", headers: { authorization: `Bearer ${token}` } })).status;
    assert.equal(await health(allRights), 401);
    const file = `${own.state}/api-token`;
    const first = readFileSync(file, "utf8").trim();
    assert.equal(await health(first), 200);
    const rotated = await own.ask({ method: "POST", path: "token/rotate", through: "socket" });
    const { token } = JSON.parse(rotated.text) as { token: string };
    assert.notEqual(token, first);
    assert.deepEqual([await health(first), await health(token)], [401, 200]);
    assert.equal(readFileSync(file, "utf8").trim(), token);
    assert.ok(!JSON.stringify(own.events).includes(token));
  } finally {
    await own.close();
  }
  assert.equal((await service.ask({ method: "POST", path: "token/rotate", through: "socket" })).status, 409);
});

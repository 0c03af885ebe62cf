// The table of bad calls against the API over real HTTP: each has its status and code, in the same form, and changes nothing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { problems } from "../../src/admin/problems.ts";
import type { ProblemCode } from "../../src/admin/problems.ts";
import { badCalls } from "./api.ts";
import { allRights, startApi } from "../lab/api.ts";
import type { ApiService } from "../lab/api.ts";

let service: ApiService;
before(async () => {
  service = await startApi();
});
after(() => service.close());

const everyone = { after: "", limit: 100 };

test("the table is not smaller than it was", () => {
  assert.ok(badCalls.length >= 80, `${badCalls.length} rows`);
  assert.equal(new Set(badCalls.map(({ name }) => name)).size, badCalls.length);
});

test("every problem but those of a broken or busy server has a row", () => {
  const met = new Set(badCalls.map(({ expect }) => expect.split(" ")[1]));
  const missing = Object.keys(problems).filter((code) => !met.has(code));
  assert.deepEqual(missing, ["busy", "internal", "not-ready"]);
});

for (const { name, method, path, headers, body, expect } of badCalls) {
  test(`${name}: ${expect}`, async () => {
    service.events.length = 0;
    const accounts = service.store.listAccounts(everyone);
    const answer = await service.ask({ method, path, headers, body });
    const [status, code] = expect.split(" ");
    assert.equal(String(answer.status), status, answer.text);
    if (code !== undefined) {
      assert.equal(answer.headers["content-type"], "application/problem+json");
      const told = JSON.parse(answer.text) as Record<string, unknown>;
      assert.deepEqual(
        [told["status"], told["code"], told["type"], told["title"]],
        [answer.status, code, `/api/problems/${code}`, problems[code as ProblemCode].title],
      );
      if (status === "401") assert.match(answer.headers["www-authenticate"] ?? "", /^Bearer /);
      if (status === "405") assert.match(answer.headers.allow ?? "", /^[A-Z]+(, [A-Z]+)*$/);
      if (status === "422") assert.ok(Array.isArray(told["errors"]) || typeof told["detail"] === "string");
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
      assert.doesNotMatch(answer.text, /ZodError|node_modules|\.ts:/);
    }
    assert.doesNotMatch(answer.text + JSON.stringify(service.events), new RegExp(`${allRights}|argon2`));
    assert.deepEqual(service.store.listAccounts(everyone), accounts, "nothing has changed");
    assert.ok(!service.events.some((event) => event.name === "internal.failed"), JSON.stringify(service.events));
    const refusals = service.events.filter((event) => event.name === "api.refused");
    assert.equal(
      refusals.length,
      /^(401|403)/.test(expect) && !path.startsWith("/") ? 1 : 0,
      JSON.stringify(service.events),
    );
  });
}

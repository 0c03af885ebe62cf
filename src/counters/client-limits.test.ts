import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrefix } from "../base/prefix.ts";
import { createClientLimits } from "./client-limits.ts";
import type { ClientLimits, ClientRules } from "./client-limits.ts";

const minute = (limit: number) => [{ name: "1m", length: 60_000, limit }];

function withRules(rules: Partial<ClientRules>): { readonly limits: ClientLimits; at: number } {
  const all = { connections: 100, connectionRate: [], messages: [], recipients: [], authFailures: [], exempt: [] };
  const time = { at: 0 };
  const limits = createClientLimits({ ...all, ...rules }, () => time.at);
  return Object.assign(time, { limits });
}

test("so many connections at once, and one more when one has ended", () => {
  const { limits } = withRules({ connections: 2 });
  const first = limits.connect("192.0.2.1");
  limits.connect("192.0.2.1");
  const third = limits.connect("192.0.2.1");
  assert.deepEqual(third.connecting, { kind: "connections", limit: 2 });
  assert.equal(limits.connect("192.0.2.2").connecting.kind, "within");
  third.close();
  first.close();
  first.close();
  assert.equal(limits.connect("::ffff:192.0.2.1").connecting.kind, "within", "the same client, mapped");
  assert.equal(limits.connect("192.0.2.1").connecting.kind, "connections");
});

test("a /64 is one client, the next one another", () => {
  const { limits } = withRules({ connections: 1 });
  limits.connect("2001:db8:0:1::1");
  assert.equal(limits.connect("2001:db8:0:1:ffff::2").connecting.kind, "connections");
  assert.equal(limits.connect("2001:db8:0:2::1").connecting.kind, "within");
});

test("rates hold over their windows, and open again", () => {
  const house = withRules({ connectionRate: minute(2), messages: minute(1), recipients: minute(3) });
  const { limits } = house;
  const client = limits.connect("192.0.2.1");
  limits.connect("192.0.2.1").close();
  const third = limits.connect("192.0.2.1").connecting;
  assert.equal(third.kind, "rate");
  assert.equal(client.message()?.kind, "within");
  assert.equal(client.message()?.kind, "over");
  assert.deepEqual(
    [1, 2, 3, 4].map(() => client.recipient()?.kind),
    ["within", "within", "within", "over"],
  );
  house.at = 61_000;
  limits.sweep();
  assert.equal(limits.connect("192.0.2.1").connecting.kind, "within");
  assert.equal(client.message()?.kind, "within");
});

test("failed logins of all sessions of an address are counted together", () => {
  const house = withRules({ authFailures: minute(2) });
  const client = house.limits.connect("192.0.2.1");
  client.failed();
  assert.equal(house.limits.connect("192.0.2.1").connecting.kind, "within");
  client.failed();
  assert.equal(house.limits.connect("192.0.2.1").connecting.kind, "logins");
  assert.equal(house.limits.connect("192.0.2.9").connecting.kind, "within");
  house.at = 61_000;
  assert.equal(house.limits.connect("192.0.2.1").connecting.kind, "within");
});

test("exempt prefixes are not counted", () => {
  const prefix = parsePrefix("192.0.2.0/24");
  assert.ok(prefix.ok);
  const { limits } = withRules({ connections: 1, messages: minute(0), exempt: [prefix.value] });
  for (let round = 0; round < 3; round++) {
    const client = limits.connect("192.0.2.7");
    assert.equal(client.connecting.kind, "within");
    assert.equal(client.message(), undefined);
  }
  limits.connect("198.51.100.1");
  assert.equal(limits.connect("198.51.100.1").connecting.kind, "connections");
});

test("other rules hold at once, with what was counted so far", () => {
  const { limits } = withRules({ connections: 3, messages: minute(5) });
  const client = limits.connect("192.0.2.1");
  client.message();
  client.message();
  const rules = { connections: 1, connectionRate: [], recipients: [], authFailures: [] };
  limits.replaceRules({ ...rules, messages: minute(3), exempt: [] });
  assert.equal(client.message()?.kind, "within");
  assert.equal(client.message()?.kind, "over");
  assert.equal(limits.connect("192.0.2.1").connecting.kind, "connections");
  const prefix = parsePrefix("192.0.2.0/24");
  assert.ok(prefix.ok);
  limits.replaceRules({ ...rules, messages: minute(3), exempt: [prefix.value] });
  assert.equal(limits.connect("192.0.2.1").connecting.kind, "within");
});

// What does not fit into a device is an error that names the filter, what it needs and what there is; figures have a source,
// and where there is none nothing is refused.

import assert from "node:assert/strict";
import { test } from "node:test";
import { budgets, overBudget } from "../../src/compile/targets/budgets.ts";
import { targetNamed } from "../../src/compile/targets/index.ts";
import { platforms } from "../../src/policy/network/platforms.ts";
import type { TargetKind, TargetSettings } from "../../src/policy/network/policy.ts";
import { policyOf } from "../../src/policy/network/test-policy.ts";
import { benchOf } from "./mutants.ts";
import type { Bench } from "./mutants.ts";
import { renderOptions } from "./devices.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const interfaces = { customerInterfaces: ["ge-0/0/1"] };

/** One pool of as many prefixes, none of which joins another, blocked whole. */
function poolOf(count: number, settings: TargetSettings): Bench {
  const prefixes = Array.from({ length: count }, (_, index) => `20.${index >> 7}.${(index & 127) * 2}.0/24`);
  const since = Date.UTC(2026, 0, 1);
  const policy = policyOf({
    pools: [
      {
        kind: "dynamic",
        prefixes,
        stages: [{ at: since, stage: "full" }],
        inbound: { from: since, until: undefined },
        sav: undefined,
        lines: [],
      },
    ],
    servers: [],
    partners: [],
    carriers: [],
    thirdParties: [],
    exemptions: [],
  });
  return benchOf(targetNamed(settings.kind)!, policy, settings, { kind: "interfaces" }, specimenAt);
}

function messagesOf({ target, projection, options }: Bench): readonly string[] {
  const rendered = target.render(projection.program, options);
  return rendered.ok ? [] : rendered.error.map(({ message }) => message);
}

for (const kind of ["cisco-ios-xe", "junos", "nokia-sros", "vyos", "mikrotik-routeros"] as readonly TargetKind[]) {
  test(`${kind}: the operator's own budget is kept`, () => {
    const settings = specimenSettings(kind, { customerInterfaces: ["cust0", "cust1"] });
    const bench = benchOf(targetNamed(kind)!, specimen, settings, { kind: "interfaces" }, specimenAt);
    assert.deepEqual(messagesOf(bench), []);
    const small = messagesOf({ ...bench, options: { ...bench.options, budget: 3 } });
    assert.ok(small.length > 0);
    for (const message of small)
      assert.match(message, /^\S+ needs \d+ (?:entries|terms|rules), the device has room for 3$/);
  });
}

test("hardware with known limits is kept to them, direction by direction", () => {
  const settings = specimenSettings("junos", { ...interfaces, platform: "juniper-qfx3500" });
  // One term for each prefix of the pool, and those of both families for the rest.
  assert.deepEqual(messagesOf(poolOf(766, settings)), []);
  const [message, ...more] = messagesOf(poolOf(768, settings));
  assert.match(message!, /what enters needs 770 terms, the device has room for 768 \(Juniper, Planning/);
  assert.deepEqual(more, []);
  const both = messagesOf(poolOf(1024, settings));
  assert.equal(both.length, 2);
  assert.match(both[1]!, /what leaves needs 1026 terms, the device has room for 1024/);
  // What the operator says comes first, and hardware of another kind says nothing.
  assert.deepEqual(messagesOf({ ...poolOf(768, settings), options: { ...renderOptions, settings, budget: 2000 } }), []);
  assert.deepEqual(messagesOf(poolOf(1024, specimenSettings("junos", interfaces))), []);
});

test("limits of each filter apart", () => {
  const settings = specimenSettings("junos", { ...interfaces, platform: "juniper-ex3300" });
  assert.deepEqual(messagesOf(poolOf(1435, settings)), []);
  const messages = messagesOf(poolOf(1436, settings));
  assert.equal(messages.length, 2);
  for (const message of messages)
    assert.match(message, /^[oi]p25b-v4-r1 needs 1437 terms, the device has room for 1436/);
});

test("prefixes are aggregated before they are counted", () => {
  const settings = specimenSettings("junos", { ...interfaces, platform: "juniper-qfx3500" });
  const { target, projection, options } = poolOf(2, settings);
  const halves = Array.from({ length: 4096 }, (_, index) => `20.${index >> 8}.${index & 255}.0/24`);
  const policy = policyOf({
    pools: [
      {
        kind: "dynamic",
        prefixes: halves,
        stages: [{ at: Date.UTC(2026, 0, 1), stage: "full" }],
        inbound: undefined,
        sav: undefined,
        lines: [],
      },
    ],
    servers: [],
    partners: [],
    carriers: [],
    thirdParties: [],
    exemptions: [],
  });
  assert.ok(target.render(projection.program, options).ok);
  assert.deepEqual(messagesOf(benchOf(target, policy, settings, { kind: "interfaces" }, specimenAt)), []);
});

test("the usual budget of a kind holds where nothing else is said", () => {
  const [error] = overBudget("vyos", "rules", [{ name: "chain", direction: "both", count: 1_000_000 }], renderOptions);
  assert.match(error!.message, /chain needs 1000000 rules, the device has room for 999999 \(VyOS/);
  assert.deepEqual(
    overBudget("mikrotik-routeros", "rules", [{ name: "c", direction: "in", count: 5e6 }], renderOptions),
    [],
  );
});

test("every figure has a source", () => {
  for (const { source, in: enters, out: leaves, kind } of Object.values(platforms)) {
    assert.match(source, /^(?:Juniper|Nokia|Cisco|Arista), .{10,}/);
    assert.ok(enters > 0 && leaves > 0 && targetNamed(kind) !== undefined);
  }
  for (const budget of Object.values(budgets)) assert.ok(budget === undefined || budget.source.length > 10);
});

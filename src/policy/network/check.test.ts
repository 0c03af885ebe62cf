// What check.ts proves about time, against trying: every instant, every conversation of a small universe.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checkPolicy } from "./check.ts";
import { prepareOracle } from "./evaluate.ts";
import { stops } from "./problems.ts";
import { plainTarget } from "./policy.ts";
import type { TargetSettings } from "./policy.ts";
import { anyPolicy, lastInstant, packetOf, policyOf } from "./test-policy.ts";
import type { PacketSketch, PolicySketch } from "./test-policy.ts";

/** One at least of each region that prefixes of the random policies can tell apart: a /24 without its first /28 is one as well. */
const hosts = [
  ...Array.from({ length: 16 }, (_, last) => [`192.0.2.${last}`, `2001:db8::${last.toString(16)}`]).flat(),
  "192.0.2.200",
  "198.51.100.7",
  "2001:db8:1::7",
  "2600::7",
  "fe80::1",
];
const out: PacketSketch = {
  source: "",
  destination: "",
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 25,
  flags: "syn",
  fragment: "whole",
  direction: "up",
  line: undefined,
  subscriber: undefined,
};
/** Each conversation: what goes out, and its answer. */
const conversations = hosts.flatMap((near) =>
  hosts
    .filter((far) => far.includes(":") === near.includes(":"))
    .map((far) => {
      const answer: PacketSketch = {
        ...out,
        sourcePort: 25,
        destinationPort: 40_000,
        flags: "other",
        direction: "down",
      };
      return {
        asked: packetOf({ ...out, source: near, destination: far }),
        answered: packetOf({ ...answer, source: far, destination: near }),
      };
    }),
);

/** Whether at any instant from one on something is let out whose answer is not let in. */
function cutsSomewhere(sketch: PolicySketch, from: number): boolean {
  const oracle = prepareOracle(policyOf(sketch));
  for (let at = from; at <= lastInstant; at++) {
    const cut = conversations.some(
      ({ asked, answered }) =>
        oracle(asked, at, { kind: "interfaces" }).decision === "pass" &&
        oracle(answered, at, { kind: "interfaces" }).decision === "block",
    );
    if (cut) return true;
  }
  return false;
}

describe("check", () => {
  test("finds IP25B that is wider than OP25B at any instant to come, and nothing else", () => {
    let found = 0;
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 0, max: lastInstant }), (sketch, from) => {
        const alone = { ...sketch, pools: sketch.pools.slice(0, 1) };
        const told = checkPolicy(policyOf(alone), from).some(({ id }) => id === "inbound-wider");
        assert.equal(told, cutsSomewhere(alone, from));
        if (told) found++;
      }),
      { numRuns: 120 },
    );
    assert.ok(found > 5, `${found} were wider`);
  });

  test("where nothing stops, every answer arrives, also with several pools", () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: 0, max: lastInstant }), (sketch, from) => {
        const problems = checkPolicy(policyOf(sketch), from);
        const isCut = problems.some(({ id }) => id === "inbound-wider" || id === "answer-cut");
        if (!isCut) assert.equal(cutsSomewhere(sketch, from), false);
      }),
      { numRuns: 120 },
    );
  });

  test("an expired permit is an error and does not stop anything", () => {
    const sketch = { partners: [{ from: 0, until: 5, prefixes: ["192.0.2.128/28"] }] };
    const problems = checkPolicy(policyOf(sketch), 6);
    assert.deepEqual(
      problems.map((problem) => [problem.id, stops(problem)]),
      [["permit-expired", false]],
    );
    assert.deepEqual(checkPolicy(policyOf(sketch), 4), []);
  });
});

describe("IP25B that no target enforces", () => {
  const base = policyOf({
    pools: [
      {
        kind: "dynamic",
        prefixes: ["192.0.2.0/28", "2001:db8::/124"],
        stages: [{ at: 0, stage: "full" }],
        inbound: { from: 0, until: undefined },
        sav: undefined,
        lines: [],
      },
    ],
  });
  const target = { name: "a", kind: "nftables", ...plainTarget } as const satisfies TargetSettings;
  const cases: readonly (readonly [string, readonly TargetSettings[], boolean])[] = [
    ["without targets nothing is known", [], false],
    ["a target at its usual place", [target], false],
    ["only what leaves", [{ ...target, placement: { kind: "edge-out" } }], true],
    [
      "only what subscribers send",
      [{ ...target, kind: "radius", placement: { kind: "line-out", pool: "pool0" } }],
      true,
    ],
    [
      "both ways at another pool's lines",
      [{ ...target, kind: "radius", placement: { kind: "line", pool: "else" } }],
      true,
    ],
    [
      "one of two sees it",
      [
        { ...target, placement: { kind: "line-out", pool: "pool0" } },
        { ...target, placement: { kind: "edge-in" } },
      ],
      false,
    ],
    ["what only publishes is no filter", [{ ...target, kind: "json", placement: { kind: "edge-out" } }], false],
  ];
  for (const [name, targets, isTold] of cases) {
    test(name, () => {
      const found = checkPolicy({ ...base, targets }, 1).filter(({ id }) => id === "inbound-nowhere");
      assert.equal(found.length, isTold ? 1 : 0);
    });
  }
});

// What check.ts proves about time, against trying: every instant, every conversation of a small universe.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { checkPolicy } from "./check.ts";
import { prepareOracle } from "./evaluate.ts";
import { stops } from "./problems.ts";
import { anyPolicy, lastInstant, packetOf, policyOf } from "./test-policy.ts";
import type { PacketSketch, PolicySketch } from "./test-policy.ts";

const hosts = [
  ...Array.from({ length: 16 }, (_, last) => [`192.0.2.${last}`, `2001:db8::${last.toString(16)}`]).flat(),
  "198.51.100.7",
  "2001:db8:1::7",
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

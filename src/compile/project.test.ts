import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { hasAddress } from "../base/address-set.ts";
import { prepareOracle } from "../policy/network/evaluate.ts";
import { anyPacket, anyPlacement, anyPolicy, lastInstant, packetOf, policyOf } from "../policy/network/test-policy.ts";
import { decide } from "./decide.ts";
import type { Program } from "./ir.ts";
import { project } from "./project.ts";
import { verify } from "./verify.ts";

const can = { validation: ["list", "strict"], counters: true } as const;

test("a program decides as the policy says, at every instant and place", () => {
  const seen = { pass: 0, block: 0 };
  fc.assert(
    fc.property(
      anyPolicy.map(policyOf),
      fc.integer({ min: -1, max: lastInstant + 1 }),
      anyPlacement,
      fc.array(anyPacket.map(packetOf), { minLength: 150, maxLength: 150 }),
      (policy, at, placement, packets) => {
        const oracle = prepareOracle(policy);
        const { program, scope } = project(policy, at, placement, { customers: [], upstreams: [] }, can);
        for (const packet of packets) {
          if (!scope.directions.includes(packet.direction) || !scope.lines.includes(packet.line)) continue;
          const [near, within] =
            packet.direction === "up" ? [packet.source, scope.sources] : [packet.destination, scope.destinations];
          if (!hasAddress(within, near)) continue;
          const { decision } = oracle(packet, at, placement);
          seen[decision]++;
          const decided = decide(program, { ...packet, upstream: undefined });
          assert.equal(decided.action.kind === "block", decision === "block", JSON.stringify(decided));
        }
      },
    ),
    { numRuns: 600 },
  );
  assert.ok(seen.block > 300 && seen.pass > 3000, JSON.stringify(seen));
});

test("until the next change the program is the same, and terms that only count change nothing", () => {
  fc.assert(
    fc.property(
      anyPolicy.map(policyOf),
      fc.integer({ min: -1, max: lastInstant }),
      anyPlacement,
      (policy, at, placement) => {
        const interfaces = { customers: [], upstreams: [] };
        const { program, scope, validUntil } = project(policy, at, placement, interfaces, can);
        const last = project(policy, (validUntil ?? lastInstant + 2) - 1, placement, interfaces, can);
        assert.equal(verify(program, last.program, scope).kind, "equal");
        const withoutCounting: Program = {
          ...program,
          filters: program.filters.map((filter) => ({
            ...filter,
            terms: filter.terms.filter(({ purpose }) => purpose === undefined),
          })),
        };
        assert.equal(verify(program, withoutCounting, scope).kind, "equal");
      },
    ),
    { numRuns: 80 },
  );
});

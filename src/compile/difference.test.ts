import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { setOf } from "../base/address-set.ts";
import { linePoolOf } from "../policy/network/policy.ts";
import { anyPacket, anyPlacement, anyPolicy, lastInstant, packetOf, policyOf } from "../policy/network/test-policy.ts";
import { decide } from "./decide.ts";
import { reachBetween } from "./difference.ts";
import type { Reach } from "./difference.ts";
import { project } from "./project.ts";
import { namedSet, pass, wholeScope } from "./ir.ts";
import type { Program } from "./ir.ts";
import type { FilteredPacket } from "./packet.ts";

const can = { validation: [], counters: true } as const;

function speaksOf(reach: Reach, packet: FilteredPacket): boolean {
  const [near, far] =
    reach.nearEnd === "source" ? [packet.source, packet.destination] : [packet.destination, packet.source];
  return (
    reach.family === packet.family &&
    reach.directions.includes(packet.direction) &&
    reach.kind.protocol === packet.protocol &&
    reach.near.has(near) &&
    reach.far.has(far)
  );
}

test("a conversation is told of if and only if two policies decide it differently", () => {
  const seen = { same: 0, blocked: 0, open: 0 };
  fc.assert(
    fc.property(
      fc.tuple(anyPolicy.map(policyOf), anyPolicy.map(policyOf)),
      fc.tuple(fc.integer({ min: -1, max: lastInstant + 1 }), fc.integer({ min: -1, max: lastInstant + 1 })),
      anyPlacement.filter((placement) => linePoolOf(placement) === undefined),
      fc.array(anyPacket.map(packetOf), { minLength: 60, maxLength: 60 }),
      (policies, instants, placement, packets) => {
        const interfaces = { customers: [], upstreams: [] };
        const [before, after] = policies.map((policy, index) =>
          project(policy, instants[index]!, placement, interfaces, can),
        );
        const scope = { ...after!.scope, lines: [undefined] };
        const reaches = reachBetween(before!.program, after!.program, scope);
        for (const plain of packets) {
          const unknown = { line: undefined, upstream: undefined, subscriber: undefined } as const;
          const packet = { ...plain, protocol: 6, fragment: "whole", ...unknown } as const;
          if (!scope.directions.includes(packet.direction)) continue;
          for (const [sourcePort, destinationPort] of [
            [40_000, 25],
            [25, 40_000],
          ]) {
            const asked: FilteredPacket = { ...packet, sourcePort, destinationPort };
            const was = decide(before!.program, asked).action.kind;
            const willBe = decide(after!.program, asked).action.kind;
            const becomes = was === willBe ? "same" : willBe === "block" ? "blocked" : "open";
            seen[becomes]++;
            const told = reaches.filter(
              (reach) =>
                speaksOf(reach, asked) &&
                (reach.kind.destinationPort === 25) === (destinationPort === 25) &&
                (reach.kind.sourcePort === 25) === (sourcePort === 25),
            );
            assert.deepEqual(
              told.map((reach) => reach.becomes),
              becomes === "same" ? [] : [becomes],
            );
          }
        }
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(seen.blocked > 30 && seen.open > 30 && seen.same > 1000, JSON.stringify(seen));
});

test("a filter that somebody tampered with is told of by its own ports", () => {
  const reaches = reachBetween(block(587, "192.0.2.0/24"), block(25, "192.0.2.0/24"), wholeScope);
  assert.deepEqual(
    reaches.map(({ family, becomes, kind, near, far }) => [
      family,
      becomes,
      kind.destinationPort,
      near.prefixes(),
      far.prefixes(),
    ]),
    [
      [4, "open", 587, ["192.0.2.0/24"], ["0.0.0.0/0"]],
      [4, "blocked", 25, ["192.0.2.0/24"], ["0.0.0.0/0"]],
    ],
  );
});

/** Drops what goes to a port, from a source. */
function block(port: number, source: string): Program {
  return {
    filters: [
      {
        name: "f",
        terms: [
          {
            id: "line 1",
            match: {
              protocol: 6,
              destinationPorts: [{ first: port, last: port }],
              source: namedSet("s", setOf(source)),
            },
            action: { kind: "block", manners: ["drop"] },
          },
        ],
        otherwise: pass,
      },
    ],
    bindings: [{ filter: "f", place: { kind: "everywhere" }, direction: "both", family: "both" }],
    validations: [],
  };
}

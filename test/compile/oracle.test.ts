// For each target: random policies, printed and read back, decide random packets as the oracle does. The exact comparison
// stands in compile.ts; this one holds it, the printers and the parsers together against the meaning of the policy.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AddressSets } from "../../src/base/address-set.ts";
import { parseAddress } from "../../src/base/address.ts";
import type { Address, Family } from "../../src/base/address.ts";
import { decide } from "../../src/compile/decide.ts";
import type { Scope } from "../../src/compile/ir.ts";
import { targets } from "../../src/compile/targets/index.ts";
import { prepareOracle } from "../../src/policy/network/evaluate.ts";
import { placementAt, targetKinds } from "../../src/policy/network/policy.ts";
import type { Packet } from "../../src/policy/network/packet.ts";
import { anyPolicy, lastInstant, policyOf } from "../../src/policy/network/test-policy.ts";
import { benchOf } from "./mutants.ts";
import { specimenSettings } from "./specimen.ts";

const lines = ["eth1", "eth2"];
const policies = 150;
const packetsEach = 1400;
/** Of a target at one pool's sessions: pools may have one family or none. */
const packetsOfPool = 3 * packetsEach;

/** The same for the same seed: the generators of fast-check would take most of the time. */
function* somePackets(seed: number, tries: number, { sources, destinations }: Scope): Generator<Packet> {
  const within = (sets: AddressSets): Readonly<Record<Family, readonly Address[]>> => ({
    4: addresses[4].filter((address) => sets.v4.has(address)),
    6: addresses[6].filter((address) => sets.v6.has(address)),
  });
  // What goes up begins, and what goes down ends, where the target is answerable for it.
  const ends = {
    up: { source: within(sources), destination: addresses },
    down: { source: addresses, destination: within(destinations) },
  };
  let state = seed >>> 0;
  const below = (count: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % count;
  };
  for (let count = 0; count < tries; count++) {
    const family = below(2) === 0 ? 4 : 6;
    const protocol = [6, 6, 6, 17, 1][below(5)]!;
    const port = (): number | undefined => (protocol === 1 ? undefined : [25, 25, 25, 587, 40_000][below(5)]);
    const direction = below(2) === 0 ? "up" : "down";
    const { source, destination } = ends[direction];
    if (source[family].length === 0 || destination[family].length === 0) continue;
    yield {
      family,
      source: source[family][below(source[family].length)]!,
      destination: destination[family][below(destination[family].length)]!,
      protocol,
      sourcePort: port(),
      destinationPort: port(),
      flags: protocol === 6 && below(2) === 0 ? "syn" : "other",
      fragment: below(5) === 0 ? "first" : "whole",
      direction,
      line: direction === "up" ? [undefined, ...lines][below(3)] : undefined,
      subscriber: undefined,
    };
  }
}

/** Those that random policies speak of, and others. */
const addresses = {
  4: [...Array.from({ length: 16 }, (_, last) => `192.0.2.${last}`), "0.0.0.0", "198.51.100.7"].map((text) =>
    parseAddress(text)!,
  ),
  6: [...Array.from({ length: 16 }, (_, last) => `2001:db8::${last.toString(16)}`), "::", "fe80::1"].map((text) =>
    parseAddress(text)!,
  ),
} as const;

for (const target of targets.filter(({ publish }) => publish === undefined)) {
  test(`${target.name}: what is read back decides as the oracle`, () => {
    const kind = targetKinds.find((one) => one === target.name)!;
    const usual = target.capabilities.placements[0]!;
    const placement = placementAt(usual, "pool0");
    const settings = specimenSettings(kind, {
      placement,
      customerInterfaces: usual === "interfaces" ? lines : [],
      validationOff: true,
      zone: "dynamic.example",
      budget: 1_000_000,
    });
    const sayable = anyPolicy
      .map((sketch) => ({
        ...sketch,
        exemptions: sketch.exemptions.filter((one) => target.capabilities.subscribers || !("subscriber" in one)),
      }))
      .map(policyOf);
    const instants = fc.integer({ min: 0, max: lastInstant });
    const seen = { pass: 0, block: 0 };
    fc.assert(
      fc.property(sayable, instants, fc.nat(), (policy, at, seed) => {
        const bench = benchOf(target, policy, settings, placement, at);
        const { scope, program } = bench.projection;
        const rendered = target.render(program, { ...bench.options, budget: 1_000_000 });
        assert.ok(rendered.ok, JSON.stringify(rendered));
        const parsed = target.parse(rendered.value, bench.context);
        assert.ok(parsed.ok, JSON.stringify(parsed));
        const oracle = prepareOracle(policy);
        for (const packet of somePackets(seed, usual === "line" ? packetsOfPool : packetsEach, scope)) {
          if (!scope.directions.includes(packet.direction)) continue;
          const placed =
            usual === "interfaces" ? { ...packet, line: packet.line === "eth2" ? "eth2" : "eth1" } : packet;
          if (placed.direction === "up" && !scope.lines.includes(placed.line)) continue;
          const { decision } = oracle(placed, at, placement);
          seen[decision]++;
          const decided = decide(parsed.value, { ...placed, upstream: undefined });
          assert.equal(decided.action.kind === "block" ? "block" : "pass", decision, JSON.stringify(decided));
        }
      }),
      { numRuns: policies },
    );
    assert.ok(seen.block + seen.pass >= 100_000, JSON.stringify(seen));
    assert.ok(seen.block > 1000 && seen.pass > 1000, JSON.stringify(seen));
  });
}

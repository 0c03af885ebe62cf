// One measurement in a process of its own, so that its peak memory is its own: `one.ts SIZE TARGET…` compiles, `one.ts SIZE
// evaluate` asks the oracle. Prints JSON, also where a target says that it cannot say such a policy.

import { parsePrefixLines } from "../../src/base/address-lines.ts";
import { placedTarget } from "./targets.ts";
import { checkPolicy } from "../../src/policy/network/check.ts";
import { prepareOracle } from "../../src/policy/network/evaluate.ts";
import type { Packet } from "../../src/policy/network/packet.ts";
import { verify } from "../../src/compile/verify.ts";
import { specimenAt } from "../../test/compile/specimen.ts";
import { madeUpPrefixes, realPrefixes, samplePolicy } from "./sample.ts";

export type Outcome =
  | ({ readonly kind: "measured" } & Measured)
  /** With the first reason. */
  | { readonly kind: "refused"; readonly cause: string };

export interface Measured {
  readonly prefixes: number;
  /** Milliseconds of each step; those of several targets added up. */
  readonly steps: Readonly<Record<string, number>>;
  readonly total: number;
  /** Processor time of the whole process in milliseconds, which other work on the machine does not change much. */
  readonly cpu: number;
  readonly octets: number;
  readonly peakMebibytes: number;
  readonly packetsPerSecond: number | undefined;
}

const [size = "", ...what] = process.argv.slice(2);
const lines = size === "real" ? realPrefixes() : madeUpPrefixes(Number(size));
if (lines === undefined) throw new Error("the routing table is not here");

const steps: Record<string, number> = {};
let last = performance.now();
function step(name: string): void {
  const now = performance.now();
  steps[name] = (steps[name] ?? 0) + now - last;
  last = performance.now();
}

const begin = performance.now();
last = begin;
const { addresses, count } = parsePrefixLines(lines);
const policy = samplePolicy(addresses);
step("read");
checkPolicy(policy, specimenAt);
step("check");
let octets = 0;
let packetsPerSecond: number | undefined;
let refused: string | undefined;
if (what[0] === "evaluate") packetsPerSecond = evaluateMany();
else {
  for (const name of what) {
    const bench = placedTarget(name, policy, specimenAt);
    step("project");
    const rendered = bench.target.render(bench.projection.program, bench.options);
    if (!rendered.ok) {
      refused = `${name}: ${rendered.error[0]?.message}`;
      break;
    }
    for (const { text } of rendered.value) octets += text.length;
    step("print");
    const parsed = bench.target.parse(rendered.value, bench.context);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    step("parse back");
    const result = verify(bench.projection.program, parsed.value, bench.projection.scope);
    if (result.kind !== "equal") throw new Error(`${name}: not equal`);
    step("verify");
  }
}
const measured: Outcome = {
  kind: "measured",
  prefixes: count,
  steps,
  total: performance.now() - begin,
  cpu: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
  octets,
  peakMebibytes: process.resourceUsage().maxRSS / 1024,
  packetsPerSecond,
};
console.log(JSON.stringify(refused === undefined ? measured : { kind: "refused", cause: refused }));

/** SYNs to port 25 from all over the pool's space, half of them inside. */
function evaluateMany(): number {
  const oracle = prepareOracle(policy);
  const packets = Array.from({ length: 4096 }, (_, index): Packet => ({
    family: 4,
    source: Uint32Array.of((0x1400_0000 + ((Math.imul(index, 2_654_435_761) >>> 0) % (count * 16))) >>> 0),
    destination: Uint32Array.of(Math.imul(index, 40_503) >>> 0),
    protocol: 6,
    sourcePort: 40_000,
    destinationPort: 25,
    flags: "syn",
    fragment: "whole",
    direction: "up",
    line: undefined,
    subscriber: undefined,
  }));
  const placement = { kind: "edge" } as const;
  let blocked = 0;
  const ask = (): void => {
    for (const packet of packets) if (oracle(packet, specimenAt, placement).decision === "block") blocked++;
  };
  for (let round = 0; round < 20; round++) ask();
  step("prepare");
  const rounds = 500;
  for (let round = 0; round < rounds; round++) ask();
  step("evaluate");
  if (blocked === 0) throw new Error("nothing was blocked: the packets miss the pool");
  return (rounds * packets.length) / (steps["evaluate"]! / 1000);
}

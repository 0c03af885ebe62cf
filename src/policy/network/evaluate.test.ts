// The oracle against a reference that was written from the sentences of docs/reference/network.md alone: octet by octet,
// rule by rule, without sets, indexes or the lists of in-force.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseIp } from "../../base/ip.ts";
import { evaluate, prepareOracle } from "./evaluate.ts";
import { nextChange } from "./in-force.ts";
import type { Period, Placement } from "./policy.ts";
import { anyPacket, anyPlacement, anyPolicy, lastInstant, packetOf, policyOf } from "./test-policy.ts";
import type { PacketSketch, PolicySketch, PoolSketch } from "./test-policy.ts";

/** Of packets of every kind one in fifty is blocked, and not always. */
const smtpStart = anyPacket.map((packet) => ({
  ...packet,
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 25,
  flags: "syn" as const,
  fragment: "whole" as const,
  direction: "up" as const,
}));

function bits(octets: Uint8Array): string {
  return [...octets].map((octet) => octet.toString(2).padStart(8, "0")).join("");
}

/** Bit by bit. */
function within(address: string, prefix: string): boolean {
  const [network = "", length = "128"] = prefix.split("/");
  const [a, b] = [parseIp(address)!, parseIp(network)!];
  if (a.length !== b.length) return false;
  const count = prefix.includes("/") ? Number(length) : a.length * 8;
  return bits(a).slice(0, count) === bits(b).slice(0, count);
}

function inAny(address: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => within(address, prefix));
}

function during(period: Period, at: number): boolean {
  return at >= (period.from ?? -1) && at < (period.until ?? 1000);
}

function savBlocks(sketch: PolicySketch, packet: PacketSketch, at: number): boolean {
  if (packet.direction !== "up" || packet.line === undefined) return false;
  const members = sketch.pools.flatMap((pool) =>
    pool.lines.filter(({ name }) => name === packet.line).map((line) => ({ pool, line })),
  );
  if (!members.some(({ pool }) => pool.sav !== undefined && during(pool.sav, at))) return false;
  if (inAny(packet.source, ["0.0.0.0/32", "::/128", "fe80::/10"])) return false;
  return !members.some(({ pool, line }) => inAny(packet.source, line.prefixes ?? pool.prefixes));
}

/** Whether the conversation of somebody in the pool with a far end on port 25 is cut. */
function poolBlocks(
  sketch: PolicySketch,
  pool: PoolSketch,
  near: string,
  far: string,
  { subscriber, at, inbound }: { subscriber: string | undefined; at: number; inbound: boolean },
): boolean {
  if (pool.kind !== "dynamic" || !inAny(near, pool.prefixes)) return false;
  const stage = pool.stages.filter((each) => each.at <= at).at(-1)?.stage ?? "off";
  if (inbound ? pool.inbound === undefined || !during(pool.inbound, at) : stage === "off" || stage === "observe") {
    return false;
  }
  if (sketch.servers.some(({ prefixes }) => inAny(near, prefixes))) return false;
  for (const exemption of sketch.exemptions) {
    if (!during(exemption, at)) continue;
    if ("subscriber" in exemption ? exemption.subscriber === subscriber : inAny(near, exemption.prefixes)) return false;
  }
  const roles = sketch.ownMx === "permitted" ? ["msa25", "mx"] : ["msa25"];
  if (sketch.servers.some(({ role, prefixes }) => roles.includes(role) && inAny(far, prefixes))) return false;
  const permits = [...sketch.partners, ...sketch.thirdParties];
  if (permits.some((permit) => during(permit, at) && inAny(far, permit.prefixes))) return false;
  return stage !== "mobile-only" || sketch.carriers.some(({ prefixes }) => inAny(far, prefixes));
}

function reference(sketch: PolicySketch, packet: PacketSketch, at: number, placement: Placement): "pass" | "block" {
  const { direction, subscriber } = packet;
  if ((placement.kind === "edge-out" || placement.kind === "line-out") && direction === "down") return "pass";
  if (placement.kind === "edge-in" && direction === "up") return "pass";
  const only = "pool" in placement ? placement.pool : undefined;
  if (only === undefined && savBlocks(sketch, packet, at)) return "block";
  if (packet.protocol !== 6 || packet.fragment === "rest") return "pass";
  const pools = sketch.pools.filter((_pool, index) => only === undefined || only === `pool${index}`);
  const both = placement.kind === "edge";
  const outbound =
    (both || direction === "up") &&
    packet.destinationPort === 25 &&
    pools.some((pool) =>
      poolBlocks(sketch, pool, packet.source, packet.destination, { subscriber, at, inbound: false }),
    );
  const inbound =
    (both || direction === "down") &&
    packet.sourcePort === 25 &&
    pools.some((pool) =>
      poolBlocks(sketch, pool, packet.destination, packet.source, { subscriber, at, inbound: true }),
    );
  return outbound || inbound ? "block" : "pass";
}

describe("the oracle", () => {
  test("decides as the sentences say", () => {
    let blocked = 0;
    let asked = 0;
    fc.assert(
      fc.property(
        anyPolicy,
        fc.array(fc.oneof(anyPacket, smtpStart), { minLength: 20, maxLength: 20 }),
        fc.integer({ min: 0, max: lastInstant }),
        anyPlacement,
        (sketch, packets, at, placement) => {
          const oracle = prepareOracle(policyOf(sketch));
          for (const packet of packets) {
            const { decision, rule, manner } = oracle(packetOf(packet), at, placement);
            assert.equal(decision, reference(sketch, packet, at, placement), `${rule} ${JSON.stringify(packet)}`);
            assert.equal(manner !== undefined, decision === "block");
            asked++;
            if (decision === "block") blocked++;
          }
        },
      ),
      { numRuns: 1000 },
    );
    // A property over packets that all pass would prove little.
    assert.ok(blocked > asked / 50, `${blocked} of ${asked} were blocked`);
  });

  test("an oracle that is asked about many instants answers as new ones do", () => {
    fc.assert(
      fc.property(
        anyPolicy,
        fc.array(fc.tuple(anyPacket, fc.integer({ min: 0, max: lastInstant })), { maxLength: 30 }),
        (sketch, questions) => {
          const policy = policyOf(sketch);
          const oracle = prepareOracle(policy);
          for (const [packet, at] of questions) {
            const fresh = evaluate(policy, packetOf(packet), at, { kind: "edge" });
            assert.deepEqual(oracle(packetOf(packet), at, { kind: "edge" }), fresh);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("between changes nothing changes, and a change changes something", () => {
    // Everything a packet can be in the small universe, ends and ports that matter only.
    const hosts = [
      ...Array.from({ length: 16 }, (_, last) => [`192.0.2.${last}`, `2001:db8::${last.toString(16)}`]).flat(),
      "198.51.100.7",
      "2001:db8:1::7",
      "fe80::1",
    ];
    const pairs = hosts.flatMap((near) =>
      hosts.filter((far) => far.includes(":") === near.includes(":")).map((far) => [near, far] as const),
    );
    const packets: readonly PacketSketch[] = pairs.flatMap(([source, destination]) =>
      [
        [40_000, 25],
        [25, 40_000],
      ].flatMap(([sourcePort, destinationPort]) =>
        [undefined, "alice", "bob"].map((subscriber) => ({
          source,
          destination,
          protocol: 6,
          sourcePort,
          destinationPort,
          flags: "syn",
          fragment: "whole",
          direction: "up",
          line: undefined,
          subscriber,
        })),
      ),
    );
    const spoofs: readonly PacketSketch[] = hosts.flatMap((source) =>
      ["eth1", "eth2"].map((line) => ({
        source,
        destination: source.includes(":") ? "2001:db8:1::7" : "198.51.100.7",
        protocol: 17,
        sourcePort: 53,
        destinationPort: 53,
        flags: "other",
        fragment: "whole",
        direction: "up",
        line,
        subscriber: undefined,
      })),
    );
    const all = [...packets, ...spoofs].map(packetOf);
    fc.assert(
      fc.property(anyPolicy, (sketch) => {
        // Pools that overlap hide each other's changes.
        const policy = policyOf({ ...sketch, pools: sketch.pools.slice(0, 1) });
        const oracle = prepareOracle(policy);
        const answers = (at: number): string =>
          all.map((packet) => oracle(packet, at, { kind: "edge" }).rule).join(" ");
        let now = answers(-1);
        let next = nextChange(policy, -1);
        for (let at = 0; at <= lastInstant; at++) {
          const then = answers(at);
          assert.equal(then !== now, at === next, `at ${at}, the next change is told for ${next}`);
          now = then;
          if (at === next) next = nextChange(policy, at);
        }
        assert.equal(next, undefined);
      }),
      { numRuns: 25 },
    );
  });
});

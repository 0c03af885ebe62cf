// For tests: policies written with prefixes as text, random ones over a universe so small that everything overlaps, and
// random packets within it.

import fc from "fast-check";
import { addressOf } from "../../base/address.ts";
import { setOf } from "../../base/address-set.ts";
import { parseIp } from "../../base/ip.ts";
import type { Packet } from "./packet.ts";
import type { NetworkPolicy, Period, Placement, Pool, ServerRole, Stage } from "./policy.ts";

export interface PolicySketch {
  readonly pools: readonly PoolSketch[];
  readonly servers: readonly { readonly role: ServerRole; readonly prefixes: readonly string[] }[];
  readonly ownMx: "blocked" | "permitted";
  readonly partners: readonly Dated[];
  readonly carriers: readonly { readonly prefixes: readonly string[] }[];
  readonly thirdParties: readonly Dated[];
  readonly exemptions: readonly (Dated | (Period & { readonly subscriber: string }))[];
}

export interface Dated extends Period {
  readonly prefixes: readonly string[];
}

export interface PoolSketch {
  readonly kind: Pool["kind"];
  readonly prefixes: readonly string[];
  readonly stages: readonly { readonly at: number; readonly stage: Stage }[];
  readonly inbound: Period | undefined;
  readonly sav: Period | undefined;
  /** Names and, where they are not the pool's, prefixes. */
  readonly lines: readonly { readonly name: string; readonly prefixes: readonly string[] | undefined }[];
}

export function policyOf(sketch: Partial<PolicySketch>): NetworkPolicy {
  const { pools = [], servers = [], partners = [], carriers = [], thirdParties = [], exemptions = [] } = sketch;
  return {
    operator: "carrier",
    pools: pools.map((pool, index) => ({
      ...pool,
      name: `pool${index}`,
      addresses: setOf(...pool.prefixes),
      cgn: "none",
      radiusProfile: undefined,
      lines: pool.lines.map(({ name, prefixes }) => ({
        name,
        singleHomed: false,
        sav: "list",
        addresses: prefixes === undefined ? undefined : setOf(...prefixes),
      })),
    })),
    servers: servers.map(({ role, prefixes }, index) => ({
      name: `server${index}`,
      role,
      addresses: setOf(...prefixes),
    })),
    ownMx: sketch.ownMx ?? "blocked",
    partners: partners.map(({ from, until, prefixes }, index) => ({
      relation: "gives",
      name: `partner${index}`,
      msa: setOf(...prefixes),
      period: { from, until },
      reason: undefined,
      exchangers: setOf(),
      request: undefined,
    })),
    carriers: carriers.map(({ prefixes }, index) => ({
      name: `carrier${index}`,
      addresses: setOf(...prefixes),
      domains: [],
      unresolved: [],
    })),
    thirdParties: thirdParties.map(({ from, until, prefixes }, index) => ({
      name: `third${index}`,
      addresses: setOf(...prefixes),
      reason: "a test",
      period: { from, until },
    })),
    exemptions: exemptions.map((exemption, index) => ({
      id: `exemption${index}`,
      subject:
        "subscriber" in exemption
          ? { kind: "subscriber", subscriber: exemption.subscriber }
          : { kind: "addresses", addresses: setOf(...exemption.prefixes) },
      owner: undefined,
      reason: undefined,
      ticket: undefined,
      period: { from: exemption.from, until: exemption.until },
    })),
    verdict: { outbound: ["reset", "admin-prohibited", "drop"], inbound: ["drop"], strict: false },
    blockedPorts: [25],
    countedPorts: [],
    justification: {
      purpose: undefined,
      necessity: undefined,
      scope: undefined,
      alternative: undefined,
      terms: undefined,
      notice: undefined,
    },
    targets: [],
  };
}

function addressIn(text: string): Packet["source"] {
  return addressOf(parseIp(text)!);
}

/** Instants of random policies lie in 0 … 9. */
export const lastInstant = 9;

const instant = fc.integer({ min: 0, max: lastInstant });
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });
const period: fc.Arbitrary<Period> = fc.record({ from: maybe(instant), until: maybe(instant) });
/** 16 addresses of each family, and few outside. */
const addressText: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 15 }).map((last) => `192.0.2.${last}`) },
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 15 }).map((last) => `2001:db8::${last.toString(16)}`) },
  { weight: 1, arbitrary: fc.constantFrom("0.0.0.0", "::", "fe80::1", "198.51.100.7", "2001:db8:1::7") },
);
const prefixText: fc.Arbitrary<string> = fc.oneof(
  { weight: 10, arbitrary: prefixesOf(4, (last) => `192.0.2.${last}`, 32) },
  { weight: 10, arbitrary: prefixesOf(6, (last) => `2001:db8::${last.toString(16)}`, 128) },
  { weight: 1, arbitrary: fc.constantFrom("0.0.0.0/0", "::/0", "192.0.2.0/24", "2001:db8::/32", "fe80::/10") },
);
const prefixTexts = fc.array(prefixText, { maxLength: 3 });
const dated: fc.Arbitrary<Dated> = fc.record({ from: maybe(instant), until: maybe(instant), prefixes: prefixTexts });

function prefixesOf(_family: 4 | 6, text: (last: number) => string, bits: number): fc.Arbitrary<string> {
  return fc
    .record({ last: fc.integer({ min: 0, max: 15 }), open: fc.integer({ min: 0, max: 4 }) })
    .map(({ last, open }) => `${text((last >> open) << open)}/${bits - open}`);
}

const pool: fc.Arbitrary<PoolSketch> = fc.record({
  kind: fc.constantFrom("dynamic", "dynamic", "dynamic", "static"),
  prefixes: prefixTexts,
  stages: fc
    .uniqueArray(
      fc.record({ at: instant, stage: fc.constantFrom<Stage>("off", "observe", "mobile-only", "full", "full") }),
      { maxLength: 3, selector: ({ at }) => at },
    )
    .map((stages) => stages.toSorted((a, b) => a.at - b.at)),
  inbound: maybe(period),
  sav: maybe(period),
  lines: fc.array(fc.record({ name: fc.constantFrom("eth1", "eth2"), prefixes: maybe(prefixTexts) }), { maxLength: 2 }),
});

export const anyPolicy: fc.Arbitrary<PolicySketch> = fc.record({
  pools: fc.array(pool, { minLength: 1, maxLength: 3 }),
  servers: fc.array(
    fc.record({ role: fc.constantFrom<ServerRole>("mta", "msa25", "msa587", "mx"), prefixes: prefixTexts }),
    { maxLength: 3 },
  ),
  ownMx: fc.constantFrom("blocked", "permitted"),
  partners: fc.array(dated, { maxLength: 2 }),
  carriers: fc.array(fc.record({ prefixes: prefixTexts }), { maxLength: 2 }),
  thirdParties: fc.array(dated, { maxLength: 2 }),
  exemptions: fc.array(
    fc.oneof(
      dated,
      fc.record({ from: maybe(instant), until: maybe(instant), subscriber: fc.constantFrom("alice", "bob") }),
    ),
    { maxLength: 2 },
  ),
});

/** A packet with its addresses as text. */
export interface PacketSketch extends Omit<Packet, "family" | "source" | "destination"> {
  readonly source: string;
  readonly destination: string;
}

const port = fc.constantFrom(25, 25, 25, 587, 40_000);

/** One family, ports where there can be some. */
export const anyPacket: fc.Arbitrary<PacketSketch> = fc
  .record({
    source: addressText,
    destination: addressText,
    protocol: fc.constantFrom(6, 6, 6, 17, 1),
    sourcePort: port,
    destinationPort: port,
    flags: fc.constantFrom("syn", "other"),
    fragment: fc.constantFrom("whole", "whole", "first", "rest"),
    direction: fc.constantFrom("up", "down"),
    line: maybe(fc.constantFrom("eth1", "eth2", "eth3")),
    subscriber: maybe(fc.constantFrom("alice", "carol")),
  })
  .filter(({ source, destination }) => source.includes(":") === destination.includes(":"))
  .map(({ sourcePort, destinationPort, line, ...packet }) => {
    const hasPorts = packet.protocol !== 1 && packet.fragment !== "rest";
    return {
      ...packet,
      sourcePort: hasPorts ? sourcePort : undefined,
      destinationPort: hasPorts ? destinationPort : undefined,
      line: packet.direction === "up" ? line : undefined,
    };
  });

export function packetOf(sketch: PacketSketch): Packet {
  return {
    ...sketch,
    family: sketch.source.includes(":") ? 6 : 4,
    source: addressIn(sketch.source),
    destination: addressIn(sketch.destination),
  };
}

export const anyPlacement: fc.Arbitrary<Placement> = fc.constantFrom<Placement>(
  { kind: "edge" },
  { kind: "interfaces" },
  { kind: "edge-out" },
  { kind: "edge-in" },
  { kind: "line", pool: "pool0" },
  { kind: "line-out", pool: "pool0" },
);

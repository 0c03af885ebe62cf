// What the operator of a network decided about port 25: a value, the same at every time; what is in force at an instant
// follows from it (in-force.ts, evaluate.ts). Whether it makes sense is check.ts's to say. Instants are wall time in
// milliseconds; a period begins with `from` and ends before `until`.

import type { AddressSets } from "../../base/address-set.ts";
import type { PlatformName } from "./platforms.ts";

export interface Period {
  /** undefined: since ever. */
  readonly from: number | undefined;
  /** The first instant at which it is over; undefined: no end. */
  readonly until: number | undefined;
}

/** Carriers are bound by the secrecy of communications: they must justify what they block. */
export type Operator = "carrier" | "hosting" | "enterprise" | "home";

export interface NetworkPolicy {
  readonly operator: Operator;
  readonly pools: readonly Pool[];
  readonly servers: readonly OwnServer[];
  /** Whether dynamic pools may reach the own MX on port 25. */
  readonly ownMx: "blocked" | "permitted";
  readonly partners: readonly Partner[];
  readonly carriers: readonly Carrier[];
  readonly thirdParties: readonly ThirdParty[];
  readonly exemptions: readonly Exemption[];
  readonly verdict: VerdictPreference;
  /** TCP destination ports that are blocked. 25, or check.ts says why not. */
  readonly blockedPorts: readonly number[];
  /** TCP destination ports from dynamic pools that are counted and pass. */
  readonly countedPorts: readonly number[];
  readonly justification: Justification;
  readonly targets: readonly TargetSettings[];
}

export interface Pool {
  readonly name: string;
  readonly kind: "dynamic" | "static";
  readonly addresses: AddressSets;
  /** Which side of a carrier-grade NAT the addresses are from (RFC 6888): subscribers' own, or shared by many of them. */
  readonly cgn: "none" | "internal" | "external";
  readonly lines: readonly Line[];
  /** Name of the RADIUS profile of its subscribers. */
  readonly radiusProfile: string | undefined;
  /** In order of time. Before the first one: off. Static pools have none. */
  readonly stages: readonly StageBegin[];
  /** Inbound port 25 blocking (IP25B): packets from port 25 towards the pool. */
  readonly inbound: Period | undefined;
  /** Source address validation on the pool's lines. */
  readonly sav: Period | undefined;
}

/** A customer interface. The same interface in two pools is one line with the addresses of both. */
export interface Line {
  readonly name: string;
  readonly singleHomed: boolean;
  /** Who may stand as source there. undefined: the addresses of the pool. */
  readonly addresses: AddressSets | undefined;
  /** `strict` and `loose` are the device's reverse path checks, `list` is a list of prefixes. */
  readonly sav: "list" | "strict" | "loose";
}

export type Stage = "off" | "observe" | "mobile-only" | "full";

export interface StageBegin {
  readonly at: number;
  readonly stage: Stage;
}

export type ServerRole = "mta" | "msa25" | "msa587" | "mx";

export interface OwnServer {
  readonly name: string;
  readonly role: ServerRole;
  readonly addresses: AddressSets;
}

export type Partner =
  /** Model A gives: another provider uses our backbone, and its MSA stays reachable for a while. */
  | {
      readonly relation: "gives";
      readonly name: string;
      readonly msa: AddressSets;
      readonly period: Period;
      /** Why it is longer, wider or otherwise more than the rules allow. */
      readonly reason: string | undefined;
      /** Where its domains receive mail, as far as it is known. */
      readonly exchangers: AddressSets;
      readonly request: PartnerRequest | undefined;
    }
  /** Model B depends: our users are on another provider's backbone, which will block port 25. */
  | {
      readonly relation: "depends";
      readonly name: string;
      readonly migration: Migration;
      /** What we asked of it. */
      readonly request: PartnerRequest | undefined;
    };

/** What B asks of A, as a file that both keep and somebody signed off. */
export interface PartnerRequest {
  readonly from: string;
  readonly to: string;
  readonly contact: string;
  readonly msa: AddressSets;
  /** When A begins to block. */
  readonly begins: number;
  /** How long B asks to be permitted. */
  readonly until: number;
  readonly signedOff: { readonly by: string; readonly at: number } | undefined;
}

/** How far the own users are on their way from port 25 to port 587. */
export interface Migration {
  readonly state: "planned" | "announced" | "moving" | "done";
  /** When the users were, or will be, told. */
  readonly announced: number | undefined;
  /** Percent of the users that submit on 587 or 465. */
  readonly moved: number | undefined;
}

/** Where a mobile operator receives mail. */
export interface Carrier {
  readonly name: string;
  readonly addresses: AddressSets;
  /** Domains whose exchangers are part of `addresses`; those that nobody resolved yet are in `unresolved`. */
  readonly domains: readonly string[];
  readonly unresolved: readonly string[];
}

export interface ThirdParty {
  readonly name: string;
  readonly addresses: AddressSets;
  readonly reason: string | undefined;
  readonly period: Period;
}

export type ExemptionSubject =
  | { readonly kind: "addresses"; readonly addresses: AddressSets }
  /** Only a target that knows subscribers can say it: the next customer would inherit an address. */
  | { readonly kind: "subscriber"; readonly subscriber: string };

export interface Exemption {
  readonly id: string;
  readonly subject: ExemptionSubject;
  readonly owner: string | undefined;
  readonly reason: string | undefined;
  readonly ticket: string | undefined;
  readonly period: Period;
}

/** How a packet is blocked: TCP reset, ICMP administratively prohibited, or nothing at all. */
export type Manner = "reset" | "admin-prohibited" | "drop";

export interface VerdictPreference {
  /** Each target takes the first that it can say. */
  readonly outbound: readonly Manner[];
  readonly inbound: readonly Manner[];
  /** A target that cannot say the first one refuses. */
  readonly strict: boolean;
}

/** Why blocking is lawful; printed in reports. */
export interface Justification {
  readonly purpose: string | undefined;
  readonly necessity: string | undefined;
  readonly scope: string | undefined;
  /** What users are offered instead. */
  readonly alternative: string | undefined;
  /** The clause of the terms of service. */
  readonly terms: string | undefined;
  /** When the users were told. */
  readonly notice: number | undefined;
}

/** Where a filter stands, and so what it sees. */
export type Placement =
  /** All that is forwarded between customers and the rest, in both directions. */
  | { readonly kind: "edge" }
  /** Interfaces: what comes from customers is held against OP25B and SAV, what goes to them against IP25B. */
  | { readonly kind: "interfaces" }
  /** Only what leaves. */
  | { readonly kind: "edge-out" }
  /** Only what enters. */
  | { readonly kind: "edge-in" }
  /** A subscriber's session: as interfaces, of one pool. That the source is the pool's is taken for granted. */
  | { readonly kind: "line"; readonly pool: string }
  /** Only what the subscriber of such a session sends. */
  | { readonly kind: "line-out"; readonly pool: string };

/** A subscriber's session is one of `pool`; elsewhere it means nothing. */
export function placementAt(kind: Placement["kind"], pool: string): Placement {
  return kind === "line" || kind === "line-out" ? { kind, pool } : { kind };
}

/** undefined: the place is no subscriber's. */
export function linePoolOf(placement: Placement | undefined): string | undefined {
  return placement?.kind === "line" || placement?.kind === "line-out" ? placement.pool : undefined;
}

/** Whether packets towards customers come by. */
export function seesArrivals({ kind }: Placement): boolean {
  return kind !== "edge-out" && kind !== "line-out";
}

/** A device, or a kind of device, that gets a text. */
export interface TargetSettings {
  readonly name: string;
  readonly kind: TargetKind;
  /** undefined: as is usual for the kind. */
  readonly placement: Placement | undefined;
  /** Towards customers: bound in both directions. */
  readonly customerInterfaces: readonly string[];
  /** Towards the rest: bound in both directions, mirrored. */
  readonly upstreamInterfaces: readonly string[];
  /** Most lines or rules, when the usual budget of the kind is not this device's. */
  readonly budget: number | undefined;
  /** Hardware whose limits are known. */
  readonly platform?: PlatformName | undefined;
  readonly nas: NasProfile;
  /** Somebody has switched validation off where our FlowSpec rules are received (RFC 8955 §6). */
  readonly validationOff: boolean;
  /** Zone that a `dnsbl` target writes. */
  readonly zone: string | undefined;
  /** Who serves that zone. */
  readonly nameServers: readonly string[];
  /** What the names of dynamic addresses end in. */
  readonly ptrDomain: string | undefined;
}

/** A target of which nothing is said but its name and kind. */
export const plainTarget = {
  placement: undefined,
  customerInterfaces: [],
  upstreamInterfaces: [],
  budget: undefined,
  nas: { directions: "both", families: "both", apply: "rules", rules: undefined },
  validationOff: false,
  zone: undefined,
  nameServers: [],
  ptrDomain: undefined,
} as const satisfies Omit<TargetSettings, "name" | "kind">;

export const targetKinds = [
  "nftables",
  "cisco-ios-xe",
  "cisco-ios-xr",
  "junos",
  "arista-eos",
  "nokia-sros",
  "vyos",
  "mikrotik-routeros",
  "flowspec",
  "radius",
  "json",
  "dnsbl",
] as const;

export type TargetKind = (typeof targetKinds)[number];

/** What an access server can do with rules from RADIUS. */
export interface NasProfile {
  readonly directions: "both" | "in";
  readonly families: "both" | "ipv4";
  /** Whether it is sent the rules, or the names of filters that it has. */
  readonly apply: "rules" | "filter-id";
  /** Most rules in one message; undefined: the packet's size alone bounds it. */
  readonly rules: number | undefined;
}

// The oracle: what the policy says about one packet. Pure; the time is an argument. It is the meaning that every printed
// filter is held against, so it is written for being right first: each group of rules (SAV, OP25B, IP25B) is asked on its
// own, and a packet that any of them blocks is blocked. `prepareOracle` builds indexes once for each stretch of time in
// which nothing changes; after that a packet costs a few searches, however many prefixes there are.
//
// Fragments after the first carry no ports: OP25B and IP25B let them pass, harmless without their first one. SAV looks
// at addresses only and holds for them too. A filter at a subscriber's session does not check sources.

import { hasAddress, setOf } from "../../base/address-set.ts";
import type { AddressSets } from "../../base/address-set.ts";
import { createAddressIndex } from "./address-index.ts";
import type { AddressIndex } from "./address-index.ts";
import { instantsOf, policyAt } from "./in-force.ts";
import type { LineInForce, PoolInForce, Rule } from "./in-force.ts";
import { tcp } from "./packet.ts";
import type { Decision, Packet } from "./packet.ts";
import { linePoolOf, seesArrivals } from "./policy.ts";
import type { Manner, NetworkPolicy, Placement } from "./policy.ts";

export type Oracle = (packet: Packet, at: number, placement: Placement) => Decision;

/** For one question. Whoever has many prepares an oracle. */
export function evaluate(policy: NetworkPolicy, packet: Packet, at: number, placement: Placement): Decision {
  return prepareOracle(policy)(packet, at, placement);
}

export function prepareOracle(policy: NetworkPolicy): Oracle {
  const instants = instantsOf(policy);
  let stretch: Stretch | undefined;
  return (packet, at, placement) => {
    if (stretch === undefined || at < stretch.from || at >= stretch.until) {
      stretch = {
        from: instants.findLast((instant) => instant <= at) ?? Number.NEGATIVE_INFINITY,
        until: instants.find((instant) => instant > at) ?? Number.POSITIVE_INFINITY,
        ...groupsAt(policy, at),
      };
    }
    return decide(stretch, packet, placement);
  };
}

/** Control traffic without which no interface works: link-local, not yet configured (RFC 4291 §2.5, RFC 1122 §3.2.1.3). */
export const neverSpoofed = setOf("0.0.0.0", "fe80::/10", "::");

const port25 = 25;

interface Groups {
  readonly sav: ReadonlyMap<
    string,
    { readonly addresses: AddressSets; readonly pass: Decision; readonly block: Decision }
  >;
  readonly outbound: Group;
  readonly inbound: Group;
}

interface Stretch extends Groups {
  readonly from: number;
  readonly until: number;
}

interface Group {
  /** Which pools hold the near end. */
  readonly pools: AddressIndex;
  readonly rules: readonly PoolRules[];
}

interface PoolRules {
  readonly pool: string;
  readonly near: AddressIndex;
  readonly far: AddressIndex;
  /** By the position in the index; and the last rule, which always matches. */
  readonly nearDecisions: readonly Decision[];
  readonly subscribers: ReadonlyMap<string, Decision>;
  readonly farDecisions: readonly Decision[];
  readonly last: Decision | undefined;
}

const rest: Decision = {
  decision: "pass",
  manner: undefined,
  rule: "rest",
  why: "no rule is about such packets",
};

const notSeen: Decision = {
  decision: "pass",
  manner: undefined,
  rule: "not-seen",
  why: "a filter in this place does not look at such packets",
};

function groupsAt(policy: NetworkPolicy, at: number): Groups {
  const { pools, lines } = policyAt(policy, at);
  return {
    sav: new Map(lines.map((line) => [line.line, savOf(line)])),
    outbound: groupOf(pools, (pool) => pool.outbound, policy.verdict.outbound[0]),
    inbound: groupOf(pools, (pool) => pool.inbound, policy.verdict.inbound[0]),
  };
}

function savOf({ line, addresses }: LineInForce): { addresses: AddressSets; pass: Decision; block: Decision } {
  return {
    addresses,
    pass: { ...rest, rule: `sav:${line}:own`, why: `the source belongs to line ${line}` },
    block: {
      decision: "block",
      manner: "drop",
      rule: `sav:${line}:foreign`,
      why: `the source does not belong to line ${line}, by which the packet came`,
    },
  };
}

function groupOf(
  pools: readonly PoolInForce[],
  rulesOf: (pool: PoolInForce) => readonly Rule[],
  manner: Manner | undefined,
): Group {
  const used = pools.filter((pool) => rulesOf(pool).length > 0);
  return {
    pools: createAddressIndex(used.map(({ pool }) => pool.addresses)),
    rules: used.map((pool) => poolRules(pool.pool.name, rulesOf(pool), manner)),
  };
}

function poolRules(pool: string, rules: readonly Rule[], manner: Manner | undefined): PoolRules {
  const decisionOf = ({ id, action, why }: Rule): Decision =>
    action === "block"
      ? { decision: "block", manner: manner ?? "drop", rule: id, why }
      : { decision: "pass", manner: undefined, rule: id, why };
  const nearRules = rules.filter((rule) => rule.near !== undefined);
  const farRules = rules.filter((rule) => rule.far !== undefined);
  const last = rules.find(({ near, far, subscriber }) => (near ?? far ?? subscriber) === undefined);
  return {
    pool,
    near: createAddressIndex(nearRules.flatMap((rule) => rule.near ?? [])),
    far: createAddressIndex(farRules.flatMap((rule) => rule.far ?? [])),
    nearDecisions: nearRules.map(decisionOf),
    subscribers: new Map(
      rules.flatMap((rule) => (rule.subscriber === undefined ? [] : [[rule.subscriber, decisionOf(rule)] as const])),
    ),
    farDecisions: farRules.map(decisionOf),
    last: last === undefined ? undefined : decisionOf(last),
  };
}

function decide(groups: Groups, packet: Packet, placement: Placement): Decision {
  const { direction } = packet;
  const isUp = direction === "up";
  if ((!seesArrivals(placement) && !isUp) || (placement.kind === "edge-in" && isUp)) return notSeen;
  const only = linePoolOf(placement);
  const sav = isUp && only === undefined && packet.line !== undefined ? groups.sav.get(packet.line) : undefined;
  const checked =
    sav === undefined
      ? undefined
      : hasAddress(sav.addresses, packet.source) || hasAddress(neverSpoofed, packet.source)
        ? sav.pass
        : sav.block;
  if (checked?.decision === "block") return checked;
  const fallback = checked ?? rest;
  if (packet.protocol !== tcp || packet.fragment === "rest") return fallback;
  const looksOut = placement.kind === "edge" || isUp;
  const looksIn = placement.kind === "edge" || !isUp;
  const outbound =
    looksOut && packet.destinationPort === port25
      ? askGroup(groups.outbound, packet.source, packet.destination, packet.subscriber, only)
      : undefined;
  if (outbound?.decision === "block") return outbound;
  const inbound =
    looksIn && packet.sourcePort === port25
      ? askGroup(groups.inbound, packet.destination, packet.source, packet.subscriber, only)
      : undefined;
  if (inbound?.decision === "block") return inbound;
  return outbound ?? inbound ?? fallback;
}

/** The first block of any pool that holds the near end, else the first pass. */
function askGroup(
  group: Group,
  near: Packet["source"],
  far: Packet["source"],
  subscriber: string | undefined,
  only: string | undefined,
): Decision | undefined {
  let found: Decision | undefined;
  for (const position of group.pools.find(near)) {
    const rules = group.rules[position]!;
    if (only !== undefined && only !== rules.pool) continue;
    const decision = askPool(rules, near, far, subscriber);
    if (decision?.decision === "block") return decision;
    found ??= decision;
  }
  return found;
}

function askPool(
  rules: PoolRules,
  near: Packet["source"],
  far: Packet["source"],
  subscriber: string | undefined,
): Decision | undefined {
  const exempt = rules.near.find(near);
  if (exempt.length > 0) return rules.nearDecisions[exempt[0]!];
  const personal = subscriber === undefined ? undefined : rules.subscribers.get(subscriber);
  if (personal !== undefined) return personal;
  const permits = rules.far.find(far);
  return permits.length > 0 ? rules.farDecisions[permits[0]!] : rules.last;
}

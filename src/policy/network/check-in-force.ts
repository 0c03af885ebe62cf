// What is proved about every instant from now on. Something can only change at the instants at which a stage, a permit or
// the like begins or ends, so one look at each of them is a look at all times.
//
// - IP25B is never wider than OP25B: a conversation that OP25B lets pass is not cut on its way back.
// - The answer of every conversation that the policy permits arrives, wherever filters stand.
//
// Exact: rules look at one end each, so what a list of rules blocks is (pool without the exempt) × (far ends without the
// permitted), and one such product lies in another when both of its sides do.

import { everywhere } from "../../base/address-set.ts";
import type { AddressSets } from "../../base/address-set.ts";
import type { Report } from "./check.ts";
import { instantsOf, policyAt } from "./in-force.ts";
import type { PoolInForce, Rule } from "./in-force.ts";
import { linePoolOf } from "./policy.ts";
import type { NetworkPolicy, Pool } from "./policy.ts";
import { difference, families, ofFamily, overlap, unionOf } from "./sets.ts";

export function checkInForce(policy: NetworkPolicy, at: number, report: Report): void {
  const told = new Set<string>();
  const overlapping = overlapsOf(policy.pools);
  const once = (key: string, tell: () => void): void => {
    if (!told.has(key)) tell();
    told.add(key);
  };
  for (const instant of [at, ...instantsOf(policy).filter((each) => each > at)]) {
    const { pools } = policyAt(policy, instant);
    const when = new Date(instant).toISOString().slice(0, 16);
    for (const inForce of pools) {
      const index = policy.pools.indexOf(inForce.pool);
      const { name } = inForce.pool;
      if (!told.has(`wider ${index}`) && isWider(inForce)) {
        const stage = inForce.stage === "off" ? "nothing" : `only ${inForce.stage}`;
        const message = `from ${when}Z packets from port 25 to pool ${name} are blocked, while OP25B does ${stage}`;
        once(`wider ${index}`, () => report("inbound-wider", ["pool", index, "inbound-25"], message));
      }
      const exemption = inForce.inbound.length === 0 ? undefined : atEdgeOnly(policy, inForce);
      if (exemption !== undefined) {
        const message = `from ${when}Z filters that know addresses only cut the answers to ${exemption}`;
        once(`subscriber ${index}`, () => report("answer-cut", ["pool", index, "inbound-25"], message));
      }
      const other = pools.find((each) => overlapping.get(each.pool)?.has(inForce.pool) && cutsAnswers(each, inForce));
      if (other !== undefined) {
        const message = `from ${when}Z IP25B of pool ${other.pool.name} cuts answers to what pool ${name} permits`;
        once(`answers ${index}`, () => report("answer-cut", ["pool", index], message));
      }
    }
  }
}

interface Blocked {
  readonly near: AddressSets;
  readonly far: AddressSets;
}

/** What a list of rules blocks; nothing, when it does not end in a block. */
function blockedBy({ pool }: PoolInForce, rules: readonly Rule[]): Blocked {
  const exempt = unionOf(rules.flatMap((rule) => rule.near ?? []));
  const permitted = unionOf(
    rules.flatMap((rule) => (rule.action === "pass" && rule.far !== undefined ? [rule.far] : [])),
  );
  const targets = rules.filter(({ action }) => action === "block").map((rule) => rule.far ?? everywhere);
  return { near: difference(pool.addresses, exempt), far: difference(unionOf(targets), permitted) };
}

function isWider(pool: PoolInForce): boolean {
  if (sameRules(pool.inbound, pool.outbound)) return false;
  const inbound = blockedBy(pool, pool.inbound);
  const outbound = blockedBy(pool, pool.outbound);
  return families.some((family) => {
    const [near, far] = [ofFamily(inbound.near, family), ofFamily(inbound.far, family)];
    if (near.isEmpty || far.isEmpty) return false;
    return (
      !near.difference(ofFamily(outbound.near, family)).isEmpty ||
      !far.difference(ofFamily(outbound.far, family)).isEmpty
    );
  });
}

/** The usual case, without looking at a million prefixes at every instant. */
function sameRules(inbound: readonly Rule[], outbound: readonly Rule[]): boolean {
  return (
    inbound.length === outbound.length &&
    inbound.every((rule, index) => {
      const other = outbound[index]!;
      return (
        rule.action === other.action &&
        rule.near === other.near &&
        rule.far === other.far &&
        rule.subscriber === other.subscriber
      );
    })
  );
}

/** Which pools share addresses with which others; none do in a policy that is sound. */
function overlapsOf(pools: readonly Pool[]): ReadonlyMap<Pool, ReadonlySet<Pool>> {
  return new Map(
    pools.map((pool) => [
      pool,
      new Set(pools.filter((other) => other !== pool && overlap(pool.addresses, other.addresses))),
    ]),
  );
}

/** Pools that overlap: whether one blocks what answers a conversation that the other lets pass. */
function cutsAnswers(cutting: PoolInForce, passing: PoolInForce): boolean {
  const cut = blockedBy(cutting, cutting.inbound);
  const blocked = blockedBy(passing, passing.outbound);
  const cutBoth = blockedBy(cutting, cutting.outbound);
  return families.some((family) => {
    const near = ofFamily(cut.near, family).intersection(ofFamily(passing.pool.addresses, family));
    const far = ofFamily(cut.far, family);
    if (near.isEmpty || far.isEmpty) return false;
    // What the cutting pool's own OP25B blocks as well never asks for an answer.
    const asked =
      !near.difference(ofFamily(cutBoth.near, family)).isEmpty ||
      !far.difference(ofFamily(cutBoth.far, family)).isEmpty;
    const passes =
      !near.difference(ofFamily(blocked.near, family)).isEmpty ||
      !far.difference(ofFamily(blocked.far, family)).isEmpty;
    return asked && passes;
  });
}

/** An exemption of a subscriber, when a filter that knows addresses only stands where its answers come in. */
function atEdgeOnly({ targets }: NetworkPolicy, { inbound }: PoolInForce): string | undefined {
  const personal = inbound.find(({ subscriber }) => subscriber !== undefined);
  const atEdge = targets.find(
    ({ kind, placement }) => !["radius", "json", "dnsbl"].includes(kind) && linePoolOf(placement) === undefined,
  );
  return personal === undefined || atEdge === undefined
    ? undefined
    : `the subscriber ${personal.subscriber} (target ${atEdge.name})`;
}

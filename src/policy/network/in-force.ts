// The policy at one instant: for each dynamic pool the ordered rules of both directions, for each line who may stand as
// source. Everything else (the oracle, the compiler, what `plan` tells) reads these lists, so that there is one meaning.
//
// Both directions of a pool have the same shape: `near` is the pool's own side of a conversation, `far` the other one.
// OP25B looks at TCP to far port 25, IP25B at TCP from far port 25. The first rule that matches decides; the last one
// always matches. A rule that no packet can reach is left out.

import { everywhere, nowhere } from "../../base/address-set.ts";
import type { AddressSet, AddressSets } from "../../base/address-set.ts";
import type { Family } from "../../base/address.ts";
import type { Exemption, Line, NetworkPolicy, Period, Pool, ServerRole, Stage } from "./policy.ts";
import { withoutEarlier } from "./address-index.ts";
import { difference, families, ofFamily, overlap, unionOf } from "./sets.ts";

export interface InForce {
  readonly at: number;
  /** Dynamic pools in which anything is done at all. */
  readonly pools: readonly PoolInForce[];
  readonly lines: readonly LineInForce[];
}

export interface PoolInForce {
  readonly pool: Pool;
  readonly stage: Stage;
  /** OP25B: near is the source. Empty while the stage is off. */
  readonly outbound: readonly Rule[];
  /** IP25B: near is the destination. Empty while it is not in force. */
  readonly inbound: readonly Rule[];
}

/** The rule of an interface where SAV is in force: these sources pass and no others. */
export interface LineInForce {
  readonly line: string;
  readonly addresses: AddressSets;
  /** How a device is to check. `list` when the pools of the line disagree. */
  readonly sav: Line["sav"];
}

export type RuleKind =
  | "own-server"
  | "exemption"
  | "msa25"
  | "own-mx"
  | "partner"
  | "third-party"
  | "carrier"
  | "full"
  | "observe"
  | "rest";

export interface Rule {
  /** Stable: the same rule has the same id at every instant. */
  readonly id: string;
  readonly kind: RuleKind;
  /** `observe` passes and is counted. */
  readonly action: "pass" | "block" | "observe";
  /** undefined: all of the pool. */
  readonly near: AddressSets | undefined;
  /** Only this subscriber of the pool. */
  readonly subscriber: string | undefined;
  /** undefined: everybody. */
  readonly far: AddressSets | undefined;
  /** The first instant at which it ends, where it has an end of its own. */
  readonly until: number | undefined;
  readonly why: string;
}

export function policyAt(policy: NetworkPolicy, at: number): InForce {
  const shared = sharedRules(policy, at);
  const pools = policy.pools
    .filter(({ kind }) => kind === "dynamic")
    .map((pool) => poolAt(pool, shared, at))
    .filter(({ outbound, inbound }) => outbound.length > 0 || inbound.length > 0);
  return { at, pools, lines: linesAt(policy.pools, at) };
}

/** The next instant at which the policy decides differently about any packet, or by another rule. */
export function nextChange(policy: NetworkPolicy, at: number): number | undefined {
  const now = policyAt(policy, at);
  return instantsOf(policy).find((instant) => instant > at && !sameRules(now, policyAt(policy, instant)));
}

/** Every instant at which something begins or ends, rising. */
export function instantsOf(policy: NetworkPolicy): readonly number[] {
  const periods: (Period | undefined)[] = [
    ...policy.pools.flatMap(({ inbound, sav }) => [inbound, sav]),
    ...policy.partners.map((partner) => (partner.relation === "gives" ? partner.period : undefined)),
    ...policy.thirdParties.map(({ period }) => period),
    ...policy.exemptions.map(({ period }) => period),
  ];
  const instants = [
    ...policy.pools.flatMap(({ stages }) => stages.map((stage) => stage.at)),
    ...periods.flatMap((period) => [period?.from, period?.until]),
  ];
  return [...new Set(instants.filter((instant) => instant !== undefined))].toSorted((a, b) => a - b);
}

export function isInForce(period: Period | undefined, at: number): boolean {
  if (period === undefined) return false;
  return (period.from === undefined || period.from <= at) && (period.until === undefined || at < period.until);
}

export function stageAt(pool: Pool, at: number): Stage {
  return pool.stages.findLast((begin) => begin.at <= at)?.stage ?? "off";
}

/** A rule as it is for every pool and direction; the id is made when it gets both. */
interface SharedRule extends Omit<Rule, "id"> {
  readonly name: string | undefined;
  /** What it looks for and no earlier rule of the same end does. */
  readonly left: AddressSets;
}

interface Shared {
  /** By the near end. */
  readonly exempt: readonly SharedRule[];
  readonly allExempt: AddressSets;
  /** By the far end. */
  readonly permits: readonly SharedRule[];
  readonly carriers: readonly SharedRule[];
}

function sharedRules(policy: NetworkPolicy, at: number): Shared {
  const ofRole = (role: ServerRole): AddressSets =>
    unionOf(policy.servers.filter((server) => server.role === role).map(({ addresses }) => addresses));
  const own = unionOf(policy.servers.map(({ addresses }) => addresses));
  const exempt = [near("own-server", undefined, own, "the near end is an own server"), ...exemptionsAt(policy, at)];
  const permits = [far("msa25", undefined, ofRole("msa25"), "the other end is the own MSA on port 25")];
  if (policy.ownMx === "permitted") {
    permits.push(far("own-mx", undefined, ofRole("mx"), "the other end is the own MX, which the policy leaves open"));
  }
  for (const partner of policy.partners) {
    if (partner.relation !== "gives" || !isInForce(partner.period, at)) continue;
    const why = `the other end is the MSA of partner ${partner.name}`;
    permits.push({ ...far("partner", partner.name, partner.msa, why), until: partner.period.until });
  }
  for (const { name, addresses, period } of policy.thirdParties) {
    if (!isInForce(period, at)) continue;
    const why = `the other end is the third-party server ${name}, an exception`;
    permits.push({ ...far("third-party", name, addresses, why), until: period.until });
  }
  const carriers = policy.carriers.map(({ name, addresses }): SharedRule => {
    const why = `the other end is a mail server of the mobile carrier ${name}`;
    return { ...far("carrier", name, addresses, why), action: "block" };
  });
  const farRules = withLeft([...permits, ...carriers], (rule) => rule.far);
  return {
    exempt: withLeft(exempt, (rule) => rule.near),
    allExempt: unionOf(exempt.flatMap((rule) => rule.near ?? [])),
    permits: farRules.slice(0, permits.length),
    carriers: farRules.slice(permits.length),
  };
}

function withLeft(
  rules: readonly SharedRule[],
  sideOf: (rule: SharedRule) => AddressSets | undefined,
): readonly SharedRule[] {
  const left = withoutEarlier(rules.map((rule) => sideOf(rule) ?? nowhere));
  return rules.map((rule, index) => ({ ...rule, left: left[index]! }));
}

/** Those of addresses first; of several for one subscriber the first. */
function exemptionsAt(policy: NetworkPolicy, at: number): readonly SharedRule[] {
  const now = policy.exemptions.filter(({ period }) => isInForce(period, at));
  const subscribers = new Map<string, Exemption>();
  for (const exemption of now) {
    const { subject } = exemption;
    if (subject.kind === "subscriber" && !subscribers.has(subject.subscriber)) {
      subscribers.set(subject.subscriber, exemption);
    }
  }
  return [...now.filter(({ subject }) => subject.kind === "addresses"), ...subscribers.values()].map(
    ({ id, subject, owner, period: { until } }) => {
      const why = `exemption ${id}${owner === undefined ? "" : ` for ${owner}`} is in force`;
      return subject.kind === "addresses"
        ? { ...near("exemption", id, subject.addresses, why), until }
        : { ...near("exemption", id, undefined, why), subscriber: subject.subscriber, until };
    },
  );
}

const anybody = {
  action: "pass",
  near: undefined,
  subscriber: undefined,
  far: undefined,
  until: undefined,
  left: everywhere,
} as const;

function near(kind: RuleKind, name: string | undefined, set: AddressSets | undefined, why: string): SharedRule {
  return { ...anybody, kind, name, near: set, why };
}

function far(kind: RuleKind, name: string | undefined, set: AddressSets, why: string): SharedRule {
  return { ...anybody, kind, name, far: set, why };
}

function poolAt(pool: Pool, shared: Shared, at: number): PoolInForce {
  const stage = stageAt(pool, at);
  // Families in which somebody of the pool is left to whom the rules about the far end apply.
  const open = families.filter((family) => isOpen(ofFamily(pool.addresses, family), shared.allExempt, family));
  const exempt = shared.exempt.filter((rule) =>
    rule.subscriber === undefined ? overlap(rule.left, pool.addresses) : open.length > 0,
  );
  const rulesOf = (of: Exclude<Stage, "off">): readonly SharedRule[] => {
    const last = lastRules(of, pool, shared);
    const farRules = [...shared.permits, ...last].filter(({ left }) =>
      open.some((family) => !ofFamily(left, family).isEmpty),
    );
    return [...exempt, ...farRules];
  };
  // While OP25B covers the carriers only, so does IP25B. Without OP25B it would be the wider one, which check.ts refuses.
  const inboundStage = stage === "mobile-only" ? stage : "full";
  return {
    pool,
    stage,
    outbound: named("op25b", pool, stage === "off" ? [] : rulesOf(stage)),
    inbound: named("ip25b", pool, isInForce(pool.inbound, at) ? rulesOf(inboundStage) : []),
  };
}

/** Mostly the first address tells; only where it is exempt all of the pool is looked at. */
function isOpen(pool: AddressSet, exempt: AddressSets, family: Family): boolean {
  const { first } = pool;
  if (first === undefined) return false;
  return !ofFamily(exempt, family).has(first) || !pool.difference(ofFamily(exempt, family)).isEmpty;
}

function lastRules(stage: Exclude<Stage, "off">, { name: pool }: Pool, shared: Shared): readonly SharedRule[] {
  const before = stage === "mobile-only" ? [...shared.permits, ...shared.carriers] : shared.permits;
  const decided = unionOf(before.flatMap((rule) => rule.far ?? []));
  const last = { ...anybody, name: undefined, left: difference(everywhere, decided) };
  switch (stage) {
    case "observe":
      return [{ ...last, kind: "observe", action: "observe", why: `the dynamic pool ${pool} is only observed` }];
    case "mobile-only": {
      const why = `the dynamic pool ${pool} is blocked towards mobile carriers only`;
      return [...shared.carriers, { ...last, kind: "rest", why }];
    }
    case "full": {
      const why = `the near end is in the dynamic pool ${pool} and nothing permits the conversation`;
      return [{ ...last, kind: "full", action: "block", why }];
    }
  }
}

function named(group: "op25b" | "ip25b", pool: Pool, rules: readonly SharedRule[]): readonly Rule[] {
  return rules.map(({ name, left: _left, ...rule }) => {
    const id = [group, pool.name, rule.kind, ...(name === undefined ? [] : [name])].join(":");
    return { id, ...rule };
  });
}

/** A line that several pools share lets the addresses of all of them pass, also of those where SAV is yet to begin. */
function linesAt(pools: readonly Pool[], at: number): readonly LineInForce[] {
  const lines = new Map<string, LineInForce>();
  for (const pool of pools) {
    if (!isInForce(pool.sav, at)) continue;
    for (const { name } of pool.lines) {
      if (lines.has(name)) continue;
      const members = pools.flatMap((each) =>
        each.lines
          .filter((line) => line.name === name)
          .map((line) => ({ line, own: line.addresses ?? each.addresses })),
      );
      const addresses = unionOf(members.map(({ own }) => own));
      lines.set(name, {
        line: name,
        addresses,
        sav: members.every(({ line }) => line.sav === "strict") ? "strict" : "list",
      });
    }
  }
  return [...lines.values()];
}

/** Whether both decide every packet alike and by the same rules. */
function sameRules(before: InForce, after: InForce): boolean {
  return (
    before.pools.length === after.pools.length &&
    before.lines.length === after.lines.length &&
    before.pools.every((pool, index) => {
      const other = after.pools[index]!;
      return (
        pool.pool === other.pool && sameList(pool.outbound, other.outbound) && sameList(pool.inbound, other.inbound)
      );
    }) &&
    // Who belongs to a line does not depend on time.
    before.lines.every((line, index) => line.line === after.lines[index]!.line)
  );
}

function sameList(before: readonly Rule[], after: readonly Rule[]): boolean {
  return before.length === after.length && before.every((rule, index) => rule.id === after[index]!.id);
}

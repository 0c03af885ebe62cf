// The policy at an instant, seen from one place, as a program: the rules that policyAt lists, for all pools together. What
// the pools share (own servers, exemptions, permitted destinations) becomes one term, and then comes what each pool
// blocks. That is the same: a permitted conversation passes in every pool, and what is left is blocked if the pool of
// its near end blocks it.
//
// Terms that only count stand where leaving them out changes nothing.

import { nowhere } from "../base/address-set.ts";
import type { AddressSets } from "../base/address-set.ts";
import { nextChange, policyAt } from "../policy/network/in-force.ts";
import type { InForce, LineInForce, PoolInForce, Rule } from "../policy/network/in-force.ts";
import { neverSpoofed } from "../policy/network/evaluate.ts";
import { unionOf } from "../policy/network/sets.ts";
import { linePoolOf, seesArrivals } from "../policy/network/policy.ts";
import type { NetworkPolicy, Placement } from "../policy/network/policy.ts";
import { familySet, namedSet, pass, wholeScope } from "./ir.ts";
import type { Action, Binding, Filter, Match, NamedSet, Place, Program, Scope, SourceValidation, Term } from "./ir.ts";
import type { Direction } from "./packet.ts";
import { tcp } from "./packet.ts";
import type { Capabilities } from "./target.ts";

export interface Projection {
  readonly program: Program;
  readonly scope: Scope;
  /** What must hold besides for the program to be all of the policy. */
  readonly hypotheses: readonly string[];
  /** The first instant at which the policy is another. */
  readonly validUntil: number | undefined;
}

/** Interfaces of the device, where the filter is bound to interfaces. */
export interface Interfaces {
  readonly customers: readonly string[];
  readonly upstreams: readonly string[];
}

export function project(
  policy: NetworkPolicy,
  at: number,
  placement: Placement,
  interfaces: Interfaces,
  can: Pick<Capabilities, "validation" | "counters">,
): Projection {
  const inForce = ofPlacement(policyAt(policy, at), placement);
  const scope = scopeOf(policy, placement, interfaces, can.validation.length > 0);
  const sets = new SetTable();
  const carriers =
    can.counters && policy.carriers.length > 0
      ? sets.of("carriers", unionOf(policy.carriers.map(({ addresses }) => addresses)), undefined)
      : undefined;
  const { verdict } = policy;
  const outbound = filterOf("op25b", inForce.pools, (pool) => pool.outbound, verdict.outbound, sets, carriers);
  const inbound = filterOf("ip25b", inForce.pools, (pool) => pool.inbound, verdict.inbound, sets, carriers);
  const counted = countedFilter(policy, placement, sets);
  const filters = [
    ...(placement.kind === "edge-in" ? [] : [outbound]),
    ...(seesArrivals(placement) ? [inbound] : []),
    ...(placement.kind === "edge-in" || counted.terms.length === 0 || !can.counters ? [] : [counted]),
  ];
  const bindings = filters.flatMap((filter): readonly Binding[] =>
    placement.kind === "edge"
      ? [{ filter: filter.name, place: { kind: "everywhere" }, direction: "both", family: "both" }]
      : placesOf(placement, interfaces).map((place) => ({
          filter: filter.name,
          place,
          direction: filter === inbound ? "down" : "up",
          family: "both",
        })),
  );
  const validations = inForce.lines
    .filter(({ line }) => scope.lines.includes(line))
    .flatMap((line) => validationsOf(line, can));
  return {
    program: { filters, bindings, validations },
    scope,
    hypotheses: hypothesesOf(placement, can),
    validUntil: nextChange(policy, at),
  };
}

function ofPlacement(inForce: InForce, placement: Placement): InForce {
  const only = linePoolOf(placement);
  if (only === undefined) return inForce;
  return { ...inForce, pools: inForce.pools.filter(({ pool }) => pool.name === only), lines: [] };
}

function scopeOf(
  policy: NetworkPolicy,
  placement: Placement,
  { customers, upstreams }: Interfaces,
  validates: boolean,
): Scope {
  const lines = [...new Set(policy.pools.flatMap((pool) => pool.lines.map(({ name }) => name)))];
  const directions: readonly Direction[] =
    placement.kind === "edge-in" ? ["down"] : seesArrivals(placement) ? ["up", "down"] : ["up"];
  const scope: Scope = {
    ...wholeScope,
    directions,
    upstreams: upstreams.length > 0 && placement.kind !== "edge" ? upstreams : [undefined],
  };
  switch (placement.kind) {
    case "edge":
      return { ...scope, lines: validates ? [undefined, ...lines] : [undefined] };
    case "interfaces":
    case "edge-out":
    case "edge-in":
      return { ...scope, lines: customers.length > 0 ? customers : [undefined] };
    case "line":
    case "line-out": {
      const addresses = policy.pools.find(({ name }) => name === placement.pool)?.addresses ?? nowhere;
      return { ...scope, sources: addresses, destinations: addresses };
    }
  }
}

function placesOf(placement: Placement, { customers, upstreams }: Interfaces): readonly Place[] {
  const places: readonly Place[] = [
    ...customers.map((name): Place => ({ kind: "line", name })),
    ...upstreams.map((name): Place => ({ kind: "upstream", name })),
  ];
  return linePoolOf(placement) !== undefined || places.length === 0 ? [{ kind: "everywhere" }] : places;
}

function hypothesesOf(placement: Placement, can: Pick<Capabilities, "validation">): readonly string[] {
  const only = linePoolOf(placement);
  if (only !== undefined) return [`SAV holds here: what comes up a session has its source in the pool ${only}`];
  return can.validation.length > 0 || placement.kind === "edge-in"
    ? []
    : ["SAV holds before this place, which does not look whether a source belongs to its line"];
}

/** One set for one purpose, so that it is printed once. */
class SetTable {
  readonly #sets = new Map<string, NamedSet>();

  of(name: string, addresses: AddressSets, until: number | undefined): NamedSet {
    const known = this.#sets.get(name);
    if (known !== undefined) return known;
    const made = namedSet(name, addresses, until === undefined ? [] : [{ addresses, until }]);
    this.#sets.set(name, made);
    return made;
  }
}

type Group = "op25b" | "ip25b";
const port25 = [{ first: 25, last: 25 }];
const conversation: Readonly<Record<Group, Match>> = {
  op25b: { protocol: tcp, destinationPorts: port25 },
  ip25b: { protocol: tcp, sourcePorts: port25 },
};

/** The near end is the source of what goes up, the destination of what comes down. */
function withEnds(group: Group, near: NamedSet | undefined, far: NamedSet | undefined): Match {
  const [source, destination] = group === "op25b" ? [near, far] : [far, near];
  return {
    ...conversation[group],
    ...(source === undefined ? {} : { source }),
    ...(destination === undefined ? {} : { destination }),
  };
}

function filterOf(
  group: Group,
  pools: readonly PoolInForce[],
  rulesOf: (pool: PoolInForce) => readonly Rule[],
  manners: NetworkPolicy["verdict"]["outbound"],
  sets: SetTable,
  /** A class of destinations that is counted apart. */
  carriers: NamedSet | undefined,
): Filter {
  const nearPasses = new Map<string, Term>();
  const subscriberPasses = new Map<string, Term>();
  const farPasses = new Map<string, Term>();
  const blocks: Term[] = [];
  const observes: Term[] = [];
  const block: Action = { kind: "block", manners };
  for (const { pool, ...inForce } of pools) {
    const poolSet = (): NamedSet => sets.of(`pool-${pool.name}`, pool.addresses, undefined);
    for (const rule of rulesOf({ pool, ...inForce })) {
      // Without the pool's name, which is the second part.
      const shared = rule.id.split(":").toSpliced(1, 1).join(":");
      const setName = rule.id.split(":").slice(2).join("-");
      if (rule.near !== undefined) {
        const match = withEnds(group, sets.of(setName, rule.near, rule.until), undefined);
        nearPasses.set(shared, term(shared, match, pass));
      } else if (rule.subscriber !== undefined) {
        const match = { ...conversation[group], subscriber: rule.subscriber };
        subscriberPasses.set(shared, term(shared, match, pass));
      } else if (rule.far !== undefined) {
        const far = sets.of(setName, rule.far, rule.until);
        if (rule.action === "block") blocks.push(term(rule.id, withEnds(group, poolSet(), far), block));
        else farPasses.set(shared, term(shared, withEnds(group, undefined, far), pass));
      } else if (rule.action !== "pass") {
        const [action, list] = rule.action === "block" ? [block, blocks] : [pass, observes];
        if (carriers !== undefined) {
          const towards = term(rule.id, withEnds(group, poolSet(), carriers), action);
          list.push({ ...towards, counter: `${towards.counter}-carriers`, purpose: "count" });
        }
        const last = term(rule.id, withEnds(group, poolSet(), undefined), action);
        list.push(rule.action === "observe" ? { ...last, purpose: "count" } : last);
      }
    }
  }
  const terms = [...nearPasses.values(), ...subscriberPasses.values(), ...farPasses.values(), ...blocks, ...observes];
  return { name: group, terms, otherwise: pass };
}

function term(id: string, match: Match, action: Action): Term & { readonly counter: string } {
  return { id, match, action, counter: id.replaceAll(":", "-") };
}

/** Ports that are watched for where the mail goes instead. */
function countedFilter(policy: NetworkPolicy, placement: Placement, sets: SetTable): Filter {
  const only = linePoolOf(placement);
  const pools = policy.pools.filter(({ kind, name }) => kind === "dynamic" && (only ?? name) === name);
  const terms = policy.countedPorts.flatMap((port) =>
    pools.map((pool): Term => {
      const source = sets.of(`pool-${pool.name}`, pool.addresses, undefined);
      const match: Match = { protocol: tcp, destinationPorts: [{ first: port, last: port }], source };
      return { ...term(`count:${pool.name}:${port}`, match, pass), purpose: "count" };
    }),
  );
  return { name: "counted", terms, otherwise: pass };
}

function validationsOf(
  { line, addresses, sav }: LineInForce,
  can: Pick<Capabilities, "validation">,
): readonly SourceValidation[] {
  return ([4, 6] as const).map((family) => {
    const routes = familySet(addresses, family);
    const besides = familySet(neverSpoofed, family);
    return {
      id: `sav:${line}`,
      line,
      family,
      check:
        sav === "strict" && can.validation.includes("strict")
          ? { kind: "strict", routes, besides }
          : { kind: "list", allowed: routes.union(besides) },
      manners: ["drop"],
      counter: `sav-${line}`,
    };
  });
}

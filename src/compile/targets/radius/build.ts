// A program as lists of filter rules for one pool's sessions: one for the pool, and one for each subscriber that a rule
// names. An access server has already seen to it that a source is the subscriber's own, so the near end of a rule is "any"
// where it is all of the pool, and what is not of the pool is left out.

import { all } from "../../../base/address-set.ts";
import type { AddressSet, AddressSets } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { NasProfile } from "../../../policy/network/policy.ts";
import { familySet, wholeScope } from "../../ir.ts";
import type { Action, Filter, Match, NamedSet, PortRange, Program, Term } from "../../ir.ts";
import { chooseManner } from "../../target.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { messageOctets, mostMessageOctets } from "./sizes.ts";
import { writeRule } from "./rules.ts";
import type { FilterRule } from "./rules.ts";
import { platformNamed } from "../../../policy/network/platforms.ts";

export interface RuleList {
  /** undefined: whoever is named in no other list. */
  readonly subscriber: string | undefined;
  readonly rules: readonly FilterRule[];
}

const families: readonly Family[] = [4, 6];
const directions = { up: "in", down: "out" } as const;

/** The list of the pool comes last. */
export function buildLists(program: Program, options: RenderOptions): Result<readonly RuleList[], CompileError[]> {
  const builder = new Builder(program, options);
  const lists = builder.lists();
  return builder.errors.length > 0 ? failure(builder.errors) : success(lists);
}

export function nasOf({ settings }: Pick<RenderOptions, "settings">): NasProfile {
  return settings?.nas ?? { directions: "both", families: "both", apply: "rules", rules: undefined };
}

class Builder {
  readonly errors: CompileError[] = [];
  readonly #program: Program;
  readonly #options: RenderOptions;
  readonly #nas: NasProfile;
  readonly #told = new Set<string>();

  constructor(program: Program, options: RenderOptions) {
    this.#program = program;
    this.#options = options;
    this.#nas = nasOf(options);
  }

  lists(): readonly RuleList[] {
    const { filters, bindings, validations } = this.#program;
    for (const { id } of validations) this.#refuse(id, "RADIUS rules do not validate sources: the session does");
    const bound: Record<"up" | "down", { filter: Filter; family: Family | "both" }[]> = { up: [], down: [] };
    for (const { filter: name, place, direction, family } of bindings) {
      const filter = filters.find((one) => one.name === name);
      if (filter === undefined) throw new Error(`a binding names the filter ${name}, which is not there`);
      if (place.kind !== "everywhere") this.#refuse(undefined, "RADIUS rules stand at sessions, not at interfaces");
      for (const way of ["up", "down"] as const) {
        if (direction === "both" || direction === way) bound[way].push({ filter, family });
      }
    }
    const subscribers = new Set(filters.flatMap(({ terms }) => terms.flatMap(({ match }) => match.subscriber ?? [])));
    const lists = [...subscribers, undefined].map((subscriber): RuleList => {
      const rules = (["up", "down"] as const).flatMap((way) => this.#rulesOf(bound[way], way, subscriber));
      this.#checkSizes(rules, subscriber);
      return { subscriber, rules };
    });
    return lists;
  }

  #rulesOf(
    bound: readonly { readonly filter: Filter; readonly family: Family | "both" }[],
    way: "up" | "down",
    subscriber: string | undefined,
  ): readonly FilterRule[] {
    const [first, second] = bound;
    if (second !== undefined) {
      this.#refuse(undefined, `two filters stand in one direction of a session, and it takes one list`);
      return [];
    }
    if (this.#nas.directions === "in" && way === "down") {
      for (const { id, action } of first?.filter.terms ?? []) {
        if (action.kind !== "block") continue;
        const hint =
          'placement = "line-out", and another target does the rest; or an access server that filters both ways';
        this.#refuse(id, "the access server filters only what subscribers send", hint);
      }
      if (first?.filter.otherwise.kind === "block") this.#refuse(undefined, "the access server filters only one way");
      return [];
    }
    const rest = (action: "permit" | "deny"): FilterRule => ({ ...anyPacket, action, direction: directions[way] });
    if (first === undefined) return [rest("permit")];
    const { filter, family: boundTo } = first;
    const rules: FilterRule[] = [];
    for (const term of filter.terms) {
      if (term.match.subscriber !== undefined && term.match.subscriber !== subscriber) continue;
      rules.push(...this.#rulesFor(term, way, boundTo));
    }
    const { otherwise } = filter;
    if (otherwise.kind === "block") this.#checkManner(otherwise, undefined);
    if (otherwise.kind !== "block") return withoutIdle([...rules, rest("permit")]);
    if (boundTo === "both") return withoutIdle([...rules, rest("deny")]);
    const only = { ...rest("deny"), source: boundTo === 4 ? "0.0.0.0/0" : "::/0" };
    return withoutIdle([...rules, only, rest("permit")]);
  }

  #rulesFor({ id, match, action, purpose }: Term, way: "up" | "down", boundTo: Family | "both"): FilterRule[] {
    if (purpose === "count") return [];
    if (match.sourcePorts?.length === 0 || match.destinationPorts?.length === 0) return [];
    if (match.fragment !== undefined) this.#refuse(id, "this target does not tell fragments apart");
    if (match.flags !== undefined) this.#refuse(id, "this target does not tell first segments from others");
    for (const set of [match.source, match.destination]) this.#checkTimes(set, id);
    if (action.kind === "block") this.#checkManner(action, id);
    const common = {
      action: action.kind === "block" ? ("deny" as const) : ("permit" as const),
      direction: directions[way],
      protocol: match.protocol,
      sourcePorts: match.sourcePorts,
      destinationPorts: match.destinationPorts,
    };
    const asked = families.filter(
      (family) => (match.family ?? family) === family && (boundTo === "both" || boundTo === family),
    );
    const ends = asked.map((family) => ({ family, ...this.#endsOf(match, way, family) }));
    const meets = ends.filter(({ source, destination }) => source.length > 0 && destination.length > 0);
    if (this.#nas.families === "ipv4" && action.kind === "block" && meets.some(({ family }) => family === 6)) {
      this.#refuse(id, "the access server has no rules of IPv6, and the pool has addresses of it");
    }
    const said = this.#nas.families === "ipv4" ? meets.filter(({ family }) => family === 4) : meets;
    // "any" is of both families, which is as good where the other one does not occur.
    const isWhole = families.every((family) => {
      if (this.#isAbsent(way, family)) return true;
      return said.some((one) => one.family === family && isAny(one.source) && isAny(one.destination));
    });
    if (isWhole && said.length > 0) return [{ ...common, source: "any", destination: "any" }];
    return said.flatMap(({ family, source, destination }) => {
      const everything = family === 4 ? "0.0.0.0/0" : "::/0";
      const sources = isAny(source) && isAny(destination) ? [everything] : source;
      return sources.flatMap((from) => destination.map((to) => ({ ...common, source: from, destination: to })));
    });
  }

  #isAbsent(way: "up" | "down", family: Family): boolean {
    if (this.#nas.families === "ipv4" && family === 6) return true;
    return familySet(this.#near(way), family).isEmpty;
  }

  #near(way: "up" | "down"): AddressSets {
    const { sources, destinations } = this.#options.scope ?? wholeScope;
    return way === "up" ? sources : destinations;
  }

  /** Empty: nobody of the pool. */
  #endsOf(
    match: Match,
    way: "up" | "down",
    family: Family,
  ): { readonly source: readonly string[]; readonly destination: readonly string[] } {
    const near = familySet(this.#near(way), family);
    const source = endOf(match.source, family, way === "up" ? near : undefined);
    const destination = endOf(match.destination, family, way === "down" ? near : undefined);
    return { source, destination };
  }

  /** A session has no clock: what ends before the text does would go on. */
  #checkTimes(set: NamedSet | undefined, rule: string): void {
    const { validUntil } = this.#options;
    for (const { until } of set?.timeouts ?? []) {
      if (validUntil === undefined || until < validUntil) {
        this.#refuse(rule, "a permit ends before the text does, and a session has no clock");
      }
    }
  }

  #checkManner({ manners }: Extract<Action, { kind: "block" }>, rule: string | undefined): void {
    const manner = chooseManner(manners, ["drop"], rule ?? "otherwise", this.#options);
    if (!manner.ok) this.#refuse(rule, manner.error.message, manner.error.hint);
  }

  #checkSizes(rules: readonly FilterRule[], subscriber: string | undefined): void {
    const whose = subscriber === undefined ? "the pool's list" : `the list of ${subscriber}`;
    const most = this.#options.budget ?? this.#nas.rules ?? platformRules(this.#options);
    if (most !== undefined && rules.length > most) {
      const hint = "aggregate the permitted prefixes, or set `nas.rules` of the target if it takes more";
      this.#refuse(undefined, `${whose} has ${rules.length} rules, the access server takes ${most}`, hint);
    }
    if (this.#nas.apply !== "rules") return;
    const octets = messageOctets(rules.map(writeRule));
    if (octets > mostMessageOctets) {
      const message = `${whose} needs a packet of ${octets} octets, and RADIUS has ${mostMessageOctets} (RFC 2865 §3)`;
      this.#refuse(undefined, message, 'use `nas.apply = "filter-id"`, or aggregate the permitted prefixes');
    }
  }

  #refuse(rule: string | undefined, message: string, hint?: string): void {
    const key = `${rule} ${message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.errors.push({ rule, message, ...(hint === undefined ? {} : { hint }) });
  }
}

const anyPacket = {
  protocol: undefined,
  source: "any",
  sourcePorts: undefined,
  destination: "any",
  destinationPorts: undefined,
};

function isAny(prefixes: readonly string[]): boolean {
  return prefixes[0] === "any";
}

function endOf(set: AddressSets | undefined, family: Family, within: AddressSet | undefined): readonly string[] {
  if (within?.isEmpty === true) return [];
  if (set === undefined) return ["any"];
  const own = familySet(set, family);
  const seen = within === undefined ? own : own.intersection(within);
  return seen.equals(within ?? all(family)) ? ["any"] : seen.prefixes();
}

/** Without rules that a wider one before them leaves nothing to, and permits that stand last but for the permit of the rest. */
function withoutIdle(rules: readonly FilterRule[]): readonly FilterRule[] {
  const wide: FilterRule[] = [];
  const left: FilterRule[] = [];
  for (const rule of rules) {
    if (wide.some((one) => covers(one, rule))) continue;
    if (rule.source === "any" && rule.destination === "any") wide.push(rule);
    left.push(rule);
  }
  const last = left.at(-1)!;
  const decides = left.findLastIndex(({ action }) => action !== last.action);
  return [...left.slice(0, decides + 1), last];
}

function covers(wide: FilterRule, rule: FilterRule): boolean {
  return (
    (wide.protocol === undefined || wide.protocol === rule.protocol) &&
    (wide.sourcePorts === undefined || samePorts(wide.sourcePorts, rule.sourcePorts)) &&
    (wide.destinationPorts === undefined || samePorts(wide.destinationPorts, rule.destinationPorts))
  );
}

function samePorts(left: readonly PortRange[], right: readonly PortRange[] | undefined): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function platformRules({ settings }: RenderOptions): number | undefined {
  const platform = settings?.platform === undefined ? undefined : platformNamed(settings.platform);
  return platform?.kind === "radius" ? platform.in : undefined;
}

// A program as FlowSpec rules that mean the same in the order in which routers try them (rule.ts). Terms are taken from the
// last to the first; where a term would come behind a rule of the other action that it has to win over, the part that both
// have in common becomes a rule of its own. With one prefix longer, or one component more, that part comes before the whole;
// where only the ports are narrower it may not, and then the policy's rule is refused.

import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { Filter, NamedSet, Program } from "../../ir.ts";
import { chooseManner } from "../../target.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { budgets } from "../budgets.ts";
import { compareRules, intersectPrefixes, keyOf } from "./rule.ts";
import type { FlowPrefix, FlowRule } from "./rule.ts";
import { intersectPorts, termsOf } from "./terms.ts";
import type { FlowTerm } from "./terms.ts";

/** In the order of the NLRI, IPv4 first. */
export function buildRules(program: Program, options: RenderOptions): Result<readonly FlowRule[], CompileError[]> {
  const builder = new Builder(program, options);
  const rules = builder.rules();
  return builder.errors.length > 0 ? failure(builder.errors) : success(rules);
}

const families: readonly Family[] = [4, 6];
/** Pairs of rules that are held against each other: what takes longer is no policy for routers. */
const mostPairs = 50_000_000;

/** The rules that a term became. */
interface Group {
  readonly term: FlowTerm;
  readonly rules: Map<string, FlowRule>;
}

class Builder {
  readonly errors: CompileError[] = [];
  readonly #program: Program;
  readonly #options: RenderOptions;
  readonly #most: number | undefined;
  #pairs = 0;

  constructor(program: Program, options: RenderOptions) {
    this.#program = program;
    this.#options = options;
    this.#most = options.budget ?? budgets["flowspec"]?.most;
  }

  rules(): readonly FlowRule[] {
    this.#checkTerms();
    if (this.errors.length > 0) return [];
    const rules = families.flatMap((family) => {
      const bound = this.#program.bindings.filter((binding) => binding.family === "both" || binding.family === family);
      const names = [...new Set(bound.map(({ filter }) => filter))];
      const filters = names.map((name) => this.#program.filters.find((filter) => filter.name === name)!);
      return this.#rulesOf(termsOf(filters, family), family);
    });
    if (this.#most !== undefined && rules.length > this.#most) {
      const message = `it becomes ${rules.length} rules, and routers take ${this.#most}`;
      const hint = "aggregate the pools, filter one direction only, or set `budget` of the target if they take more";
      this.#refuse(undefined, message, hint);
    }
    return rules;
  }

  #checkTerms(): void {
    const { filters, bindings, validations } = this.#program;
    for (const { id } of validations)
      this.#refuse(id, "FlowSpec rules know no lines, and cannot validate sources on them");
    const directions = this.#options.scope?.directions ?? ["up", "down"];
    for (const { filter: name, place, direction } of bindings) {
      const filter = filters.find((one) => one.name === name);
      if (filter === undefined) throw new Error(`a binding names the filter ${name}, which is not there`);
      if (place.kind !== "everywhere") this.#refuse(undefined, "FlowSpec rules know no interfaces");
      if (direction !== "both" && directions.some((one) => one !== direction)) {
        this.#refuse(undefined, `FlowSpec rules know no directions, and ${name} is for one`);
      }
      this.#checkFilter(filter);
    }
  }

  #checkFilter({ name, terms, otherwise }: Filter): void {
    for (const { id, match, action, purpose } of terms) {
      if (purpose === "count") continue;
      if (match.fragment !== undefined) this.#refuse(id, "this target does not tell fragments apart");
      if (match.flags !== undefined) this.#refuse(id, "this target does not tell first segments from others");
      if (match.subscriber !== undefined) this.#refuse(id, "a FlowSpec rule knows no subscribers");
      for (const set of [match.source, match.destination]) this.#checkTimes(set, id);
      if (action.kind === "block") this.#checkManner(action.manners, id);
    }
    if (otherwise.kind === "block") this.#checkManner(otherwise.manners, `${name} otherwise`);
  }

  /** A session announces until it is told to stop. */
  #checkTimes(set: NamedSet | undefined, rule: string): void {
    const { validUntil } = this.#options;
    for (const { until } of set?.timeouts ?? []) {
      if (validUntil === undefined || until < validUntil) {
        this.#refuse(rule, "a permit ends before the text does, and a rule has no clock");
      }
    }
  }

  #checkManner(manners: Parameters<typeof chooseManner>[0], rule: string): void {
    const manner = chooseManner(manners, ["drop"], rule, this.#options);
    if (!manner.ok) this.errors.push(manner.error);
  }

  #rulesOf(terms: readonly FlowTerm[], family: Family): readonly FlowRule[] {
    const groups: Group[] = [];
    for (const term of terms.toReversed()) {
      // What no rule matches passes.
      if (term.action !== "block" && groups.length === 0) continue;
      const group = this.#groupOf(term, groups, family);
      if (group === undefined) return [];
      groups.push(group);
    }
    const all = new Map(groups.flatMap(({ rules }) => [...rules]));
    return [...all.values()].toSorted(compareRules);
  }

  #groupOf(term: FlowTerm, lower: readonly Group[], family: Family): Group | undefined {
    const group: Group = { term, rules: new Map() };
    const opposed = lower.filter((one) => isOpposed(one.term, term));
    if (term.action !== "block" && opposed.length === 0) return group;
    const wholes = this.#expand(term, family);
    if (wholes === undefined) return undefined;
    for (const whole of wholes) {
      // A permit that wins over nothing need not be said.
      let isNeeded = term.action === "block";
      for (const other of opposed) {
        for (const [key, rule] of other.rules) {
          const common = commonOf(whole, rule);
          if (common === undefined) continue;
          isNeeded ||= compareRules(whole, rule) < 0;
          if (compareRules(whole, rule) < 0) continue;
          const commonKey = keyOf(common);
          if (commonKey === key) other.rules.delete(key);
          else if (compareRules(common, rule) > 0) {
            const hint = "leave out the ports that differ, or let a filter on a device do it";
            this.#refuse(
              term.rule,
              "the order of RFC 8955 §5.1 tries it after a rule that it is an exception of",
              hint,
            );
            return undefined;
          }
          group.rules.set(commonKey, common);
        }
        this.#pairs += other.rules.size;
      }
      if (isNeeded) group.rules.set(keyOf(whole), whole);
      if (this.#pairs > mostPairs || group.rules.size > (this.#most ?? Infinity)) {
        this.#refuse(
          term.rule,
          "it becomes more rules than routers take",
          "aggregate the pools, or filter one direction only",
        );
        return undefined;
      }
    }
    return group;
  }

  /** One rule for each pair of prefixes. undefined: they are too many. */
  #expand(term: FlowTerm, family: Family): readonly FlowRule[] | undefined {
    const destinations = term.destination === undefined ? [undefined] : prefixesOf(term.destination);
    const sources = term.source === undefined ? [undefined] : prefixesOf(term.source);
    const count = destinations.length * sources.length;
    if (count > (this.#most ?? mostPairs)) {
      const hint = "aggregate the pools, or set `budget` of the target if they take more";
      this.#refuse(term.rule, `it becomes ${count} rules, and routers take ${this.#most ?? mostPairs}`, hint);
      return undefined;
    }
    const { protocol, sourcePorts, destinationPorts, rule } = term;
    const common = { family, protocol, sourcePorts, destinationPorts, rule, action: actionOf(term) };
    // A rule has one component at least, and a text tells its family by a prefix.
    const isBare = destinations[0] === undefined && sources[0] === undefined;
    const whole: FlowPrefix = { address: new Uint32Array(family === 4 ? 1 : 4), length: 0 };
    return destinations.flatMap((destination) =>
      sources.map((source) => ({ ...common, destination: isBare ? whole : destination, source })),
    );
  }

  #refuse(rule: string | undefined, message: string, hint?: string): void {
    if (this.errors.some((error) => error.rule === rule && error.message === message)) return;
    this.errors.push({ rule, message, ...(hint === undefined ? {} : { hint }) });
  }
}

function actionOf({ action }: FlowTerm): FlowRule["action"] {
  return action === "block" ? "discard" : "accept";
}

function isOpposed(one: FlowTerm, other: FlowTerm): boolean {
  return (
    (one.action === "block") !== (other.action === "block") &&
    (one.protocol === undefined || other.protocol === undefined || one.protocol === other.protocol) &&
    intersectPorts(one.sourcePorts, other.sourcePorts)?.length !== 0 &&
    intersectPorts(one.destinationPorts, other.destinationPorts)?.length !== 0 &&
    meet(one.source, other.source) &&
    meet(one.destination, other.destination)
  );
}

function meet(one: AddressSet | undefined, other: AddressSet | undefined): boolean {
  return one === undefined || other === undefined || one === other || !one.intersection(other).isEmpty;
}

function prefixesOf(set: AddressSet): readonly FlowPrefix[] {
  const prefixes: FlowPrefix[] = [];
  set.forEachPrefix((address, length) => void prefixes.push({ address: address.slice(), length }));
  return prefixes;
}

/** With the action of the first. undefined: no packet matches both. */
function commonOf(first: FlowRule, second: FlowRule): FlowRule | undefined {
  const destination = intersectPrefixes(first.destination, second.destination);
  if (destination === "none") return undefined;
  const source = intersectPrefixes(first.source, second.source);
  if (source === "none") return undefined;
  const sourcePorts = intersectPorts(first.sourcePorts, second.sourcePorts);
  const destinationPorts = intersectPorts(first.destinationPorts, second.destinationPorts);
  if (sourcePorts?.length === 0 || destinationPorts?.length === 0) return undefined;
  const [one, other] = [first.protocol, second.protocol];
  if (one !== undefined && other !== undefined && one !== other) return undefined;
  return { ...first, destination, source, protocol: one ?? other, sourcePorts, destinationPorts };
}

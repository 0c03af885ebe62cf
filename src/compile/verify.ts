// Whether two programs do the same with every packet of a scope: exact, not sampled. Conditions other than addresses have
// few classes (classes.ts); for each combination the terms that can match are compared over the parts into which their
// sets cut the sources, and those of the destinations (signatures.ts). So a million prefixes cost one sort, and a wrong one
// among them is found with a packet that shows it.
//
// "The same" is pass or block; how it blocks is the target's declared capability. Later fragments have no ports: by
// default they are not compared (harmless without their first fragment), and the result says so. A strict reverse path
// check in a text does not tell its routes: they are taken to be the line's, and the result says that too.

import { kindsOf, Validations, waysOf } from "./classes.ts";
import type { Kind, Way } from "./classes.ts";
import { bindingMeets, decide, matchesBeforeAddresses } from "./decide.ts";
import type { ProgramDecision } from "./decide.ts";
import { familySet } from "./ir.ts";
import type { Action, Filter, Program, Scope } from "./ir.ts";
import type { FilteredPacket } from "./packet.ts";
import { isIn, SetRegistry, signaturesOf } from "./signatures.ts";
import type { Signature } from "./signatures.ts";
import type { AddressSet, AddressSets } from "../base/address-set.ts";
import type { Family } from "../base/address.ts";

export interface VerifyOptions {
  readonly laterFragments: "compared" | "not compared";
}

export type Verification =
  | {
      readonly kind: "equal";
      /** Combinations of classes that were compared. */
      readonly classes: number;
      readonly dontCares: readonly string[];
      readonly hypotheses: readonly string[];
    }
  | {
      readonly kind: "different";
      readonly packet: FilteredPacket;
      readonly left: ProgramDecision;
      readonly right: ProgramDecision;
    };

export function verify(
  left: Program,
  right: Program,
  scope: Scope,
  options: VerifyOptions = { laterFragments: "not compared" },
): Verification {
  const { programs, hypotheses } = withRoutes(left, right);
  const comparison = new Comparison(programs, scope);
  const kinds = kindsOf(programs, options.laterFragments === "compared");
  const packet = comparison.difference(kinds);
  if (packet !== undefined) {
    return { kind: "different", packet, left: decide(programs[0], packet), right: decide(programs[1], packet) };
  }
  return {
    kind: "equal",
    classes: comparison.classes,
    dontCares:
      options.laterFragments === "compared"
        ? []
        : ["later fragments, which have no ports and do no harm without their first one"],
    hypotheses,
  };
}

type Ends = Pick<FilteredPacket, "source" | "destination">;

/** A term as far as addresses go; -1 stands for any. */
interface AddressTerm {
  readonly source: number;
  readonly destination: number;
  readonly outcome: Action["kind"];
}

/** First match decides; of several lists the first that does not let pass. */
type AddressList = readonly AddressTerm[];
type AddressLists = readonly AddressList[];

class Comparison {
  classes = 0;
  readonly #programs: readonly [Program, Program];
  readonly #filters: readonly [ReadonlyMap<string, Filter>, ReadonlyMap<string, Filter>];
  readonly #validations: readonly [Validations, Validations];
  readonly #scope: Scope;
  readonly #registries = { 4: new SetRegistry(), 6: new SetRegistry() } as const;
  readonly #signatures = new Map<string, readonly Signature[]>();
  /** What was already compared, by family, direction and lists, with the two addresses that differ. */
  readonly #compared = new Map<string, Ends | undefined>();

  constructor(programs: readonly [Program, Program], scope: Scope) {
    this.#programs = programs;
    this.#filters = [filtersByName(programs[0]), filtersByName(programs[1])];
    this.#validations = [new Validations(programs[0].validations), new Validations(programs[1].validations)];
    this.#scope = scope;
  }

  difference(kinds: readonly Kind[]): FilteredPacket | undefined {
    for (const way of waysOf(this.#programs, this.#validations, this.#scope)) {
      for (const kind of kinds) {
        const found = this.#differenceOn(way, kind);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  #differenceOn(way: Way, kind: Kind): FilteredPacket | undefined {
    this.classes++;
    const lists = [this.#listsOf(0, way, kind), this.#listsOf(1, way, kind)] as const;
    const { family, direction, line, upstream } = way;
    const [leftKey, rightKey] = lists.map(keyOf);
    if (leftKey === rightKey) return undefined;
    const key = `${family} ${direction} ${leftKey} | ${rightKey}`;
    if (!this.#compared.has(key)) this.#compared.set(key, this.#compare(way, lists));
    const ends = this.#compared.get(key);
    if (ends === undefined) return undefined;
    if (way.validation === "looked at") return { family, direction, line, upstream, ...kind, ...ends };
    for (const one of way.validation.each) {
      const found = this.#differenceOn(one, kind);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The lists that such a packet meets. */
  #listsOf(side: 0 | 1, way: Way, kind: Kind): AddressLists {
    const lists: AddressList[] = [];
    const allowed = way.validation === "looked at" ? this.#validations[side].allowedOn(way) : undefined;
    if (allowed !== undefined) {
      const source = this.#numberOf(allowed, way.family);
      const others: AddressTerm = { source: -1, destination: -1, outcome: "block" };
      lists.push(source === undefined ? [others] : [{ source, destination: -1, outcome: "pass" }, others]);
    }
    for (const binding of this.#programs[side].bindings) {
      if (!bindingMeets(binding, way)) continue;
      const filter = this.#filters[side].get(binding.filter);
      if (filter === undefined) throw new Error(`a binding names the filter ${binding.filter}, which is not there`);
      const list = this.#listOf(filter, way, kind);
      // Where all pass, a list says nothing.
      if (list.some(({ outcome }) => outcome !== "pass")) lists.push(list);
    }
    return lists;
  }

  #listOf(filter: Filter, { family }: Way, kind: Kind): AddressList {
    const list: AddressTerm[] = [];
    const asked = { family, ...kind };
    for (const { match, action } of filter.terms) {
      if (!matchesBeforeAddresses(match, asked)) continue;
      const source = match.source === undefined ? -1 : this.#numberOf(familySet(match.source, family), family);
      const destination =
        match.destination === undefined ? -1 : this.#numberOf(familySet(match.destination, family), family);
      if (source === undefined || destination === undefined) continue;
      list.push({ source, destination, outcome: action.kind });
      if (source === -1 && destination === -1) return list;
    }
    list.push({ source: -1, destination: -1, outcome: filter.otherwise.kind });
    return list;
  }

  /** undefined: nothing is inside. */
  #numberOf(addresses: AddressSet, family: Family): number | undefined {
    return addresses.isEmpty ? undefined : this.#registries[family].numberOf(addresses);
  }

  #compare({ family, direction }: Way, lists: readonly [AddressLists, AddressLists]): Ends | undefined {
    const sources = this.#partsOf(family, lists, "source", direction === "up" ? this.#scope.sources : undefined);
    const destinations = this.#partsOf(
      family,
      lists,
      "destination",
      direction === "down" ? this.#scope.destinations : undefined,
    );
    // Many sources leave the same terms over: those are compared once.
    const seen = new Set<string>();
    for (const source of sources.parts) {
      const left = reduce(lists[0], source, sources.at);
      const right = reduce(lists[1], source, sources.at);
      const key = `${keyOf(left)} | ${keyOf(right)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      for (const destination of destinations.parts) {
        const differ = blocksAt(left, destination, destinations.at) !== blocksAt(right, destination, destinations.at);
        if (differ) return { source: source.address, destination: destination.address };
      }
    }
    return undefined;
  }

  #partsOf(
    family: Family,
    lists: readonly [AddressLists, AddressLists],
    end: "source" | "destination",
    within: AddressSets | undefined,
  ): { readonly parts: readonly Signature[]; readonly at: ReadonlyMap<number, number> } {
    const registry = this.#registries[family];
    const numbers = new Set<number>();
    for (const list of lists.flat()) for (const term of list) if (term[end] !== -1) numbers.add(term[end]);
    const limit = within === undefined ? undefined : registry.numberOf(familySet(within, family));
    if (limit !== undefined) numbers.add(limit);
    const sorted = [...numbers].toSorted((a, b) => a - b);
    const at = new Map(sorted.map((number, index) => [number, index]));
    const key = `${family} ${sorted.join()}`;
    let parts = this.#signatures.get(key);
    if (parts === undefined) {
      parts = signaturesOf(
        family,
        sorted.map((number) => registry.sets[number]!),
      );
      this.#signatures.set(key, parts);
    }
    const limitAt = limit === undefined ? undefined : at.get(limit);
    return { parts: limitAt === undefined ? parts : parts.filter((part) => isIn(part, limitAt)), at };
  }
}

function filtersByName({ filters }: Program): ReadonlyMap<string, Filter> {
  return new Map(filters.map((filter) => [filter.name, filter]));
}

function keyOf(lists: AddressLists): string {
  return lists
    .map((list) => list.map(({ source, destination, outcome }) => `${source},${destination},${outcome}`).join(";"))
    .join("/");
}

/** What is left of the terms for a source of this part: conditions on destinations alone. */
function reduce(lists: AddressLists, source: Signature, at: ReadonlyMap<number, number>): AddressLists {
  const reduced: AddressList[] = [];
  for (const list of lists) {
    const left: AddressTerm[] = [];
    for (const term of list) {
      if (term.source !== -1 && !isIn(source, at.get(term.source)!)) continue;
      left.push(term.source === -1 ? term : { ...term, source: -1 });
      if (term.destination === -1) break;
    }
    reduced.push(left);
  }
  return reduced;
}

function blocksAt(lists: AddressLists, destination: Signature, at: ReadonlyMap<number, number>): boolean {
  for (const list of lists) {
    const term = list.find((one) => one.destination === -1 || isIn(destination, at.get(one.destination)!));
    if (term !== undefined && term.outcome !== "pass") return term.outcome === "block";
  }
  return false;
}

/** Gives a strict check without routes those of the other program's check of the same line. */
function withRoutes(
  left: Program,
  right: Program,
): { readonly programs: readonly [Program, Program]; readonly hypotheses: readonly string[] } {
  const hypotheses = new Set<string>();
  const fill = (program: Program, other: Program): Program => ({
    ...program,
    validations: program.validations.map((validation) => {
      const { check, line, family } = validation;
      if (check.kind !== "strict") return validation;
      hypotheses.add(`exactly the routes of line ${line} lead to it (strict reverse path check, IPv${family})`);
      if (check.routes !== undefined) return validation;
      const known = other.validations.find((one) => one.line === line && one.family === family)?.check;
      const routes = known?.kind === "strict" ? known.routes : known?.allowed;
      return { ...validation, check: { ...check, routes: routes ?? check.besides } };
    }),
  });
  return { programs: [fill(left, right), fill(right, left)], hypotheses: [...hypotheses] };
}

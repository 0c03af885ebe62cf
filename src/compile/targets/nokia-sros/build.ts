// A program as filters of SR OS: one for each interface, direction and family, the same where they are the same. A device
// takes one filter for a place, so those that only count are appended to the one that decides. There is no "all but this
// list": validation by a list lets what the filter accepts pass for the line's sources only, accepts those in the end,
// and drops everybody else.
//
// Every entry counts what it matches. An entry that is there for its count alone is left out where later ones decide.

import { all } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { Filter, PortRange, Program } from "../../ir.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { overBudget, prefixCount } from "../budgets.ts";
import type { Measure } from "../budgets.ts";
import { placesOf } from "../places.ts";
import type { BoundPlace } from "../places.ts";
import { onlyCounts, SetNames, TermReader } from "../terms.ts";
import type { FamilyTerm, UsedSet } from "../terms.ts";
import { placeNamed } from "./tree.ts";
import type { Configuration, SrosEntry, SrosFilter, SrosInterface } from "./tree.ts";

export function buildConfiguration(
  program: Program,
  options: RenderOptions,
): Result<Configuration, readonly CompileError[]> {
  const builder = new Builder(program, options);
  const configuration = builder.configuration();
  const errors = [...builder.errors, ...overBudget("nokia-sros", "entries", measuresOf(configuration), options)];
  return errors.length > 0 ? failure(errors) : success(configuration);
}

/** An entry is as many in the hardware as its lists have prefixes. */
function measuresOf({ lists, filters }: Configuration): readonly Measure[] {
  const members = new Map(lists.map(({ name, addresses }) => [name, prefixCount(addresses)]));
  const size = (list: string | undefined): number => (list === undefined ? 1 : (members.get(list) ?? 0));
  return filters.map(({ name, entries }) => ({
    name,
    direction: "both",
    count: entries.reduce((sum, { source, destination }) => sum + size(source) * size(destination), 0),
  }));
}

/** Names of prefix lists take no more. */
const longestListName = 32;
/** Numbers of filters end here; those of a revision begin somewhere in the upper part, where people rarely count. */
const lastFilterId = 65_535;
const firstFilterId = 40_000;
const filterIdStarts = 25_000;

class Builder {
  readonly #program: Program;
  readonly #options: RenderOptions;
  readonly #reader: TermReader;
  readonly #lists: SetNames;
  readonly #filters = new Map<string, SrosFilter>();
  readonly #firstId: number;

  constructor(program: Program, options: RenderOptions) {
    this.#program = program;
    this.#options = options;
    this.#reader = new TermReader({ manners: () => ["drop"], flags: false, accept: false }, options);
    this.#lists = new SetNames((wanted, family, count) => {
      const end = `${count === 1 ? "" : `-${count}`}-v${family}-${options.revision}`;
      return wanted.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, longestListName - end.length) + end;
    });
    let sum = 0;
    for (const letter of options.revision) sum = (Math.imul(sum, 31) + letter.charCodeAt(0)) >>> 0;
    this.#firstId = firstFilterId + (sum % filterIdStarts);
  }

  get errors(): readonly CompileError[] {
    return this.#reader.errors;
  }

  configuration(): Configuration {
    const interfaces = new Map<string, SrosInterface>();
    const interfaceOf = (name: string): SrosInterface | undefined => {
      const place = placeNamed(name);
      if (place === undefined) this.#reader.refuse(undefined, `${name} is no name of an interface`);
      return place === undefined ? undefined : (interfaces.get(name) ?? { place, filters: [], strict: [] });
    };
    for (const place of placesOf(this.#program, (...refusal) => this.#reader.refuse(...refusal))) {
      const { name, family, direction } = place;
      const known = interfaceOf(name);
      const filter = this.#filterAt(place);
      if (known === undefined || filter === undefined) continue;
      interfaces.set(name, { ...known, filters: [...known.filters, { filter, family, direction }] });
    }
    for (const { line, family, check } of this.#program.validations) {
      const known = check.kind === "strict" ? interfaceOf(line) : undefined;
      if (known !== undefined) interfaces.set(line, { ...known, strict: [...known.strict, family] });
    }
    return {
      lists: this.#lists.sets,
      filters: [...this.#filters.values()],
      interfaces: [...interfaces.values()],
    };
  }

  /** Name of the filter of a place; undefined when it has none. */
  #filterAt({ name, family, direction, filters, allowed }: BoundPlace): string | undefined {
    const [deciding, second] = filters.filter((filter) => !onlyCounts(filter));
    if (second !== undefined) {
      const where = `${name}, ${direction}wards, IPv${family}`;
      this.#reader.refuse(undefined, `two filters that decide stand at ${where}, and a device takes one`);
      return undefined;
    }
    const rest = deciding === undefined ? "pass" : this.#reader.otherwise(deciding);
    const counting = rest === "pass" ? filters.filter(onlyCounts) : [];
    const terms = [...(deciding === undefined ? [] : [deciding]), ...counting].flatMap((filter) =>
      this.#termsOf(filter, family),
    );
    const kept = terms.filter(
      ({ purpose, action }, index) =>
        purpose !== "count" || action !== "pass" || (rest === "pass" && terms.slice(index).every(passes)),
    );
    const within =
      allowed === undefined || allowed.equals(all(family)) ? undefined : { name: `sav-${name}`, addresses: allowed };
    const entries = kept.flatMap((term) => this.#entriesOf(term, within));
    if (within !== undefined && !within.addresses.isEmpty && rest === "pass") {
      const source = this.#lists.nameOf(within);
      entries.push({ ...nothing, description: "sav", source, action: "accept" });
    }
    return this.#keep((deciding ?? counting[0])?.name ?? "sav", {
      family,
      entries,
      defaultAction: rest === "pass" && within === undefined ? "accept" : "drop",
    });
  }

  #keep(wanted: string, filter: Omit<SrosFilter, "name" | "id">): string {
    const same = [...this.#filters.values()].find(
      ({ name: _name, id: _id, ...known }) => JSON.stringify(known) === JSON.stringify(filter),
    );
    if (same !== undefined) return same.name;
    const id = this.#firstId + this.#filters.size;
    if (id > lastFilterId) this.#reader.refuse(undefined, "it needs more filters than a device has numbers left");
    const base = `${wanted.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 30)}-v${filter.family}-${this.#options.revision}`;
    let name = `sekimori-${base}`;
    for (let count = 2; this.#filters.has(name); count++) name = `sekimori-${base}-${count}`;
    this.#filters.set(name, { ...filter, name, id });
    return name;
  }

  #termsOf({ terms }: Filter, family: Family): readonly FamilyTerm[] {
    return terms.flatMap((term) => this.#reader.inFamily(term, family) ?? []);
  }

  /** An entry takes one range of ports for each end. */
  #entriesOf(term: FamilyTerm, within: UsedSet | undefined): readonly SrosEntry[] {
    const source = passes(term) && within !== undefined ? narrowed(term.source, within) : term.source;
    if (source?.addresses.isEmpty === true) return [];
    const { destination, protocol, sourcePorts = [undefined], destinationPorts = [undefined] } = term;
    const entry = {
      description: term.id,
      source: source === undefined ? undefined : this.#lists.nameOf(source),
      destination: destination === undefined ? undefined : this.#lists.nameOf(destination),
      protocol,
      action: passes(term) ? ("accept" as const) : ("drop" as const),
    };
    return sourcePorts.flatMap((from: PortRange | undefined) =>
      destinationPorts.map((to: PortRange | undefined) => ({ ...entry, sourcePorts: from, destinationPorts: to })),
    );
  }
}

const nothing = {
  destination: undefined,
  protocol: undefined,
  sourcePorts: undefined,
  destinationPorts: undefined,
};

function passes({ action }: FamilyTerm): boolean {
  return action === "pass";
}

function narrowed(set: UsedSet | undefined, within: UsedSet): UsedSet {
  return set === undefined ? within : { name: set.name, addresses: set.addresses.intersection(within.addresses) };
}

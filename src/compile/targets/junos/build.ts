// A program as Junos filters: one for each interface, direction and family, the same where they are the same. Filters
// that only count go in front, with `next term`, so that what they count is still decided. Validation by a list is a first
// term that discards every source but those of the line.

import { all } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { Program, Term } from "../../ir.ts";
import { tcp } from "../../packet.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { overBudget, prefixCount } from "../budgets.ts";
import type { Measure } from "../budgets.ts";
import { placesOf } from "../places.ts";
import type { BoundPlace } from "../places.ts";
import { onlyCounts, SetNames, TermReader } from "../terms.ts";
import type { UsedSet } from "../terms.ts";
import type { Configuration, End, JunosFilter, JunosInterface, JunosTerm } from "./tree.ts";

export function buildConfiguration(
  program: Program,
  options: RenderOptions,
): Result<Configuration, readonly CompileError[]> {
  const builder = new Builder(program, options);
  const configuration = builder.configuration();
  const errors = [...builder.errors, ...overBudget("junos", "terms", measuresOf(configuration), options)];
  return errors.length > 0 ? failure(errors) : success(configuration);
}

/** A term with lists is as many in the hardware as their prefixes; one more where a list is an exception. */
function measuresOf({ lists, filters, interfaces }: Configuration): readonly Measure[] {
  const members = new Map(lists.map(({ name, addresses }) => [name, prefixCount(addresses)]));
  const size = (end: End | undefined): number =>
    end === undefined ? 1 : (members.get(end.list) ?? 0) + (end.isExcept ? 1 : 0);
  const uses = interfaces.flatMap((one) => one.filters);
  return filters.map(({ name, terms }) => {
    const directions = new Set(uses.filter(({ filter }) => filter === name).map(({ direction }) => direction));
    return {
      name,
      direction: directions.size === 2 ? "both" : directions.has("input") ? "in" : "out",
      count: terms.reduce(
        (sum, { source, destination, sourcePorts, destinationPorts }) =>
          sum + size(source) * size(destination) * (sourcePorts?.length ?? 1) * (destinationPorts?.length ?? 1),
        0,
      ),
    };
  });
}

class Builder {
  readonly #program: Program;
  readonly #options: RenderOptions;
  readonly #reader: TermReader;
  readonly #lists: SetNames;
  readonly #filters = new Map<string, JunosFilter>();

  constructor(program: Program, options: RenderOptions) {
    this.#program = program;
    this.#options = options;
    this.#reader = new TermReader(
      {
        manners: (protocol) =>
          protocol === tcp ? ["reset", "admin-prohibited", "drop"] : ["admin-prohibited", "drop"],
        flags: true,
        accept: false,
      },
      options,
    );
    this.#lists = new SetNames((wanted, family, count) => {
      const base = `${wanted.replaceAll(/[^A-Za-z0-9]+/g, "-")}-v${family}-${options.revision}`;
      return count === 1 ? base : `${base}-${count}`;
    });
  }

  get errors(): readonly CompileError[] {
    return this.#reader.errors;
  }

  configuration(): Configuration {
    const interfaces = new Map<string, JunosInterface>();
    const interfaceOf = (name: string): JunosInterface => interfaces.get(name) ?? { name, filters: [], strict: [] };
    for (const place of placesOf(this.#program, (...refusal) => this.#reader.refuse(...refusal))) {
      if (!/^[a-z][a-z0-9/:-]*(?:\.\d+)?$/.test(place.name)) {
        this.#reader.refuse(undefined, `${place.name} is no name of an interface`);
        continue;
      }
      const filter = this.#filterAt(place);
      if (filter === undefined) continue;
      const known = interfaceOf(place.name);
      const { family } = place;
      const direction = place.direction === "in" ? "input" : "output";
      interfaces.set(place.name, { ...known, filters: [...known.filters, { filter, family, direction }] });
    }
    for (const { line, family, check } of this.#program.validations) {
      const known = interfaceOf(line);
      if (check.kind === "strict") interfaces.set(line, { ...known, strict: [...known.strict, family] });
    }
    return {
      lists: this.#lists.sets,
      filters: [...this.#filters.values()],
      interfaces: [...interfaces.values()],
    };
  }

  /** Name of the filter of a place; undefined when nothing is to be done there. */
  #filterAt({ name, family, filters, allowed }: BoundPlace): string | undefined {
    const counting = filters.filter(onlyCounts);
    const [deciding, second] = filters.filter((filter) => !onlyCounts(filter));
    if (second !== undefined) {
      this.#reader.refuse(undefined, `two filters that decide stand at ${name}, and a device takes one of a family`);
      return undefined;
    }
    const terms: JunosTerm[] = [];
    if (allowed !== undefined && !allowed.equals(all(family))) {
      // Of nobody there is no list: then every source is discarded.
      const source = allowed.isEmpty ? undefined : this.#end({ name: "sources", addresses: allowed }, "except");
      terms.push({ ...nothing, name: "validate-source", source, action: "drop", count: "sav" });
    }
    for (const filter of counting) terms.push(...filter.terms.flatMap((term) => this.#termOf(term, family, "next")));
    if (deciding !== undefined) terms.push(...deciding.terms.flatMap((term) => this.#termOf(term, family)));
    const rest = deciding === undefined ? "pass" : this.#reader.otherwise(deciding);
    terms.push({ ...nothing, name: "rest", action: rest === "pass" ? "accept" : rest });
    return this.#keep(
      `${(deciding ?? counting[0])?.name ?? "sav"}-v${family}-${this.#options.revision}`,
      family,
      terms,
    );
  }

  #keep(base: string, family: Family, terms: readonly JunosTerm[]): string {
    for (let count = 1; ; count++) {
      const name = count === 1 ? base : `${base}-${count}`;
      const known = this.#filters.get(name);
      if (known === undefined) {
        this.#filters.set(name, { name, family, terms: distinct(terms) });
        return name;
      }
      if (JSON.stringify(known.terms) === JSON.stringify(distinct(terms))) return name;
    }
  }

  #termOf(term: Term, family: Family, as?: "next"): readonly JunosTerm[] {
    const read = this.#reader.inFamily(term, family);
    if (read === undefined) return [];
    const { id, source, destination, protocol, sourcePorts, destinationPorts, flags, counter, purpose } = read;
    // What only counts must not decide; that it passes is what the terms behind it say as well.
    const decides = read.action !== "pass" ? read.action : purpose === "count" ? "next" : "accept";
    return [
      {
        name: id.replaceAll(/[^A-Za-z0-9]+/g, "-"),
        source: source === undefined ? undefined : this.#end(source),
        destination: destination === undefined ? undefined : this.#end(destination),
        protocol,
        sourcePorts,
        destinationPorts,
        flags,
        count: counter,
        action: as ?? decides,
      },
    ];
  }

  #end(set: UsedSet, except?: "except"): End {
    return { list: this.#lists.nameOf(set), isExcept: except === "except" };
  }
}

const nothing: Omit<JunosTerm, "name" | "action"> = {
  source: undefined,
  destination: undefined,
  protocol: undefined,
  sourcePorts: undefined,
  destinationPorts: undefined,
  flags: undefined,
  count: undefined,
};

/** Terms of a filter have different names. */
function distinct(terms: readonly JunosTerm[]): readonly JunosTerm[] {
  const used = new Set<string>();
  return terms.map((term) => {
    let { name } = term;
    for (let count = 2; used.has(name); count++) name = `${term.name}-${count}`;
    used.add(name);
    return { ...term, name };
  });
}

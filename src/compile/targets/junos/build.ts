// A program as Junos filters: one for each interface, direction and family, the same where they are the same. Filters
// that only count go in front, with `next term`, so that what they count is still decided. Validation by a list is a first
// term that discards every source but those of the line.

import { all } from "../../../base/address-set.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { Manner } from "../../../policy/network/policy.ts";
import { familySet } from "../../ir.ts";
import type { Filter, NamedSet, Program, Term } from "../../ir.ts";
import { tcp } from "../../packet.ts";
import { chooseManner } from "../../target.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { placesOf } from "../places.ts";
import type { BoundPlace } from "../places.ts";
import type { Configuration, End, JunosFilter, JunosInterface, JunosTerm, PrefixList } from "./tree.ts";

export function buildConfiguration(
  program: Program,
  options: RenderOptions,
): Result<Configuration, readonly CompileError[]> {
  const builder = new Builder(program, options);
  const configuration = builder.configuration();
  return builder.errors.length > 0 ? failure(builder.errors) : success(configuration);
}

class Builder {
  readonly errors: CompileError[] = [];
  readonly #program: Program;
  readonly #options: RenderOptions;
  readonly #lists = new Map<string, PrefixList>();
  readonly #filters = new Map<string, JunosFilter>();

  constructor(program: Program, options: RenderOptions) {
    this.#program = program;
    this.#options = options;
  }

  configuration(): Configuration {
    const interfaces = new Map<string, JunosInterface>();
    const interfaceOf = (name: string): JunosInterface => interfaces.get(name) ?? { name, filters: [], strict: [] };
    for (const place of placesOf(this.#program, (...refusal) => this.#refuse(...refusal))) {
      if (!/^[a-z][a-z0-9/:-]*(?:\.\d+)?$/.test(place.name)) {
        this.#refuse(undefined, `${place.name} is no name of an interface`);
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
      lists: [...this.#lists.values()],
      filters: [...this.#filters.values()],
      interfaces: [...interfaces.values()],
    };
  }

  /** Name of the filter of a place; undefined when nothing is to be done there. */
  #filterAt({ name, family, filters, allowed }: BoundPlace): string | undefined {
    const counting = filters.filter(onlyCounts);
    const [deciding, second] = filters.filter((filter) => !onlyCounts(filter));
    if (second !== undefined) {
      this.#refuse(undefined, `two filters that decide stand at ${name}, and a device takes one of a family`);
      return undefined;
    }
    const terms: JunosTerm[] = [];
    if (allowed !== undefined && !allowed.equals(all(family))) {
      // Of nobody there is no list: then every source is discarded.
      const source = allowed.isEmpty ? undefined : { list: this.#list("sources", allowed), isExcept: true };
      terms.push({ ...nothing, name: "validate-source", source, action: "drop", count: "sav" });
    }
    for (const filter of counting) terms.push(...filter.terms.flatMap((term) => this.#termOf(term, family, "next")));
    if (deciding !== undefined) {
      terms.push(...deciding.terms.flatMap((term) => this.#termOf(term, family)));
      const { otherwise } = deciding;
      if (otherwise.kind === "accept") this.#refuseAccept(deciding.name);
      const action = otherwise.kind === "block" ? this.#manner(otherwise.manners, deciding.name, undefined) : "accept";
      terms.push({ ...nothing, name: "rest", action });
    } else {
      terms.push({ ...nothing, name: "rest", action: "accept" });
    }
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

  #termOf({ id, match, action, counter, purpose }: Term, family: Family, as?: "next"): readonly JunosTerm[] {
    if (match.family !== undefined && match.family !== family) return [];
    if (match.sourcePorts?.length === 0 || match.destinationPorts?.length === 0) return [];
    if (match.fragment !== undefined) this.#refuse(id, "this target does not tell fragments apart");
    if (match.subscriber !== undefined) this.#refuse(id, "a filter of packets knows no subscribers");
    if (action.kind === "accept") this.#refuseAccept(id);
    const source = this.#end(match.source, family, id);
    const destination = this.#end(match.destination, family, id);
    if (source === "nobody" || destination === "nobody") return [];
    // What only counts must not decide; that it passes is what the terms behind it say as well.
    const junosAction =
      as ??
      (action.kind === "block"
        ? this.#manner(action.manners, id, match.protocol)
        : purpose === "count"
          ? "next"
          : "accept");
    return [
      {
        name: id.replaceAll(/[^A-Za-z0-9]+/g, "-"),
        source,
        destination,
        protocol: match.protocol,
        sourcePorts: match.sourcePorts,
        destinationPorts: match.destinationPorts,
        flags: match.flags,
        count: counter,
        action: junosAction,
      },
    ];
  }

  #manner(manners: readonly Manner[], rule: string, protocol: number | undefined): Manner {
    const sayable =
      protocol === tcp ? (["reset", "admin-prohibited", "drop"] as const) : (["admin-prohibited", "drop"] as const);
    const manner = chooseManner(manners, sayable, rule, this.#options);
    if (manner.ok) return manner.value;
    this.errors.push(manner.error);
    return "drop";
  }

  #end(set: NamedSet | undefined, family: Family, rule: string): End | undefined | "nobody" {
    if (set === undefined) return undefined;
    const { validUntil } = this.#options;
    for (const { until } of set.timeouts) {
      if (validUntil === undefined || until < validUntil) {
        this.#refuse(rule, "a permit ends before the text does, and a filter has no clock");
      }
    }
    const addresses = familySet(set, family);
    if (addresses.isEmpty) return "nobody";
    if (addresses.equals(all(family))) return undefined;
    return { list: this.#list(set.name, addresses), isExcept: false };
  }

  #list(wanted: string, addresses: AddressSet): string {
    const base = `${wanted.replaceAll(/[^A-Za-z0-9]+/g, "-")}-v${addresses.family}-${this.#options.revision}`;
    for (let count = 1; ; count++) {
      const name = count === 1 ? base : `${base}-${count}`;
      const known = this.#lists.get(name);
      if (known === undefined) {
        this.#lists.set(name, { name, addresses });
        return name;
      }
      if (known.addresses.equals(addresses)) return name;
    }
  }

  #refuseAccept(rule: string): void {
    this.#refuse(rule, "a filter cannot keep a packet from the filters after it");
  }

  #refuse(rule: string | undefined, message: string, hint?: string): void {
    this.errors.push({ rule, message, ...(hint === undefined ? {} : { hint }) });
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

function onlyCounts({ terms, otherwise }: Filter): boolean {
  return (
    otherwise.kind === "pass" &&
    terms.length > 0 &&
    terms.every(({ purpose, action }) => purpose === "count" && action.kind === "pass")
  );
}

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

// A program as access lists: one list for each interface, direction and family that a filter is bound to, the same list
// where they are the same. Validation by a list of prefixes becomes part of the list of its line: what the filter permits
// is permitted to the line's sources only, and in the end they pass and nobody else.
//
// A device takes one list for a place; two filters at one place are refused, and so is whatever a line cannot say.

import { all } from "../../../base/address-set.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { familySet, pass } from "../../ir.ts";
import type { Action, Filter, Match, NamedSet, Program, Term } from "../../ir.ts";
import { chooseManner } from "../../target.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import type { Dialect } from "./dialect.ts";
import { placesOf } from "../places.ts";
import type { BoundPlace } from "../places.ts";
import { countLines } from "./write.ts";
import type { AccessList, End, Entry, Group, Interface, Listing } from "./tree.ts";

export function buildListing(
  program: Program,
  dialect: Dialect,
  options: RenderOptions,
): Result<Listing, readonly CompileError[]> {
  const builder = new Builder(program, dialect, options);
  const listing = builder.listing();
  return builder.errors.length > 0 ? failure(builder.errors) : success(listing);
}

class Builder {
  readonly errors: CompileError[] = [];
  readonly #program: Program;
  readonly #dialect: Dialect;
  readonly #options: RenderOptions;
  readonly #lists = new Map<string, AccessList>();
  readonly #groups = new Map<AddressSet, Group>();
  readonly #interfaces = new Map<string, Interface>();

  constructor(program: Program, dialect: Dialect, options: RenderOptions) {
    this.#program = program;
    this.#dialect = dialect;
    this.#options = options;
  }

  listing(): Listing {
    for (const place of placesOf(this.#program, (...refusal) => this.#refuse(...refusal))) this.#bind(place);
    for (const { line, family, check } of this.#program.validations) {
      const known = this.#interfaceOf(line);
      if (check.kind !== "strict" || known.strict.includes(family)) continue;
      this.#interfaces.set(line, { ...known, strict: [...known.strict, family] });
    }
    const listing = {
      groups: [...this.#groups.values()],
      lists: [...this.#lists.values()],
      interfaces: [...this.#interfaces.values()],
    };
    this.#checkBudget(listing);
    return listing;
  }

  #bind({ name, direction, family, filters, allowed }: BoundPlace): void {
    const [filter = validationAlone, second] = filters;
    if (second !== undefined) {
      const where = `${name} ${direction}, IPv${family}`;
      this.#refuse(undefined, `two filters stand at ${where}, and a device takes one`, "leave one of the places out");
      return;
    }
    this.#attach(name, this.#listOf(filter, family, allowed), family, direction);
  }

  #attach(name: string, list: string, family: Family, direction: "in" | "out"): void {
    if (!/^[A-Za-z][A-Za-z0-9./:_-]*$/.test(name)) {
      this.#refuse(undefined, `${name} is no name of an interface`);
      return;
    }
    const known = this.#interfaceOf(name);
    this.#interfaces.set(name, { ...known, lists: [...known.lists, { list, family, direction }] });
  }

  #interfaceOf(name: string): Interface {
    return this.#interfaces.get(name) ?? { name, lists: [], strict: [] };
  }

  /** Name of the list; one that is the same already is used again. */
  #listOf(filter: Filter, family: Family, allowed: AddressSet | undefined): string {
    const entries = this.#entriesOf(filter, family, allowed);
    const base = `${filter.name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "-")}-V${family}-${this.#options.revision}`;
    for (let count = 1; ; count++) {
      const name = count === 1 ? base : `${base}-${count}`;
      const known = this.#lists.get(name);
      if (known === undefined) {
        this.#lists.set(name, { name, family, entries });
        return name;
      }
      if (sameEntries(known.entries, entries)) return name;
    }
  }

  #entriesOf(filter: Filter, family: Family, allowed: AddressSet | undefined): readonly Entry[] {
    const entries = filter.terms.flatMap((term) => this.#entryOf(term, family, allowed));
    this.#checkAccept(filter.otherwise, filter.name);
    const rest = { protocol: undefined, sourcePorts: undefined, destinationPorts: undefined, destination: any };
    if (filter.otherwise.kind === "block") {
      this.#checkManner(filter.otherwise.manners, filter.name);
      return [...entries, { ...rest, action: "deny", source: any, rule: "otherwise" }];
    }
    if (allowed === undefined) return [...entries, { ...rest, action: "permit", source: any, rule: "otherwise" }];
    const sources = this.#end(allowed, 1);
    return [
      ...entries,
      ...(sources === undefined ? [] : [{ ...rest, action: "permit" as const, source: sources, rule: "sav" }]),
      { ...rest, action: "deny", source: any, rule: "sav" },
    ];
  }

  #entryOf({ id, match, action, purpose }: Term, family: Family, allowed: AddressSet | undefined): readonly Entry[] {
    // Lines have counters of their own; what stands for its counter alone decides nothing.
    if (purpose === "count" || (match.family !== undefined && match.family !== family)) return [];
    if (match.sourcePorts?.length === 0 || match.destinationPorts?.length === 0) return [];
    if (match.fragment !== undefined) this.#refuse(id, "this target does not tell fragments apart");
    if (match.flags !== undefined) this.#refuse(id, "this target does not tell first segments from others");
    if (match.subscriber !== undefined) this.#refuse(id, "an access list knows no subscribers");
    for (const set of [match.source, match.destination]) this.#checkTimes(set, id);
    if (action.kind === "block") this.#checkManner(action.manners, id);
    this.#checkAccept(action, id);
    const permits = action.kind !== "block";
    const own = match.source === undefined ? undefined : familySet(match.source, family);
    const source = permits && allowed !== undefined ? (own === undefined ? allowed : own.intersection(allowed)) : own;
    const destination = match.destination === undefined ? undefined : familySet(match.destination, family);
    const ends = this.#ends(source, destination);
    if (ends === undefined) return [];
    return [{ action: permits ? "permit" : "deny", rule: id, ...conditions(match), ...ends }];
  }

  /** undefined: one of them has no members. Of two with many members one becomes a group, so that lines add and do not multiply. */
  #ends(
    source: AddressSet | undefined,
    destination: AddressSet | undefined,
  ): Pick<Entry, "source" | "destination"> | undefined {
    const [sources, destinations] = [source?.rangeCount ?? 1, destination?.rangeCount ?? 1];
    const from = source === undefined ? any : this.#end(source, sources >= destinations ? destinations : 1);
    const to = destination === undefined ? any : this.#end(destination, sources >= destinations ? 1 : sources);
    return from === undefined || to === undefined ? undefined : { source: from, destination: to };
  }

  #end(addresses: AddressSet, times: number): End | undefined {
    if (addresses.isEmpty) return undefined;
    if (addresses.equals(all(addresses.family))) return any;
    if (this.#dialect.groups === undefined || times < 2 || addresses.rangeCount < 2) return { kind: "each", addresses };
    let group = [...this.#groups.values()].find((each) => each.addresses.equals(addresses));
    if (group === undefined) {
      const { family } = addresses;
      const name = `OP25B-G${this.#groups.size + 1}-V${family}-${this.#options.revision}`;
      group = { name, family, addresses };
      this.#groups.set(addresses, group);
    }
    return { kind: "group", name: group.name };
  }

  /** A list has no clock: what ends before the text does would go on. */
  #checkTimes(set: NamedSet | undefined, rule: string): void {
    const { validUntil } = this.#options;
    for (const { until } of set?.timeouts ?? []) {
      if (validUntil === undefined || until < validUntil) {
        this.#refuse(rule, "a permit ends before the text does, and an access list has no clock");
      }
    }
  }

  /** Another list that the packet meets is asked all the same. */
  #checkAccept(action: Action, rule: string): void {
    if (action.kind === "accept") this.#refuse(rule, "an access list cannot keep a packet from the lists after it");
  }

  #checkManner(manners: Parameters<typeof chooseManner>[0], rule: string): void {
    const manner = chooseManner(manners, ["admin-prohibited", "drop"], rule, this.#options);
    if (!manner.ok) this.errors.push(manner.error);
  }

  #checkBudget(listing: Listing): void {
    const most = this.#options.budget ?? this.#dialect.budget?.most;
    if (most === undefined) return;
    for (const list of listing.lists) {
      const lines = countLines(list, listing.groups);
      if (lines > most) {
        const message = `${list.name} needs ${lines} entries, the device has room for ${most}`;
        this.#refuse(undefined, message, "aggregate the pools, or set `budget` of the target if it has more");
      }
    }
  }

  #refuse(rule: string | undefined, message: string, hint?: string): void {
    this.errors.push({ rule, message, ...(hint === undefined ? {} : { hint }) });
  }
}

const any: End = { kind: "any" };

/** For a line whose validation no filter carries. */
const validationAlone: Filter = { name: "sav", terms: [], otherwise: pass };

function conditions({
  protocol,
  sourcePorts,
  destinationPorts,
}: Match): Pick<Entry, "protocol" | "sourcePorts" | "destinationPorts"> {
  return { protocol, sourcePorts, destinationPorts };
}

function sameEntries(left: readonly Entry[], right: readonly Entry[]): boolean {
  return (
    left.length === right.length &&
    left.every((entry, index) => {
      const other = right[index]!;
      const { source, destination, ...rest } = entry;
      const { source: otherSource, destination: otherDestination, ...otherRest } = other;
      return (
        JSON.stringify(rest) === JSON.stringify(otherRest) &&
        sameEnd(source, otherSource) &&
        sameEnd(destination, otherDestination)
      );
    })
  );
}

function sameEnd(left: End, right: End): boolean {
  if (left.kind === "each" && right.kind === "each") return left.addresses.equals(right.addresses);
  return JSON.stringify(left) === JSON.stringify(right);
}

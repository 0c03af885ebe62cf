// A program as one list of terms for a family, the first that matches deciding: routers have one list of FlowSpec rules,
// and a packet meets all filters of a program. Terms that decide nothing are left out, while they are few sets and not yet
// many prefixes.

import { all } from "../../../base/address-set.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { familySet } from "../../ir.ts";
import type { Action, Filter, NamedSet, PortRange } from "../../ir.ts";

/** undefined: any. */
export interface FlowTerm {
  readonly source: AddressSet | undefined;
  readonly destination: AddressSet | undefined;
  readonly protocol: number | undefined;
  readonly sourcePorts: readonly PortRange[] | undefined;
  readonly destinationPorts: readonly PortRange[] | undefined;
  readonly action: Action["kind"];
  readonly rule: string;
}

export function termsOf(filters: readonly Filter[], family: Family): readonly FlowTerm[] {
  const sets = new Intersections();
  const lists = filters.map((filter) => withoutIdle(ofFamily(filter, family), sets));
  const [first = [anything("pass", "unfiltered")], ...others] = lists;
  return others.reduce((left, right) => withoutIdle(both(left, right, sets), sets), first);
}

function anything(action: Action["kind"], rule: string): FlowTerm {
  const any = { source: undefined, destination: undefined, sourcePorts: undefined, destinationPorts: undefined };
  return { ...any, protocol: undefined, action, rule };
}

/** The last one is for all that is left. */
function ofFamily({ name, terms, otherwise }: Filter, family: Family): readonly FlowTerm[] {
  const list = terms.flatMap(({ id, match, action, purpose }): readonly FlowTerm[] => {
    if (purpose === "count" || (match.family ?? family) !== family) return [];
    const { protocol, sourcePorts, destinationPorts } = match;
    const source = endOf(match.source, family);
    const destination = endOf(match.destination, family);
    if (source?.isEmpty === true || destination?.isEmpty === true) return [];
    if (sourcePorts?.length === 0 || destinationPorts?.length === 0) return [];
    return [{ source, destination, protocol, sourcePorts, destinationPorts, action: action.kind, rule: id }];
  });
  return [...list, anything(otherwise.kind, `${name} otherwise`)];
}

function endOf(set: NamedSet | undefined, family: Family): AddressSet | undefined {
  const own = set === undefined ? undefined : familySet(set, family);
  return own?.equals(all(family)) === true ? undefined : own;
}

/**
 * What two lists say together: what either blocks is blocked, unless the first has accepted it for good. The second list
 * leads: its blocks then stand before the permits of the first, as they do in the order of the NLRI, where a destination
 * comes before a source.
 */
function both(left: readonly FlowTerm[], right: readonly FlowTerm[], sets: Intersections): readonly FlowTerm[] {
  return right.flatMap((other) =>
    left.flatMap((one): readonly FlowTerm[] => {
      const common = sets.ofTerms(one, other);
      if (common === undefined) return [];
      const action = one.action === "pass" ? other.action : one.action;
      const decides = one.action === "pass" && (other.action === "block" || isWhole(one)) ? other : one;
      return [{ ...common, action, rule: decides.rule }];
    }),
  );
}

function isWhole({ source, destination, protocol }: FlowTerm): boolean {
  return source === undefined && destination === undefined && protocol === undefined;
}

/** Without terms that a later one says again, with nothing between them that says otherwise. */
function withoutIdle(list: readonly FlowTerm[], sets: Intersections): readonly FlowTerm[] {
  const left: FlowTerm[] = [];
  for (const term of list.toReversed()) {
    const isIdle = (): boolean => {
      for (const later of left.toReversed()) {
        if (later.action === term.action && sets.covers(later, term)) return true;
        if (later.action !== term.action && sets.ofTerms(later, term) !== undefined) return false;
      }
      return false;
    };
    if (!isIdle()) left.push(term);
  }
  return left.toReversed();
}

class Intersections {
  readonly #known = new Map<AddressSet, Map<AddressSet, AddressSet>>();

  of(a: AddressSet, b: AddressSet): AddressSet {
    if (a === b) return a;
    const known = this.#known.get(a)?.get(b);
    if (known !== undefined) return known;
    const made = a.intersection(b);
    // A set that is all in the other stays the object that it is.
    const common = made.equals(a) ? a : made.equals(b) ? b : made;
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const row = this.#known.get(one) ?? new Map<AddressSet, AddressSet>();
      row.set(other, common);
      this.#known.set(one, row);
    }
    return common;
  }

  /** undefined: no packet matches both. */
  ofTerms(a: FlowTerm, b: FlowTerm): Omit<FlowTerm, "action" | "rule"> | undefined {
    if (a.protocol !== undefined && b.protocol !== undefined && a.protocol !== b.protocol) return undefined;
    const sourcePorts = intersectPorts(a.sourcePorts, b.sourcePorts);
    const destinationPorts = intersectPorts(a.destinationPorts, b.destinationPorts);
    if (sourcePorts?.length === 0 || destinationPorts?.length === 0) return undefined;
    const source = this.#ends(a.source, b.source);
    if (source?.isEmpty === true) return undefined;
    const destination = this.#ends(a.destination, b.destination);
    if (destination?.isEmpty === true) return undefined;
    return { source, destination, protocol: a.protocol ?? b.protocol, sourcePorts, destinationPorts };
  }

  #ends(a: AddressSet | undefined, b: AddressSet | undefined): AddressSet | undefined {
    if (a === undefined) return b;
    return b === undefined ? a : this.of(a, b);
  }

  covers(wide: FlowTerm, narrow: FlowTerm): boolean {
    return (
      (wide.protocol === undefined || wide.protocol === narrow.protocol) &&
      coversPorts(wide.sourcePorts, narrow.sourcePorts) &&
      coversPorts(wide.destinationPorts, narrow.destinationPorts) &&
      this.#coversEnd(wide.source, narrow.source) &&
      this.#coversEnd(wide.destination, narrow.destination)
    );
  }

  #coversEnd(wide: AddressSet | undefined, narrow: AddressSet | undefined): boolean {
    return wide === undefined || (narrow !== undefined && this.of(wide, narrow) === narrow);
  }
}

export function intersectPorts(
  a: readonly PortRange[] | undefined,
  b: readonly PortRange[] | undefined,
): readonly PortRange[] | undefined {
  if (a === undefined || a === b) return b;
  if (b === undefined) return a;
  const common = a.flatMap((one) =>
    b.flatMap((other) => {
      const [first, last] = [Math.max(one.first, other.first), Math.min(one.last, other.last)];
      return first <= last ? [{ first, last }] : [];
    }),
  );
  return samePorts(common, a) ? a : samePorts(common, b) ? b : common;
}

function samePorts(a: readonly PortRange[], b: readonly PortRange[]): boolean {
  return a.length === b.length && a.every(({ first, last }, at) => first === b[at]!.first && last === b[at]!.last);
}

function coversPorts(wide: readonly PortRange[] | undefined, narrow: readonly PortRange[] | undefined): boolean {
  if (wide === undefined) return true;
  return narrow !== undefined && samePorts(intersectPorts(wide, narrow)!, narrow);
}

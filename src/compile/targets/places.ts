// Where the filters of a program stand on a device that binds them to interfaces: a place for each interface, direction
// and family that has something to do, with its filters in their order and the sources that validation by a list lets in.
// Strict reverse path checks are no filters and are not here. A filter for all of the device has no such place: refused.

import type { AddressSet } from "../../base/address-set.ts";
import type { Family } from "../../base/address.ts";
import type { Filter, Program } from "../ir.ts";

export interface BoundPlace {
  /** Of the interface. */
  readonly name: string;
  readonly direction: "in" | "out";
  readonly family: Family;
  /** None where only validation stands. */
  readonly filters: readonly Filter[];
  /** Sources that may come in; undefined: all. */
  readonly allowed: AddressSet | undefined;
}

export const families: readonly Family[] = [4, 6];

export function placesOf(
  program: Program,
  refuse: (rule: string | undefined, message: string, hint?: string) => void,
): readonly BoundPlace[] {
  const places = new Map<string, BoundPlace & { readonly filters: Filter[] }>();
  const placeOf = (name: string, direction: BoundPlace["direction"], family: Family): Filter[] => {
    const key = `${name} ${direction} ${family}`;
    const known = places.get(key);
    if (known !== undefined) return known.filters;
    const allowed = direction === "in" ? allowedOn(program, name, family) : undefined;
    const made = { name, direction, family, filters: [], allowed };
    places.set(key, made);
    return made.filters;
  };
  for (const binding of program.bindings) {
    const filter = program.filters.find(({ name }) => name === binding.filter);
    if (filter === undefined) throw new Error(`a binding names the filter ${binding.filter}, which is not there`);
    const { place } = binding;
    if (place.kind === "everywhere") {
      const hint = "set customer-interfaces or upstream-interfaces of the target";
      refuse(undefined, `the filter ${filter.name} must be bound to interfaces`, hint);
      continue;
    }
    for (const way of ["up", "down"] as const) {
      if (binding.direction !== "both" && binding.direction !== way) continue;
      const direction = (place.kind === "line") === (way === "up") ? "in" : "out";
      for (const family of families) {
        if (binding.family !== "both" && binding.family !== family) continue;
        const filters = placeOf(place.name, direction, family);
        if (!filters.includes(filter)) filters.push(filter);
      }
    }
  }
  for (const { line, family, check } of program.validations) {
    if (check.kind === "list") placeOf(line, "in", family);
  }
  return [...places.values()];
}

function allowedOn({ validations }: Program, line: string, family: Family): AddressSet | undefined {
  const validation = validations.find((each) => each.line === line && each.family === family);
  return validation?.check.kind === "list" ? validation.check.allowed : undefined;
}

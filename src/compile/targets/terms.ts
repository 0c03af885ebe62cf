// What a term says in one family, for devices whose filters have no clock and know neither subscribers nor fragments. A term
// that cannot match in the family is left out: of nobody, of no port, of the other family. What the device cannot say is
// refused with the rule.

import { all } from "../../base/address-set.ts";
import type { AddressSet } from "../../base/address-set.ts";
import type { Family } from "../../base/address.ts";
import type { Manner } from "../../policy/network/policy.ts";
import { familySet } from "../ir.ts";
import type { Action, Filter, NamedSet, PortRange, Term } from "../ir.ts";
import type { Flags } from "../packet.ts";
import { chooseManner } from "../target.ts";
import type { CompileError, RenderOptions } from "../target.ts";

export interface FamilyTerm {
  readonly id: string;
  /** Neither nobody nor everybody. */
  readonly source: UsedSet | undefined;
  readonly destination: UsedSet | undefined;
  readonly protocol: number | undefined;
  readonly sourcePorts: readonly PortRange[] | undefined;
  readonly destinationPorts: readonly PortRange[] | undefined;
  readonly flags: Flags | undefined;
  readonly counter: string | undefined;
  readonly purpose: Term["purpose"] | undefined;
  readonly action: FamilyAction;
}

export interface UsedSet {
  /** That of the set in the program, which has both families. */
  readonly name: string;
  readonly addresses: AddressSet;
}

export type FamilyAction = "pass" | "accept" | Manner;

export interface TermAbilities {
  /** Of packets of such a protocol. */
  readonly manners: (protocol: number | undefined) => readonly Manner[];
  /** Whether it can tell first segments from others. */
  readonly flags: boolean;
  /** Whether a filter can keep a packet from the filters after it. */
  readonly accept: boolean;
}

export class TermReader {
  readonly errors: CompileError[] = [];
  readonly #can: TermAbilities;
  readonly #options: RenderOptions;

  constructor(can: TermAbilities, options: RenderOptions) {
    this.#can = can;
    this.#options = options;
  }

  inFamily({ id, match, action, counter, purpose }: Term, family: Family): FamilyTerm | undefined {
    if (match.family !== undefined && match.family !== family) return undefined;
    if (match.sourcePorts?.length === 0 || match.destinationPorts?.length === 0) return undefined;
    if (match.fragment !== undefined) this.refuse(id, "this target does not tell fragments apart");
    if (match.subscriber !== undefined) this.refuse(id, "a filter of packets knows no subscribers");
    if (match.flags !== undefined && !this.#can.flags) {
      this.refuse(id, "this target does not tell first segments from others");
    }
    const source = this.#end(match.source, family, id);
    const destination = this.#end(match.destination, family, id);
    if (source === "nobody" || destination === "nobody") return undefined;
    const { protocol, sourcePorts, destinationPorts, flags } = match;
    return {
      id,
      source,
      destination,
      protocol,
      sourcePorts,
      destinationPorts,
      flags,
      counter,
      purpose,
      action: this.#action(action, id, protocol),
    };
  }

  otherwise({ name, otherwise }: Filter): FamilyAction {
    return this.#action(otherwise, name, undefined);
  }

  refuse(rule: string | undefined, message: string, hint?: string): void {
    this.errors.push({ rule, message, ...(hint === undefined ? {} : { hint }) });
  }

  #action(action: Action, rule: string, protocol: number | undefined): FamilyAction {
    if (action.kind === "pass") return "pass";
    if (action.kind === "accept") {
      if (!this.#can.accept) this.refuse(rule, "a filter cannot keep a packet from the filters after it");
      return "accept";
    }
    const manner = chooseManner(action.manners, this.#can.manners(protocol), rule, this.#options);
    if (manner.ok) return manner.value;
    this.errors.push(manner.error);
    return "drop";
  }

  #end(set: NamedSet | undefined, family: Family, rule: string): UsedSet | undefined | "nobody" {
    if (set === undefined) return undefined;
    const { validUntil } = this.#options;
    if (set.timeouts.some(({ until }) => validUntil === undefined || until < validUntil)) {
      this.refuse(rule, "a permit ends before the text does, and a filter has no clock");
    }
    const addresses = familySet(set, family);
    if (addresses.isEmpty) return "nobody";
    return addresses.equals(all(family)) ? undefined : { name: set.name, addresses };
  }
}

/** A filter that stands there for its counters only: other filters at its place are asked as if it were not there. */
export function onlyCounts({ terms, otherwise }: Filter): boolean {
  return (
    otherwise.kind === "pass" &&
    terms.length > 0 &&
    terms.every(({ purpose, action }) => purpose === "count" && action.kind === "pass")
  );
}

/** Sets under names that no two of them share, the same for the same addresses. */
export class SetNames {
  readonly #spell: (wanted: string, family: Family, count: number) => string;
  readonly #sets = new Map<string, AddressSet>();

  /** `count` tells sets apart that want the same name; 1 for the first. */
  constructor(spell: (wanted: string, family: Family, count: number) => string) {
    this.#spell = spell;
  }

  nameOf({ name: wanted, addresses }: UsedSet): string {
    for (let count = 1; ; count++) {
      const name = this.#spell(wanted, addresses.family, count);
      const known = this.#sets.get(name);
      if (known === undefined) {
        this.#sets.set(name, addresses);
        return name;
      }
      if (known.equals(addresses)) return name;
    }
  }

  get sets(): readonly UsedSet[] {
    return [...this.#sets].map(([name, addresses]) => ({ name, addresses }));
  }
}

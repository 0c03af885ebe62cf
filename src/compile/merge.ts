// Makes few terms over sets out of texts with one line for each prefix. Neighbours with the same action may change places
// and are one term when they differ only in the source or only in the destination; so a run of n lines costs n log n and
// holds no object for each line beyond what it groups by.
// The outcome decides every packet as the lines did; ids are those of the first line of each term.

import { AddressSetBuilder } from "../base/address-set.ts";
import { formatAddress } from "../base/address.ts";
import type { Address, Family } from "../base/address.ts";
import { namedSet } from "./ir.ts";
import type { Action, Filter, Match, NamedSet, Term } from "./ir.ts";
import { SetRegistry } from "./signatures.ts";

/** The conditions of a line besides its addresses. */
export type LineMatch = Omit<Match, "source" | "destination">;

/** An address condition: a prefix as text or as read, a set that the text names, or none. */
export type LineAddress = string | LinePrefix | NamedSet | undefined;

/** A prefix without host bits. Taken over at once, so a parser can use one object for all. */
export interface LinePrefix {
  readonly family: Family;
  /** As many words as the family has, or more. */
  readonly address: Address;
  readonly length: number;
}

export class FilterBuilder {
  readonly #name: string;
  readonly #terms: Term[] = [];
  #groups = new Map<string, Group>();
  #action: Action | undefined;
  #lastMatch: LineMatch | undefined;
  #lastKind = "";
  #lastGroup: Group | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** The answer is what is wrong with an address. `id` names the line, if it becomes the first of a term. */
  add(match: LineMatch, source: LineAddress, destination: LineAddress, action: Action, id: string): string | undefined {
    if (action !== this.#action && (this.#action === undefined || !sameAction(this.#action, action))) {
      this.#endRun();
      this.#action = action;
    }
    // The end by which lines are grouped is the one that varies less: what stands for any, else the destination.
    const collects = source === undefined ? "destination" : "source";
    const [collected, fixed] = collects === "source" ? [source, destination] : [destination, source];
    const last = this.#lastGroup;
    const isLast =
      last?.match === match && last.collects === collects && fixed === undefined && last.fixed === undefined;
    const group = isLast ? last : this.#groupOf(match, collects, fixed, id);
    if (typeof group === "string") return group;
    this.#lastGroup = group;
    return group.add(collected);
  }

  #groupOf(match: LineMatch, collects: Group["collects"], fixed: LineAddress, id: string): Group | string {
    // Parsers that reuse one object for like lines spare the text.
    if (match !== this.#lastMatch) {
      this.#lastMatch = match;
      this.#lastKind = JSON.stringify(match, Object.keys(match).toSorted().concat("first", "last"));
    }
    const key = `${this.#lastKind} ${collects} ${keyOf(fixed)}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      const fixedSet = toSet(fixed, `${this.#name}-${this.#terms.length + this.#groups.size}-${other[collects]}`);
      if (typeof fixedSet === "string") return fixedSet;
      group = new Group(match, collects, fixedSet, id);
      this.#groups.set(key, group);
    }
    return group;
  }

  build(otherwise: Action): Filter {
    this.#endRun();
    return { name: this.#name, terms: this.#terms, otherwise };
  }

  #endRun(): void {
    const action = this.#action;
    if (action === undefined) return;
    const registries = [new SetRegistry(), new SetRegistry()] as const;
    const joined = new Map<string, Group>();
    for (const group of this.#groups.values()) {
      group.finish(`${this.#name}-${this.#terms.length + joined.size}-${group.collects}`);
      // Groups of the same collected set differ only in the end that they were grouped by.
      const { collected, fixed } = group;
      const numbers =
        collected === undefined
          ? "any"
          : `${registries[0].numberOf(collected.v4)},${registries[1].numberOf(collected.v6)}`;
      const key = `${JSON.stringify(group.match)} ${group.collects} ${numbers}`;
      const first = joined.get(key);
      if (first === undefined) joined.set(key, group);
      else first.widen(fixed);
    }
    for (const group of joined.values()) this.#terms.push(group.term(action));
    this.#groups = new Map();
    this.#lastGroup = undefined;
    this.#action = undefined;
  }
}

const other = { source: "destination", destination: "source" } as const;

class Group {
  readonly match: LineMatch;
  readonly collects: "source" | "destination";
  readonly #id: string;
  fixed: NamedSet | undefined;
  collected: NamedSet | undefined;
  #named: NamedSet | undefined;
  #builder: AddressSetBuilder | undefined;
  #widened: AddressSetBuilder | undefined;
  #isAny = false;

  constructor(match: LineMatch, collects: "source" | "destination", fixed: NamedSet | undefined, id: string) {
    this.match = match;
    this.collects = collects;
    this.fixed = fixed;
    this.#id = id;
  }

  add(address: LineAddress): string | undefined {
    if (address === undefined) {
      this.#isAny = true;
      return undefined;
    }
    if (typeof address === "string") return this.#collector().addText(address);
    if (isPrefix(address)) {
      this.#collector().addPrefix(address.family, address.address, address.length);
      return undefined;
    }
    if (this.#named === undefined) this.#named = address;
    else if (this.#named !== address) this.#collector().addSets(address);
    return undefined;
  }

  #collector(): AddressSetBuilder {
    this.#builder ??= new AddressSetBuilder();
    return this.#builder;
  }

  finish(name: string): void {
    if (this.#isAny) return;
    if (this.#builder === undefined) {
      this.collected = this.#named;
      return;
    }
    if (this.#named !== undefined) this.#builder.addSets(this.#named);
    this.collected = namedSet(name, this.#builder.build());
  }

  /** Takes in the fixed end of a group that is otherwise the same. */
  widen(fixed: NamedSet | undefined): void {
    if (this.fixed === undefined || fixed === undefined) {
      this.fixed = undefined;
      return;
    }
    if (this.#widened === undefined) {
      this.#widened = new AddressSetBuilder();
      this.#widened.addSets(this.fixed);
    }
    this.#widened.addSets(fixed);
  }

  term(action: Action): Term {
    const fixed =
      this.fixed === undefined || this.#widened === undefined
        ? this.fixed
        : namedSet(this.fixed.name, this.#widened.build());
    const ends = this.collects === "source" ? [this.collected, fixed] : [fixed, this.collected];
    const [source, destination] = ends;
    return {
      id: this.#id,
      match: {
        ...this.match,
        ...(source === undefined ? {} : { source }),
        ...(destination === undefined ? {} : { destination }),
      },
      action,
    };
  }
}

function isPrefix(address: LinePrefix | NamedSet): address is LinePrefix {
  return "length" in address;
}

function keyOf(address: LineAddress): string {
  if (address === undefined) return "any";
  if (typeof address === "string") return address;
  return isPrefix(address) ? `${formatAddress(address.address, address.family)}/${address.length}` : `@${address.name}`;
}

function toSet(address: LineAddress, name: string): NamedSet | string | undefined {
  if (address === undefined) return undefined;
  if (typeof address !== "string" && !isPrefix(address)) return address;
  const builder = new AddressSetBuilder();
  if (typeof address !== "string") builder.addPrefix(address.family, address.address, address.length);
  else {
    const wrong = builder.addText(address);
    if (wrong !== undefined) return wrong;
  }
  return namedSet(name, builder.build());
}

function sameAction(left: Action, right: Action): boolean {
  if (left.kind !== "block" || right.kind !== "block") return left.kind === right.kind;
  return left.manners.join() === right.manners.join();
}

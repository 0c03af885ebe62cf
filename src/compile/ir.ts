// What all targets have in common: filters of ordered terms over named sets, each with an explicit default, bound to
// places; and source validation on customer lines. A packet is blocked if any filter that it meets, or the validation of
// its line, blocks it. A program says what holds at one instant.
//
// The laws that printers and parsers keep: a set without addresses matches nothing, and only an absent condition matches
// everything; a term without a family speaks of both; a condition on ports matches neither packets without ports nor
// later fragments; what a text does not bind has no effect.

import type { AddressSets, AddressSet } from "../base/address-set.ts";
import { everywhere } from "../base/address-set.ts";
import type { Family } from "../base/address.ts";
import type { Manner } from "../policy/network/policy.ts";
import type { Direction, Flags, Fragment } from "./packet.ts";

export interface Program {
  readonly filters: readonly Filter[];
  readonly bindings: readonly Binding[];
  readonly validations: readonly SourceValidation[];
}

export interface Filter {
  readonly name: string;
  /** The first that matches decides. */
  readonly terms: readonly Term[];
  readonly otherwise: Action;
}

export interface Term {
  /** The policy's rule, stable over revisions; in a text that we did not write, its line. */
  readonly id: string;
  readonly match: Match;
  readonly action: Action;
  /** Name of the counter that the packets it decides are counted in, where the target can count. */
  readonly counter?: string;
  /** It is there for its counter only: leaving it out changes nothing, and a target that cannot count does. */
  readonly purpose?: "count";
}

/** All conditions that are there must hold. */
export interface Match {
  readonly family?: Family;
  readonly source?: NamedSet;
  readonly destination?: NamedSet;
  readonly protocol?: number;
  /** With a protocol of TCP or UDP; any of them. */
  readonly sourcePorts?: readonly PortRange[];
  readonly destinationPorts?: readonly PortRange[];
  /** With protocol TCP. */
  readonly flags?: Flags;
  readonly fragment?: Fragment;
  readonly subscriber?: string;
}

/** Two terms that name the same set hold the same object. */
export interface NamedSet extends AddressSets {
  /** Letters, digits and "-"; printers make of it what their devices take. */
  readonly name: string;
  /** Members that end by themselves, where the target can say so. Apart from each other, and all inside. */
  readonly timeouts: readonly Timeout[];
}

export interface Timeout {
  readonly addresses: AddressSets;
  /** Wall time in milliseconds: the first instant at which they are no members. */
  readonly until: number;
}

/** Both ends inside. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type Action =
  /** The filter lets it pass; those bound after it are asked as well. */
  | { readonly kind: "pass" }
  /** It passes, and filters bound after this one are not asked. */
  | { readonly kind: "accept" }
  /** A target takes the first manner that it can say. */
  | { readonly kind: "block"; readonly manners: readonly Manner[] };

export const pass: Action = { kind: "pass" };

/** Where a filter meets packets. */
export interface Binding {
  readonly filter: string;
  readonly place: Place;
  readonly direction: Direction | "both";
  readonly family: Family | "both";
}

export type Place =
  /** All packets that the device forwards, or all of the session. */
  | { readonly kind: "everywhere" }
  /** What enters (up) or leaves (down) by a customer interface. */
  | { readonly kind: "line"; readonly name: string }
  /** What leaves (up) or enters (down) by an interface towards the rest. */
  | { readonly kind: "upstream"; readonly name: string };

/** What comes up a line with another source is blocked. Programs to be printed have one for a line and family at most. */
export interface SourceValidation {
  readonly id: string;
  readonly line: string;
  readonly family: Family;
  readonly check: ValidationCheck;
  readonly manners: readonly Manner[];
  readonly counter?: string;
}

export type ValidationCheck =
  | { readonly kind: "list"; readonly allowed: AddressSet }
  /** The device asks its routes for the source; `routes` is what they should lead to the line, undefined in a text. */
  | { readonly kind: "strict"; readonly routes: AddressSet | undefined; readonly besides: AddressSet };

/** The packets that a program is answerable for; about others it may say anything. */
export interface Scope {
  readonly directions: readonly Direction[];
  /** undefined stands for a line whose name the filter does not know. */
  readonly lines: readonly (string | undefined)[];
  readonly upstreams: readonly (string | undefined)[];
  /** Sources that can come up. */
  readonly sources: AddressSets;
  /** Destinations that can go down. */
  readonly destinations: AddressSets;
}

/** All packets, by no known interface. */
export const wholeScope: Scope = {
  directions: ["up", "down"],
  lines: [undefined],
  upstreams: [undefined],
  sources: everywhere,
  destinations: everywhere,
};

export function familySet(sets: AddressSets, family: Family): AddressSet {
  return family === 4 ? sets.v4 : sets.v6;
}

export function namedSet(name: string, addresses: AddressSets, timeouts: readonly Timeout[] = []): NamedSet {
  return { name, v4: addresses.v4, v6: addresses.v6, timeouts };
}

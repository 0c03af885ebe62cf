// The part of the nft language that this target writes and reads, as a tree: one table with sets, named counters, base
// chains and regular chains. Addresses in sets are address sets, not text, so that a million of them fit.

import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import type { Direction, Flags } from "../../packet.ts";

export interface Table {
  readonly name: string;
  readonly counters: readonly string[];
  readonly sets: readonly SetDeclaration[];
  readonly chains: readonly Chain[];
}

export interface SetDeclaration {
  readonly name: string;
  readonly elements: Elements;
}

export type Elements =
  | {
      readonly kind: "addresses";
      readonly addresses: AddressSet;
      /** The flag, which a set keeps for life. */
      readonly hasTimeouts: boolean;
      readonly timeouts: readonly ElementTimeout[];
    }
  | { readonly kind: "interfaces"; readonly names: readonly string[] }
  /** Interface and source together. */
  | { readonly kind: "pairs"; readonly family: Family; readonly byInterface: ReadonlyMap<string, AddressSet> };

export interface ElementTimeout {
  readonly addresses: AddressSet;
  /** Milliseconds from now. */
  readonly remaining: number;
}

export interface Chain {
  readonly name: string;
  /** Base chains have one. */
  readonly hook: Hook | undefined;
  readonly rules: readonly Rule[];
}

export interface Hook {
  readonly name: string;
  readonly priority: string;
  readonly policy: "accept" | "drop";
}

export interface Rule {
  /** All of them must hold. */
  readonly matches: readonly RuleMatch[];
  readonly counter: string | undefined;
  readonly verdict: RuleVerdict | undefined;
  readonly comment: string | undefined;
  /** In the text that was read, from 1. */
  readonly line: number;
}

export type RuleMatch =
  | {
      readonly kind: "address";
      readonly family: Family;
      readonly end: "source" | "destination";
      readonly isNegated: boolean;
      readonly among: { readonly set: string } | { readonly addresses: AddressSet };
    }
  | { readonly kind: "family"; readonly family: Family }
  | { readonly kind: "protocol"; readonly protocols: readonly number[]; readonly isNegated: boolean }
  | {
      readonly kind: "ports";
      /** undefined: of any protocol that has them ("th"). */
      readonly protocol: number | undefined;
      readonly end: "source" | "destination";
      readonly isNegated: boolean;
      readonly ranges: readonly PortRange[];
    }
  | { readonly kind: "flags"; readonly flags: Flags }
  | {
      readonly kind: "interface";
      readonly way: "in" | "out";
      readonly among: { readonly set: string } | { readonly names: readonly string[] };
    }
  | { readonly kind: "pair"; readonly family: Family; readonly set: string }
  /** No route back to the source through the interface it came by. */
  | { readonly kind: "no-reverse-path" };

export type RuleVerdict =
  | { readonly kind: "accept" }
  | { readonly kind: "return" }
  | { readonly kind: "drop" }
  | { readonly kind: "reject"; readonly with: "reset" | "admin-prohibited" }
  | { readonly kind: "jump"; readonly chain: string };

/** Which way a packet goes that enters, or leaves, by an interface of a side. */
export function directionAt(way: "in" | "out", side: "line" | "upstream"): Direction {
  return (way === "in") === (side === "line") ? "up" : "down";
}

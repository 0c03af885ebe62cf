// The part of the nft language that this target writes and reads, as a tree: one table with sets, named counters, base
// chains and regular chains. Addresses in sets are address sets, not text, so that a million of them fit.

import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { Rule } from "../chains/rule.ts";

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

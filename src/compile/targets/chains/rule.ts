// A rule in a chain, as nft, VyOS and RouterOS know it: conditions that must all hold, and what becomes of the packet. Chains
// can be jumped to; `return` goes back to where the jump was.

import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import type { Direction, Flags } from "../../packet.ts";

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

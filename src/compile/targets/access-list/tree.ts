// Access lists as a tree: what build.ts makes of a program and write.ts prints.

import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";

export type End =
  | { readonly kind: "any" }
  /** Of the list's family: each prefix is a line. */
  | { readonly kind: "each"; readonly addresses: AddressSet }
  | { readonly kind: "group"; readonly name: string };

/** One line, or one for each prefix of its ends and each range of its ports. */
export interface Entry {
  readonly action: "permit" | "deny";
  readonly protocol: number | undefined;
  readonly source: End;
  readonly destination: End;
  readonly sourcePorts: readonly PortRange[] | undefined;
  readonly destinationPorts: readonly PortRange[] | undefined;
  /** The rule it comes from, for the remark above it. */
  readonly rule: string;
}

export interface AccessList {
  readonly name: string;
  readonly family: Family;
  readonly entries: readonly Entry[];
}

export interface Group {
  readonly name: string;
  readonly family: Family;
  readonly addresses: AddressSet;
}

export interface Interface {
  readonly name: string;
  readonly lists: readonly { readonly list: string; readonly family: Family; readonly direction: "in" | "out" }[];
  readonly strict: readonly Family[];
}

export interface Listing {
  readonly groups: readonly Group[];
  readonly lists: readonly AccessList[];
  readonly interfaces: readonly Interface[];
}

// A Junos configuration as far as filters go: prefix lists, filters of terms, and where they are applied. What build.ts
// makes of a program and write.ts prints.

import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { Manner } from "../../../policy/network/policy.ts";
import type { Flags } from "../../packet.ts";
import type { PortRange } from "../../ir.ts";

export interface PrefixList {
  readonly name: string;
  readonly addresses: AddressSet;
}

/** All but a list: what is in it does not match, everything else does. */
export interface End {
  readonly list: string;
  readonly isExcept: boolean;
}

export interface JunosTerm {
  readonly name: string;
  readonly source: End | undefined;
  readonly destination: End | undefined;
  readonly protocol: number | undefined;
  readonly sourcePorts: readonly PortRange[] | undefined;
  readonly destinationPorts: readonly PortRange[] | undefined;
  readonly flags: Flags | undefined;
  readonly count: string | undefined;
  /** `next`: it only counts. */
  readonly action: "accept" | "next" | Manner;
}

export interface JunosFilter {
  readonly name: string;
  readonly family: Family;
  readonly terms: readonly JunosTerm[];
}

export interface JunosInterface {
  /** With its unit. */
  readonly name: string;
  readonly filters: readonly {
    readonly filter: string;
    readonly family: Family;
    readonly direction: "input" | "output";
  }[];
  readonly strict: readonly Family[];
}

export interface Configuration {
  readonly lists: readonly PrefixList[];
  readonly filters: readonly JunosFilter[];
  readonly interfaces: readonly JunosInterface[];
}

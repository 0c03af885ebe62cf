// A configuration of SR OS as far as filters go: prefix lists, filters of entries, and where they are applied. What build.ts
// makes of a program and write.ts prints.

import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import type { UsedSet } from "../terms.ts";

export interface SrosEntry {
  readonly description: string;
  /** Names of prefix lists. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly protocol: number | undefined;
  readonly sourcePorts: PortRange | undefined;
  readonly destinationPorts: PortRange | undefined;
  readonly action: "accept" | "drop";
}

export interface SrosFilter {
  readonly name: string;
  readonly id: number;
  readonly family: Family;
  readonly entries: readonly SrosEntry[];
  readonly defaultAction: "accept" | "drop";
}

/** `NAME` stands for an interface of the base router, `ies:SERVICE:INTERFACE:SAP` for an access point of a service. */
export type SrosPlace =
  | { readonly kind: "router"; readonly name: string }
  | {
      readonly kind: "sap";
      readonly type: "ies" | "vprn";
      readonly service: string;
      readonly name: string;
      readonly sap: string;
    };

export interface SrosInterface {
  readonly place: SrosPlace;
  readonly filters: readonly {
    readonly filter: string;
    readonly family: Family;
    readonly direction: "in" | "out";
  }[];
  readonly strict: readonly Family[];
}

export interface Configuration {
  readonly lists: readonly UsedSet[];
  readonly filters: readonly SrosFilter[];
  readonly interfaces: readonly SrosInterface[];
}

/** undefined: it is no name of a place. */
export function placeNamed(text: string): SrosPlace | undefined {
  const [type, service, name, ...rest] = text.split(":");
  if (type === "ies" || type === "vprn") {
    const sap = rest.join(":");
    if (!isName(service) || !isName(name) || !/^[A-Za-z0-9/.:*_-]+$/.test(sap)) return undefined;
    return { kind: "sap", type, service, name, sap };
  }
  return isName(text) ? { kind: "router", name: text } : undefined;
}

function isName(text: string | undefined): text is string {
  return text !== undefined && /^[\x20-\x7e]{1,64}$/.test(text) && !/["\\{}[\]#]/.test(text);
}

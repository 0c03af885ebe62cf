// What hardware takes of filters, where its maker has written it down: each figure with the document that it is from. A
// platform that is not here has no figure that we could name; the operator's own `budget` of a target is for those.
// The figures are terms as the hardware holds them: a term that names a list of n prefixes is n of them.

import type { TargetKind } from "./policy.ts";

export interface Platform {
  readonly kind: TargetKind;
  /** For people. */
  readonly title: string;
  /** Whether each filter has this room, or all filters of a direction together, or a message to a device. */
  readonly per: "filter" | "direction" | "message";
  /** Of filters for what enters. */
  readonly in: number;
  readonly out: number;
  readonly source: string;
}

const ex =
  "Juniper, Understanding Planning of Firewall Filters (Routing Policies, Firewall Filters, and Traffic Policers)";
const qfx = "Juniper, Planning the Number of Firewall Filters to Create, Table 1";

export const platforms = {
  "juniper-ex3200": { kind: "junos", title: "EX3200, EX4200", per: "filter", in: 7042, out: 7042, source: ex },
  "juniper-ex3300": { kind: "junos", title: "EX3300", per: "filter", in: 1436, out: 1436, source: ex },
  "juniper-qfx3500": { kind: "junos", title: "QFX3500, QFX3600", per: "direction", in: 768, out: 1024, source: qfx },
  "juniper-qfx5100": { kind: "junos", title: "QFX5100, EX4600", per: "direction", in: 1536, out: 1024, source: qfx },
  "juniper-qfx5110": { kind: "junos", title: "QFX5110", per: "direction", in: 6144, out: 1024, source: qfx },
  "juniper-qfx5120": { kind: "junos", title: "QFX5120, EX4650", per: "direction", in: 1536, out: 2048, source: qfx },
  "juniper-qfx5200": { kind: "junos", title: "QFX5200, QFX5210", per: "direction", in: 768, out: 1024, source: qfx },
  "juniper-qfx10000": { kind: "junos", title: "QFX10000", per: "direction", in: 8192, out: 8192, source: qfx },
  "nokia-7750-sr": {
    kind: "radius",
    title: "7750 SR, filter rules of a subscriber host",
    per: "message",
    in: 10,
    out: 10,
    source:
      "Nokia, 7750 SR Triple Play Service Delivery Architecture Guide 22.7, Insert subscriber host-specific filter entries",
  },
} as const satisfies Readonly<Record<string, Platform>>;

export type PlatformName = keyof typeof platforms;

/** For the reference of the configuration. */
export const platformMeanings: Readonly<Record<PlatformName, string>> = {
  "juniper-ex3200": meaningOf("juniper-ex3200"),
  "juniper-ex3300": meaningOf("juniper-ex3300"),
  "juniper-qfx3500": meaningOf("juniper-qfx3500"),
  "juniper-qfx5100": meaningOf("juniper-qfx5100"),
  "juniper-qfx5110": meaningOf("juniper-qfx5110"),
  "juniper-qfx5120": meaningOf("juniper-qfx5120"),
  "juniper-qfx5200": meaningOf("juniper-qfx5200"),
  "juniper-qfx10000": meaningOf("juniper-qfx10000"),
  "nokia-7750-sr": meaningOf("nokia-7750-sr"),
};

function meaningOf(name: PlatformName): string {
  const { kind, title, per, in: enters, out: leaves, source } = platformNamed(name);
  const room = enters === leaves ? `${enters}` : `${enters} in, ${leaves} out`;
  return `${kind}: ${title}; ${room} per ${per} (${source})`;
}

export function platformNamed(name: PlatformName): Platform {
  return platforms[name];
}

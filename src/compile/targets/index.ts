// Every target there is, by name.

import type { Target } from "../target.ts";
import { aristaEos } from "./arista-eos/index.ts";
import { ciscoIosXe } from "./cisco-ios-xe/index.ts";
import { ciscoIosXr } from "./cisco-ios-xr/index.ts";
import { dnsbl } from "./dnsbl/index.ts";
import { flowspec } from "./flowspec/index.ts";
import { json } from "./json/index.ts";
import { junos } from "./junos/index.ts";
import { mikrotikRouteros } from "./mikrotik-routeros/index.ts";
import { nftables } from "./nftables/index.ts";
import { nokiaSros } from "./nokia-sros/index.ts";
import { radius } from "./radius/index.ts";
import { vyos } from "./vyos/index.ts";

export const targets: readonly Target[] = [
  nftables,
  ciscoIosXe,
  ciscoIosXr,
  aristaEos,
  junos,
  nokiaSros,
  vyos,
  mikrotikRouteros,
  radius,
  flowspec,
  dnsbl,
  json,
];

export function targetNamed(name: string): Target | undefined {
  return targets.find((target) => target.name === name);
}

// Whether filters fit into a device. What the operator said of it (`budget`) comes first, then what is known of its hardware
// (`platform`), then what is known of the kind; without any of them nothing is refused for its size. Prefixes are
// counted as the fewest that say the same, and terms as the hardware holds them.

import type { AddressSet } from "../../base/address-set.ts";
import { platformNamed } from "../../policy/network/platforms.ts";
import type { TargetKind } from "../../policy/network/policy.ts";
import type { Budget, CompileError, RenderOptions } from "../target.ts";

/** Of kinds as a whole, whatever the hardware. */
export const budgets: Readonly<Record<string, Budget | undefined>> = {
  "cisco-ios-xe": undefined,
  "cisco-ios-xr": undefined,
  "arista-eos": undefined,
  flowspec: {
    unit: "rules",
    most: 3000,
    source: "Cisco ASR 9000, BGP FlowSpec of IOS XR 5.2: 3000 rules in a system",
  },
  // Rules of a chain have numbers from 1 to 999999.
  vyos: { unit: "rules", most: 999_999, source: "VyOS, IPv4 Firewall Configuration: rule <1-999999>" },
  // Entries have numbers from 1 to 2097151.
  "nokia-sros": {
    unit: "entries",
    most: 2_097_151,
    source: "Nokia, 7x50 YANG models, types-filter: entry-id 1..2097151",
  },
};

/** A filter as it is counted. */
export interface Measure {
  readonly name: string;
  readonly direction: "in" | "out" | "both";
  readonly count: number;
}

export function overBudget(
  kind: TargetKind,
  unit: string,
  measures: readonly Measure[],
  { budget, settings }: RenderOptions,
): readonly CompileError[] {
  const hint = "aggregate the pools, or set `budget` of the target if it has more";
  const tooMany = (what: string, count: number, most: number, source?: string): readonly CompileError[] => {
    if (count <= most) return [];
    const from = source === undefined ? "" : ` (${source})`;
    return [
      { rule: undefined, message: `${what} needs ${count} ${unit}, the device has room for ${most}${from}`, hint },
    ];
  };
  if (budget !== undefined) return measures.flatMap(({ name, count }) => tooMany(name, count, budget));
  const platform = settings?.platform === undefined ? undefined : platformNamed(settings.platform);
  if (platform === undefined || platform.kind !== kind) {
    const usual = budgets[kind];
    if (usual === undefined) return [];
    return measures.flatMap(({ name, count }) => tooMany(name, count, usual.most, usual.source));
  }
  return (["in", "out"] as const).flatMap((direction) => {
    const own = measures.filter((measure) => measure.direction === direction || measure.direction === "both");
    if (platform.per === "direction") {
      const sum = own.reduce((total, { count }) => total + count, 0);
      const what = direction === "in" ? "what enters" : "what leaves";
      return tooMany(`the filter of ${what}`, sum, platform[direction], platform.source);
    }
    return own.flatMap(({ name, count }) => tooMany(name, count, platform[direction], platform.source));
  });
}

/** The fewest that say the same. */
export function prefixCount(addresses: AddressSet): number {
  let count = 0;
  addresses.forEachPrefix(() => count++);
  return count;
}

// Checks of what a target needs to be told, as far as the policy knows. What a target can say is its own business.

import type { Report } from "./check.ts";
import { linePoolOf, seesArrivals } from "./policy.ts";
import type { NetworkPolicy } from "./policy.ts";

export function checkTargets({ targets, pools }: NetworkPolicy, report: Report): void {
  const isCovered = targets.some(
    ({ placement }) => placement?.kind === "interfaces" || linePoolOf(placement) !== undefined,
  );
  checkArrivals({ targets, pools }, report);
  const internal = isCovered ? undefined : pools.find(({ cgn, kind }) => cgn === "internal" && kind === "dynamic");
  for (const { name, kind, placement, validationOff, zone } of targets) {
    const at = ["targets", name] as const;
    if (kind === "flowspec" && !validationOff) {
      report(
        "flowspec-validation",
        at,
        `target ${name} announces rules that receivers refuse while they validate them`,
      );
    }
    if (kind === "dnsbl" && zone === undefined) report("target-incomplete", at, `target ${name} needs "zone"`);
    if (kind === "radius" && placement !== undefined && linePoolOf(placement) === undefined) {
      report("target-incomplete", [...at, "placement"], `target ${name}: RADIUS rules stand at lines, not at an edge`);
    }
    const isAtEdge = placement?.kind === "edge" || placement?.kind === "edge-in" || placement?.kind === "edge-out";
    if (internal !== undefined && isAtEdge) {
      const message = `target ${name} stands at the edge, where addresses of pool ${internal.name} do not show`;
      report("cgn-at-edge", at, message);
    }
  }
}

/** IP25B that every filter of the file stands on the wrong side of. What publishes instead of filtering stands nowhere. */
function checkArrivals({ targets, pools }: Pick<NetworkPolicy, "targets" | "pools">, report: Report): void {
  const filters = targets.filter(({ kind }) => kind !== "json" && kind !== "dnsbl");
  if (filters.length === 0) return;
  for (const [index, { name, inbound }] of pools.entries()) {
    const isSeen = filters.some(({ placement }) => {
      const only = linePoolOf(placement) ?? name;
      return only === name && (placement === undefined || seesArrivals(placement));
    });
    if (inbound === undefined || isSeen) continue;
    report(
      "inbound-nowhere",
      ["pool", index, "inbound-25"],
      `no target sees what arrives for the pool ${name}, so nothing enforces its IP25B`,
    );
  }
}

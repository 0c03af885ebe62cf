// Checks of what a target needs to be told, as far as the policy knows. What a target can say is its own business.

import type { Report } from "./check.ts";
import type { NetworkPolicy } from "./policy.ts";

export function checkTargets({ targets, pools }: NetworkPolicy, report: Report): void {
  const isCovered = targets.some(({ placement }) => placement?.kind === "interfaces" || placement?.kind === "line");
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
    if (kind === "radius" && placement !== undefined && placement.kind !== "line") {
      report("target-incomplete", [...at, "placement"], `target ${name}: RADIUS rules stand at lines, not at an edge`);
    }
    const isAtEdge = placement?.kind === "edge" || placement?.kind === "edge-in" || placement?.kind === "edge-out";
    if (internal !== undefined && isAtEdge) {
      const message = `target ${name} stands at the edge, where addresses of pool ${internal.name} do not show`;
      report("cgn-at-edge", at, message);
    }
  }
}

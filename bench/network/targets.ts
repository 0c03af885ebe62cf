// Each target where it usually stands, with an interface where it wants one.

import { targetNamed, targets } from "../../src/compile/targets/index.ts";
import type { NetworkPolicy, TargetKind } from "../../src/policy/network/policy.ts";
import { placementAt, targetKinds } from "../../src/policy/network/policy.ts";
import { benchOf } from "../../test/compile/mutants.ts";
import type { Bench } from "../../test/compile/mutants.ts";
import { specimenSettings } from "../../test/compile/specimen.ts";

export const allTargets: readonly string[] = targets.map(({ name }) => name);

/** Not those that are no packet filter, or never hold as many rules: they are measured when named. */
export const benchTargets: readonly string[] = targets
  .filter(({ publish, capabilities }) => publish === undefined && capabilities.budget === undefined)
  .map(({ name }) => name);

/** A device that holds any number of lines: budgets are not what is measured. */
const budget = 100_000_000;

export function placedTarget(name: string, policy: NetworkPolicy, at: number): Bench {
  const target = targetNamed(name);
  const kind = targetKinds.find((one): one is TargetKind => one === name);
  if (target === undefined || kind === undefined) throw new Error(`there is no target ${name}`);
  const usual = target.capabilities.placements[0]!;
  const placement = placementAt(usual, policy.pools[0]!.name);
  const upstreamInterfaces = usual === "interfaces" ? ["upstream0"] : [];
  const settings = specimenSettings(kind, {
    budget,
    placement,
    upstreamInterfaces,
    validationOff: true,
    zone: "dynamic.example",
  });
  const bench = benchOf(target, policy, settings, placement, at);
  return { ...bench, options: { ...bench.options, budget } };
}

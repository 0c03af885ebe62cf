// The lab as a use case: in a world of its own, with the policy of etc/lab.toml, scenario by scenario.

import { success, failure } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { startAgents } from "../edge/lab/agents.ts";
import { labFilters } from "../edge/lab/filters.ts";
import type { Mistake } from "../edge/lab/filters.ts";
import { buildNetwork } from "../edge/lab/network.ts";
import { runScenarios } from "../edge/lab/run.ts";
import type { ScenarioResult } from "../edge/lab/run.ts";
import { scenarios } from "../edge/lab/scenarios.ts";
import { startServers } from "../edge/lab/servers.ts";
import type { LabServers } from "../edge/lab/servers.ts";
import { startWatch } from "../edge/lab/watch.ts";
import { enterWorld, furnishWorld, isInWorld, whatIsMissing } from "../edge/lab/world.ts";
import { createNft } from "../edge/nft.ts";
import type { NetworkPolicy } from "../policy/network/policy.ts";

export { labPage, labText } from "../edge/lab/report.ts";
export { mistakes } from "../edge/lab/filters.ts";
export type { Mistake } from "../edge/lab/filters.ts";
export type { ScenarioResult } from "../edge/lab/run.ts";

/** What the command line asks for, and what the scenarios are called. */
export interface LabWish {
  readonly policy: NetworkPolicy;
  /** Ids; all of them without. */
  readonly only: readonly string[] | undefined;
  readonly mistake: Mistake | undefined;
  /** The file that starts the command line, for the real server. */
  readonly program: string;
}

export const scenarioNames: readonly string[] = scenarios.map(({ id }) => id);

/** Outside of a world: runs the same command line inside one and resolves to its exit code; undefined when already inside. */
export async function enterLab(commandLine: readonly string[]): Promise<Result<number, string> | undefined> {
  if (isInWorld()) return undefined;
  const missing = await whatIsMissing();
  return missing === undefined ? success(await enterWorld(commandLine)) : failure(missing);
}

export async function runLab(
  { policy, only, mistake, program }: LabWish,
  done: (result: ScenarioResult) => void,
): Promise<readonly ScenarioResult[]> {
  await furnishWorld();
  await buildNetwork();
  const agents = await startAgents();
  let servers: LabServers | undefined;
  try {
    servers = await startServers(program);
    const edge = createNft("edge");
    await startWatch(edge);
    const filters = labFilters(policy, mistake);
    const network = { agents, edge, other: createNft("edgec"), filters, passwords: servers.passwords };
    const chosen = only === undefined ? scenarios : scenarios.filter(({ id }) => only.includes(id));
    return await runScenarios(network, done, chosen);
  } finally {
    await Promise.all([agents.close(), servers?.close()]);
  }
}

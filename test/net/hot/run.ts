// Runs the hot update in a world of its own.

import { join } from "node:path";
import { inWorld } from "../world.ts";
import type { Outcomes, StreamReport } from "./agent.ts";

export interface HotOptions {
  readonly applies: number;
  /** Prefixes in the pool. */
  readonly elements: number;
  /** Connections that each of the two probers tries to make. */
  readonly perSecond: number;
  /** `delete and add`: as people do it by hand, in one transaction; for comparison. */
  readonly how: "apply" | "delete and add";
}

export interface HotReport {
  /** How long all applies took, and each. */
  readonly seconds: number;
  readonly milliseconds: readonly number[];
  /** First segments of the blocked customer that came to the edge meanwhile. */
  readonly probesPerSecond: number;
  readonly blocked: Outcomes;
  readonly permitted: Outcomes;
  /** Segments of the blocked customer to port 25 that left the edge: must be none. */
  readonly probesLeft: number;
  /** Segments of the permitted customer's connections, both ways, that came to the edge and did not leave it: must be none. */
  readonly permittedStopped: number;
  /** Resets that the edge itself sent to the permitted customer: must be none. */
  readonly permittedReset: number;
  /** `stopped`: segments of the stream that came to the edge and did not leave it. */
  readonly stream: StreamReport & { readonly stopped: number };
}

export async function runHotUpdate(options: HotOptions, milliseconds: number): Promise<HotReport> {
  const inside = join(import.meta.dirname, "inside.ts");
  const command = `${process.execPath} --disable-warning=ExperimentalWarning ${inside} '${JSON.stringify(options)}'`;
  const { code, output } = await inWorld(command, milliseconds);
  const report = output.trimEnd().split("\n").at(-1) ?? "";
  if (code !== 0 || !report.startsWith("{")) throw new Error(`the hot update failed (${code}): ${output.slice(-2000)}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by inside.ts
  return JSON.parse(report) as HotReport;
}

/**
 * What the edge did otherwise than the policy says, in both policies alike. A permitted connection is judged at the edge: a busy
 * server resets one now and then by itself, and that reset is let through as well.
 */
export function wrongVerdicts({ blocked, permitted, permittedStopped, permittedReset }: HotReport): number {
  const refused = permitted["ECONNREFUSED"] ?? 0;
  return othersThan("ECONNREFUSED", blocked) + permittedStopped + permittedReset + refused;
}

function othersThan(right: string, outcomes: Outcomes): number {
  return Object.entries(outcomes).reduce((sum, [outcome, count]) => (outcome === right ? sum : sum + count), 0);
}

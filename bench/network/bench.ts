// From a policy to proved texts: how long each target takes at rising sizes, what the oracle answers in a second, the same
// policy in Capirca's hands, and a filter that is changed under traffic. What is kept of a row is its result (kept.ts).

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { machine, median } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { besideCapirca } from "./capirca.ts";
import type { CapircaCell } from "./capirca.ts";
import { hotUpdates } from "./hot.ts";
import type { HotCell } from "./hot.ts";
import type { Measured, Outcome } from "./one.ts";
import { realPrefixes } from "./sample.ts";

export const sizes = ["1000", "20000", "131072", "1048576", "real"] as const;
export type SizeName = (typeof sizes)[number];
export const networkRows = [...sizes, "capirca", "hot"] as const;
export type NetworkRowName = (typeof networkRows)[number];

export type NetworkResult = { readonly machine: readonly string[] } & (
  | { readonly kind: "size"; readonly size: SizeName; readonly cells: readonly SizeCell[] }
  | { readonly kind: "capirca"; readonly cells: readonly CapircaCell[] }
  | { readonly kind: "hot"; readonly cells: readonly HotCell[] }
);

export interface SizeCell {
  /** One target, all of them, or "evaluate". */
  readonly what: readonly string[];
  readonly runs: readonly Measured[];
  /** Why there are no runs. */
  readonly refused: string | undefined;
}

export const networkFile = new URL("results.json", import.meta.url);

export interface NetworkBenchOptions {
  /** Of each measurement up to 20,000 prefixes; larger ones are made once. */
  readonly runs: number;
  readonly targets: readonly string[];
  readonly tell: (line: string) => void;
}

const run = promisify(execFile);
/** No measurement may take longer. */
const patience = 100_000;

/** undefined: not possible here, and it was said why. */
export async function benchNetwork(
  row: NetworkRowName,
  options: NetworkBenchOptions,
): Promise<Kept<NetworkResult> | undefined> {
  switch (row) {
    case "capirca": {
      const cells = await besideCapirca(options.runs, options.tell);
      return cells === undefined ? undefined : { [row]: { machine: machine(), kind: "capirca", cells } };
    }
    case "hot": {
      const cells = await hotUpdates(options.tell);
      return cells === undefined ? undefined : { [row]: { machine: machine(), kind: "hot", cells } };
    }
    case "1000":
    case "20000":
    case "131072":
    case "1048576":
    case "real": {
      if (row === "real" && realPrefixes() === undefined) {
        options.tell("real: the routing table is not beside the checkout");
        return undefined;
      }
      return { [row]: { machine: machine(), kind: "size", size: row, cells: await cellsOf(row, options) } };
    }
  }
}

async function cellsOf(size: SizeName, { targets, runs, tell }: NetworkBenchOptions): Promise<readonly SizeCell[]> {
  const isLarge = size !== "1000" && size !== "20000";
  const cells: SizeCell[] = [];
  for (const what of [...targets.map((target) => [target]), ["evaluate"]]) {
    cells.push(await cellOf(size, what, isLarge ? 1 : runs, tell));
  }
  // Those that refuse such a policy are not among all.
  const able = targets.filter((target) => cells.some(({ what, runs: made }) => what[0] === target && made.length > 0));
  if (able.length > 1 && size !== "1048576" && size !== "real") {
    cells.push(await cellOf(size, able, isLarge ? 1 : runs, tell));
  }
  return cells;
}

async function cellOf(
  size: SizeName,
  what: readonly string[],
  runs: number,
  tell: NetworkBenchOptions["tell"],
): Promise<SizeCell> {
  const made: Measured[] = [];
  const name = `${size} ${what.length > 1 ? `all ${what.length}` : what[0]}`;
  for (let turn = 0; turn < runs; turn++) {
    const outcome = await measure(size, what);
    if (outcome.kind === "refused") {
      tell(`${name}: ${outcome.cause}`);
      return { what, runs: [], refused: outcome.cause };
    }
    const { kind: _, ...measured } = outcome;
    made.push(measured);
  }
  tell(`${name}: ${median(made.map(({ total }) => total)).toFixed(0)} ms`);
  return { what, runs: made, refused: undefined };
}

async function measure(size: string, what: readonly string[]): Promise<Outcome> {
  const parameters = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "one.ts"), size, ...what];
  try {
    const { stdout } = await run(process.execPath, parameters, { maxBuffer: 1 << 20, timeout: patience });
    return JSON.parse(stdout) as Outcome;
  } catch (error) {
    const killed = error instanceof Error && "killed" in error && error.killed === true;
    const cause = killed ? `not done after ${patience / 1000} s` : String(error).slice(0, 300);
    return { kind: "refused", cause: `${what.join(", ")}: ${cause}` };
  }
}

// What is kept of a row (kept.ts).

import { machine } from "../figures.ts";
import type { Kept } from "../kept.ts";
import type { BenchOptions, Measured } from "./bench.ts";

export interface Result extends Measured {
  /** Day, CPUs, runtime. */
  readonly machine: readonly string[];
  readonly options: Pick<BenchOptions, "runs" | "priority">;
}

/** By the name of the row. */
export type Results = Kept<Result>;

export const resultsFile = new URL("results.json", import.meta.url);

export function resultOf(measured: Measured, { runs, priority }: BenchOptions): Result {
  return { ...measured, machine: machine(), options: { runs, priority } };
}

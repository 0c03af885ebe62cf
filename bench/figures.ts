// What the tables of all benchmarks share: medians, and what is said of the machine (never its name).

import { availableParallelism, cpus } from "node:os";

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The day, the CPUs and the runtime. */
export function machine(): readonly string[] {
  return [
    new Date().toISOString().slice(0, 10),
    `${availableParallelism()} CPUs (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `Node ${process.version}`,
  ];
}

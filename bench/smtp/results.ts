// Results are kept beside the table, by row: a run of some rows replaces these rows and leaves the others. (results.json; the table is
// made from it.)

import { readFile, writeFile } from "node:fs/promises";
import { machine } from "../figures.ts";
import type { BenchOptions, Measured } from "./bench.ts";

export interface Result extends Measured {
  /** Day, CPUs, runtime. */
  readonly machine: readonly string[];
  readonly options: Pick<BenchOptions, "runs" | "priority">;
}

export type Results = Readonly<Record<string, Result>>;

const file = new URL("results.json", import.meta.url);

export async function readResults(): Promise<Results> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Results;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
}

/** Returns all there are now. */
export async function keepResult(name: string, result: Result): Promise<Results> {
  const all = { ...(await readResults()), [name]: result };
  await writeFile(file, `${JSON.stringify(all, undefined, 1)}\n`);
  return all;
}

export function resultOf(measured: Measured, { runs, priority }: BenchOptions): Result {
  return { ...measured, machine: machine(), options: { runs, priority } };
}

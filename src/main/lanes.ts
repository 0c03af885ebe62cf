// Which lanes there are, where their spools lie, and which thread serves which. Thread t takes mail into lane t; lanes of an
// earlier run with more threads are shared out among those that are there now, and end when they are empty. So the number of
// threads may change between two runs, and no message ever moves.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { lanes } from "../base/id.ts";

/** Lane 0 has the directory that a single spool had before there were lanes. */
export function laneDirectory(state: string, lane: number): string {
  const spool = join(state, "spool");
  return lane === 0 ? spool : join(spool, `lane-${lane}`);
}

/** Lanes that have a directory. */
export async function lanesOnDisk(state: string): Promise<readonly number[]> {
  let names: readonly string[];
  try {
    names = await readdir(laneDirectory(state, 0));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const found = names.map((name) => Number(/^lane-(\d{1,2})$/.exec(name)?.[1] ?? 0));
  return [0, ...found.filter((lane) => lane > 0 && lane < lanes)].toSorted((one, other) => one - other);
}

/** By thread: its own lane first, then those it adopts. */
export function assignLanes(threads: number, known: Iterable<number>): readonly (readonly number[])[] {
  const adopted = [...new Set(known)].filter((lane) => lane >= threads).toSorted((one, other) => one - other);
  return Array.from({ length: threads }, (_each, thread) => [
    thread,
    ...adopted.filter((lane) => lane % threads === thread),
  ]);
}

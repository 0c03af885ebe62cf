// What a scenario says at its end, and what it is given.

import { setTimeout as sleep } from "node:timers/promises";
import type { Scope } from "../test/lab/cleanup.ts";

export interface ChaosOptions {
  readonly scope: Scope;
  readonly rounds: number;
  /** Mail threads of the first life, of the second and so on, and from the beginning again. */
  readonly threads: readonly number[];
  /** 0 ≤ x < 1. */
  readonly random: () => number;
  /** One line now and then, while it runs. */
  readonly tell: (line: string) => void;
}

export type Report =
  | {
      readonly kind: "ran";
      /** What was done and counted, one line. */
      readonly figures: string;
      /** What must not be, one sentence each. None: passed. */
      readonly failures: readonly string[];
    }
  /** The machine lacks something, named as in `npm test`: "absent: …", "not root: …". */
  | { readonly kind: "not-possible"; readonly reason: string };

/** mulberry32: a run can be repeated with its seed, as far as a race can be repeated. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** False when the time was over before. */
export async function until(look: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!look()) {
    if (performance.now() > deadline) return false;
    // oxlint-disable-next-line no-await-in-loop -- polling
    await sleep(10);
  }
  return true;
}

/**
 * How long a life lasts: 10 to 700 ms. In every other round it begins with the first answer of this life, so that on a busy machine, where
 * clients need long to log in again, there is a load to be killed under.
 */
export async function aLife(round: number, random: () => number, answered: () => number): Promise<void> {
  const before = answered();
  if (round % 2 === 0) await until(() => answered() > before, 5000);
  await sleep(10 + random() * 690);
}

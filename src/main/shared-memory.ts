// What the mail threads of a process hold together, in memory that they share, so that a ceiling is one for the process and
// not one for each of them. Adding and then looking is exact: of two threads that add at once, one sees both.
// In a process with one mail thread nothing is shared, and plain numbers do (ingress/smtp/load.ts).

import { loadOf, loadSlots } from "../ingress/smtp/load.ts";
import type { LoadPart, SessionLoad } from "../ingress/smtp/services.ts";

/** Sessions and content of every budget, then the octets of the threads' spools. */
const SPOOLS = 2 * loadSlots;

export interface SharedMemory {
  readonly load: SessionLoad;
  /** Octets in all spools; those of this thread are `own`, as of now, those of others as of when they last said. */
  spooled(own: number): number;
}

export function createSharedMemory(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((SPOOLS + threads) * BigInt64Array.BYTES_PER_ELEMENT);
}

export function openSharedMemory(memory: SharedArrayBuffer, thread: number): SharedMemory {
  const counts = new BigInt64Array(memory);
  return {
    load: loadOf(Array.from({ length: loadSlots }, (_each, slot) => partOf(counts, slot))),
    spooled: (own) => {
      Atomics.store(counts, SPOOLS + thread, BigInt(own));
      let octets = 0n;
      for (let at = SPOOLS; at < counts.length; at++) octets += Atomics.load(counts, at);
      return Number(octets);
    },
  };
}

function partOf(counts: BigInt64Array, slot: number): LoadPart {
  const [sessionsAt, contentAt] = [2 * slot, 2 * slot + 1];
  return {
    get sessions() {
      return Number(Atomics.load(counts, sessionsAt));
    },
    get content() {
      return Number(Atomics.load(counts, contentAt));
    },
    addSessions: (count) => {
      Atomics.add(counts, sessionsAt, BigInt(count));
    },
    addContent: (octets) => {
      Atomics.add(counts, contentAt, BigInt(octets));
    },
  };
}

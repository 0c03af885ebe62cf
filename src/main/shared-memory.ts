// What the mail threads of a process hold together, in memory that they share, so that a ceiling is one for the process and
// not one for each of them. Adding and then looking is exact: of two threads that add at once, one sees both.
// In a process with one mail thread nothing is shared, and two plain numbers do (ingress/smtp/load.ts).

import type { SessionLoad } from "../ingress/smtp/services.ts";

const SESSIONS = 0;
const CONTENT = 1;
/** Where the octets of the first thread's spools are; those of the others follow. */
const SPOOLS = 2;

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
    load: {
      get sessions() {
        return Number(Atomics.load(counts, SESSIONS));
      },
      get content() {
        return Number(Atomics.load(counts, CONTENT));
      },
      addSessions: (count) => {
        Atomics.add(counts, SESSIONS, BigInt(count));
      },
      addContent: (octets) => {
        Atomics.add(counts, CONTENT, BigInt(octets));
      },
    },
    spooled: (own) => {
      Atomics.store(counts, SPOOLS + thread, BigInt(own));
      let octets = 0n;
      for (let at = SPOOLS; at < counts.length; at++) octets += Atomics.load(counts, at);
      return Number(octets);
    },
  };
}

// Ports below 1024 are bound by the mail threads, ids are changed by the main thread, and between the two no connection may be
// accepted and no file made as root. So all mail threads stand still while main changes ids, and each binds in one turn of
// its loop: a connection is accepted in a later one.
//
//   each mail thread                main
//   wanted, waits          ──►      when all have said so: raise, then the first may
//   binds                  ◄──
//   done, waits            ──►      the next may; after the last: drop, all may
//   goes on                ◄──

import type { LoweredPrivileges } from "../io/privileges.ts";

/** Longer means that main is gone or hangs. */
const PATIENCE = 30_000;

export type PrivilegedStep = "wanted" | "done";

/** A turn for each thread, then room for the ports that the first one opened. */
export interface Gate {
  readonly memory: SharedArrayBuffer;
  readonly threads: number;
}

export function createGate(threads: number, endpoints: number): Gate {
  return { memory: new SharedArrayBuffer((threads + endpoints) * Int32Array.BYTES_PER_ELEMENT), threads };
}

/** In a mail thread. `bind` must not wait for anything but its own sockets; it is given and gives the ports. */
export async function bindPrivileged<T extends { readonly ports: readonly number[] }>(
  { memory, threads }: Gate,
  thread: number,
  post: (step: PrivilegedStep) => void,
  bind: (ports: readonly number[]) => Promise<T>,
): Promise<T> {
  const words = new Int32Array(memory);
  const wait = (step: PrivilegedStep, from: number): void => {
    post(step);
    if (Atomics.wait(words, thread, from, PATIENCE) === "timed-out")
      throw new Error("the main thread does not change privileges");
  };
  wait("wanted", 0);
  try {
    const bound = await bind(thread === 0 ? [] : [...words.subarray(threads)].filter((port) => port > 0));
    if (thread === 0) words.set(bound.ports, threads);
    return bound;
  } finally {
    wait("done", 1);
  }
}

/** In main: what it does about the steps. Threads go on whatever happens here, or they could not even be ended. */
export function createGatekeeper(
  { memory, threads }: Gate,
  privileges: LoweredPrivileges,
  dropped: () => void,
): (thread: number, step: PrivilegedStep) => void {
  const words = new Int32Array(memory);
  let wanted = 0;
  const allow = (thread: number, turn: 1 | 2): void => {
    Atomics.store(words, thread, turn);
    Atomics.notify(words, thread);
  };
  const all = (turn: 1 | 2): void => {
    for (let thread = 0; thread < threads; thread++) allow(thread, turn);
  };
  return (thread, step) => {
    try {
      if (step === "wanted") {
        if (++wanted < threads) return;
        privileges.raise();
        allow(0, 1);
      } else if (thread + 1 < threads) allow(thread + 1, 1);
      else {
        privileges.drop();
        all(2);
        dropped();
      }
    } catch (error) {
      all(2);
      throw error;
    }
  };
}

// The most frequent writes to the queue store, gathered. One write is one commit and waits for the disk; two hundred messages
// for a dead host that are deferred in one tick would keep the disk of the spool busy for as many. So what is asked in one
// tick, or while the last write of its kind is under way, is one write.
// Promises: a call ends when its own write has; what cannot be written fails alone, for what failed together is tried again
// one by one. Writes of the same kind stay in order.

import type { Remote } from "../../io/rpc.ts";
import type { QueueStore } from "../../store/store.ts";

export type StoreWrites = Remote<Pick<QueueStore, "putWaiting" | "removeWaiting">>;

export function gatherWrites(store: StoreWrites): StoreWrites {
  return {
    putWaiting: gather((messages) => store.putWaiting(messages)),
    removeWaiting: gather((ended) => store.removeWaiting(ended)),
  };
}

interface Call<T> {
  readonly items: readonly T[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Calls written together: the store's thread answers others in between. */
const BATCH = 200;

function gather<T>(write: (items: readonly T[]) => Promise<void>): (items: readonly T[]) => Promise<void> {
  let waiting: Call<T>[] = [];
  let writing = false;

  async function one({ items, resolve, reject }: Call<T>): Promise<void> {
    await write(items).then(resolve, reject);
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const calls = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      try {
        // oxlint-disable-next-line no-await-in-loop -- what comes meanwhile is the next write
        await write(calls.flatMap(({ items }) => items));
        for (const { resolve } of calls) resolve();
      } catch (error) {
        if (calls.length === 1) calls[0]?.reject(error);
        // oxlint-disable-next-line no-await-in-loop -- in order
        else for (const call of calls) await one(call);
      }
    }
    writing = false;
  }

  return (items) =>
    new Promise((resolve, reject) => {
      waiting.push({ items, resolve, reject });
      if (writing) return;
      writing = true;
      setImmediate(() => void writeAll());
    });
}

// Starts a look into the log beside everything else, and waits for it.

import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Trace } from "../control/trace.ts";

/** Rejects when the log cannot be read. */
export async function searchLog(directory: string, question: string): Promise<Trace> {
  const worker = new Worker(new URL("search-thread.ts", import.meta.url), { workerData: { directory, question } });
  try {
    const [found] = await once(worker, "message");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- search-thread.ts posts nothing else
    return found as Trace;
  } finally {
    await worker.terminate();
  }
}

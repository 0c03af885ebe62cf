// Checks of imported hashes, beside the thread that asks: a worker that is started by the first question and ends when it was not
// asked for a while, since after the first login of everybody there is nothing left to ask. How many ask at once
// is bounded by who calls (io/password-hash.ts).

import { Worker } from "node:worker_threads";

export interface Question {
  readonly id: number;
  readonly password: string;
  readonly stored: string;
}

export type Answer = { readonly id: number; readonly right: boolean } | { readonly id: number; readonly error: string };

interface Asker {
  resolve(right: boolean): void;
  reject(error: Error): void;
}

/** The worker holds some ten megabytes. */
const IDLE = 30_000;

let worker: Worker | undefined;
let idle: NodeJS.Timeout | undefined;
let last = 0;
const askers = new Map<number, Asker>();

/** Rejects when the stored text is none of schemes.ts, or the worker dies. */
export function verifyBeside(password: string, stored: string): Promise<boolean> {
  const asked = (worker ??= start());
  clearTimeout(idle);
  // Nobody ends the process while somebody waits; an idle worker does not keep it.
  asked.ref();
  const id = ++last;
  return new Promise((resolve, reject) => {
    askers.set(id, { resolve, reject });
    asked.postMessage({ id, password, stored } satisfies Question);
  });
}

function start(): Worker {
  const started = new Worker(new URL("worker.ts", import.meta.url), { name: "legacy hashes" });
  started.on("message", (answer: Answer) => {
    const asker = askers.get(answer.id);
    askers.delete(answer.id);
    if (askers.size === 0) rest(started);
    if ("error" in answer) asker?.reject(new Error(answer.error));
    else asker?.resolve(answer.right);
  });
  const ended = (cause: Error): void => {
    if (worker !== started) return;
    worker = undefined;
    for (const asker of askers.values()) asker.reject(cause);
    askers.clear();
  };
  started.on("error", (error) => ended(error instanceof Error ? error : new Error(String(error))));
  started.on("exit", () => ended(new Error("the thread that checks imported passwords has ended")));
  return started;
}

function rest(resting: Worker): void {
  resting.unref();
  idle = setTimeout(() => {
    worker = undefined;
    void resting.terminate();
  }, IDLE);
  idle.unref();
}

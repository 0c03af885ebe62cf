// The worker threads of one server: started together, ended together. The first that fails takes the server with it.

import { MessageChannel, Worker } from "node:worker_threads";
import type { Observed } from "../abuse/tap.ts";
import { callRemote } from "../io/rpc.ts";
import type { Remote } from "../io/rpc.ts";
import type { CounterRules } from "../counters/counters.ts";
import type { PrivilegedStep } from "./privileged-start.ts";
import type {
  CountersThreadData,
  MailPost,
  MailThread,
  MailThreadData,
  StateThread,
  StateThreadData,
} from "./threads.ts";

/**
 * Of a mail thread, MiB; a third of it is what is filled between two scavenges. Every read from a socket makes an ArrayBuffer,
 * which a scavenge frees. Until then it counts against the limit of the old generation, which V8 keeps a few MiB above
 * what lives there; so where much mail comes in between two scavenges, the whole heap is collected again and again:
 * with V8's usual 48 MiB its helpers took 150 µs of CPU for each message of 100 kB, with 6 they take 25. Smaller ones cost 4-kB
 * mail more in scavenges than they give.
 */
const YOUNG_GENERATION = 6;

export interface ThreadGroup {
  readonly store: Remote<StateThread>;
  /** All mail threads, and the counters thread when they are several. */
  startMail(
    threads: readonly Omit<MailThreadData, "state" | "control" | "counters">[],
    rules: CounterRules,
  ): readonly Remote<MailThread>[];
  /** Closes the store and ends all threads; those of a group that failed are cut. */
  end(): Promise<void>;
}

interface ThreadWatcher {
  readonly failed: (cause: string) => void;
  readonly log: (lines: string) => void;
  readonly observed: (batch: readonly Observed[]) => void;
  /** What is stored under these keys of accounts is another thing now. */
  readonly changed: (keys: readonly string[]) => void;
  /** A step of a privileged start. */
  readonly privileges: (thread: number, step: PrivilegedStep) => void;
}

/** `failed` is called once, with the first thread that ended by itself; `log` gets the mail threads' lines. */
export function startThreads(
  state: StateThreadData,
  { failed, log, observed, changed, privileges }: ThreadWatcher,
): ThreadGroup {
  const workers: Worker[] = [];
  let over = false;

  function start(file: string, name: string, options: ConstructorParameters<typeof Worker>[1]): Worker {
    const worker = new Worker(new URL(file, import.meta.url), { ...options, name });
    workers.push(worker);
    const ended = (cause: string): void => {
      if (over) return;
      over = true;
      failed(`${name}: ${cause}`);
    };
    worker.on("error", (error) => ended(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    worker.on("exit", (code) => ended(`ended with ${code}`));
    return worker;
  }

  const stateWorker = start("state-thread.ts", "state thread", { workerData: state });
  const forMain = new MessageChannel();
  stateWorker.postMessage({ serve: forMain.port1 }, [forMain.port1]);

  return {
    store: callRemote<StateThread>(forMain.port2),
    startMail: (threads, rules) => {
      const counters = threads.length === 1 ? undefined : threads.map(() => new MessageChannel());
      if (counters !== undefined) {
        const ports = counters.map(({ port1 }) => port1);
        const workerData: CountersThreadData = { rules, ports };
        start("counters-thread.ts", "counters thread", { workerData, transferList: ports });
      }
      return threads.map((data, index) => {
        const forMail = new MessageChannel();
        const control = new MessageChannel();
        const port = counters?.[index]?.port2;
        stateWorker.postMessage({ serve: forMail.port1 }, [forMail.port1]);
        const workerData: MailThreadData = { ...data, state: forMail.port2, control: control.port1, counters: port };
        const worker = start("mail-thread.ts", threads.length === 1 ? "mail thread" : `mail thread ${index}`, {
          workerData,
          transferList: [forMail.port2, control.port1, ...(port === undefined ? [] : [port])],
          resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
        });
        worker.on("message", (post: MailPost) => {
          if ("log" in post) log(post.log);
          else if ("observed" in post) observed(post.observed);
          else if ("changed" in post) changed(post.changed);
          else privileges(index, post.privileges);
        });
        return callRemote<MailThread>(control.port2);
      });
    },
    end: async () => {
      if (!over) {
        over = true;
        const closed = new Promise((resolve) => stateWorker.once("exit", resolve));
        stateWorker.postMessage("close");
        await closed;
      }
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

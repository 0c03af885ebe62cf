// The worker threads of one server: started together, ended together. The first that fails takes the server with it.

import { MessageChannel, Worker } from "node:worker_threads";
import { callRemote } from "../io/rpc.ts";
import type { Remote } from "../io/rpc.ts";
import type { MailPost, MailThread, MailThreadData, StateThread, StateThreadData } from "./threads.ts";

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
  startMail(data: Omit<MailThreadData, "state" | "control">): Remote<MailThread>;
  /** Closes the store and ends all threads; those of a group that failed are cut. */
  end(): Promise<void>;
}

interface ThreadWatcher {
  readonly failed: (cause: string) => void;
  readonly log: (lines: string) => void;
  /** A step of a privileged start. */
  readonly privileges: (step: "wanted" | "done") => void;
}

/** `failed` is called once, with the first thread that ended by itself; `log` gets the mail thread's lines. */
export function startThreads(state: StateThreadData, { failed, log, privileges }: ThreadWatcher): ThreadGroup {
  const workers: Worker[] = [];
  let over = false;

  function start(file: string, name: string, options: ConstructorParameters<typeof Worker>[1]): Worker {
    const worker = new Worker(new URL(file, import.meta.url), options);
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
    startMail: (data) => {
      const forMail = new MessageChannel();
      const control = new MessageChannel();
      stateWorker.postMessage({ serve: forMail.port1 }, [forMail.port1]);
      const workerData: MailThreadData = { ...data, state: forMail.port2, control: control.port1 };
      const worker = start("mail-thread.ts", "mail thread", {
        workerData,
        transferList: [forMail.port2, control.port1],
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION },
      });
      worker.on("message", (post: MailPost) => {
        if ("log" in post) log(post.log);
        else privileges(post.privileges);
      });
      return callRemote<MailThread>(control.port2);
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

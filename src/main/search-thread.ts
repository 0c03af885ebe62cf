// One look into the log, in a thread of its own: it reads whole days at once, and main counts limits meanwhile.

import { parentPort, workerData } from "node:worker_threads";
import { trace } from "../control/trace.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by searchLog
const { directory, question } = workerData as { readonly directory: string; readonly question: string };
parentPort!.postMessage(trace(directory, question));

// The counters thread, where there are several mail threads: every count of the process in one place, which does nothing
// else, so that an answer takes microseconds.

import { workerData } from "node:worker_threads";
import { createLocalCounters } from "../counters/local.ts";
import { serveCounters } from "../counters/remote.ts";
import { systemClock as clock } from "../io/clock.ts";
import type { CountersThreadData } from "./threads.ts";

const SWEEP = 60_000;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by thread-group.ts
const { rules, ports } = workerData as CountersThreadData;
const counters = createLocalCounters(rules, clock);
for (const port of ports) serveCounters(port, counters);
setInterval(() => counters.sweep(), SWEEP);

// What a machine does to the spool when something else hashes beside it: so many hashes at the same cost, evenly over the time, in a process
// of its own at the lowest priority. Prints "open", and begins at SIGUSR2. Its options are the first argument.

import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { hashPassword } from "../../src/io/password-hash.ts";

export interface HashOptions {
  readonly hashes: number;
  readonly milliseconds: number;
}

const { hashes, milliseconds } = JSON.parse(process.argv[2] ?? "{}") as HashOptions;
setPriority(constants.priority.PRIORITY_LOW);
const told = once(process, "SIGUSR2");
console.log("open");
await told;
const begun = performance.now();
for (let made = 0; made < hashes; made++) {
  // oxlint-disable-next-line no-await-in-loop -- one after the other
  await sleep(Math.max(0, begun + (made * milliseconds) / hashes - performance.now()));
  // oxlint-disable-next-line no-await-in-loop
  await hashPassword("somebody else's");
}

// People who log in, in a process of its own: each session is STARTTLS, AUTH PLAIN, QUIT. `closed`: so many at once, one session after the
// other. `paced`: one every so often, whether the last one has ended or not. Prints what it measured; its options are the first argument.

import { setTimeout as sleep } from "node:timers/promises";
import { latencyOf, openLine, plainResponse } from "./dialogue.ts";
import type { Latency } from "./dialogue.ts";
import { password, personAddress, personName } from "./people.ts";

export interface LoginOptions {
  readonly address: string;
  readonly port: number;
  readonly load:
    | { readonly kind: "closed"; readonly clients: number }
    | { readonly kind: "paced"; readonly perSecond: number };
  readonly milliseconds: number;
  /** The first account, and after how many it begins again. */
  readonly first: number;
  readonly accounts: number;
}

export interface Logins {
  readonly sessions: number;
  readonly seconds: number;
  /** From AUTH to its answer. */
  readonly auth: Latency;
  readonly session: Latency;
  readonly failed: number;
  /** Some of what these were told. */
  readonly causes: readonly string[];
}

const { load, milliseconds, first, accounts, ...where } = JSON.parse(process.argv[2] ?? "{}") as LoginOptions;
const auth: number[] = [];
const whole: number[] = [];
const failed: string[] = [];
let next = 0;
const begun = performance.now();
const end = begun + milliseconds;

async function session(): Promise<void> {
  const index = first + (next++ % accounts);
  const started = performance.now();
  try {
    const line = await openLine(where, personAddress(index));
    const asked = performance.now();
    const answer = await line.ask(`AUTH PLAIN ${plainResponse(personName(index), password)}`);
    const answered = performance.now();
    await line.ask("QUIT");
    line.destroy();
    if (!answer.startsWith("235")) throw new Error(answer);
    auth.push(answered - asked);
    whole.push(performance.now() - started);
  } catch (error) {
    failed.push(error instanceof Error ? error.message : String(error));
  }
}

/* oxlint-disable no-await-in-loop -- one after the other is the point */
async function work(): Promise<void> {
  while (performance.now() < end && failed.length < 500) await session();
}

async function paced(perSecond: number): Promise<void> {
  const open = new Set<Promise<void>>();
  for (let due = begun; due < end && failed.length < 500; due += 1000 / perSecond) {
    await sleep(Math.max(0, due - performance.now()));
    const one = session().finally(() => open.delete(one));
    open.add(one);
  }
  await Promise.all(open);
}
/* oxlint-enable no-await-in-loop */

if (load.kind === "paced") await paced(load.perSecond);
else await Promise.all(Array.from({ length: load.clients }, work));
const seconds = (performance.now() - begun) / 1000;
const result: Logins = {
  sessions: whole.length,
  seconds,
  auth: latencyOf(auth),
  session: latencyOf(whole),
  failed: failed.length,
  causes: failed.slice(0, 3),
};
console.log(JSON.stringify(result));

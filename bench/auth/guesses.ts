// Guessers in a process of their own: wrong passwords at so many a second, whatever they are answered, in sessions that are opened
// beforehand and used again and again, so that the load is passwords and not handshakes. Half of them are for accounts that there are, the others for
// names that there are not. Prints "open", begins at SIGUSR2, and ends with what the server made of them.

import { once } from "node:events";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { openLine, plainResponse } from "./dialogue.ts";
import type { Line } from "./dialogue.ts";
import { guesserAddress, personName } from "./people.ts";

export interface GuessOptions {
  readonly address: string;
  readonly port: number;
  readonly perSecond: number;
  readonly milliseconds: number;
  /** Sessions; each waits for its answer, which takes two seconds and more. */
  readonly sessions: number;
  readonly from: "many" | "one";
  /** The accounts they know of. */
  readonly first: number;
  readonly accounts: number;
}

export interface Guesses {
  readonly sent: number;
  readonly seconds: number;
  /** Looked at by argon2id, and refused. */
  readonly verified: number;
  /** Answered 454 without a look: too many failures, or too many that wait. */
  readonly held: number;
  readonly busy: number;
  /** Not sent, since every session waited for an answer. */
  readonly late: number;
  readonly lost: number;
}

const { perSecond, milliseconds, sessions, from, first, accounts, ...where } = JSON.parse(
  process.argv[2] ?? "{}",
) as GuessOptions;
const idle: { readonly line: Line; readonly source: string }[] = [];
const counts = { sent: 0, verified: 0, held: 0, busy: 0, late: 0, lost: 0 };

async function open(source: string): Promise<void> {
  idle.push({ line: await openLine(where, source), source });
}

/* oxlint-disable no-await-in-loop -- a few at a time, so that the server is not flooded before it begins */
for (let index = 0; index < sessions; index += 20) {
  const some = Array.from({ length: Math.min(20, sessions - index) }, (_each, offset) => index + offset);
  await Promise.all(some.map((each) => open(from === "one" ? guesserAddress(0) : guesserAddress(each))));
}

async function guess(number: number): Promise<void> {
  const session = idle.shift();
  if (session === undefined) {
    counts.late++;
    return;
  }
  counts.sent++;
  const name = number % 2 === 0 ? personName(first + (number % accounts)) : `nobody${number % 10_000}@sekimori.test`;
  const answer = await session.line.ask(`AUTH PLAIN ${plainResponse(name, `guess ${number}`)}`).catch(() => "");
  if (answer.startsWith("535") || /^421 .* too many failed logins, closing/.test(answer)) counts.verified++;
  else if (/^454 .*at once/.test(answer)) counts.busy++;
  else if (answer.startsWith("454") || /^421 .* too many failed logins from/.test(answer)) counts.held++;
  else counts.lost++;
  if (/^(535|454)/.test(answer)) idle.push(session);
  else {
    session.line.destroy();
    await open(session.source).catch(() => undefined);
  }
}

// They stand for other machines, and must not take the CPU from what is measured beside them.
setPriority(constants.priority.PRIORITY_LOW);
const told = once(process, "SIGUSR2");
console.log("open");
await told;
const begun = performance.now();
const under = new Set<Promise<void>>();
let number = 0;
for (let due = begun; due < begun + milliseconds; due += 1000 / perSecond) {
  await sleep(Math.max(0, due - performance.now()));
  const one = guess(number++).finally(() => under.delete(one));
  under.add(one);
}
/* oxlint-enable no-await-in-loop */
const seconds = (performance.now() - begun) / 1000;
await Promise.race([Promise.all(under), sleep(20_000)]);
const result: Guesses = { ...counts, seconds };
console.log(JSON.stringify(result));
process.exit(0);

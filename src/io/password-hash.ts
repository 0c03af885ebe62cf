// Passwords at rest: argon2id as PHC strings (RFC 9106, PHC string format), the form every other mail server reads.
//
// Hashing shares the thread pool with fdatasync: eight hashes in flight were measured to raise a commit from 0.05 to
// 88 ms. So at most two run at once and the rest queue; whoever logs in during a flood waits, mail does not. What is asked for
// "last" goes after everything else, leaves a place free for that, and waits in a queue that is short.
//
// What other programs made (legacy-hash/) is checked in the same queue, in a thread of its own.

import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { schemeOf } from "./legacy-hash/schemes.ts";
import { verifyBeside } from "./legacy-hash/verifier.ts";

interface Parameters {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** OWASP's first choice of 2023: 19 MiB, two passes; about 20 ms of one core. */
const current: Parameters = { memory: 19_456, passes: 2, parallelism: 1 };
const TAG_LENGTH = 32;
/** Sanity bounds for stored strings, so that a damaged row cannot ask for all memory. */
const MOST_MEMORY = 1_048_576;
/** RFC 9106 §3.1 and PHC: what is shorter was cut. */
const LEAST_SALT = 8;
const LEAST_TAG = 16;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  return format(salt, await derive(password, salt, current, TAG_LENGTH));
}

/** A hash of no password, to check one against where there is no account: it costs the same, and none fits. */
export function decoyHash(): string {
  return format(randomBytes(16), randomBytes(TAG_LENGTH));
}

function format(salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${current.memory},t=${current.passes},p=${current.parallelism}$${encode(salt)}$${encode(tag)}`;
}

/** Throws when the stored string is neither ours nor one of legacy-hash/: that is a damaged store, not a wrong password. */
export async function verifyPassword(password: string, stored: string, turn: Turn = "first"): Promise<boolean> {
  if (isLegacy(stored)) return inTurn(() => verifyBeside(password, stored), turn);
  const match = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    stored,
  );
  if (match === null) throw new Error("the stored password hash is not an argon2id PHC string");
  const [memory, passes, parallelism] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (memory > MOST_MEMORY) throw new Error("the stored password hash asks for too much memory");
  const salt = decode(match[4]!);
  const expected = decode(match[5]!);
  if (salt.length < LEAST_SALT || expected.length < LEAST_TAG) throw new Error("the stored password hash is cut short");
  const tag = await derive(password, salt, { memory, passes, parallelism }, expected.length, turn);
  return timingSafeEqual(tag, expected);
}

/** Made by another program, in a form that is not ours. Not argon2id of other parameters: that is as good. */
export function isLegacy(stored: string): boolean {
  const scheme = schemeOf(stored);
  return scheme !== undefined && scheme !== "argon2id";
}

/**
 * Whether a password that was right may take the place of its legacy hash. Of a longer one bcrypt has only looked at the
 * first 72 octets: what follows may be wrong, and its owner would be locked out.
 */
export function mayReplace(stored: string, password: string): boolean {
  return isLegacy(stored) && !(schemeOf(stored) === "blf-crypt" && Buffer.byteLength(password) > 72);
}

function encode(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

/** Only what `encode` writes: a damaged last character does not pass for the right one. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (encode(bytes) !== text) throw new Error("the stored password hash is not base64");
  return bytes;
}

function derive(
  password: string,
  nonce: Buffer,
  parameters: Parameters,
  tagLength: number,
  turn: Turn = "first",
): Promise<Buffer> {
  return inTurn(
    () =>
      new Promise((resolve, reject) => {
        argon2("argon2id", { message: password, nonce, tagLength, ...parameters }, (error, tag) => {
          if (error === null) resolve(tag);
          else reject(error);
        });
      }),
    turn,
  );
}

/** Whose turn it is: everybody else's before those of "last". */
export type Turn = "first" | "last";

/** The queue is full: nothing was looked at. */
export class HashesBusy extends Error {
  constructor() {
    super("too many passwords wait to be checked");
  }
}

let atOnce = 2;
const running = { first: 0, last: 0 };
const queues: { readonly [Each in Turn]: (() => void)[] } = { first: [], last: [] };
/** Longer waits help nobody: 500 are ten seconds of one core, 50 are one. */
const waitingMost = { first: 500, last: 50 } as const;

/** How many may run at once in this thread; 2 unless told otherwise. Several threads share one pool. */
export function limitHashes(most: number): void {
  atOnce = most;
}

function hasRoom(turn: Turn): boolean {
  if (running.first + running.last >= atOnce) return false;
  // One place stays free for those who come first, where there are two.
  return turn === "first" || running.last < Math.max(1, atOnce - 1);
}

/** Runs what occupies a place in the thread pool when it is its turn: at most so many in this thread. */
export async function inTurn<T>(work: () => Promise<T>, turn: Turn = "first"): Promise<T> {
  if (hasRoom(turn)) running[turn]++;
  else {
    if (queues[turn].length >= waitingMost[turn]) throw new HashesBusy();
    // Whoever ends calls the next one, and counts it.
    await new Promise<void>((resolve) => queues[turn].push(resolve));
  }
  try {
    return await work();
  } finally {
    running[turn]--;
    callNext("first");
    callNext("last");
  }
}

function callNext(turn: Turn): void {
  if (!hasRoom(turn)) return;
  const next = queues[turn].shift();
  if (next === undefined) return;
  running[turn]++;
  next();
}

// Whether a mailbox has room: the count is kept elsewhere, for all threads together (MailboxRooms); here its folder is read when
// nobody knows what it holds, from the file names. A count that ran while a message came or went is done again. What other
// programs do in the folder is seen at the next count.

import * as system from "node:fs/promises";
import { join } from "node:path";
import type { Address } from "../address/address.ts";
import { errorCode, type Files } from "./disk.ts";
import { parseName } from "./name.ts";
import { mailboxPath } from "./path.ts";

/** `count`: nobody knows. Read the folder, say `counted` with this number, and ask again. */
type RoomAnswer = "fits" | "full" | { readonly count: number };

/** What each mailbox holds against its quota, kept in one place. */
export interface MailboxRooms {
  /** Whether so many octets more fit. Rejects when nobody can tell. */
  fits(mailbox: string, octets: number, quota: number): RoomAnswer | Promise<RoomAnswer>;
  /** When they fit, takes the room for them, to be given back or kept by `end`. */
  reserve(mailbox: string, octets: number, quota: number): RoomAnswer | Promise<RoomAnswer>;
  /** Takes it, whether there is or not. */
  begin(mailbox: string, octets: number): void;
  end(mailbox: string, octets: number, outcome: "stored" | "failed"): void;
  /** What the folder held; `anyway`: it changes all the time, and an old number is better than none. */
  counted(mailbox: string, octets: number, count: number, believed: "unchanged" | "anyway"): void;
  /** Messages went, or may have. */
  forget(mailbox: string): void;
}

/** A folder that changed under so many counts is believed as it was. */
const MOST_COUNTS = 5;

export class Usage {
  readonly #files: Files;
  readonly #rooms: MailboxRooms;
  /** Counts under way. */
  readonly #counting = new Map<string, Promise<number>>();

  constructor(files: Files, rooms: MailboxRooms) {
    this.#files = files;
    this.#rooms = rooms;
  }

  /** Whether so many octets more fit; a promise when another thread or the folder must be asked. */
  fits(folder: string, octets: number, quota: number): boolean | Promise<boolean> {
    const answer = this.#rooms.fits(folder, octets, quota);
    if (answer === "fits") return true;
    if (answer === "full") return false;
    return this.#asked(folder, answer, () => this.#rooms.fits(folder, octets, quota));
  }

  /** Takes room for the octets, to be given back or kept by `end`; or says that there is none. */
  async reserve(folder: string, octets: number, quota: number): Promise<boolean> {
    const ask = (): ReturnType<MailboxRooms["reserve"]> => this.#rooms.reserve(folder, octets, quota);
    return await this.#asked(folder, ask(), ask);
  }

  async #asked(
    folder: string,
    first: ReturnType<MailboxRooms["fits"]>,
    again: () => ReturnType<MailboxRooms["fits"]>,
  ): Promise<boolean> {
    let answer = await first;
    for (let count = 1; answer !== "fits" && answer !== "full"; count++) {
      const believed = count < MOST_COUNTS ? "unchanged" : "anyway";
      // oxlint-disable-next-line no-await-in-loop -- again only when something changed meanwhile
      this.#rooms.counted(folder, await this.#count(folder, answer.count), answer.count, believed);
      // oxlint-disable-next-line no-await-in-loop
      answer = await again();
    }
    return answer === "fits";
  }

  /** Those who ask when nothing has changed since wait for one count. */
  #count(folder: string, changes: number): Promise<number> {
    const name = `${changes} ${folder}`;
    let counting = this.#counting.get(name);
    if (counting === undefined) {
      counting = sizeOf(this.#files, folder).finally(() => this.#counting.delete(name));
      this.#counting.set(name, counting);
    }
    return counting;
  }
}

/** Where the Maildirs are. */
export function mailRoot(state: string): string {
  return join(state, "mail");
}

/** What an account's mailbox under this root holds now, octets; 0 where there is none. Reads the folder. */
export function mailboxOctets(root: string, account: Address): Promise<number> {
  return sizeOf(system, join(root, ...mailboxPath(account)));
}

async function sizeOf(files: Files, folder: string): Promise<number> {
  /** A file that moves from new to cur meanwhile is seen twice and counts once. */
  const sizes = new Map<string, number>();
  for (const part of ["new", "cur"]) {
    const directory = join(folder, part);
    for (const name of await namesIn(files, directory)) {
      if (name.startsWith(".")) continue;
      const base = name.split(":", 1)[0] ?? name;
      const size = parseName(base).wireSize ?? (await sizeOnDisk(files, join(directory, name)));
      if (size !== undefined) sizes.set(base, size);
    }
  }
  let sum = 0;
  for (const size of sizes.values()) sum += size;
  return sum;
}

async function namesIn(files: Files, directory: string): Promise<readonly string[]> {
  try {
    return await files.readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

async function sizeOnDisk(files: Files, path: string): Promise<number | undefined> {
  try {
    return (await files.stat(path)).size;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

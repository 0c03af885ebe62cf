// How many octets a mailbox holds: counted once from the file names, kept exact over our own deliveries and removals,
// counted again when somebody else may have changed the folder (a session listed it, or it seems full).
//
// A count that runs while a message comes or goes is done again, so no message counts twice or not at all. What other
// programs do in the folder is seen at the next count.

import * as system from "node:fs/promises";
import { join } from "node:path";
import type { Address } from "../address/address.ts";
import { errorCode, type Files } from "./disk.ts";
import { parseName } from "./name.ts";
import { mailboxPath } from "./path.ts";

/** A mailbox that seems full is counted again at most this often, ms. */
const RECOUNT = 5000;

export class Usage {
  readonly #files: Files;
  readonly #folder: string;
  readonly #now: () => number;
  #octets: number | undefined;
  /** Octets of deliveries under way. */
  #pending = 0;
  #changes = 0;
  #counting: Promise<number> | undefined;
  #countedAt = 0;

  constructor(files: Files, folder: string, now: () => number) {
    this.#files = files;
    this.#folder = folder;
    this.#now = now;
  }

  /** Whether so many octets more fit; a promise when the folder must be read. */
  fits(octets: number, quota: number): boolean | Promise<boolean> {
    const known = this.#octets;
    if (known !== undefined) {
      if (known + this.#pending + octets <= quota) return true;
      if (this.#now() - this.#countedAt < RECOUNT) return false;
    }
    return this.#count().then((counted) => counted + this.#pending + octets <= quota);
  }

  /** Takes room for the octets, to be given back or kept by `end`; or says that there is none. */
  async reserve(octets: number, quota: number): Promise<boolean> {
    for (;;) {
      const fits = this.fits(octets, quota);
      if (fits === true) {
        this.begin(octets);
        return true;
      }
      // Others may have taken the room while the folder was read: asked again.
      // oxlint-disable-next-line no-await-in-loop
      if (fits === false || !(await fits)) return false;
    }
  }

  /** Takes it, whether there is or not. */
  begin(octets: number): void {
    this.#pending += octets;
  }

  end(octets: number, outcome: "stored" | "failed"): void {
    this.#pending -= octets;
    if (outcome === "failed") return;
    this.#changes++;
    if (this.#octets !== undefined) this.#octets += octets;
  }

  /** Messages went, or may have: the next question reads the folder. */
  forget(): void {
    this.#changes++;
    this.#octets = undefined;
  }

  #count(): Promise<number> {
    return (this.#counting ??= this.#read().finally(() => (this.#counting = undefined)));
  }

  async #read(): Promise<number> {
    for (let round = 0; ; round++) {
      const changes = this.#changes;
      // oxlint-disable-next-line no-await-in-loop -- again only when something changed meanwhile
      const octets = await sizeOf(this.#files, this.#folder);
      if (changes !== this.#changes && round < 5) continue;
      this.#octets = octets;
      this.#countedAt = this.#now();
      return octets;
    }
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

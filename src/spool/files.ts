// The few file operations the spool needs, as an interface, so that tests can hand in a disk that fails, tears and
// forgets; and the one real implementation, on node:fs. Errors are Node's system errors (`code`: ENOSPC, EIO …).
//
// The callback functions of node:fs are used, not its promises: a FileHandle costs several times the CPU per call,
// and this runs once per group commit.
//
// A small write goes into the page cache at once, in this thread: measured, 7 µs for 4 KiB, where handing it to a thread of
// the pool and back costs several times that. The sync, which waits for the disk, is always the pool's.

import * as fs from "node:fs";
import { dirname, join } from "node:path";

export interface SpoolFile {
  size(): Promise<number>;
  /** Reads up to `into.length` octets at `position`; resolves to how many came, 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes the buffers one after the other at `position`; may write less than all: resolves to how much. */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  truncate(length: number): Promise<void>;
  /**
   * Makes what was written durable: fdatasync(2). That is enough after an append, for POSIX counts everything that
   * is needed to read the data back, the new file size among it, to the data; only times of change may be lost.
   */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The files of one directory, by name. */
export interface SpoolFiles {
  /** Makes the directory if it is not there; resolves to the names in it. */
  list(): Promise<readonly string[]>;
  /** A new file, for reading and writing. Rejects when the name is taken. */
  create(name: string): Promise<SpoolFile>;
  open(name: string): Promise<SpoolFile>;
  rename(name: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes names durable: what was created, renamed and removed before stays so. */
  syncNames(): Promise<void>;
}

/** The `code` of a system error. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Calls a node:fs function that answers by callback. */
function call<T>(start: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null) resolve(value);
      else reject(error);
    });
  });
}

/** Octets written in this thread; what is more would hold up the sessions. */
const SMALL = 64 * 1024;

function writeTo(descriptor: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  let octets = 0;
  for (const buffer of buffers) octets += buffer.length;
  if (octets > SMALL) return call<number>((done) => fs.writev(descriptor, buffers, position, done));
  // A throw becomes a rejection.
  return new Promise((resolve) => resolve(fs.writevSync(descriptor, buffers, position)));
}

function fileOn(descriptor: number): SpoolFile {
  return {
    size: async () => (await call<fs.Stats>((done) => fs.fstat(descriptor, done))).size,
    read: (into, position) => call<number>((done) => fs.read(descriptor, into, 0, into.length, position, done)),
    write: (buffers, position) => writeTo(descriptor, buffers, position),
    truncate: (length) => call((done) => fs.ftruncate(descriptor, length, (error) => done(error, undefined))),
    sync: () => call((done) => fs.fdatasync(descriptor, (error) => done(error, undefined))),
    close: () => call((done) => fs.close(descriptor, (error) => done(error ?? null, undefined))),
  };
}

export function spoolFilesIn(directory: string): SpoolFiles {
  const path = (name: string): string => join(directory, name);
  return {
    async list() {
      const made = await fs.promises.mkdir(directory, { recursive: true, mode: 0o700 });
      // The names of what was made; those in it are synced with the first file.
      if (made !== undefined) await syncAbove(directory, dirname(made));
      return fs.promises.readdir(directory);
    },
    create: async (name) => fileOn(await call<number>((done) => fs.open(path(name), "wx+", 0o600, done))),
    open: async (name) => fileOn(await call<number>((done) => fs.open(path(name), "r+", done))),
    rename: (name, to) => call((done) => fs.rename(path(name), path(to), (error) => done(error, undefined))),
    remove: (name) => call((done) => fs.unlink(path(name), (error) => done(error, undefined))),
    syncNames: () => syncDirectory(directory),
  };
}

/** The directories above `path`, up to `top`. */
async function syncAbove(path: string, top: string): Promise<void> {
  const above = dirname(path);
  if (above !== top) await syncAbove(above, top);
  await syncDirectory(above);
}

async function syncDirectory(directory: string): Promise<void> {
  const descriptor = await call<number>((done) => fs.open(directory, "r", done));
  try {
    await call((done) => fs.fsync(descriptor, (error) => done(error, undefined)));
  } finally {
    await call((done) => fs.close(descriptor, (error) => done(error ?? null, undefined)));
  }
}

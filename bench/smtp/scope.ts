// The lab's servers belong to a test and end with it; here they belong to a row of the table.

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Something this benchmark needs is not to be had on this machine. */
export class NotPossible extends Error {}

export interface RowScope {
  /** For modules of the lab that ask for a test: they use after() and skip() of it. */
  readonly test: TestContext;
  after(close: () => Promise<void> | void): void;
  /** Runs what was given to after(), in that order, as node:test does. */
  close(): Promise<void>;
}

export function createScope(): RowScope {
  const closers: (() => Promise<void> | void)[] = [];
  const after = (close: () => Promise<void> | void): void => void closers.push(close);
  return {
    test: { after, skip } as unknown as TestContext,
    after,
    close: async () => {
      for (const close of closers) {
        try {
          // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
          await close();
        } catch (error) {
          console.error(`while closing: ${String(error)}`);
        }
      }
    },
  };
}

function skip(reason?: string): never {
  throw new NotPossible(reason ?? "skipped");
}

/**
 * The directories of all rows stay until the end. ext4 without a journal does not use an inode again for a while after
 * its deletion but walks past it: thousands of queue files removed after one row doubled the CPU time of Postfix in the
 * next (seen with perf: `recently_deleted`). For the same reason, let the machine rest some minutes between two tables.
 */
export async function withDirectories<T>(work: () => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "sekimori-bench-"));
  const usual = { TMPDIR: process.env["TMPDIR"], SEKIMORI_KEEP: process.env["SEKIMORI_KEEP"] };
  // Postfix's processes pass through it.
  await chmod(directory, 0o711);
  Object.assign(process.env, { TMPDIR: directory, SEKIMORI_KEEP: "1" });
  try {
    return await work();
  } finally {
    for (const [name, value] of Object.entries(usual)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

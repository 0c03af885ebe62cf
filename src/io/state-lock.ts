// One process for one state directory. The lock is an SQLite file held in an exclusive transaction: the kernel drops
// it when the process dies, however it dies, so there is no stale lock to clean up.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface StateLock {
  release(): void;
}

/** undefined when another process has it. Throws when the directory cannot be used. */
export function lockState(directory: string): StateLock | undefined {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && /locked|busy/i.test(error.message)) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

// The server's log, as the file on disk: what a test may ask when nothing that a client sees tells it.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

export interface LogEntry {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** All events so far, oldest first. A line that a kill cut short is left out. */
export function readLog(state: string): readonly LogEntry[] {
  const folder = join(state, "log");
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return files.toSorted().flatMap((name) =>
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as LogEntry];
        } catch {
          return [];
        }
      }),
  );
}

/** No part of the server has met something that should not happen. */
export function assertNothingBroke(state: string): void {
  const broken = new Set(["internal.failed", "server.failed", "spool.failed"]);
  assert.deepEqual(
    readLog(state).filter(({ event }) => broken.has(event)),
    [],
  );
}

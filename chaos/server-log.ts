// What the server's own log must not say after any of this.

import type { LogEntry } from "../test/e2e/support/log.ts";

/** Synced octets that did not hold, and surprises. `expected`: events that the scenario brings about. */
export function damageIn(log: readonly LogEntry[], expected: readonly string[] = []): readonly string[] {
  const broken = new Set(
    ["internal.failed", "server.failed", "spool.failed"].filter((each) => !expected.includes(each)),
  );
  const found: string[] = [];
  for (const entry of log) {
    if (entry.event === "spool.recovered" && entry["damaged"] !== 0)
      found.push(`damage in the spool: ${JSON.stringify(entry)}`);
    if (broken.has(entry.event)) found.push(JSON.stringify(entry));
  }
  return found.slice(0, 20);
}

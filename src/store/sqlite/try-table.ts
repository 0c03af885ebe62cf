// What accounts tried, in SQLite: one row an account and minute.

import type { DatabaseSync } from "node:sqlite";
import type { Tries, TryStore } from "../store.ts";
import { all, spanOf } from "./rows.ts";

export function createTryTable(database: DatabaseSync, transaction: <T>(work: () => T) => T): TryStore {
  const sql = {
    add: database.prepare(
      "INSERT INTO rcpt_try (account, at, tries) VALUES (?, ?, ?) ON CONFLICT (account, at) DO UPDATE SET tries = tries + excluded.tries",
    ),
    since: database.prepare("SELECT account, at, tries FROM rcpt_try WHERE at > ? ORDER BY at, account"),
    purge: database.prepare("DELETE FROM rcpt_try WHERE at <= ?"),
    span: database.prepare(
      "SELECT count(*) AS items, min(at) AS oldest, count(*) FILTER (WHERE at <= ?) AS expired FROM rcpt_try",
    ),
  };
  return {
    addTries: (added) =>
      transaction(() => {
        for (const { account, at, tries } of added) sql.add.run(account, at, tries);
      }),
    triesSince: (time) => all<Tries>(sql.since, time),
    purgeTries: (before) => void sql.purge.run(before),
    trySpan: (before) => spanOf(sql.span, before),
  };
}

// One piece of work, done whole or not at all. What went wrong is what the caller hears: when SQLite has ended the
// transaction by itself (a full or read-only disk), a ROLLBACK would fail too and hide the cause.

import type { DatabaseSync } from "node:sqlite";

export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const value = work();
    database.exec("COMMIT");
    return value;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

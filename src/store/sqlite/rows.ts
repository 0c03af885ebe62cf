// Rows of prepared statements, typed by whoever wrote the statement.

import type { SQLInputValue, StatementSync } from "node:sqlite";
import type { Span } from "../store.ts";

/** Rows have the columns of the schema beside this file: the one place where that is taken on trust. */
export function all<Row>(statement: StatementSync, ...parameters: SQLInputValue[]): Row[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return statement.all(...parameters) as Row[];
}

export function one<Row>(statement: StatementSync, ...parameters: SQLInputValue[]): Row | undefined {
  return all<Row>(statement, ...parameters)[0];
}

/** `unit`: of the times in it, ms. */
export function spanOf(statement: StatementSync, before: number, unit = 1): Span {
  const row = one<{ items: number; oldest: number | null; expired: number }>(statement, before);
  const oldest = row?.oldest ?? undefined;
  return {
    items: row?.items ?? 0,
    oldest: oldest === undefined ? undefined : oldest * unit,
    expired: row?.expired ?? 0,
  };
}

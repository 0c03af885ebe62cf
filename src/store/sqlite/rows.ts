// Rows of prepared statements, typed by whoever wrote the statement.

import type { SQLInputValue, StatementSync } from "node:sqlite";

/** Rows have the columns of the schema beside this file: the one place where that is taken on trust. */
export function all<Row>(statement: StatementSync, ...parameters: SQLInputValue[]): Row[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return statement.all(...parameters) as Row[];
}

export function one<Row>(statement: StatementSync, ...parameters: SQLInputValue[]): Row | undefined {
  return all<Row>(statement, ...parameters)[0];
}

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { inTransaction } from "./transaction.ts";

test("work that throws leaves nothing, and work that ended the transaction itself keeps its own cause", () => {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (x INTEGER)");
  const cause = new Error("the disk is full");
  for (const ending of ["SELECT 1", "ROLLBACK"]) {
    assert.throws(
      () =>
        inTransaction(database, () => {
          database.exec("INSERT INTO t VALUES (1)");
          database.exec(ending);
          throw cause;
        }),
      cause,
    );
  }
  assert.deepEqual(database.prepare("SELECT * FROM t").all(), []);
  inTransaction(database, () => database.exec("INSERT INTO t VALUES (2)"));
  assert.equal(database.prepare("SELECT count(*) AS n FROM t").get()?.["n"], 1);
  database.close();
});

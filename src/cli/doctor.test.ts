import assert from "node:assert/strict";
import { test } from "node:test";
import { severityOf } from "./doctor.ts";

const graded = (...results: ("ok" | "warn" | "fail")[]) => severityOf(results.map((result) => ({ result })));

test("the exit code of doctor is that of the worst finding, as monitoring plugins have it", () => {
  assert.equal(graded("ok", "ok"), 0);
  assert.equal(graded("ok", "warn", "ok"), 1);
  assert.equal(graded("warn", "fail", "ok"), 2);
  assert.equal(graded("fail"), 2);
});

// The filter is changed under traffic: nobody who is blocked gets through, nobody else notices.

import assert from "node:assert/strict";
import { test } from "node:test";
import { runHotUpdate, wrongVerdicts } from "./hot/run.ts";
import { skipsWithoutWorld } from "./world.ts";

test("policies applied one after the other under traffic: no wrong verdict, and the stream loses nothing", async (t) => {
  if (await skipsWithoutWorld(t)) return;
  const report = await runHotUpdate({ applies: 4, elements: 1000, perSecond: 500, how: "apply" }, 120_000);
  const said = JSON.stringify(report);
  assert.ok((report.blocked["ECONNREFUSED"] ?? 0) >= 50 && (report.permitted["open"] ?? 0) > 0, said);
  assert.equal(wrongVerdicts(report), 0, said);
  assert.equal(report.probesLeft, 0, said);
  // Counted where they pass, not by what a busy machine sends twice.
  assert.equal(report.stream.stopped, 0, said);
  assert.equal(report.stream.failure, undefined, said);
  assert.ok(report.stream.sent > 0, said);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { note, SiteLog } from "./site-log.ts";

const words = (reply: string) => ({ kind: "deferred", status: "4.7.1", reply, remote: "mx[192.0.2.1]:25" });

test("the last answers of a site are kept, deliveries are counted", () => {
  const record = new SiteLog().of("mx");
  for (const [at, reply] of ["a", "b", "c", "d"].entries()) note(record, at, words(reply));
  note(record, 9, { ...words("taken"), kind: "delivered" });
  note(record, 10, { ...words("no"), kind: "failed" });
  assert.deepEqual(
    record.answers.map(({ at, kind, reply }) => [at, kind, reply]),
    [
      [2, "deferred", "c"],
      [3, "deferred", "d"],
      [10, "failed", "no"],
    ],
  );
  assert.deepEqual([record.delivered, record.deferred, record.failed, record.lastDelivery], [1, 4, 1, 9]);
});

test("the site that was quiet longest is forgotten", () => {
  const log = new SiteLog(2);
  const a = log.of("a");
  log.of("b");
  assert.equal(log.of("a"), a);
  log.of("c");
  assert.deepEqual(
    [...log.entries()].map(([site]) => site),
    ["a", "c"],
  );
});

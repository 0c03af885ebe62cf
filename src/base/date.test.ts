import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatDateTime } from "./date.ts";

test("a date is written as RFC 5322 has it, in the zone that is asked for", () => {
  const at = Date.UTC(2026, 10, 22, 3, 4, 5);
  assert.equal(formatDateTime(at, 540), "Sun, 22 Nov 2026 12:04:05 +0900");
  assert.equal(formatDateTime(at, 0), "Sun, 22 Nov 2026 03:04:05 +0000");
  assert.equal(formatDateTime(at, -210), "Sat, 21 Nov 2026 23:34:05 -0330");
  assert.equal(formatDateTime(Date.UTC(2026, 0, 1), 345), "Thu, 1 Jan 2026 05:45:00 +0545");
});

test("any date in any zone is read back as the same second", () => {
  const at = fc.integer({ min: Date.UTC(1971, 0, 1), max: Date.UTC(2900, 0, 1) });
  fc.assert(
    fc.property(at, fc.integer({ min: -720, max: 840 }), (time, zone) => {
      assert.equal(Date.parse(formatDateTime(time, zone)), Math.floor(time / 1000) * 1000);
      assert.equal(Date.parse(formatDateTime(time)), Math.floor(time / 1000) * 1000);
    }),
  );
});

test("a time that no four-digit year can tell is a bug", () => {
  for (const at of [Number.NaN, Infinity, -1e15, 1e15]) assert.throws(() => formatDateTime(at), RangeError);
});

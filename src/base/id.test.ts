import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { createIdMaker } from "./id.ts";

const zeros = (octets: number): Uint8Array => new Uint8Array(octets);
const ones = (octets: number): Uint8Array => new Uint8Array(octets).fill(255);

test("an id has 16 characters that are safe everywhere", () => {
  const make = createIdMaker({ wall: () => Date.UTC(2026, 10, 22) }, randomBytes);
  for (let i = 0; i < 1000; i += 1) assert.match(make(), /^[0-9a-hj-km-np-tv-z]{16}$/);
});

test("ids of one maker are different and sort in the order they were made, whatever the clock does", () => {
  const clock = fc.array(fc.integer({ min: 0, max: 2 ** 42 }), { minLength: 2, maxLength: 50 });
  fc.assert(
    fc.property(clock, (times) => {
      let at = 0;
      const make = createIdMaker({ wall: () => times[at] ?? 0 }, randomBytes);
      const ids: string[] = [];
      for (at = 0; at < times.length; at += 1) ids.push(make(), make());
      assert.deepEqual(ids, [...new Set(ids)].toSorted());
    }),
  );
});

test("ids of different milliseconds sort by time, also between makers", () => {
  const early = createIdMaker({ wall: () => 1_795_000_000_000 }, ones, { lane: 31 });
  const late = createIdMaker({ wall: () => 1_795_000_000_001 }, zeros, { lane: 0 });
  assert.ok(early() < late());
});

test("makers on different lanes never meet, even with the same clock and the same random octets", () => {
  const made = Array.from({ length: 32 }, (_, lane) => createIdMaker({ wall: () => 1 }, zeros, { lane })());
  assert.equal(new Set(made).size, 32);
  assert.throws(() => createIdMaker({ wall: () => 1 }, zeros, { lane: 32 }), RangeError);
  assert.throws(() => createIdMaker({ wall: () => 1 }, zeros, { lane: -1 }), RangeError);
});

test("the random start differs between two makers of the same lane and millisecond", () => {
  const first = createIdMaker({ wall: () => 1 }, zeros)();
  const second = createIdMaker({ wall: () => 1 }, ones)();
  assert.equal(first.slice(0, 10), second.slice(0, 10));
  assert.notEqual(first, second);
});

test("ids go on after those of an earlier run, even when the clock was set back meanwhile", () => {
  const before = createIdMaker({ wall: () => 1_795_000_000_000 }, ones);
  const last = [before(), before()].at(-1)!;
  const after = createIdMaker({ wall: () => 1_000 }, zeros, { after: last });
  const first = after();
  assert.ok(first > last);
  assert.ok(after() > first);
});

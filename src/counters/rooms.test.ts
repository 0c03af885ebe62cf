import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRooms } from "./rooms.ts";

test("a count during which something changed is not believed, unless nothing better is to be had", () => {
  const rooms = createRooms(() => 0);
  assert.deepEqual(rooms.fits("a", 1, 100), { count: 0 });
  rooms.begin("a", 30);
  rooms.end("a", 30, "stored");
  rooms.counted("a", 0, 0, "unchanged");
  assert.deepEqual(rooms.reserve("a", 1, 100), { count: 1 });
  rooms.counted("a", 30, 1, "unchanged");
  assert.deepEqual([rooms.fits("a", 70, 100), rooms.fits("a", 71, 100)], ["fits", "full"]);
  rooms.forget("a");
  rooms.counted("a", 20, 1, "anyway");
  assert.equal(rooms.fits("a", 80, 100), "fits");
});

test("what seems full is counted again after a while", () => {
  let now = 0;
  const rooms = createRooms(() => now);
  rooms.counted("a", 100, 0, "unchanged");
  assert.equal(rooms.fits("a", 1, 100), "full");
  now = 5000;
  assert.deepEqual(rooms.fits("a", 1, 100), { count: 0 });
  assert.equal(rooms.fits("b", 0, 100) === "fits", false, "another mailbox was never counted");
});

test("whatever comes, fails, goes and is counted, what is in the folder never exceeds the quota", () => {
  const quota = 100;
  const step = fc.record({
    what: fc.constantFrom("deliver", "deliver", "deliver", "store", "fail", "remove", "count"),
    octets: fc.integer({ min: 1, max: 60 }),
  } as const);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const rooms = createRooms(() => 0);
      const folder: number[] = [];
      const underWay: number[] = [];
      const octetsInFolder = (): number => folder.reduce((sum, octets) => sum + octets, 0);
      /** A look at the folder that has not been told yet. */
      let look: { readonly octets: number; readonly count: number } | undefined;
      for (const { what, octets } of steps) {
        if (what === "deliver") {
          const answer = rooms.reserve("a", octets, quota);
          if (answer === "fits") underWay.push(octets);
          else if (answer !== "full") look ??= { octets: octetsInFolder(), count: answer.count };
        } else if (what === "count" && look !== undefined) {
          rooms.counted("a", look.octets, look.count, "unchanged");
          look = undefined;
        } else if (what === "remove" && folder.length > 0) {
          folder.pop();
          rooms.forget("a");
        } else if (what === "store" || what === "fail") {
          const ended = underWay.shift();
          if (ended === undefined) continue;
          if (what === "store") folder.push(ended);
          rooms.end("a", ended, what === "store" ? "stored" : "failed");
        }
        assert.ok(octetsInFolder() + underWay.reduce((sum, each) => sum + each, 0) <= quota);
      }
    }),
  );
});

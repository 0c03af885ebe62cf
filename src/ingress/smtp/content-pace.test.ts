import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContentPace, lookEvery } from "./content-pace.ts";

const MINUTE = 60_000;
const usual = { rate: 500, time: 10 * MINUTE };

/** Octets as they come between looks; when it fell behind, ms. */
function behindAt(octets: readonly number[], limit = usual): number | undefined {
  const pace = new ContentPace();
  const every = lookEvery(limit);
  let [now, sum] = [0, 0];
  for (const more of octets) {
    if (!pace.keeps(now, { message: 1, octets: sum, turn: "client" }, limit)) return now;
    now += every;
    sum += more;
  }
  return undefined;
}

test("what took longer than its time and what its octets are worth has been ended, whatever the rhythm", () => {
  const rhythm = fc.array(fc.constantFrom<number>(0, 1, 100, 2499, 2500, 2501, 400_000), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(rhythm, (few) => {
      const octets = Array.from({ length: 2000 }, (_each, index) => few[index % few.length]!);
      const behind = behindAt(octets);
      const looked = behind === undefined ? octets : octets.slice(0, behind / lookEvery(usual) - 1);
      const sum = looked.reduce((total, each) => total + each, 0);
      const lasted = looked.length * lookEvery(usual);
      assert.ok(lasted <= usual.time + (sum / usual.rate) * 1000 + lookEvery(usual));
    }),
    { examples: [[[0]], [[1]], [[2499]]] },
  );
});

test("who sends at the rate is never ended, nor who pauses three minutes after each block of 90 kB", () => {
  assert.equal(behindAt(Array.from({ length: 10_000 }, () => 2500)), undefined);
  const pauses = Array.from({ length: 10_000 }, (_each, index) => (index % 36 === 0 ? 90_000 : 0));
  assert.equal(behindAt(pauses), undefined);
});

test("34 MB at once and then an octet now and then lasts ten minutes, no more", () => {
  const behind = behindAt([34_000_000, ...Array.from({ length: 1000 }, (_each, index) => (index % 48 === 0 ? 1 : 0))]);
  assert.ok(behind !== undefined && behind >= 10 * MINUTE && behind <= 10 * MINUTE + 2 * lookEvery(usual));
});

test("every message has its time, none passes while the server works, and a look that comes late ends nobody", () => {
  const pace = new ContentPace();
  let now = 0;
  for (let message = 1; message <= 1000; message++) {
    assert.ok(pace.keeps(now, { message, octets: message, turn: "client" }, usual));
    now += MINUTE;
  }
  const first = { message: 2000, octets: 0 } as const;
  assert.ok(pace.keeps(now, { ...first, turn: "client" }, usual));
  for (let look = 0; look < 1000; look++) {
    now += MINUTE;
    assert.ok(pace.keeps(now, { ...first, turn: "server" }, usual));
  }
  assert.ok(pace.keeps(now + 60 * MINUTE, { ...first, turn: "client" }, usual));
  assert.ok(!pace.keeps(now + 120 * MINUTE, { ...first, turn: "client" }, usual));
  assert.ok(pace.keeps(now + 180 * MINUTE, { ...first, turn: "client" }, { ...usual, rate: 0 }));
});

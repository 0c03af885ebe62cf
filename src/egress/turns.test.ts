import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { standardLimits } from "./limits.ts";
import { Slots } from "./slots.ts";
import { toGiveUp, Turns } from "./turns.ts";
import type { Hanging } from "./turns.ts";

test("the unproven take turns: the newest stranger every second time, nobody left behind", () => {
  const turns = new Turns<string>();
  for (const stranger of ["a", "b", "c", "d", "e"]) turns.add(stranger, "stranger");
  for (const silent of ["x", "y", "z"]) turns.add(silent, "silent");
  turns.add("good", "proven");
  turns.delete("b");
  assert.deepEqual([turns.count("stranger"), turns.waiting("unproven"), turns.waiting("proven")], [4, 7, 1]);
  const order = Array.from({ length: 8 }, () => turns.take("unproven"));
  assert.deepEqual(order, ["e", "a", "d", "x", "c", "y", "z", undefined]);
  assert.equal(turns.take("proven"), "good");
  assert.equal(turns.take("proven"), undefined);
});

test("who waits keeps the place, and stands in one line only", () => {
  const turns = new Turns<string>();
  turns.add("a", "silent");
  turns.add("b", "silent");
  turns.add("a", "silent");
  assert.equal(turns.take("unproven"), "a");
  turns.add("b", "proven");
  assert.deepEqual([turns.take("unproven"), turns.take("proven")], [undefined, "b"]);
});

test("whatever comes and goes, everybody waiting is taken once", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "delete", "take"),
    who: fc.nat(40),
    line: fc.constantFrom("stranger", "silent"),
  } as const);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const turns = new Turns<number>();
      const waiting = new Set<number>();
      for (const { what, who, line } of steps) {
        if (what === "add") {
          turns.add(who, line);
          waiting.add(who);
        } else if (what === "delete") {
          turns.delete(who);
          waiting.delete(who);
        } else {
          const taken = turns.take("unproven");
          assert.equal(taken !== undefined, waiting.size > 0);
          if (taken !== undefined) assert.ok(waiting.delete(taken));
        }
        assert.equal(turns.waiting("unproven"), waiting.size);
      }
    }),
  );
});

const tick = 50;
const { stalled, crowded } = standardLimits;

/**
 * The slots of the unproven over time. Every site but one is dead; those that are given up come back at once as silent ones.
 * How long the healthy one waits for its slot, ms.
 */
function waitOfHealthy(connections: number, strangers: number, silent: number, arrival: number): number {
  const slots = new Slots(connections);
  const turns = new Turns<string>();
  const since = new Map<string, number>();
  for (let index = 0; index < silent; index++) turns.add(`silent ${index}`, "silent");
  for (let index = 0; index < strangers; index++) turns.add(`stranger ${index}`, "stranger");
  for (let now = 0; ; now += tick) {
    if (now === arrival) turns.add("healthy", "stranger");
    const hanging = [...since].map(([connection, at]): Hanging<string> => ({
      connection,
      standing: "unproven",
      waited: now - at,
    }));
    for (const victim of toGiveUp(hanging, slots, turns, standardLimits)) {
      since.delete(victim);
      slots.give("unproven");
      turns.add(victim, "silent");
    }
    while (slots.free("unproven")) {
      const next = turns.take("unproven");
      if (next === undefined) break;
      if (next === "healthy") return now - arrival;
      assert.ok(slots.take("unproven"));
      since.set(next, now);
    }
    assert.ok(now < arrival + 10 * crowded, "it never began");
  }
}

test("however many dead sites came first, a healthy one that nobody knows begins soon", () => {
  const scenario = fc.tuple(
    fc.integer({ min: 1, max: 60 }),
    fc.nat(200),
    fc.nat(200),
    fc.nat({ max: 2000 }).map((ticks) => ticks * tick),
  );
  fc.assert(
    fc.property(scenario, ([connections, strangers, silent, arrival]) => {
      const unproven = Math.max(1, Math.floor(connections / 2));
      const turnedOver = unproven - Math.floor(unproven / 2);
      const waited = waitOfHealthy(connections, strangers, silent, arrival);
      // Two turns at most, and in each so many slots.
      const bound = Math.ceil(2 / turnedOver) * (stalled + tick) + 2 * tick;
      assert.ok(waited <= bound, `${waited} ms, at most ${bound}`);
    }),
    { numRuns: 30 },
  );
});

function hangingFor(waited: (index: number) => number): readonly Hanging<number>[] {
  return Array.from({ length: 20 }, (_each, index) => ({
    connection: index,
    standing: "unproven",
    waited: waited(index),
  }));
}

function older(index: number): number {
  return stalled + 1000 - index;
}

test("among dead strangers, half of the slots leave a slow host its minute", () => {
  const slots = new Slots(40);
  const turns = new Turns<string>();
  for (let index = 0; index < 20; index++) assert.ok(slots.take("unproven"));
  for (let index = 0; index < 100; index++) turns.add(`stranger ${index}`, "stranger");
  assert.deepEqual(
    toGiveUp(hangingFor(older), slots, turns, standardLimits),
    Array.from({ length: 10 }, (_each, index) => 10 + index),
  );
  assert.deepEqual(
    toGiveUp(
      hangingFor(() => stalled - 1),
      slots,
      turns,
      standardLimits,
    ),
    [],
  );
  const first = (index: number): number => (index === 3 ? crowded : older(index));
  assert.ok(toGiveUp(hangingFor(first), slots, turns, standardLimits).includes(3));
});

test("for sites that were silent before nobody is given up early, and while there is room nobody at all", () => {
  const slots = new Slots(4);
  const turns = new Turns<string>();
  turns.add("silent", "silent");
  const hanging: readonly Hanging<string>[] = [
    { connection: "a", standing: "unproven", waited: crowded },
    { connection: "b", standing: "unproven", waited: crowded - 1 },
  ];
  assert.ok(slots.take("unproven"));
  assert.deepEqual(toGiveUp(hanging, slots, turns, standardLimits), []);
  assert.ok(slots.take("unproven"));
  assert.deepEqual(toGiveUp(hanging, slots, turns, standardLimits), ["a"]);
  turns.add("stranger", "stranger");
  assert.deepEqual(toGiveUp(hanging, slots, turns, standardLimits), ["a"]);
});

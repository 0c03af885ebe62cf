import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSharedMemory, openSharedMemory } from "./shared-memory.ts";
import { shareOf } from "./shares.ts";

test("the shares of all threads are the whole, and nobody goes without", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32 }), fc.nat(100_000), (count, more) => {
      const total = count + more;
      const shares = Array.from({ length: count }, (_each, index) => shareOf(total, { index, count }));
      assert.equal(
        shares.reduce((sum, share) => sum + share, 0),
        total,
      );
      assert.ok(Math.min(...shares) >= 1);
      assert.ok(Math.max(...shares) - Math.min(...shares) <= 1);
    }),
  );
});

test("what one thread holds, all see", () => {
  const memory = createSharedMemory(3);
  const [one, two, three] = [0, 1, 2].map((thread) => openSharedMemory(memory, thread));
  one!.load.part(3).addSessions(2);
  two!.load.part(3).addSessions(1);
  one!.load.part(3).addSessions(-1);
  two!.load.part(0).addSessions(4);
  two!.load.part(3).addContent(5_000_000_000);
  assert.equal(three!.load.part(3).sessions, 2);
  assert.equal(three!.load.sessions, 6);
  assert.deepEqual([one!.load.part(3).content, one!.load.part(0).content], [5_000_000_000, 0]);
  assert.equal(one!.load.content, 5_000_000_000);
  assert.equal(one!.spooled(10), 10);
  assert.equal(three!.spooled(2 ** 40), 10 + 2 ** 40);
  assert.equal(one!.spooled(3), 3 + 2 ** 40);
});

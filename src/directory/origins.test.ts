import assert from "node:assert/strict";
import { test } from "node:test";
import { createOrigins, ORIGIN_KEPT } from "./origins.ts";

function house() {
  const stored = new Map<string, number>();
  const made = { now: 0, broken: false, asked: 0, failures: 0 };
  const origins = () =>
    createOrigins(
      {
        originsOf: async () => {
          made.asked++;
          if (made.broken) throw new Error("the store is away");
          return [...stored].map(([origin, day]) => ({ origin: Number(origin), day }));
        },
        noteOrigin: async (_account, origin, day) => void stored.set(String(origin), day),
      },
      "secret",
      { wall: () => made.now },
      () => void made.failures++,
    );
  return { made, stored, origins };
}

test("where an account was opened is known from then on, also after a restart, and for ninety days", async () => {
  const { made, stored, origins } = house();
  const running = origins();
  assert.equal(await running.knows("a", "192.0.2.1"), false);
  running.note("a", "192.0.2.1");
  running.note("a", "192.0.2.1");
  assert.equal(stored.size, 1);
  assert.ok(!JSON.stringify([...stored]).includes("192"), "no address is kept");
  assert.equal(running.knows("a", "192.0.2.1"), true, "at once");
  assert.equal(running.knows("a", "192.0.2.2"), false);
  assert.equal(await running.knows("b", "192.0.2.1"), false, "the fingerprint is that of one account");
  running.note("a", "2001:db8::1");
  assert.equal(running.knows("a", "2001:db8::ffff:1"), true, "the same /64");
  assert.equal(running.knows("a", "::ffff:192.0.2.1"), true, "the same address");

  assert.equal(await origins().knows("a", "192.0.2.1"), true);
  made.now = ORIGIN_KEPT;
  assert.equal(await origins().knows("a", "192.0.2.1"), false);
  assert.equal(running.knewJustNow("a", "192.0.2.1"), false);
});

test("a store that does not answer makes a stranger, tells somebody, and is asked again", async () => {
  const { made, origins } = house();
  const running = origins();
  running.note("a", "192.0.2.1");
  made.broken = true;
  assert.equal(await running.knows("a", "192.0.2.1"), false);
  assert.equal(made.failures, 1);
  made.broken = false;
  assert.equal(await running.knows("a", "192.0.2.1"), true);
  assert.equal(made.asked, 2);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccountLimits } from "./account-limits.ts";
import type { AccountLimits } from "./account-limits.ts";

const rules = {
  quota: [{ name: "1h", length: 3_600_000, limit: 10 }],
  attempts: [{ name: "1h", length: 3_600_000, limit: 20 }],
};

function limitsAt(clock: { now: number; wall?: number }): AccountLimits {
  return createAccountLimits(rules, { wall: () => clock.wall ?? clock.now, monotonic: () => clock.now });
}

test("attempts are never given back, reservations are", () => {
  const limits = limitsAt({ now: 1 });
  for (let taken = 0; taken < 20; taken++) assert.equal(limits.attempt("a").kind, "within");
  assert.equal(limits.attempt("a").kind, "over");
  for (let round = 0; round < 3; round++) {
    const answers = Array.from({ length: 11 }, () => limits.reserve("a"));
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      [...Array.from({ length: 10 }, () => "within"), "over"],
    );
    limits.release(answers.flatMap((answer) => (answer.kind === "within" ? [answer.reservation] : [])));
  }
  assert.equal(limits.uses("a").quota[0]!.used, 0);
  assert.equal(limits.uses("a").attempts[0]!.used, 20);
  assert.equal(limits.reserve("b").kind, "within", "another account has its own");
});

test("replayed charges fill the windows by their age, and one from the future counts as one of now", () => {
  const clock = { now: 1000, wall: 100_000_000 };
  const limits = limitsAt(clock);
  limits.replay([
    { account: "a", at: clock.wall - 1_800_000, recipients: 4 },
    { account: "a", at: clock.wall - 3_700_000, recipients: 5 },
    { account: "a", at: clock.wall + 9_000_000, recipients: 3 },
  ]);
  assert.equal(limits.uses("a").quota[0]!.used, 7);
  clock.now += 1_900_000;
  assert.equal(limits.uses("a").quota[0]!.used, 3, "the older one has left by the monotonic clock");
  clock.now += 3_700_000;
  limits.sweep();
  assert.equal(limits.uses("a").quota[0]!.used, 0);
});

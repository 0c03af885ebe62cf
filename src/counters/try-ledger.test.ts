// What was tried reaches the disk once each, whatever fails meanwhile; and what is read again after a restart is never less than what
// the windows would hold, and at most a minute longer.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createAccountLimits } from "./account-limits.ts";
import type { AccountTries, Subject } from "./account-limits.ts";
import { createTryLedger, noteTries } from "./try-ledger.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function world() {
  const written: AccountTries[] = [];
  const state = { wall: 10 * MINUTE + 7, failing: false, rounds: 0, gate: undefined as Promise<void> | undefined };
  const ledger = createTryLedger(
    async (tries) => {
      state.rounds++;
      await state.gate;
      if (state.failing) throw new Error("the disk is full");
      written.push(...tries);
    },
    () => state.wall,
  );
  const sum = (): number => written.reduce((all, { tries }) => all + tries, 0);
  return { written, state, ledger, sum };
}

test("a round sums up by account and minute, and nothing to write is no write", async () => {
  const { written, state, ledger } = world();
  await ledger.write();
  assert.equal(state.rounds, 0);
  for (const account of ["a", "b", "a"]) ledger.note(account);
  await ledger.write();
  state.wall += MINUTE;
  ledger.note("a");
  await ledger.finish();
  assert.deepEqual(written, [
    { account: "a", at: 10 * MINUTE, tries: 2 },
    { account: "b", at: 10 * MINUTE, tries: 1 },
    { account: "a", at: 11 * MINUTE, tries: 1 },
  ]);
});

test("what could not be written comes with a later round, and one round at a time is under way", async () => {
  const { state, ledger, sum } = world();
  const gate = Promise.withResolvers<void>();
  state.gate = gate.promise;
  state.failing = true;
  ledger.note("a");
  const first = ledger.write();
  ledger.note("a");
  await ledger.write();
  assert.equal(state.rounds, 1, "it does not wait behind the one that is stuck");
  const end = ledger.finish();
  gate.resolve();
  await assert.rejects(first, /full/);
  await assert.rejects(end, /full/);
  state.failing = false;
  await ledger.finish();
  assert.equal(sum(), 2);
});

test("many accounts are many rounds, each of a bounded size", async () => {
  const { written, state, ledger, sum } = world();
  for (let each = 0; each < 4500; each++) ledger.note(`account ${each}`);
  await ledger.write();
  assert.equal(written.length, 2000);
  await ledger.finish();
  assert.deepEqual([state.rounds, sum()], [3, 4500]);
});

const rules = { recipients: [], messages: [], "new-recipients": [], bytes: [] };
const hour = (limit: number) => [{ name: "1h", length: HOUR, limit }];
const alice: Subject = { account: "a@b", plan: "", share: 1 };

test("what was tried is used after a restart: no less than before, and not much longer", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 4 * MINUTE }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 2 * HOUR }),
      async (gaps, stopped) => {
        const { written, state, ledger } = world();
        const clock = { wall: () => state.wall, monotonic: () => state.wall };
        const make = () =>
          createAccountLimits({ standard: { ...rules, attempts: hour(30) }, plans: {}, domain: [] }, clock);
        const before = make();
        const counts = noteTries(before, ledger);
        for (const gap of gaps) {
          state.wall += gap;
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          await counts.attempt(alice);
          // A round every so often, as the server's.
          // oxlint-disable-next-line no-await-in-loop
          if (gap % 3 === 0) await ledger.write();
        }
        await ledger.finish();
        state.wall += stopped;
        const after = make();
        after.replayTries(written);
        const used = (limits: typeof after, late = 0): number => {
          state.wall += late;
          return limits.uses(alice).attempts[0]!.used;
        };
        assert.ok(used(after) >= used(before));
        // Rounds were as much as a gap late, and a minute is coarse.
        assert.equal(used(after, HOUR + 5 * MINUTE + HOUR / 500), 0);
      },
    ),
    { numRuns: 50 },
  );
});

test("what was refused for the limit is not noted, what a restraint refused is", async () => {
  const { ledger, sum } = world();
  const clock = { wall: () => 0, monotonic: () => 0 };
  const limits = createAccountLimits({ standard: { ...rules, attempts: hour(3) }, plans: {}, domain: [] }, clock);
  const counts = noteTries(limits, ledger);
  const slowed = { ...alice, restrained: "slow" } as const;
  const kinds = [];
  for (const subject of [slowed, slowed, alice, alice]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    kinds.push((await counts.attempt(subject)).kind);
  }
  assert.deepEqual(kinds, ["within", "over", "within", "over"]);
  await ledger.finish();
  assert.deepEqual([sum(), limits.uses(alice).attempts[0]!.used], [3, 3]);
});

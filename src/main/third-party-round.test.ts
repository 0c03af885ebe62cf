// The round of readings by a clock of the test's own: once at the start, again and again, at once after a change, never two together.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { startThirdPartyRound } from "./third-party-round.ts";

function makeParties() {
  const parties = {
    begun: 0,
    /** Ends the reading that is under way. */
    finish: (_error?: Error): void => undefined,
    readDue: (): Promise<void> => {
      parties.begun++;
      return new Promise((resolve, reject) => {
        parties.finish = (error) => (error === undefined ? resolve() : reject(error));
      });
    },
  };
  return parties;
}

test("one reading after the other, as often as is wanted and at least every minute, and at once when something changed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const parties = makeParties();
  const failures: object[] = [];
  const observer = { emit: (event: string, fields: object) => void failures.push({ event, ...fields }) };
  let reread = 1000;
  const round = startThirdPartyRound(parties, () => reread, observer);
  assert.equal(parties.begun, 1);
  t.mock.timers.tick(100_000);
  assert.equal(parties.begun, 1, "not while one is under way");
  parties.finish();
  await turn();
  t.mock.timers.tick(999);
  assert.equal(parties.begun, 1);
  t.mock.timers.tick(1);
  assert.equal(parties.begun, 2);

  round.hurry();
  round.hurry();
  assert.equal(parties.begun, 2, "never two together");
  parties.finish(new Error("the store is away"));
  await turn();
  assert.deepEqual(failures, [{ event: "internal.failed", where: "third parties", cause: "Error: the store is away" }]);
  assert.equal(parties.begun, 3, "what changed meanwhile is looked at, once");
  reread = 86_400_000;
  parties.finish();
  await turn();
  t.mock.timers.tick(60_000);
  assert.equal(parties.begun, 4, "whose time has come is looked at every minute");
  parties.finish();
  await turn();
  round.hurry();
  assert.equal(parties.begun, 5, "at once");

  round.stop();
  parties.finish(new Error("the other thread has ended"));
  await turn();
  t.mock.timers.tick(86_400_000);
  assert.deepEqual([parties.begun, failures.length], [5, 1], "silence after the end");
});

// Mail for a domain whose mailboxes a store behind LMTP has: what its sender is told, and what becomes of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { FirstAnswer } from "./first-answer.ts";
import { openHouse as openHouseOn, openIn, resultOf, settledAs, until } from "./test-support.ts";
import type { House } from "./test-support.ts";
import type { AttemptResult } from "./transport.ts";

const stranger = "stranger@example.jp";
const carol = "carol@store.test";
const dave = "dave@store.test";

type Words = "yes" | "no" | "not now" | "nothing";

function saying(recipient: number, words: Words): AttemptResult {
  switch (words) {
    case "yes":
      return resultOf(recipient, "delivered");
    case "no":
      return { ...resultOf(recipient, "failed"), said: { code: 552, enhanced: "5.2.2", text: "over quota" } };
    case "not now":
      return { ...resultOf(recipient, "deferred"), said: { code: 452, enhanced: "4.2.2", text: "over quota" } };
    case "nothing":
      return resultOf(recipient, "deferred");
  }
}

interface Told {
  readonly house: House;
  readonly answer: () => FirstAnswer | undefined;
  readonly say: (...words: readonly Words[]) => void;
}

async function withDelivery(
  recipients: readonly string[],
  work: (told: Told, id: string) => Promise<void>,
  within = 60_000,
): Promise<void> {
  const house = openHouseOn(openSqliteStore(":memory:"), { retry: [60_000] });
  house.holding = true;
  try {
    const message = house.accept(stranger, recipients, { origin: "mx" });
    let answer: FirstAnswer | undefined;
    const told = house.dispatcher.deliver(message, [house.spool.get(message.id)!.content], within);
    void told.then((value) => (answer = value));
    await until(
      "everything is on its way",
      () => house.jobs.flatMap((job) => job.recipients).length === recipients.length,
    );
    const say = (...words: readonly Words[]): void => {
      for (const [index, each] of words.entries()) {
        const job = house.jobs.find(({ recipients: of }) => of.includes(index))!;
        job.done(saying(index, each));
      }
    };
    await work({ house, answer: () => answer, say }, message.id);
  } finally {
    for (const job of house.jobs) for (const recipient of job.recipients) job.done(saying(recipient, "yes"));
    await house.end();
  }
}

const reports = (house: House): number => house.journal.filter((line) => line.startsWith("append")).length;

test("what every store refuses is refused to the sender, ended for good, and nobody is notified", async () => {
  for (const [words, code] of [
    [["no", "no"], 552],
    [["not now", "not now"], 452],
    // The sender comes back, and hears the other one then.
    [["no", "not now"], 452],
  ] as const) {
    await withDelivery([carol, dave], async ({ house, answer, say }, id) => {
      say(words[0]);
      await new Promise(setImmediate);
      assert.equal(answer(), undefined);
      house.jobs[0]!.done(saying(1, words[1]));
      await until("the sender is told", () => answer() !== undefined);
      const told = answer()!;
      assert.ok(told.kind === "refused" && told.refusal.code === code);
      assert.deepEqual(settledAs(house, house.spool.get(id)!.message), ["failed", "failed"]);
      await until("it is gone", () => house.dispatcher.activeCount() === 0);
      assert.equal(house.store.countWaiting(), 0);
      assert.equal(reports(house), 0);
    });
  }
});

test("what one store took is ours: the rest is tried again, or its failure is told", async () => {
  await withDelivery([carol, dave], async ({ house, answer, say }, id) => {
    say("yes", "not now");
    await until("the sender is told", () => answer() !== undefined);
    assert.deepEqual(answer(), { kind: "taken" });
    await until("dave waits", () => house.store.countWaiting() === 1);
    assert.deepEqual(openIn(house, house.spool.get(id)!.message), [dave]);
  });
  await withDelivery([carol, dave], async ({ house, answer, say }, id) => {
    say("yes", "no");
    await until("the sender is told", () => answer() !== undefined);
    assert.deepEqual(answer(), { kind: "taken" });
    await until("both have ended", () => openIn(house, house.spool.get(id)!.message).length === 0);
    assert.equal(reports(house), 1);
  });
});

test("a store that says nothing is no refusal: the message is ours and waits", async () => {
  await withDelivery([carol], async ({ house, answer, say }, id) => {
    say("nothing");
    await until("the sender is told", () => answer() !== undefined);
    assert.deepEqual(answer(), { kind: "taken" });
    await until("it waits", () => house.store.countWaiting() === 1);
    assert.deepEqual(openIn(house, house.spool.get(id)!.message), [carol]);
  });
});

test("after the time the message is ours, what was said before counts, and the attempt goes on", async () => {
  await withDelivery(
    [carol, dave],
    async ({ house, answer, say }, id) => {
      say("yes");
      await until("the sender is told", () => answer() !== undefined);
      assert.deepEqual(answer(), { kind: "taken" });
      await until("carol's copy is recorded", () => settledAs(house, house.spool.get(id)!.message)[0] === "delivered");
      const attempts = house.jobs.length;
      house.jobs.at(-1)!.done(saying(1, "no"));
      await until("dave's is told", () => reports(house) === 1);
      assert.deepEqual(settledAs(house, house.spool.get(id)!.message), ["delivered", "failed"]);
      assert.equal(house.jobs.filter((job) => job.message.id === id).length, attempts);
    },
    20,
  );
});

test("a refusal that cannot be recorded is no answer, and the message ends when there is room", async () => {
  const house = openHouseOn(openSqliteStore(":memory:"), { writeAgain: { first: 1, longest: 2 } });
  house.holding = true;
  try {
    const message = house.accept(stranger, [carol], { origin: "mx" });
    const told = house.dispatcher.deliver(message, [house.spool.get(message.id)!.content], 60_000);
    let full = true;
    house.before.settle = () => (full ? Promise.reject(new Error("disk full")) : undefined);
    await until("it is on its way", () => house.jobs.length === 1);
    house.jobs[0]!.done(saying(0, "no"));
    await assert.rejects(told, /disk full/);
    assert.deepEqual(openIn(house, message), [carol]);
    full = false;
    // Its sender has it still: here it is neither delivered nor bounced.
    await until("it is gone", () => house.dispatcher.activeCount() === 0);
    assert.deepEqual(settledAs(house, house.spool.get(message.id)!.message), ["failed"]);
    assert.deepEqual([house.jobs.length, reports(house)], [1, 0]);
  } finally {
    await house.end();
  }
});

test("an alias over a store and a mailbox here: one copy each, and the store's refusal is the recipient's", async () => {
  const house = openHouseOn(openSqliteStore(":memory:"));
  try {
    const fine = house.send("bob@sekimori.test", ["pair@store.test"]);
    await until("both have it", () => openIn(house, fine).length === 0);
    assert.deepEqual(
      house.jobs.map((job) => job.message.recipients),
      [[dave]],
    );
    assert.equal(house.mail.get("alice@sekimori.test")?.length, 1);
    house.endings.set(dave, ["deferred", "failed"]);
    const refused = house.send("bob@sekimori.test", ["pair@store.test"]);
    await until("the sender is told", () => reports(house) === 1);
    assert.deepEqual(settledAs(house, refused), ["failed"]);
    // Of two tries one copy: what a store does not take for now is found out before the others get theirs.
    assert.equal(house.mail.get("alice@sekimori.test")?.length, 2);
  } finally {
    await house.end();
  }
});

// What counts must do wherever they are kept. One suite over both: in the thread that asks, and in a thread that several ask.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import type { TestContext } from "node:test";
import fc from "fast-check";
import type { Awaitable, CounterRules, Counters } from "./counters.ts";
import type { Held } from "./account-limits.ts";
import { createGuesses } from "./guesses.ts";
import type { Attempt, Look } from "./guesses.ts";
import { createLocalCounters } from "./local.ts";
import { remoteCounters, serveCounters } from "./remote.ts";

/** 500 granules of 1 ms: a unit counts until 501 ms after it was taken. */
const LENGTH = 500;
const HELD = LENGTH + 1;
const LIMIT = 5;

const client = { connections: 3, connectionRate: [], messages: [], recipients: [], authFailures: [], exempt: [] };
const rules: CounterRules = {
  account: {
    standard: {
      recipients: [{ name: "window", length: LENGTH, limit: LIMIT }],
      attempts: [{ name: "window", length: LENGTH, limit: 20 }],
      messages: [],
      "new-recipients": [],
      bytes: [],
    },
    plans: {},
    domain: [],
  },
  client,
};

const a = { account: "a", plan: "", share: 1 };

interface House {
  readonly clock: { now: number };
  /** The same counts, as two threads have them. */
  readonly threads: readonly [Counters, Counters];
}

type Make = (t: TestContext, rules: CounterRules) => House;

const makeLocal: Make = (_t, given) => {
  const clock = { now: 0 };
  const counters = createLocalCounters(given, { wall: () => clock.now, monotonic: () => clock.now });
  return { clock, threads: [counters, counters] };
};

const makeRemote: Make = (t, given) => {
  const clock = { now: 0 };
  const owner = createLocalCounters(given, { wall: () => clock.now, monotonic: () => clock.now });
  const thread = (): Counters => {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    serveCounters(port1, owner);
    return remoteCounters(port2, () => performance.now());
  };
  return { clock, threads: [thread(), thread()] };
};

const minute = (limit: number) => [{ name: "1m", length: 60_000, limit }];
const byLetters = (one: string, other: string): number => (one < other ? -1 : 1);

/** All asked in one turn. */
async function together<T>(answers: readonly Awaitable<T>[]): Promise<readonly T[]> {
  return Promise.all(answers.map(async (answer) => answer));
}

type Step =
  | { readonly kind: "reserve"; readonly thread: 0 | 1; readonly units: number }
  | { readonly kind: "release"; readonly thread: 0 | 1; readonly which: number }
  | { readonly kind: "wait"; readonly milliseconds: number };

const thread = fc.constantFrom(0 as const, 1 as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("reserve"), thread, units: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constant("release"), thread, which: fc.nat(20) }),
  fc.record({ kind: fc.constant("wait"), milliseconds: fc.integer({ min: 1, max: 400 }) }),
);

/** Few of each, so that they meet. */
const attempts: fc.Arbitrary<Attempt> = fc.record({
  name: fc.constantFrom("alice", "bob"),
  client: fc.constantFrom("192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "203.0.113.9"),
  known: fc.boolean(),
});
const login = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("guess" as const),
      thread,
      attempt: attempts,
      look: fc.constantFrom<Look>("hash", "hash", "exchange"),
      end: fc.constantFrom("failed", "failed", "failed", "forgone"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("right" as const), thread, attempt: attempts }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), milliseconds: fc.integer({ min: 1, max: 300_000 }) }),
  },
);

for (const [place, make] of [
  ["in the thread that asks", makeLocal],
  ["in another thread", makeRemote],
] as const) {
  test(`${place}: held is used, and never more than the limit in any interval`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { clock, threads } = make(t, rules);
        let kept: Held[] = [];
        for (const each of steps) {
          switch (each.kind) {
            case "wait":
              clock.now += each.milliseconds;
              break;
            case "release":
              if (kept.length === 0) break;
              threads[each.thread].accounts.release(kept.splice(each.which % kept.length, 1));
              break;
            case "reserve": {
              const before = kept.filter(({ at }) => at + HELD > clock.now).length;
              // All at once, from both threads.
              const answers = await together(
                Array.from({ length: each.units }, (_unit, index) =>
                  threads[(each.thread + index) % 2 === 0 ? 0 : 1].accounts.reserve(a),
                ),
              );
              const taken = answers.flatMap((answer) =>
                answer.kind === "within" ? answer.held.filter(({ layer }) => layer === "recipients") : [],
              );
              assert.equal(taken.length, Math.min(each.units, LIMIT - before), "exactly what was left");
              kept = [...kept, ...taken];
              break;
            }
          }
          // What the other thread was told a moment ago is on its way: one question of each settles that.
          await together(threads.map(({ accounts }) => accounts.uses(a)));
          const { quota } = await threads[0].accounts.uses(a);
          assert.equal(quota[0]!.used, kept.filter(({ at }) => at + HELD > clock.now).length);
        }
        for (const { at: from } of kept) {
          assert.ok(kept.filter(({ at }) => at >= from && at < from + LENGTH).length <= LIMIT);
        }
      }),
      { numRuns: place === "in another thread" ? 30 : 300 },
    );
  });

  test(`${place}: connections of a client are counted over all threads`, async (t) => {
    const { threads } = make(t, rules);
    const handles = [0, 1, 0, 1].map((index) => threads[index === 0 ? 0 : 1].clients.connect("192.0.2.1"));
    const kinds = await Promise.all(handles.map(async ({ connecting }) => (await connecting).kind));
    assert.deepEqual(kinds.toSorted(byLetters), ["connections", "within", "within", "within"]);
    for (const handle of handles.slice(0, 2)) {
      handle.close();
      handle.close();
    }
    await together(threads.map(({ accounts }) => accounts.uses(a)));
    assert.equal((await threads[1].clients.connect("192.0.2.1").connecting).kind, "within");
    assert.equal((await threads[0].clients.connect("192.0.2.1").connecting).kind, "connections");
  });

  test(`${place}: messages, recipients and failed logins of a client are counted over all threads`, async (t) => {
    const { threads } = make(t, {
      ...rules,
      client: { ...client, messages: minute(1), recipients: minute(2), authFailures: minute(1) },
    });
    const [one, two] = threads.map(({ clients }) => clients.connect("192.0.2.1"));
    assert.deepEqual([(await one!.message())?.kind, (await two!.message())?.kind], ["within", "over"]);
    const recipients = await Promise.all([one!.recipient(), two!.recipient(), one!.recipient()]);
    assert.deepEqual(recipients.map((answer) => answer?.kind ?? "").toSorted(byLetters), ["over", "within", "within"]);
    one!.failed();
    await threads[0].accounts.uses(a);
    assert.equal((await threads[1].clients.connect("192.0.2.1").connecting).kind, "logins");
  });

  test(`${place}: guesses are counted over all threads as if there were one`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(login, { minLength: 30, maxLength: 60 }), async (steps) => {
        const { clock, threads } = make(t, rules);
        const model = createGuesses(
          () => clock.now,
          () => false,
        );
        for (const each of steps) {
          switch (each.kind) {
            case "wait":
              clock.now += each.milliseconds;
              break;
            case "right":
              threads[each.thread].guesses.succeeded(each.attempt, "free");
              model.succeeded(each.attempt, "free");
              // It is on its way: one question settles that.
              await threads[each.thread].accounts.uses(a);
              break;
            case "guess": {
              const { guesses } = threads[each.thread];
              const { attempt, look } = each;
              const turn = await guesses.admit(attempt, look);
              assert.equal(turn, model.admit(attempt, look));
              assert.notEqual(turn, "crowded", "they come one after the other");
              if (turn === "held" || turn === "crowded") break;
              const admission = turn === "last" && look === "exchange" ? look : turn;
              if (each.end === "forgone" && turn === "last") {
                guesses.forgone(attempt, look);
                model.forgone(attempt, look);
                await threads[each.thread].accounts.uses(a);
              } else assert.equal(await guesses.failed(attempt, admission), model.failed(attempt, admission));
              break;
            }
          }
        }
      }),
      { numRuns: place === "in another thread" ? 20 : 300 },
    );
  });

  test(`${place}: one address that guesses through two threads gets as many passwords looked at as through one`, async (t) => {
    const { threads } = make(t, rules);
    let looked = 0;
    for (let round = 0; round < 100; round++) {
      const { guesses } = threads[round % 2 === 0 ? 0 : 1];
      const guess = { name: `n${round}`, client: "192.0.2.1", known: false };
      const turn = await guesses.admit(guess, "hash");
      if (turn === "held" || turn === "crowded") continue;
      looked++;
      await guesses.failed(guess, turn);
    }
    assert.equal(looked, 20);
    const owner = { name: "n1", client: "192.0.2.1", known: true };
    assert.deepEqual(await together(threads.map(({ guesses }) => guesses.admit(owner, "hash"))), ["first", "first"]);
  });

  test(`${place}: a lock is one thread's at a time`, async (t) => {
    const { threads } = make(t, rules);
    const taken = await together([...threads, ...threads].map(({ locks }) => locks.take("mailbox")));
    assert.equal(taken.filter(Boolean).length, 1);
    assert.equal(await threads[1].locks.take("another"), true);
    threads[0].locks.give("mailbox");
    await threads[0].accounts.uses(a);
    assert.equal(await threads[1].locks.take("mailbox"), true);
  });

  test(`${place}: charges of earlier runs count, and other rules hold at once with what was counted`, async (t) => {
    const { clock, threads } = make(t, rules);
    clock.now = 1000;
    const charge = { account: "a", at: 900, recipients: 1, newRecipients: 0, octets: 0 };
    await threads[0].replay([charge, charge, { ...charge, at: 100 }]);
    assert.equal((await threads[1].accounts.uses(a)).quota[0]!.used, 2);
    assert.equal((await threads[1].accounts.attempt(a)).kind, "within");
    const recipients = [{ name: "window", length: LENGTH, limit: 3 }];
    const standard = { ...rules.account.standard, recipients };
    await threads[0].replaceRules({ ...rules, account: { ...rules.account, standard } });
    const answers = [await threads[1].accounts.reserve(a), await threads[0].accounts.reserve(a)];
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ["within", "over"],
    );
    assert.equal((await threads[0].accounts.uses(a)).attempts[0]!.used, 1);
  });
}

/** An owner that answers only when it is let. */
function makeStalled(t: TestContext) {
  const owner = createLocalCounters(rules, { wall: () => 0, monotonic: () => 0 });
  const [near, far] = [new MessageChannel(), new MessageChannel()];
  t.after(() => {
    near.port1.close();
    far.port1.close();
  });
  let held: unknown[] | undefined = [];
  near.port1.on("message", (question) => {
    if (held === undefined) far.port1.postMessage(question);
    else held.push(question);
  });
  far.port1.on("message", (answer) => near.port1.postMessage(answer));
  serveCounters(far.port2, owner);
  return {
    owner,
    counters: remoteCounters(near.port2, () => performance.now(), 20),
    goOn: () => {
      for (const question of held ?? []) far.port1.postMessage(question);
      held = undefined;
    },
  };
}

test("an owner that does not answer lets nothing pass, and what it took meanwhile is given back", async (t) => {
  const { owner, counters, goOn } = makeStalled(t);
  const handle = counters.clients.connect("192.0.2.1");
  const answers = await Promise.all([
    counters.accounts.attempt(a),
    ...Array.from({ length: 7 }, () => counters.accounts.reserve(a)),
    handle.connecting,
    handle.message(),
  ]);
  for (const answer of answers) assert.equal(answer?.kind, "unavailable");
  await assert.rejects(async () => counters.accounts.uses(a), /does not answer/);
  await assert.rejects(async () => counters.locks.take("mailbox"), /does not answer/);
  handle.close();
  goOn();
  assert.equal((await counters.accounts.uses(a)).attempts[0]!.used, 1, "asked for, and never given back");
  // The answers that came late were heard before this one, and what follows them is on its way.
  assert.equal((await counters.accounts.uses(a)).quota[0]!.used, 0);
  assert.equal(owner.locks.take("mailbox"), true);
  for (let open = 0; open < 3; open++) assert.equal(owner.clients.connect("192.0.2.1").connecting.kind, "within");
});

test("a failure of the owner reaches who asked, and nobody else", async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  const owner = createLocalCounters(rules, { wall: () => 0, monotonic: () => 0 });
  const broken = {
    ...owner.accounts,
    attempt: () => {
      throw new Error("a bug");
    },
  };
  serveCounters(port1, { ...owner, accounts: broken });
  const counters = remoteCounters(port2, () => performance.now());
  const [attempt, quota] = await Promise.all([counters.accounts.attempt(a), counters.accounts.reserve(a)]);
  assert.deepEqual(attempt, { kind: "unavailable", cause: "a bug" });
  assert.equal(quota.kind, "within");
});

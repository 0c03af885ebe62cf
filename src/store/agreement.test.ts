// The stores give the same answers to any run of questions about waiting mail. The suite beside this says what is
// right; this finds what it does not think of.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SpooledMessage } from "../spool/message.ts";
import { openMemoryStore } from "./memory/memory-store.ts";
import { openSqliteStore } from "./sqlite/sqlite-store.ts";
import type { QueueSelector, QueueStore } from "./store.ts";

const recipients = ["a@one.test", "b@Two.test", "postmaster"];
// Two lanes.
const ids = ["a", "b", "c", "d", "e", "f", "g", "h"].map((each) => `0000000000aaaaa${each}`).concat("0000000002aaaaaa");

function message(id: string): SpooledMessage {
  return {
    id,
    receivedAt: 1,
    origin: "submission",
    sender: id.endsWith("a") ? "A@b.test" : "",
    recipients,
    eightBit: false,
    messageId: "<x@y>",
    size: 3,
    ...(id.endsWith("d") ? { bulk: true } : {}),
    ...(id.endsWith("a") || id.endsWith("b") ? { account: "a@b.test" } : {}),
    ...(id.endsWith("b") ? { suspected: "hold", hold: { why: "a limit", recipients: [1] } } : {}),
  };
}

/** A question, and what of the answer is compared. `now` grows along a run. */
type Question = (store: QueueStore, now: number) => unknown;

const id = fc.constantFrom(...ids);
const lane = fc.constantFrom(0, 0, 0, 2);
const some = fc.subarray([0, 1, 2], { minLength: 1 });
const lease = fc.constantFrom(5, 30);
const few = fc.integer({ min: 1, max: 6 });
const selector: fc.Arbitrary<QueueSelector> = fc.oneof(
  fc.constant<QueueSelector>({ kind: "all" }),
  id.map((each): QueueSelector => ({ kind: "message", id: each })),
  fc.constantFrom("a@B.test", "").map((sender): QueueSelector => ({ kind: "sender", sender })),
  fc
    .constantFrom("account" as const, "suspected" as const)
    .map((kind): QueueSelector => ({ kind, account: "a@b.test" })),
  fc.constantFrom("ONE.test", "two.test", "").map((domain): QueueSelector => ({ kind: "domain", domain })),
);

const put = fc
  .tuple(id, some, fc.integer({ min: 0, max: 3 }), fc.integer({ min: -5, max: 40 }), fc.boolean(), fc.boolean())
  .map(([each, which, attempts, later, warned, told]): Question => {
    return (store, now) => {
      const attempt = { at: now, remote: "mx[192.0.2.1]:25", milliseconds: 5, ...(warned ? { tls: "TLSv1.3" } : {}) };
      const wait = { attempts, due: now + later, status: "4.4.1", reply: "no answer" };
      const more = { ...(warned ? { warned: true as const } : {}), ...(told ? { attempt } : {}) };
      const waiting = which.map((recipient) => ({ recipient, ...wait, ...more }));
      store.putWaiting([{ message: message(each), recipients: waiting }]);
    };
  });

/** Many that are due together: who goes first shows. */
const crowd = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: -20, max: 0 })), {
    minLength: ids.length,
    maxLength: ids.length,
  })
  .map((each): Question => {
    return (store, now) =>
      store.putWaiting(
        each.map(([attempts, later], index) => ({
          message: message(ids[index]!),
          recipients: [{ recipient: index % 3, attempts, due: now + later, status: "4.4.1", reply: "no answer" }],
        })),
      );
  });

const others: fc.Arbitrary<Question> = fc.oneof(
  fc.tuple(id, some, fc.constantFrom(0, 10)).map(([each, which, until]): Question => {
    return (store, now) => store.addWaiting([{ message: message(each), recipients: which }], now, until);
  }),
  fc.tuple(id, some).map(
    ([each, which]): Question =>
      (store) =>
        store.removeWaiting([{ id: each, recipients: which }]),
  ),
  fc
    .tuple(fc.constantFrom("hold", "hold-suspected", "hold-suspended", "release", "flush", "requeue"), selector, lane)
    .map(([change, which, of]): Question => {
      return (store, now) => store.changeWaiting(change, which, now, of);
    }),
  fc.tuple(selector, lease, few, lane).map(([which, length, limit, of]): Question => {
    return (store, now) => store.seizeWaiting(which, now, length, limit, of);
  }),
  fc.integer({ min: 0, max: 20 }).map(
    (later): Question =>
      (store, now) =>
        store.hasten(now, now + later),
  ),
  fc
    .tuple(fc.uniqueArray(fc.tuple(id, some), { selector: ([each]) => each }), id, id, lane)
    .map(([open, after, through, of]): Question => {
      const range = open
        .filter(([each]) => each > after && each <= through && each[9] === String(of))
        .map(([each, which]) => ({ id: each, open: which }))
        .toSorted((one, other) => (one.id < other.id ? -1 : 1));
      return (store) => store.reconcile({ after, through, open: range, lane: of });
    }),
  fc
    .tuple(
      fc.constantFrom(undefined, "held", "waiting"),
      fc.constantFrom(undefined, "One.test"),
      fc.constantFrom(undefined, undefined, "a@b.test"),
      id,
      few,
    )
    .map(([state, domain, account, after, limit]): Question => {
      const filter = {
        ...(state === undefined ? {} : { state }),
        ...(domain === undefined ? {} : { domain }),
        ...(account === undefined ? {} : { account }),
      };
      return (store) => store.listWaiting(filter, limit, after);
    }),
);

const claim = fc.tuple(lease, few, lane).map(([length, limit, of]): Question => {
  return (store, now) => store.claimDue(now, length, limit, [], of);
});

/** Which of the messages go first when a domain has room again is the store's affair; which can go is not. */
const claimAll = fc
  .tuple(lease, fc.subarray(["one.test", "two.test", ""]), lane)
  .map(([length, full, of]): Question => {
    return (store, now) =>
      store.claimDue(now, length, 100, full, of).toSorted((one, other) => (one.message.id < other.message.id ? -1 : 1));
  });

function known(store: QueueStore, now: number): unknown {
  return {
    // How long something has been due is the store's affair too.
    next: [0, 2].map((each) => store.nextDue(each)).map((due) => (due === undefined ? due : Math.max(due, now))),
    count: store.countWaiting(),
    lanes: store.lanesWaiting(),
    list: store.listWaiting({}, 100),
    found: ids.map((each) => store.findWaiting(each)),
    attempts: ids.map((each) => store.attemptsFor(each)),
  };
}

for (const [what, claims] of [
  ["places in a claim are few", claim],
  ["domains are full", claimAll],
] as const) {
  test(`the stores agree about waiting mail when ${what}`, () => {
    const step = fc.tuple(fc.oneof(put, crowd, claims, claims, others), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: "max" }), (steps) => {
        const memory = openMemoryStore();
        const sqlite = openSqliteStore(":memory:");
        try {
          let now = 1000;
          for (const [question, passed] of steps) {
            now += passed;
            assert.deepEqual(question(memory, now), question(sqlite, now));
            assert.deepEqual(known(memory, now), known(sqlite, now));
          }
        } finally {
          sqlite.close();
        }
      }),
      { numRuns: 150 },
    );
  });
}

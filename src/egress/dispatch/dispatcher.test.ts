import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Remote } from "../../io/rpc.ts";
import type { SpooledMessage } from "../../spool/message.ts";
import type { QueueStore } from "../../store/store.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { aWhile, endJob, hour, openHouse as openHouseOn, openIn, resultOf, settledAs, until } from "./test-support.ts";
import type { House, HouseOptions } from "./test-support.ts";

const alice = "alice@sekimori.test";
const bob = "bob@sekimori.test";

function openHouse(options: HouseOptions = {}): House {
  return openHouseOn(openSqliteStore(":memory:"), options);
}

function withHouse(work: (house: House) => Promise<void>, options: HouseOptions = {}): () => Promise<void> {
  return async () => {
    const house = openHouse(options);
    try {
      await work(house);
    } finally {
      await house.end();
    }
  };
}

function idle(house: House): Promise<void> {
  return until("nothing is in delivery", () => house.dispatcher.activeCount() === 0);
}

/** Nothing is in delivery, nothing waits, nothing is open. */
function atRest(house: House): Promise<void> {
  return until(
    "everything has ended",
    () =>
      house.dispatcher.activeCount() === 0 &&
      house.store.countWaiting() === 0 &&
      [...house.spool.values()].every(({ message }) => openIn(house, message).length === 0),
  );
}

async function flush(house: House, { id }: SpooledMessage): Promise<number> {
  return (await house.dispatcher.change("flush", { kind: "message", id })).recipients;
}

async function remove(house: House, { id }: SpooledMessage): Promise<number> {
  return (await house.dispatcher.remove({ kind: "message", id }, "operator")).recipients;
}

test("mail for a dead host that is deferred in one tick is one write to the store, and so is its end later", async () => {
  const writes: string[] = [];
  const house = openHouse({
    retry: [1],
    queue: (store) => counted(store, writes),
  });
  try {
    house.holding = true;
    const sent = Array.from({ length: 100 }, (_each, index) => house.send(alice, [`r${index}@dead.example`]));
    for (const { recipients } of sent) house.endings.set(recipients[0]!, ["deferred"]);
    for (const job of house.jobs) endJob(house, job);
    await until("all wait", () => house.store.countWaiting() === 100);
    await idle(house);
    assert.deepEqual(writes, ["put 100"]);
    house.dispatcher.start();
    await until("all are tried again", () => house.jobs.length === 200);
    for (const job of house.jobs.slice(100)) endJob(house, job);
    await atRest(house);
    assert.deepEqual(writes, ["put 100", "remove 100"]);
  } finally {
    await house.end();
  }
});

function counted(store: Remote<QueueStore>, writes: string[]): Remote<QueueStore> {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "putWaiting") {
        return (messages: Parameters<QueueStore["putWaiting"]>[0]) => {
          writes.push(`put ${messages.length}`);
          return target.putWaiting(messages);
        };
      }
      if (name === "removeWaiting") {
        return (ended: Parameters<QueueStore["removeWaiting"]>[0]) => {
          writes.push(`remove ${ended.length}`);
          return target.removeWaiting(ended);
        };
      }
      return Reflect.get(target, name) as unknown;
    },
  });
}

const endings = fc.array(fc.constantFrom("deferred", "deferred", "failed", "delivered"), { maxLength: 4 });
const recipient = fc.oneof(
  fc.constantFrom(alice, bob, "team@sekimori.test", "nobody@sekimori.test", "postmaster"),
  fc.record({ host: fc.constantFrom("r1", "r2", "r3", "r4"), endings }),
);
const mails = fc.array(
  fc.record({
    sender: fc.constantFrom(alice, bob, "stranger@example.jp", ""),
    recipients: fc.uniqueArray(recipient, {
      minLength: 1,
      maxLength: 5,
      selector: (each) => (typeof each === "string" ? each : each.host),
    }),
  }),
  { minLength: 1, maxLength: 6 },
);

test("every recipient of every message ends once: delivered, or failed and told to a sender that can be told", () =>
  fc.assert(
    fc.asyncProperty(mails, async (list) => {
      const house = openHouse();
      try {
        const sent = list.map(({ sender, recipients }, index) => {
          const names = recipients.map((each) => {
            if (typeof each === "string") return each;
            const name = `${each.host}.${index}@example.jp`;
            house.endings.set(name, [...each.endings]);
            return name;
          });
          return house.send(sender, names);
        });
        await atRest(house);
        for (const message of sent) {
          const ends = settledAs(house, message);
          const failed = message.recipients.filter((_name, index) => ends[index] === "failed");
          const reports = [...house.spool.values()].filter(
            ({ message: report, content }) =>
              report.origin === "bounce" && content.includes(`Message-ID: ${message.messageId}`),
          );
          const named = reports.flatMap(({ message: report, content }) => {
            assert.equal(report.sender, "");
            assert.deepEqual(report.recipients, [message.sender]);
            return [...content.toString().matchAll(/^Final-Recipient: rfc822; ?(.*)\r$/gm)].map(([, name]) => name!);
          });
          assert.deepEqual(named.toSorted(), message.sender === "" ? [] : failed.toSorted(), "each told once");
          for (const [index, name] of message.recipients.entries()) {
            const local = name.endsWith("@sekimori.test") || name === "postmaster";
            if (local) assert.equal(ends[index], name.startsWith("nobody") ? "failed" : "delivered", name);
          }
        }
        const wrong = house.events.filter(({ name }) => name === "internal.failed");
        assert.deepEqual(wrong, []);
      } finally {
        await house.end();
      }
    }),
    { numRuns: 40 },
  ));

test(
  "a message for people here is in their mailboxes with its trace fields, and never touches the queue store",
  withHouse(async (house) => {
    const message = house.send("stranger@example.jp", [alice, "team@sekimori.test", "postmaster"]);
    await atRest(house);
    assert.equal(house.mail.get(alice)?.length, 3);
    assert.equal(house.mail.get(bob)?.length, 1);
    for (const content of house.mail.get(alice)!) {
      assert.match(content, /^Return-Path: <stranger@example\.jp>\r\nDelivered-To: /);
      assert.ok(content.endsWith("\r\n\r\nHello\r\n"));
    }
    assert.equal(house.named("delivery.delivered").length > 0, true);
    assert.equal(house.store.findWaiting(message.id), undefined);
    assert.deepEqual(house.jobs, []);
  }),
);

test(
  "postmaster without a domain is delivered (RFC 5321 §4.5.1)",
  withHouse(async (house) => {
    const message = house.send("stranger@example.jp", ["Postmaster"]);
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["delivered"]);
    assert.match(house.mail.get(alice)![0]!, /^Return-Path: .*\r\nDelivered-To: postmaster/i);
  }),
);

test(
  "a recipient in UTF-8 goes to its own domain and not to the postmaster",
  withHouse(async (house) => {
    const message = house.send("stranger@example.jp", ["ünal@example.jp", "ünal@sekimori.test"]);
    await atRest(house);
    assert.deepEqual(house.jobs[0]!.recipients, [0]);
    assert.deepEqual(new Set(settledAs(house, message)), new Set(["delivered", "failed"]));
    // Nothing but the report of the failure may reach anybody here.
    assert.deepEqual(
      (house.mail.get(alice) ?? []).filter((content) => content.endsWith("Hello\r\n")),
      [],
    );
  }),
);

test(
  "what is deferred waits in the store with the reply and is tried again when it is due, each attempt counted",
  withHouse(async (house) => {
    house.endings.set("x@example.jp", ["deferred", "deferred", "delivered"]);
    const message = house.send(alice, ["x@example.jp"]);
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["delivered"]);
    assert.deepEqual(
      house.jobs.map(({ attempt }) => attempt),
      [1, 2, 3],
    );
    assert.equal(house.named("delivery.deferred").length, 2);
    assert.equal(house.named("delivery.delivered").length, 1);
  }),
);

test(
  "until it is due nothing is tried",
  withHouse(
    async (house) => {
      house.endings.set("x@example.jp", ["deferred"]);
      const message = house.send(alice, ["x@example.jp", "y@example.jp"]);
      await until("it waits", () => house.store.findWaiting(message.id) !== undefined);
      await idle(house);
      await aWhile();
      assert.equal(house.jobs.length, 1);
      const [waiting] = house.store.findWaiting(message.id)!.recipients;
      assert.deepEqual([waiting?.recipient, waiting?.attempts, waiting?.status], [0, 1, "4.4.1"]);
      assert.equal(waiting?.reply, "deferred by the other side");
      assert.deepEqual(settledAs(house, message), [undefined, "delivered"], "only what has ended is settled");

      assert.equal(await flush(house, message), 1);
      await atRest(house);
      assert.deepEqual(settledAs(house, message), ["delivered", "delivered"]);
      assert.equal(house.jobs[1]?.attempt, 2);
      assert.deepEqual(house.jobs[1]?.recipients, [0]);
    },
    { retry: [hour / 2] },
  ),
);

test(
  "given up after its time: the report is durable before the failure is settled",
  withHouse(async (house) => {
    house.endings.set("x@example.jp", ["deferred"]);
    const message = house.send(alice, ["x@example.jp"], { receivedAt: house.clock.wall() - 2 * hour });
    await atRest(house);
    const report = [...house.spool.values()].find(({ message: { origin } }) => origin === "bounce")!;
    const order = [
      `append ${report.message.id}`,
      `settle ${message.id} 0 failed`,
      `settle ${report.message.id} 0 delivered`,
    ];
    assert.deepEqual(
      house.journal.filter((line) => order.includes(line)),
      order,
    );
    assert.match(report.content.toString(), /^Status: 5\.4\.1\r$/m);
    assert.match(house.mail.get(alice)![0]!, /^Return-Path: <>\r\n/);
    assert.deepEqual(house.named("message.created"), [
      {
        message: report.message.id,
        messageId: report.message.messageId,
        recipients: [alice],
        about: message.id,
      },
    ]);
  }),
);

test(
  "a message from <> that fails is dropped with an event, and no report is made",
  withHouse(async (house) => {
    house.endings.set("x@example.jp", ["failed"]);
    const message = house.send("", ["x@example.jp", "nobody@sekimori.test"]);
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["failed", "failed"]);
    assert.equal(house.spool.size, 1);
    const [dropped] = house.named("bounce.dropped") as readonly { readonly recipients: readonly string[] }[];
    assert.deepEqual(dropped?.recipients.toSorted(), ["nobody@sekimori.test", "x@example.jp"]);
  }),
);

test(
  "a report that cannot be delivered is the end of it: no bounce of a bounce",
  withHouse(async (house) => {
    house.endings.set("x@example.jp", ["failed"]);
    house.endings.set("sender@example.com", ["failed"]);
    house.send("sender@example.com", ["x@example.jp"]);
    await atRest(house);
    assert.equal(house.spool.size, 2);
    assert.equal(house.named("message.created").length, 1);
    assert.equal(house.named("bounce.dropped").length, 1);
  }),
);

test(
  "a second result for the same recipient is ignored",
  withHouse(async (house) => {
    house.holding = true;
    const message = house.send(alice, ["x@example.jp", "y@example.jp"]);
    const [job] = house.jobs;
    job!.done(resultOf(0, "delivered"));
    job!.done(resultOf(0, "failed"));
    await aWhile();
    job!.done(resultOf(0, "deferred"));
    job!.done(resultOf(1, "delivered"));
    await atRest(house);
    job!.done(resultOf(1, "failed"));
    await aWhile();
    assert.deepEqual(settledAs(house, message), ["delivered", "delivered"]);
    assert.equal(house.spool.size, 1, "nothing was bounced");
  }),
);

test(
  "a settlement that is refused is written when there is room again; until then nothing is delivered again, nor said to be recorded",
  withHouse(
    async (house) => {
      let refused = 0;
      let full = true;
      house.before.settle = () => (full ? Promise.reject(new Error(`no space left ${++refused}`)) : undefined);
      house.holding = true;
      const message = house.send(alice, ["x@example.jp", bob]);
      await until("it is on its way", () => house.jobs.length === 1);
      let recorded = 0;
      house.jobs[0]!.done(resultOf(0, "delivered"), () => recorded++);
      await until("it was refused again and again", () => refused > 5);
      assert.deepEqual(openIn(house, message), ["x@example.jp", bob]);
      assert.equal(recorded, 0, "a crash now would repeat it");
      assert.ok(house.named("internal.failed").length <= 2, "one for each settlement");
      full = false;
      await atRest(house);
      assert.deepEqual(settledAs(house, message), ["delivered", "delivered"]);
      assert.deepEqual([recorded, house.jobs.length, house.mail.get(bob)?.length], [1, 1, 1]);
    },
    { writeAgain: { first: 1, longest: 2 } },
  ),
);

test(
  "what was claimed and delivered and cannot be settled is not claimed again when its lease runs out",
  withHouse(
    async (house) => {
      let ahead = 0;
      const right = { ...house.clock };
      Object.assign(house.clock, { wall: () => right.wall() + ahead });
      const message = house.accept(alice, ["x@example.jp"]);
      await house.recover([{ message, open: [0] }]);
      let full = true;
      house.before.settle = () => (full ? Promise.reject(new Error("no space left")) : undefined);
      house.dispatcher.start();
      await until("it is delivered", () => house.named("internal.failed").length === 1);
      ahead = 3 * hour;
      const triesOf = (address: string): number =>
        house.jobs.filter((job) => job.message.recipients.includes(address)).length;
      house.endings.set("other@example.jp", ["deferred"]);
      house.send(alice, ["other@example.jp"]);
      await until("what is due was claimed", () => triesOf("other@example.jp") === 2);
      assert.equal(triesOf("x@example.jp"), 1);
      full = false;
      await atRest(house);
      assert.deepEqual(settledAs(house, message), ["delivered"]);
      assert.equal(house.jobs.length, 3);
    },
    { writeAgain: { first: 1, longest: 2 } },
  ),
);

test("what is refused until the end stays open for the next start, and the end does not wait for it", async () => {
  const house = openHouse();
  house.before.settle = () => Promise.reject(new Error("no space left"));
  const message = house.send(alice, ["x@example.jp"]);
  await until("it is refused", () => house.named("internal.failed").length === 1);
  await house.end();
  assert.deepEqual(openIn(house, message), ["x@example.jp"]);
});

function refuse(): Promise<never> {
  return Promise.reject(new Error("database or disk is full"));
}

test("what must wait and finds no room in the index is put there later", async () => {
  let full = true;
  const house = openHouse({
    writeAgain: { first: 1, longest: 2 },
    window: 1,
    queue: (store) =>
      new Proxy(store, {
        get: (target, name) =>
          full && (name === "putWaiting" || name === "addWaiting") ? refuse : (Reflect.get(target, name) as unknown),
      }),
  });
  try {
    house.dispatcher.start();
    house.endings.set("x@example.jp", ["deferred"]);
    const sent = ["x@example.jp", "y@example.jp"].map((to) => house.send(alice, [to]));
    await until("both were refused", () => house.named("internal.failed").length >= 2);
    assert.equal(house.store.countWaiting(), 0);
    full = false;
    await atRest(house);
    for (const message of sent) assert.deepEqual(settledAs(house, message), ["delivered"]);
  } finally {
    await house.end();
  }
});

test(
  "a settlement that fails after the report was made does not hold the report back",
  withHouse(async (house) => {
    let failing = true;
    house.before.settle = (_id, [settlement]) => {
      if (failing && settlement?.outcome === "failed") throw new Error("no space left");
    };
    house.endings.set("x@example.jp", ["failed"]);
    const message = house.send(alice, ["x@example.jp"]);
    await until("the sender is told", () => house.mail.get(alice)?.length === 1);
    failing = false;
    assert.deepEqual(openIn(house, message), ["x@example.jp"]);
  }),
);

test(
  "a failure whose report cannot be stored waits and is tried again: the sender must hear of it",
  withHouse(async (house) => {
    house.before.append = () => Promise.reject(new Error("no space left"));
    house.endings.set("x@example.jp", ["failed", "failed"]);
    const message = house.send(alice, ["x@example.jp"]);
    await until("it waits", () => house.store.findWaiting(message.id) !== undefined);
    await idle(house);
    assert.deepEqual(openIn(house, message), ["x@example.jp"]);
    assert.ok(house.named("internal.failed").length > 0);
    delete house.before.append;
    assert.equal(await flush(house, message), 1);
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["failed"]);
    assert.equal(house.mail.get(alice)?.length, 1);
  }),
);

test(
  "a message whose content cannot be read any more fails when its time is over, and its sender is told",
  withHouse(async (house) => {
    const message = house.accept(alice, [bob], { receivedAt: house.clock.wall() - 2 * hour });
    house.before.read = (id) => {
      if (id === message.id) throw new Error("checksum does not hold");
    };
    await house.recover([{ message, open: [0] }]);
    house.dispatcher.start();
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["failed"]);
    assert.equal(house.mail.get(alice)?.length, 1);
    assert.equal(house.mail.get(bob), undefined);
  }),
);

test(
  "a mailbox or a transport that breaks defers; nothing ends by our own trouble",
  withHouse(
    async (house) => {
      house.before.deliver = () => Promise.reject(new Error("read-only file system"));
      house.before.submit = () => {
        throw new Error("a bug");
      };
      const message = house.send(alice, [bob, "x@example.jp", "carol@sekimori.test"]);
      await until("all wait", () => house.store.findWaiting(message.id)?.recipients.length === 3);
      await idle(house);
      assert.deepEqual(settledAs(house, message), [undefined, undefined, undefined]);
      const waiting = house.store.findWaiting(message.id)!.recipients;
      assert.deepEqual(
        waiting.map(({ status }) => status),
        ["4.2.0", "4.3.0", "4.2.1"],
      );
    },
    { retry: [hour / 2] },
  ),
);

test(
  "while paused everything waits, due at once, and nothing is tried",
  withHouse(
    async (house) => {
      const message = house.send(alice, [bob, "x@example.jp"]);
      house.dispatcher.start();
      await until("it waits", () => house.store.findWaiting(message.id) !== undefined);
      assert.equal(await flush(house, message), 2);
      await aWhile();
      assert.equal(house.jobs.length, 0);
      assert.equal(house.mail.size, 0);
      assert.deepEqual(
        house.store.findWaiting(message.id)!.recipients.map(({ attempts }) => attempts),
        [0, 0],
      );
      assert.equal(house.store.claimDue(house.clock.wall(), 1, 10).length, 1);
    },
    { paused: true },
  ),
);

test(
  "after a restart exactly what the spool holds open is delivered, with the attempts known before",
  withHouse(async (house) => {
    const half = house.accept(alice, ["x@example.jp", "y@example.jp"]);
    house.spool.get(half.id)!.settled.set(0, "delivered");
    const gone = house.accept(alice, ["z@example.jp"]);
    house.spool.get(gone.id)!.settled.set(0, "delivered");
    const wait = { attempts: 4, due: 0, status: "4.4.1", reply: "later" };
    house.store.putWaiting([
      { message: half, recipients: [0, 1].map((each) => ({ recipient: each, ...wait })) },
      { message: gone, recipients: [{ recipient: 0, ...wait }] },
    ]);
    house.store.claimDue(1, 1e15, 10);
    const fresh = house.accept(alice, [bob]);

    await house.recover([
      { message: half, open: [1] },
      { message: fresh, open: [0] },
    ]);
    await aWhile();
    assert.equal(house.jobs.length, 0, "nothing before start()");
    assert.deepEqual(house.named("message.recovered"), [
      { message: half.id, recipients: ["y@example.jp"] },
      { message: fresh.id, recipients: [bob] },
    ]);
    house.dispatcher.start();
    await atRest(house);
    assert.deepEqual(
      house.journal.filter((line) => line.startsWith("attempt")),
      ["attempt y@example.jp"],
    );
    assert.equal(house.jobs[0]?.attempt, 6, "four, the one under way at the crash, and this");
    assert.equal(house.mail.get(bob)?.length, 1);
  }),
);

test(
  "a command that asks for more while the store is slow is not forgotten",
  withHouse(
    async (house) => {
      house.endings.set("x@example.jp", ["deferred"]);
      const message = house.send(alice, ["x@example.jp"]);
      await until("it waits", () => house.store.findWaiting(message.id) !== undefined);
      await idle(house);
      house.dispatcher.start();
      await until("the store is asked", () => slow.length > 0);
      // The timer of this one fires while the question before is still open.
      assert.equal(await flush(house, message), 1);
      await aWhile();
      slow.shift()!();
      await until("asked again", () => slow.length > 0);
      slow.shift()!();
      await atRest(house);
    },
    {
      retry: [hour / 2],
      queue: (store) =>
        wrap(store, {
          // The answer is from before the wait, as it would be from a busy thread.
          claimDue: async (...args) => {
            const answer = await store.claimDue(...args);
            if (slow.push(() => undefined) > 0) await new Promise<void>((resolve) => (slow[slow.length - 1] = resolve));
            return answer;
          },
        }),
    },
  ),
);
const slow: (() => void)[] = [];

function wrap(store: Remote<QueueStore>, methods: Partial<Remote<QueueStore>>): Remote<QueueStore> {
  return new Proxy(store, {
    get: (target, name) => Reflect.get(methods, name) ?? Reflect.get(target, name),
  });
}

test(
  "a message in delivery is not removed; one that waits is, and nobody is told",
  withHouse(
    async (house) => {
      house.holding = true;
      const message = house.send(alice, ["x@example.jp"]);
      assert.equal(await remove(house, message), 0, "in delivery");
      assert.equal(await flush(house, message), 0, "it is being tried already");
      house.endings.set("x@example.jp", ["deferred"]);
      endJob(house, house.jobs[0]!);
      await until("it waits", () => house.store.findWaiting(message.id) !== undefined);
      await idle(house);
      assert.equal(await remove(house, message), 1);
      assert.deepEqual(settledAs(house, message), ["deleted"]);
      assert.equal(house.store.countWaiting(), 0);
      assert.equal(await remove(house, message), 0, "unknown");
      assert.equal(await flush(house, message), 0);
      assert.equal(house.spool.size, 1);
    },
    { retry: [hour / 2] },
  ),
);

test(
  "a recipient that is due again while another is still being tried: both are in delivery, and close waits for both",
  withHouse(async (house) => {
    house.holding = true;
    const message = house.send(alice, ["x@example.jp", "y@example.jp"]);
    house.jobs[0]!.done(resultOf(0, "deferred"));
    await until("the second attempt", () => house.jobs.length === 2);
    assert.deepEqual(
      house.dispatcher.active().map(({ recipients }) => recipients),
      [[1], [0]],
    );
    house.jobs[1]!.done(resultOf(0, "delivered"));
    await until("that one ended", () => house.dispatcher.activeCount() === 1);
    assert.equal(await remove(house, message), 0, "in delivery");
    let closed = false;
    const closing = house.dispatcher.close().then(() => (closed = true));
    await aWhile();
    assert.equal(closed, false);
    house.jobs[0]!.done(resultOf(1, "delivered"));
    await closing;
    assert.deepEqual(settledAs(house, message), ["delivered", "delivered"]);
  }),
);

test(
  "close resolves when everything that was under way is recorded, and nothing starts after it",
  withHouse(async (house) => {
    house.holding = true;
    const { promise: disk, resolve: synced } = Promise.withResolvers<void>();
    house.before.settle = () => disk;
    const message = house.send(alice, ["x@example.jp", "y@example.jp"]);
    let closed = false;
    const closing = house.dispatcher.close().then(() => (closed = true));
    const late = house.send(alice, ["late@example.jp"]);
    house.jobs[0]!.done(resultOf(0, "delivered"));
    await aWhile();
    house.jobs[0]!.done(resultOf(1, "deferred"));
    await aWhile();
    assert.equal(closed, false, "the first settlement is not synced");
    synced();
    await closing;
    await aWhile();
    assert.equal(house.jobs.length, 1);
    assert.deepEqual(settledAs(house, message), ["delivered", undefined]);
    assert.equal(house.store.findWaiting(message.id)?.recipients.length, 1);
    assert.equal(house.store.findWaiting(late.id)?.recipients.length, 1, "what came late waits");
  }),
);

test(
  "a clock that is set forward by days does not begin an attempt beside the one that goes on",
  withHouse(async (house) => {
    let ahead = 0;
    const right = { ...house.clock };
    Object.assign(house.clock, { wall: () => right.wall() + ahead });
    house.endings.set("far@example.jp", ["deferred"]);
    house.send(alice, ["far@example.jp"]);
    await until("the first attempt has ended", () => house.store.countWaiting() === 1);
    house.holding = true;
    await until("the second attempt goes on", () => house.jobs.length === 2);
    ahead = 48 * hour;
    // Another message that waits makes the dispatcher look into the store.
    house.holding = false;
    house.endings.set("other@example.jp", ["deferred"]);
    const other = house.send(alice, ["other@example.jp"]);
    await until("the other message has been claimed and delivered", () => openIn(house, other).length === 0);
    await aWhile();
    const held = house.jobs.filter(({ message }) => message.id !== other.id).slice(1);
    for (const job of held) endJob(house, job);
    assert.equal(held.length, 1);
    await atRest(house);
  }),
);

test("what the store hands out while closing is not begun", async () => {
  const { promise: held, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const house = openHouse({
    queue: (store) =>
      wrap(store, {
        claimDue: async (...args) => {
          asked = true;
          await held;
          return store.claimDue(...args);
        },
      }),
  });
  const message = house.accept(alice, [bob, "x@example.jp"]);
  await house.recover([{ message, open: [0, 1] }]);
  house.dispatcher.start();
  await until("the store is asked", () => asked);
  let closed = false;
  const closing = house.dispatcher.close().then(() => (closed = true));
  await aWhile();
  assert.equal(closed, false, "the store may not go away under the question");
  resolve();
  await closing;
  await aWhile();
  assert.deepEqual([house.jobs.length, house.mail.size], [0, 0]);
  assert.equal(house.store.findWaiting(message.id)?.recipients.length, 2);
  house.store.close();
});

test(
  "a hold reaches what is being tried: the attempt goes on, and no other follows until the release",
  withHouse(async (house) => {
    house.holding = true;
    const message = house.send(alice, ["x@example.jp", "y@example.com"]);
    const domain = { kind: "domain", domain: "example.jp" } as const;
    assert.deepEqual(await house.dispatcher.change("hold", domain), { messages: 1, recipients: 1 });
    house.dispatcher.start();
    const done = house.jobs.splice(0);
    house.holding = false;
    for (const { recipients, done: tell } of done)
      for (const each of recipients) tell(resultOf(each, each === 0 ? "deferred" : "delivered"));
    await idle(house);
    await aWhile();
    assert.equal(house.jobs.length, 0);
    assert.equal(house.store.findWaiting(message.id)!.recipients[0]!.held, true);
    assert.deepEqual(await house.dispatcher.change("release", domain), { messages: 1, recipients: 1 });
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["delivered", "delivered"]);
  }),
);

test(
  "held while it is tried for the first time and delivered by that attempt: nothing is left behind",
  withHouse(async (house) => {
    house.holding = true;
    const message = house.send(alice, ["x@example.jp"]);
    await house.dispatcher.change("hold", { kind: "sender", sender: alice });
    house.jobs[0]!.done(resultOf(0, "delivered"));
    await atRest(house);
    assert.deepEqual(settledAs(house, message), ["delivered"]);
    assert.equal(house.store.listWaiting({}, 10).total, 0);
  }),
);

test(
  "held mail is held after a restart",
  withHouse(async (house) => {
    const message = house.accept(alice, ["x@example.jp"]);
    house.store.addWaiting([{ message, recipients: [0] }], 0, 0);
    house.store.changeWaiting("hold", { kind: "all" }, 0);
    await house.recover([{ message, open: [0] }]);
    house.dispatcher.start();
    await aWhile();
    assert.equal(house.jobs.length, 0);
    assert.deepEqual(house.named("message.recovered"), [], "it waits as it did before");
    await house.dispatcher.change("release", { kind: "message", id: message.id });
    await atRest(house);
  }),
);

test(
  "a domain that hangs takes no more than its part of the window, and mail for others flows past it",
  withHouse(
    async (house) => {
      house.holding = true;
      house.dispatcher.start();
      const hanging = Array.from({ length: 100 }, () => house.send(alice, ["x@dead.example"]));
      assert.equal(house.dispatcher.activeCount(), 10, "half of the window");
      await until("the others wait", () => house.store.countWaiting() === 90);
      const healthy = Array.from({ length: 50 }, () => house.send(alice, ["x@example.jp"]));
      await until("all healthy mail is delivered", () => {
        for (const job of house.jobs) if (job.message.recipients[0] === "x@example.jp") endJob(house, job);
        return healthy.every((message) => settledAs(house, message)[0] === "delivered");
      });
      assert.ok(house.dispatcher.activeCount() <= 20);
      house.holding = false;
      for (const job of house.jobs.splice(0)) endJob(house, job);
      await atRest(house);
      assert.equal(
        hanging.every((message) => settledAs(house, message)[0] === "delivered"),
        true,
      );
    },
    { window: 20 },
  ),
);

test(
  "what is deferred is remembered with the remote's words while it waits",
  withHouse(
    async (house) => {
      house.endings.set("x@example.jp", ["deferred"]);
      const message = house.send(alice, ["x@example.jp"]);
      await until("it waits", () => house.store.findWaiting(message.id) !== undefined);
      const [attempt] = house.store.attemptsFor(message.id);
      assert.deepEqual(
        [attempt?.remote, attempt?.status, attempt?.reply, attempt?.milliseconds],
        ["mx.example.jp[192.0.2.1]:25", "4.4.1", "deferred by the other side", 1],
      );
    },
    { retry: [hour / 2] },
  ),
);

test(
  "a full mailbox defers with 4.2.2, and behind an alias nobody gets a copy before all can have theirs",
  withHouse(
    async (house) => {
      house.full.add(bob);
      const message = house.send("stranger@example.jp", [bob, "team@sekimori.test", "postmaster@sekimori.test"]);
      await until("two wait", () => house.store.findWaiting(message.id)?.recipients.length === 2);
      await idle(house);
      assert.deepEqual(
        house.store.findWaiting(message.id)!.recipients.map(({ status }) => status),
        ["4.2.2", "4.2.2"],
      );
      assert.equal(house.mail.get(alice)?.length, 1, "as postmaster, not as one of the team");
      house.full.clear();
      assert.equal(await flush(house, message), 2);
      await atRest(house);
      assert.deepEqual([house.mail.get(alice)?.length, house.mail.get(bob)?.length], [2, 2]);
    },
    { retry: [hour / 2] },
  ),
);

test(
  "content in delivery is kept in memory up to a bound; beyond it the spool is read, and ends give room back",
  withHouse(
    async (house) => {
      const read: string[] = [];
      house.before.read = (id) => void read.push(id);
      house.before.deliver = () => aWhile();
      const [first, second] = [house.send(alice, [bob]), house.send(alice, [bob])];
      await atRest(house);
      assert.ok(first.size <= 100 && first.size + second.size > 100);
      assert.deepEqual(read, [second.id]);
      house.send(alice, [bob]);
      await atRest(house);
      assert.deepEqual(read, [second.id]);
      assert.equal(house.mail.get(bob)?.length, 3);
    },
    { contentMemory: 100 },
  ),
);

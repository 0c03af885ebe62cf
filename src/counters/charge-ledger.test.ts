// The promise behind law 8: whenever the process dies, what the history holds and what the spool holds beyond it are
// together every charge, each once. Shown against a model: messages begin, become durable or fail, are told to the
// ledger, batches are written, and the process dies between any two of these steps.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AcceptRecord } from "../spool/message.ts";
import { appendCharged, createChargeLedger } from "./charge-ledger.ts";
import type { NewCharge } from "./charge-ledger.ts";

type Step =
  | { readonly kind: "begin"; readonly account: "a" | "b" | "mx"; readonly recipients: number }
  /** The spool has synced it; 250 is not said yet. */
  | { readonly kind: "durable"; readonly which: number }
  | { readonly kind: "settle"; readonly which: number }
  | { readonly kind: "fail"; readonly which: number }
  /** The history's batch is taken, then in the store, then acknowledged: three moments to die between. */
  | { readonly kind: "take" | "store" | "acknowledge" }
  /** The spool drops what the history is known to have. */
  | { readonly kind: "forget" }
  | { readonly kind: "crash" };

const which = fc.nat(20);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("begin"),
      account: fc.constantFrom("a", "b", "mx"),
      recipients: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("durable"), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("settle"), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail"), which }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("take", "store", "acknowledge") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("forget", "crash") }) },
);

interface Message {
  readonly id: string;
  readonly charge: NewCharge | undefined;
  durable: boolean;
}

class Model {
  ledger = createChargeLedger("");
  serial = 0;
  /** In the hands of the ledger: begun, and neither settled nor failed. */
  open: Message[] = [];
  /** Every durable message that has an account, since ever. */
  readonly charged: NewCharge[] = [];
  /** The records of them that are still on disk, by id. */
  spool: { id: string; charge: NewCharge }[] = [];
  /** Found in the spool at the last start and not yet in the history. */
  found: readonly NewCharge[] = [];
  acknowledged = "";
  history: { charges: NewCharge[]; through: string } = { charges: [], through: "" };
  batch: { readonly charges: readonly NewCharge[]; readonly through: string; stored: boolean } | undefined;

  run(each: Step): void {
    switch (each.kind) {
      case "begin": {
        const id = String(++this.serial).padStart(8, "0");
        const charge = { account: each.account, at: this.serial, recipients: each.recipients, octets: 1 };
        this.open.push({ id, charge: each.account === "mx" ? undefined : charge, durable: false });
        this.ledger.charging(id);
        return;
      }
      case "durable": {
        const message = this.pick(each.which);
        if (message === undefined || message.durable) return;
        message.durable = true;
        if (message.charge === undefined) return;
        this.charged.push(message.charge);
        // Two commits are in flight at once: records are not in the order of their ids.
        this.spool.push({ id: message.id, charge: message.charge });
        this.spool.sort((one, other) => (one.id < other.id ? -1 : 1));
        return;
      }
      case "settle":
      case "fail": {
        const message = this.pick(each.which);
        if (message === undefined || message.durable !== (each.kind === "settle")) return;
        this.open.splice(this.open.indexOf(message), 1);
        this.ledger.settled(message.id, each.kind === "settle" ? message.charge : undefined);
        return;
      }
      case "take":
        this.batch ??= { ...this.ledger.pending(), stored: false };
        return;
      case "store":
        if (this.batch === undefined || this.batch.stored) return;
        if (this.batch.charges.length + this.found.length === 0) return;
        this.history.charges.push(...this.found, ...this.batch.charges);
        this.history.through = this.batch.through;
        this.batch.stored = true;
        return;
      case "acknowledge":
        if (this.batch === undefined) return;
        if (this.batch.stored || this.batch.charges.length + this.found.length === 0) {
          this.ledger.written(this.batch.charges.length);
          this.acknowledged = this.batch.through;
          this.found = [];
        }
        this.batch = undefined;
        return;
      case "forget":
        this.spool = this.spool.filter(({ id }) => id > this.acknowledged);
        return;
      case "crash":
        this.restart();
        return;
    }
  }

  pick(index: number): Message | undefined {
    return this.open[index % Math.max(this.open.length, 1)];
  }

  /** What a start adds up: the history, and what the spool holds beyond it. */
  recovered(): readonly NewCharge[] {
    const beyond = this.spool.filter(({ id }) => id > this.history.through).map(({ charge }) => charge);
    return [...this.history.charges, ...beyond];
  }

  restart(): void {
    const beyond = this.spool.filter(({ id }) => id > this.history.through);
    this.found = beyond.map(({ charge }) => charge);
    this.acknowledged = this.history.through;
    this.open = [];
    this.batch = undefined;
    this.ledger = createChargeLedger(beyond.at(-1)?.id ?? this.history.through);
  }
}

function ordered(charges: readonly NewCharge[]): readonly NewCharge[] {
  return charges.toSorted((one, other) => one.at - other.at);
}

test("whenever the process dies, history and spool together hold every charge once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const each of steps) {
        model.run(each);
        assert.deepEqual(ordered(model.recovered()), ordered(model.charged));
      }
    }),
    { numRuns: 1000 },
  );
});

test("when everything is settled and written nothing is pending", () => {
  const ledger = createChargeLedger("");
  for (const id of ["1", "2", "3"]) ledger.charging(id);
  const charge = { account: "a", at: 1, recipients: 2, octets: 1 };
  for (const id of ["2", "3", "1"]) ledger.settled(id, charge);
  const pending = ledger.pending();
  assert.deepEqual(pending, { charges: [charge, charge, charge], through: "3" });
  ledger.written(3);
  assert.deepEqual(ledger.pending(), { charges: [], through: "3" });
});

test("a message in the spool's hands holds back the charges behind it", () => {
  const ledger = createChargeLedger("");
  for (const id of ["1", "2", "3"]) ledger.charging(id);
  ledger.settled("3", { account: "c", at: 3, recipients: 1, octets: 1 });
  assert.deepEqual(ledger.pending(), { charges: [], through: "" });
  ledger.settled("2", undefined);
  assert.deepEqual(ledger.pending(), { charges: [], through: "" });
  ledger.settled("1", { account: "a", at: 1, recipients: 1, octets: 1 });
  const pending = ledger.pending();
  assert.deepEqual([pending.charges.map(({ account }) => account), pending.through], [["c", "a"], "3"]);
});

test("a message in the spool's hands does not hold back the charges before it", () => {
  const ledger = createChargeLedger("");
  for (const id of ["1", "2", "3"]) ledger.charging(id);
  ledger.settled("1", { account: "a", at: 1, recipients: 1, octets: 1 });
  const pending = ledger.pending();
  assert.deepEqual([pending.charges.map(({ account }) => account), pending.through], [["a"], "1"]);
});

test("ids of earlier runs are not gone back behind", () => {
  const ledger = createChargeLedger("7");
  assert.deepEqual(ledger.pending(), { charges: [], through: "7" });
  ledger.charging("8");
  assert.deepEqual(ledger.pending(), { charges: [], through: "7" });
});

test("a batch that could not be written is pending again, with what came meanwhile", () => {
  const ledger = createChargeLedger("");
  const settle = (id: string): void => {
    ledger.charging(id);
    ledger.settled(id, { account: id, at: 1, recipients: 1, octets: 1 });
  };
  settle("1");
  ledger.pending();
  settle("2");
  const pending = ledger.pending();
  assert.deepEqual([pending.charges.map(({ account }) => account), pending.through], [["1", "2"], "2"]);
});

function recordOf(id: string, account?: string): AcceptRecord {
  return {
    id,
    receivedAt: 5,
    origin: "submission",
    sender: "a@b.test",
    recipients: ["x@c.test", "y@c.test"],
    eightBit: false,
    messageId: "",
    ...(account === undefined ? {} : { account }),
  };
}

test("what the spool refused costs nothing, what has no account costs nobody", async () => {
  const ledger = createChargeLedger("");
  const outcomes: (() => Promise<never>)[] = [];
  const append = appendCharged(
    {
      append: (message) => {
        const failing = outcomes.shift();
        return failing === undefined ? Promise.resolve({ ...message, size: 1 }) : failing();
      },
    },
    ledger,
    (account, recipient) => `${account} ${recipient}`.length,
  );
  const waiting = append(recordOf("1", "a"), []);
  assert.deepEqual(ledger.pending(), { charges: [], through: "" });
  await waiting;
  outcomes.push(() => Promise.reject(new Error("the disk is full")));
  await assert.rejects(append(recordOf("2", "a"), []), /full/);
  await append(recordOf("3"), []);
  assert.deepEqual(ledger.pending(), { charges: [{ account: "a", at: 5, recipients: 2, octets: 1 }], through: "3" });
});

test("recipients are named where they are to be remembered, and nowhere else", async () => {
  const ledger = createChargeLedger("");
  const spool = { append: (record: AcceptRecord) => Promise.resolve({ ...record, size: 7 }) };
  const append = appendCharged(spool, ledger, (account, recipient) => `${account} ${recipient}`.length);
  await append({ ...recordOf("1", "a"), remember: true }, []);
  await append({ ...recordOf("2"), remember: true }, []);
  const charge = { account: "a", at: 5, recipients: 2, octets: 7, correspondents: [10, 10] };
  assert.deepEqual(ledger.pending().charges, [charge]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { SpooledMessage } from "../spool/message.ts";
import { queueEntries } from "./queue.ts";

function message(id: string, recipients: readonly string[]): SpooledMessage {
  return {
    id,
    receivedAt: 1_800_000_000_000,
    origin: "submission",
    sender: "alice@sekimori.test",
    recipients,
    eightBit: false,
    messageId: `<${id}@sekimori.test>`,
    size: 10,
  };
}

const wait = { attempts: 2, due: 1_800_000_060_000, status: "4.4.1", reply: "no answer" };

test("recipients that wait and recipients in delivery make one entry a message, oldest first", () => {
  const both = message("m2", ["x@example.jp", "y@example.jp", "z@example.jp"]);
  const entries = queueEntries(
    [{ message: both, recipients: [{ recipient: 2, ...wait }] }],
    [
      { message: both, recipients: [0], stored: true },
      { message: message("m1", ["w@example.jp"]), recipients: [0], stored: true },
    ],
  );
  assert.deepEqual(
    entries.map(({ id, recipients }) => [id, recipients]),
    [
      ["m1", [{ address: "w@example.jp", state: "in delivery", attempts: 1 }]],
      [
        "m2",
        [
          {
            address: "z@example.jp",
            state: "waiting",
            attempts: 2,
            next: "2027-01-15T08:01:00.000Z",
            status: "4.4.1",
            reply: "no answer",
          },
          { address: "x@example.jp", state: "in delivery", attempts: 1 },
        ],
      ],
    ],
  );
});

test("a claimed recipient is in delivery, with what is known of its last attempt and no time to wait for", () => {
  const claimed = message("m1", ["x@example.jp"]);
  const [entry] = queueEntries(
    [{ message: claimed, recipients: [{ recipient: 0, ...wait }] }],
    [{ message: claimed, recipients: [0], stored: true }],
  );
  assert.deepEqual(entry?.recipients, [
    { address: "x@example.jp", state: "in delivery", attempts: 2, status: "4.4.1", reply: "no answer" },
  ]);
});

test("what was never tried has no status", () => {
  const fresh = { recipient: 0, attempts: 0, due: 0, status: "", reply: "" };
  const [entry] = queueEntries([{ message: message("m1", ["x@example.jp"]), recipients: [fresh] }], []);
  assert.deepEqual(Object.keys(entry!.recipients[0]!), ["address", "state", "attempts", "next"]);
});

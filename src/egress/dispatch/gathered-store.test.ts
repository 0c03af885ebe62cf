import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeferredMessage } from "../../store/store.ts";
import { gatherWrites } from "./gathered-store.ts";

function messages(...ids: readonly string[]): readonly DeferredMessage[] {
  const message = { receivedAt: 0, origin: "mx", sender: "", recipients: ["a@b.test"], size: 1 } as const;
  return ids.map((id) => ({
    message: { ...message, id, eightBit: false, messageId: "<x@b.test>" },
    recipients: [],
  }));
}

test("what is asked in one tick or during a write is one write, and each call ends with its own", async () => {
  const written: string[][] = [];
  const gates: (() => void)[] = [];
  const writes = gatherWrites({
    putWaiting: (batch) => {
      written.push(batch.map(({ message }) => message.id));
      return new Promise((resolve) => void gates.push(resolve));
    },
    removeWaiting: () => Promise.resolve(),
  });
  const ended: string[] = [];
  const put = (...ids: readonly string[]): Promise<unknown> =>
    writes.putWaiting(messages(...ids)).then(() => ended.push(ids.join("")));
  const open = async (): Promise<void> => {
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const first = [put("a"), put("b", "c")];
  await open();
  assert.deepEqual(written, [["a", "b", "c"]]);
  const next = Array.from({ length: 250 }, (_each, index) => put(`${index}`));
  assert.deepEqual(ended, []);
  await open();
  await Promise.all(first);
  assert.deepEqual([written.length, written[1]?.length, ended], [2, 200, ["a", "bc"]]);
  await open();
  assert.deepEqual([written.length, written[2]?.[0], written[2]?.length], [3, "200", 50]);
  await open();
  await Promise.all(next);
  assert.equal(written.length, 3);
});

test("what cannot be written fails alone", async () => {
  const removed: string[] = [];
  const writes = gatherWrites({
    putWaiting: () => Promise.resolve(),
    removeWaiting: (ended) => {
      if (ended.some(({ id }) => id === "bad")) return Promise.reject(new Error("no such row"));
      removed.push(...ended.map(({ id }) => id));
      return Promise.resolve();
    },
  });
  const results = await Promise.allSettled(
    ["a", "bad", "c"].map((id) => writes.removeWaiting([{ id, recipients: [0] }])),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(removed, ["a", "c"]);
  await assert.rejects(writes.removeWaiting([{ id: "bad", recipients: [] }]), /no such row/);
  await writes.removeWaiting([{ id: "d", recipients: [] }]);
  assert.deepEqual(removed, ["a", "c", "d"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { asRemote } from "../io/rpc.ts";
import type { SpooledMessage } from "../spool/message.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { QueueChange, QueueSelector, Store } from "../store/store.ts";
import { holdAgain } from "./hold-again.ts";

function sentBy(account: string, id: string): SpooledMessage {
  const common = { receivedAt: 1, origin: "submission", eightBit: false, messageId: "<x@y>", size: 3 } as const;
  return { ...common, id, sender: account, recipients: ["x@r.test", "y@r.test"], account };
}

test("what a suspended account has in the queue is held at the start, for what suspended it; nothing else is, and nothing twice", async () => {
  const store = openMemoryStore();
  const names = ["alice", "bob", "carol"].map((name) => `${name}@b.test`);
  for (const [index, key] of names.entries()) {
    store.addAccount({ key, address: key, passwordHash: "h", aliases: [], createdAt: 1, suspended: index === 0 });
    store.addWaiting([{ message: sentBy(key, `m${index}`), recipients: [0, 1] }], 1, 0);
  }
  store.setRestraint("bob@b.test", { step: "suspend", since: 1, score: 19, evidence: [] });
  store.setRestraint("carol@b.test", { step: "hold", since: 1, score: 13, evidence: [] });
  store.changeWaiting("hold", { kind: "message", id: "m2" }, 1);
  const events: object[] = [];
  const services = {
    store: asRemote<Store>(store),
    lanes: [
      {
        dispatcher: {
          change: async (change: QueueChange, selector: QueueSelector) => store.changeWaiting(change, selector, 1),
        },
      },
    ],
    observer: { emit: (event: string, fields: object) => void events.push({ event, ...fields }) },
  };
  const states = (): readonly string[] =>
    ["m0", "m1", "m2"].flatMap((id) =>
      store
        .findWaiting(id)!
        .recipients.map(({ suspended, suspected, held }) =>
          suspended ? "suspended" : suspected ? "suspected" : held ? "held" : "free",
        ),
    );
  await holdAgain(services);
  const expected = ["suspended", "suspended", "suspected", "suspected", "held", "held"];
  assert.deepEqual(states(), expected);
  const told = { event: "queue.changed", message: "", recipients: 2, by: "start" };
  const expectedEvents = [
    { ...told, change: "hold-suspended", selection: "account alice@b.test" },
    { ...told, change: "hold-suspected", selection: "account bob@b.test" },
  ];
  assert.deepEqual(events, expectedEvents);
  await holdAgain(services);
  assert.deepEqual([states(), events], [expected, expectedEvents]);
});

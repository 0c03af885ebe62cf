// With real sockets: what a server has and our spool does not know of is one message a connection.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { startServer } from "./scripted-server.ts";
import { egressFor } from "./test-support.ts";

function target(port: number) {
  return { host: "127.0.0.1", port, protocol: "smtp", tls: "never", auth: undefined } as const;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let round = 0; round < 400; round++) {
    if (condition()) return;
    await sleep(5);
  }
  assert.fail(`never: ${what}`);
}

test("a connection delivers one message more only when the last one is recorded, and says that it waits", async (context) => {
  const server = await startServer(context);
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 1 });
  const records: (() => void)[] = [];
  let hurried = 0;
  const job = { record: (recorded: () => void) => void records.push(recorded), hurry: () => void hurried++ };
  const all = Promise.all(Array.from({ length: 5 }, () => egress.deliver(["bob@example.jp"], job)));
  for (let count = 1; count <= 5; count++) {
    await until("the next message", () => server.messages.length === count);
    await sleep(20);
    assert.equal(server.messages.length, count);
    // Not before its last message is recorded does the connection end.
    assert.equal(server.commands.includes("QUIT"), false);
    assert.equal(records.length, 1);
    records.shift()?.();
  }
  await all;
  assert.equal(server.connections(), 1);
  // The envelope of the next goes ahead.
  assert.ok(hurried >= 4);
  await until("the end", () => server.open() === 0);
});

test("where sessions end after one message, the next connection waits for what the last has delivered", async (context) => {
  const server = await startServer(context, {
    play: (step) => (step === "content" ? "250 2.0.0 taken\r\n421 4.7.0 one message is enough" : undefined),
  });
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 1 });
  const records: (() => void)[] = [];
  const job = { record: (recorded: () => void) => void records.push(recorded) };
  const all = Promise.all(Array.from({ length: 3 }, () => egress.deliver(["bob@example.jp"], job)));
  for (let count = 1; count <= 3; count++) {
    await until("the next message", () => server.messages.length === count);
    await sleep(20);
    assert.equal(server.messages.length, count);
    records.shift()?.();
  }
  const results = await all;
  assert.deepEqual(new Set(results.flat().map(({ kind }) => kind)), new Set(["delivered"]));
  assert.ok(server.connections() >= 3);
});

test("a message for several recipients is recorded when all of them are", async (context) => {
  const server = await startServer(context, {
    play: (step, { line }) => (step === "RCPT" && line.includes("nobody") ? "550 5.1.1 unknown" : undefined),
  });
  const egress = egressFor(context, { smarthost: target(server.port), connectionsPerDestination: 1 });
  const records: (() => void)[] = [];
  const job = { record: (recorded: () => void) => void records.push(recorded) };
  const first = egress.deliver(["a@example.jp", "nobody@example.jp", "b@example.jp"], job);
  const second = egress.deliver(["c@example.jp"]);
  await first;
  assert.equal(records.length, 2);
  records.shift()?.();
  await sleep(20);
  assert.equal(server.messages.length, 1);
  records.shift()?.();
  await second;
  assert.equal(server.messages.length, 2);
});

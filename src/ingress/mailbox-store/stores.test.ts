import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { createMailboxStores } from "./stores.ts";
import type { MailboxStoresOptions } from "./stores.ts";

interface Lmtp {
  readonly place: { readonly host: string; readonly port: number };
  readonly asked: string[];
  connections: number;
  readonly open: Set<Socket>;
  readonly close: () => Promise<void>;
}

/** An LMTP server that answers RCPT by the local part: `550-5.1.1` says 550 5.1.1; `hang`, `drop` do that. */
async function lmtp(t: TestContext, path?: string): Promise<Lmtp> {
  const server: Server = createServer((socket) => {
    house.connections++;
    house.open.add(socket);
    socket.on("close", () => house.open.delete(socket));
    socket.on("error", () => undefined);
    socket.write("220 store LMTP\r\n");
    let buffer = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      buffer += text;
      for (let end = buffer.indexOf("\r\n"); end >= 0; end = buffer.indexOf("\r\n")) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        const recipient = /^RCPT TO:<([^@]*)@/.exec(line)?.[1];
        if (recipient !== undefined) house.asked.push(recipient);
        if (recipient === "hang") return;
        if (recipient === "drop") return void socket.destroy();
        const refusal = /^(\d{3})-(.*)$/.exec(recipient ?? "");
        if (line.startsWith("LHLO")) socket.write("250-store\r\n250 PIPELINING\r\n");
        else socket.write(refusal === null ? "250 2.1.5 ok\r\n" : `${refusal[1]} ${refusal[2]} its words\r\n`);
      }
    });
  });
  server.listen(path === undefined ? { host: "127.0.0.1", port: 0 } : { path });
  await once(server, "listening");
  const bound = server.address();
  const house: Lmtp = {
    place:
      typeof bound === "object" && bound !== null ? { host: "127.0.0.1", port: bound.port } : { host: path!, port: 0 },
    asked: [],
    connections: 0,
    open: new Set(),
    close: async () => {
      for (const socket of house.open) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  t.after(house.close);
  return house;
}

function stores(t: TestContext, limits: MailboxStoresOptions["limits"] = {}) {
  const clock = { now: 0, monotonic: () => clock.now };
  const made = createMailboxStores({ hostname: () => "mx.example.jp", clock, limits });
  t.after(() => made.close());
  return {
    ask: (...of: Parameters<typeof made.ask>) => Promise.resolve(made.ask(...of)),
    cached: (...of: Parameters<typeof made.ask>) => made.ask(...of),
    clock,
  };
}

test("the store's yes, no and not now, in its words; each address is asked about once while the answer is fresh", async (t) => {
  const store = await lmtp(t);
  const { ask, cached, clock } = stores(t);
  assert.deepEqual(await ask("carol@example.jp", store.place), { kind: "taken" });
  const no = { kind: "refused", code: 550, enhanced: "5.1.1", text: "its words" };
  assert.deepEqual(await ask("550-5.1.1@example.jp", store.place), no);
  const full = { kind: "refused", code: 452, enhanced: "4.2.2", text: "its words" };
  assert.deepEqual(await ask("452-4.2.2@example.jp", store.place), full);
  clock.now = 4999;
  assert.deepEqual(cached("carol@example.jp", store.place), { kind: "taken" });
  assert.deepEqual(cached("550-5.1.1@example.jp", store.place), no);
  assert.deepEqual(cached("452-4.2.2@example.jp", store.place), full);
  assert.equal(store.asked.length, 3);
  clock.now = 5001;
  await ask("452-4.2.2@example.jp", store.place);
  assert.deepEqual(store.asked, ["carol", "550-5.1.1", "452-4.2.2", "452-4.2.2"]);
  assert.equal(store.connections, 1);
});

test("many questions at once share few connections, and equal ones share an answer", async (t) => {
  const store = await lmtp(t);
  const { ask } = stores(t, { connections: 3 });
  const names = Array.from({ length: 50 }, (_each, index) => `user${index}@example.jp`);
  const answers = await Promise.all([...names, ...names].map((name) => ask(name, store.place)));
  assert.ok(answers.every(({ kind }) => kind === "taken"));
  assert.equal(store.asked.length, 50);
  assert.ok(store.connections <= 3);
});

test("a store that is not there, hangs up or says nothing is unavailable, and is asked anew the next time", async (t) => {
  const store = await lmtp(t);
  const { ask } = stores(t, { deadline: 200 });
  assert.equal((await ask("hang@example.jp", store.place)).kind, "unavailable");
  assert.equal((await ask("drop@example.jp", store.place)).kind, "unavailable");
  assert.deepEqual(await ask("carol@example.jp", store.place), { kind: "taken" });
  await store.close();
  assert.equal((await ask("dave@example.jp", store.place)).kind, "unavailable");
  assert.equal((await ask("dave@example.jp", store.place)).kind, "unavailable");
});

test("a connection that the store closed while nobody asked costs nobody an answer", async (t) => {
  const store = await lmtp(t);
  const { ask } = stores(t);
  assert.deepEqual(await ask("carol@example.jp", store.place), { kind: "taken" });
  const [kept] = store.open;
  // The question crosses the end of the connection.
  kept!.removeAllListeners("data").on("data", () => kept!.destroy());
  assert.deepEqual(await ask("dave@example.jp", store.place), { kind: "taken" });
  assert.equal(store.connections, 2);
});

test("a UNIX socket does as well, and what the store cannot be asked about is refused", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lmtp-"));
  t.after(() => rm(directory, { recursive: true }));
  const store = await lmtp(t, join(directory, "lmtp"));
  const { ask } = stores(t);
  assert.deepEqual(await ask("carol@example.jp", store.place), { kind: "taken" });
  const answer = await ask("関守@example.jp", store.place);
  assert.ok(answer.kind === "refused" && answer.code === 553 && answer.enhanced === "5.6.7");
  assert.deepEqual(store.asked, ["carol"]);
});

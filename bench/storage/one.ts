// One run of one candidate in a process of its own: prints a JSON line. Started by bench.ts.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AcceptRecord } from "../../src/spool/message.ts";
import { openStore, type Store, type StoreName } from "./stores.ts";

export interface RunOptions {
  readonly store: StoreName;
  readonly size: number;
  readonly writers: number;
  readonly work: "accept" | "accept and settle";
  /** Writers inside the process, or senders on loopback sockets. */
  readonly source: "inside" | "sockets";
  readonly warmUp: number;
  readonly milliseconds: number;
}

export interface RunResult {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as RunOptions;
const template = Buffer.alloc(options.size, "x");
const queueLength = 1000;
const queue: string[] = [];
let next = 0;
let done = 0;
let stopped = false;

function newRecord(): AcceptRecord {
  return {
    id: `m${(next++).toString(36).padStart(12, "0")}`,
    receivedAt: Date.now(),
    origin: "submission",
    sender: "alice@sekimori.test",
    recipients: ["bob@example.jp"],
    eightBit: false,
    messageId: "<20260101000000.1@sekimori.test>",
    account: "alice",
    client: "192.0.2.1",
  };
}

async function carry(store: Store, body: Buffer): Promise<void> {
  const record = newRecord();
  await store.accept(record, body);
  done++;
  if (options.work === "accept") return;
  // Delivery takes its time: what is settled now was accepted a while ago.
  queue.push(record.id);
  const ended = queue.length > queueLength ? queue.shift() : undefined;
  if (ended !== undefined) void store.settle(ended);
}

function newBody(): Buffer {
  const body = Buffer.allocUnsafeSlow(options.size);
  template.copy(body);
  return body;
}

async function write(store: Store): Promise<void> {
  for (;;) {
    if (stopped) return;
    await carry(store, newBody());
    // The next message comes with a later turn of the event loop, as from a socket.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function measure(): Promise<RunResult> {
  await new Promise((resolve) => setTimeout(resolve, options.warmUp));
  const from = { done, time: performance.now(), cpu: process.cpuUsage() };
  await new Promise((resolve) => setTimeout(resolve, options.milliseconds));
  const cpu = process.cpuUsage(from.cpu);
  const count = done - from.done;
  return {
    perSecond: (count / (performance.now() - from.time)) * 1000,
    cpuMicroseconds: (cpu.user + cpu.system) / count,
  };
}

async function runInside(store: Store): Promise<RunResult> {
  const writers = Array.from({ length: options.writers }, () => write(store));
  const result = await measure();
  stopped = true;
  await Promise.all(writers);
  return result;
}

async function runSockets(store: Store): Promise<RunResult> {
  const inFlight = new Set<Promise<void>>();
  const answer = Buffer.from("k");
  const server = createServer({ noDelay: true }, (socket) => {
    let body = Buffer.allocUnsafeSlow(options.size);
    let filled = 0;
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      filled += chunk.copy(body, filled);
      if (filled < options.size || stopped) return;
      const whole = body;
      body = Buffer.allocUnsafeSlow(options.size);
      filled = 0;
      const one = carry(store, whole).then(() => {
        inFlight.delete(one);
        socket.write(answer);
      });
      inFlight.add(one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const load = fileURLToPath(new URL("load.ts", import.meta.url));
  const senders = spawn(process.execPath, [load, String(port), String(options.writers), String(options.size)], {
    stdio: "inherit",
    env: { ...process.env, LD_PRELOAD: "" },
  });
  while (done < options.writers) await new Promise((resolve) => setTimeout(resolve, 10));
  const result = await measure();
  stopped = true;
  senders.kill();
  await Promise.all(inFlight);
  server.close();
  return result;
}

const directory = await mkdtemp(join(tmpdir(), "bench-storage-"));
try {
  const store = await openStore(options.store, directory);
  const result = options.source === "inside" ? await runInside(store) : await runSockets(store);
  await store.close();
  console.log(JSON.stringify(result));
} finally {
  await rm(directory, { recursive: true, force: true });
}

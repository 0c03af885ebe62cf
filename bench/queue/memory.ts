// A queue of a million messages: what it costs to start with, to hold in memory, and to ask. Run it as
// `node bench/queue/memory.ts [messages]`. It makes a spool and an index as they are after a long night (six of ten
// messages for one dead domain, the others for 20,000 domains; half of them due), then starts on them in a new process,
// the index in its own thread as in the server, and prints one line a figure. Needs about 3 kB of disk a message.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, Worker } from "node:worker_threads";
import { agreeWithSpool } from "../../src/egress/dispatch/agree.ts";
import { callRemote } from "../../src/io/rpc.ts";
import type { AcceptRecord, Recovered } from "../../src/spool/message.ts";
import { openSpool } from "../../src/spool/spool.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { DeferredMessage, Store } from "../../src/store/store.ts";

const NOW = 1_800_000_000_000;
const DEAD = "dead.example";
const GROUP = 5000;

function recordOf(index: number): AcceptRecord {
  const domain = index % 10 < 6 ? DEAD : `d${index % 20_000}.example`;
  const id = index.toString(32).padStart(16, "0");
  return {
    id,
    receivedAt: NOW - 3_600_000,
    origin: "submission",
    sender: `sender${index % 1000}@sekimori.test`,
    recipients: [`recipient${index}@${domain}`],
    eightBit: false,
    messageId: `<${id}@sekimori.test>`,
    account: `sender${index % 1000}@sekimori.test`,
    client: "client.example [192.0.2.1]:40000",
  };
}

async function make(directory: string, messages: number): Promise<void> {
  const content = [
    Buffer.from(`Subject: synthetic\r\n\r\n${"A line of text that stands for a message.\r\n".repeat(24)}`),
  ];
  const { spool } = await openSpool(join(directory, "spool"));
  const store = openSqliteStore(join(directory, "index.sqlite"));
  for (let start = 0; start < messages; start += GROUP) {
    const records = Array.from({ length: Math.min(GROUP, messages - start) }, (_each, at) => recordOf(start + at));
    // oxlint-disable-next-line no-await-in-loop -- a bounded number at a time
    const stored = await Promise.all(records.map((record) => spool.append(record, content)));
    const waiting: DeferredMessage[] = stored.map((message, at) => {
      const due = at % 2 === 0 ? NOW - 1 : NOW + 3_600_000;
      const attempt = { at: NOW - 3_600_000, remote: "mx.example[192.0.2.9]:25", milliseconds: 30_000 };
      const reply = "the connection could not be made: timed out";
      return { message, recipients: [{ recipient: 0, attempts: 1, due, status: "4.4.1", reply, attempt }] };
    });
    store.putWaiting(waiting);
  }
  await spool.close();
  store.close();
}

function report(name: string, value: number, unit: string): void {
  console.log(`${name.padEnd(58)} ${value.toFixed(value < 10 ? 2 : 0).padStart(8)} ${unit}`);
}

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const value = await work();
  report(name, performance.now() - started, "ms");
  return value;
}

function memory(name: string): void {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  report(`resident memory ${name}`, rss / 2 ** 20, "MiB");
  report(`  heap in use of the mail thread's side`, heapUsed / 2 ** 20, "MiB");
}

async function begin(directory: string, messages: number): Promise<void> {
  const worker = new Worker(new URL("../../src/main/state-thread.ts", import.meta.url), {
    workerData: { file: join(directory, "index.sqlite") },
  });
  const channel = new MessageChannel();
  worker.postMessage({ serve: channel.port1 }, [channel.port1]);
  const store = callRemote<Store>(channel.port2);
  await store.nextDue();
  memory("before");
  let recovered: Recovered | undefined;
  const spool = await timed("recovery of the spool", async () => {
    const opened = await openSpool(join(directory, "spool"));
    ({ recovered } = opened);
    return opened.spool;
  });
  memory("after recovery");
  const clock = { wall: () => NOW, monotonic: () => performance.now() };
  await timed("agreement of the index with the spool", () =>
    agreeWithSpool(recovered!, { store, clock, observer: { emit: () => undefined } }),
  );
  recovered = undefined;
  memory("after agreement");
  await timed("count", () => store.countWaiting());
  await timed("next due", () => store.nextDue());
  await timed("list of the oldest 1000", () => store.listWaiting({}, 1000));
  await timed("list of 1000 of one domain in 20,000", () => store.listWaiting({ domain: "d7.example" }, 1000));
  await timed("hold of one sender in 1000", () =>
    store.changeWaiting("hold", { kind: "sender", sender: "sender7@sekimori.test" }, NOW),
  );

  const claims = async (name: string, full: readonly string[], most: number): Promise<void> => {
    let claimed = 0;
    let longest = 0;
    const began = performance.now();
    while (claimed < most) {
      const asked = performance.now();
      // oxlint-disable-next-line no-await-in-loop -- as the dispatcher does
      const batch = await store.claimDue(NOW, 3_600_000, 200, full);
      longest = Math.max(longest, performance.now() - asked);
      if (batch.length === 0 && (await store.nextDue()) === 0) break;
      claimed += batch.length;
    }
    report(`claims a second, ${name} (${claimed} messages)`, (claimed * 1000) / (performance.now() - began), "");
    report("  the longest call for 200", longest, "ms");
  };
  await claims("the dead domain full", [DEAD], Math.min(50_000, messages / 8));
  await claims("all domains with room", [], Math.min(50_000, messages / 8));
  memory("after the claims");
  await timed("flush of everything", () => store.changeWaiting("flush", { kind: "all" }, NOW));
  await spool.close();
  worker.postMessage("close");
  channel.port2.close();
}

const [first, second, third] = process.argv.slice(2);
if (first === "make" && second !== undefined) await make(second, Number(third));
else if (first === "start" && second !== undefined) await begin(second, Number(third));
else {
  const messages = Number(first ?? 1_000_000);
  const directory = mkdtempSync(join(tmpdir(), "sekimori-queue-"));
  try {
    for (const step of ["make", "start"]) {
      const began = performance.now();
      const { status } = spawnSync(
        process.execPath,
        [
          "--expose-gc",
          "--disable-warning=ExperimentalWarning",
          import.meta.filename,
          step,
          directory,
          String(messages),
        ],
        { stdio: "inherit" },
      );
      if (status !== 0) throw new Error(`${step} ended with ${status}`);
      report(`${step}, all of it`, (performance.now() - began) / 1000, "s");
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

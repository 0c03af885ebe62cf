// The candidates, behind one interface. Each resolves when the message is durable.

import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { AcceptRecord } from "../../src/spool/message.ts";
import { openSpool } from "../../src/spool/spool.ts";
import type { Batch } from "./sqlite-worker.ts";

export type StoreName = "log, 1 lane" | "log, 1 lane (again)" | "log, 2 lanes" | "log + index for 10 %" | "SQLite";

export interface Store {
  /** The body is the store's from now on. */
  accept(record: AcceptRecord, body: Buffer): Promise<unknown>;
  settle(id: string): Promise<unknown>;
  close(): Promise<void>;
}

export async function openStore(name: StoreName, directory: string): Promise<Store> {
  switch (name) {
    case "log, 1 lane":
    case "log, 1 lane (again)":
      return logStore(directory, 1);
    case "log, 2 lanes":
      return logStore(directory, 2);
    case "log + index for 10 %": {
      const log = await logStore(directory, 1);
      const index = sqliteStore(join(directory, "index.db"));
      let count = 0;
      return {
        accept: (record, body) => {
          // What was not delivered at once: its row is written behind the 250, nobody waits for it.
          if (count++ % 10 === 0) void index.accept(record, undefined);
          return log.accept(record, body);
        },
        settle: (id) => log.settle(id),
        async close() {
          await log.close();
          await index.close();
        },
      };
    }
    case "SQLite":
      return sqliteStore(join(directory, "mail.db"));
  }
}

async function logStore(directory: string, lanes: 1 | 2): Promise<Store> {
  const { spool } = await openSpool(directory, { lanes });
  return {
    accept: (record, body) => spool.append(record, [body]),
    settle: (id) => spool.settle(id, [{ recipient: 0, outcome: "delivered" }]),
    close: () => spool.close(),
  };
}

interface SqliteStore extends Store {
  accept(record: AcceptRecord, body: Buffer | undefined): Promise<unknown>;
}

function sqliteStore(path: string): SqliteStore {
  const worker = new Worker(new URL("sqlite-worker.ts", import.meta.url), { workerData: path });
  let insert: { id: string; record: string; body: Uint8Array | undefined }[] = [];
  let remove: string[] = [];
  let waiting: (() => void)[] = [];
  let flying: (() => void)[] | undefined;
  let scheduled = false;
  const send = (): void => {
    scheduled = false;
    if (flying !== undefined || waiting.length === 0) return;
    const batch: Batch = { insert, remove };
    const transfer = insert.flatMap(({ body }) => (body?.buffer instanceof ArrayBuffer ? [body.buffer] : []));
    flying = waiting;
    insert = [];
    remove = [];
    waiting = [];
    worker.postMessage(batch, transfer);
  };
  const schedule = (): Promise<void> => {
    if (!scheduled) {
      scheduled = true;
      setImmediate(send);
    }
    return new Promise((resolve) => void waiting.push(resolve));
  };
  worker.on("message", () => {
    const done = flying ?? [];
    flying = undefined;
    send();
    for (const resolve of done) resolve();
  });
  return {
    accept(record, body) {
      insert.push({ id: record.id, record: JSON.stringify(record), body });
      return schedule();
    },
    settle(id) {
      remove.push(id);
      return schedule();
    },
    async close() {
      await schedule();
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      worker.postMessage("close", []);
      await ended;
    },
  };
}

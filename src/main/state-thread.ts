// The state thread: the SQLite store behind calls. Slow commits here delay no mail.

import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import { serveCalls } from "../io/rpc.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { StateThreadData } from "./threads.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made by server.ts
const { file } = workerData as StateThreadData;
const store = openSqliteStore(file);

parentPort!.on("message", (message: { readonly serve: MessagePort } | "close") => {
  if (message === "close") {
    store.close();
    process.exit(0);
  }
  serveCalls(message.serve, store);
});

// The state thread of the SQLite candidates: one batch in, one transaction, one answer out.

import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

export interface Batch {
  readonly insert: readonly { readonly id: string; readonly record: string; readonly body: Uint8Array | undefined }[];
  readonly remove: readonly string[];
}

const database = new DatabaseSync(String(workerData));
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
database.exec("CREATE TABLE message (id TEXT PRIMARY KEY, record TEXT NOT NULL, body BLOB) WITHOUT ROWID");
database.exec("CREATE TABLE recipient (id TEXT, number INTEGER, due INTEGER, PRIMARY KEY (id, number)) WITHOUT ROWID");
const insertMessage = database.prepare("INSERT INTO message VALUES (?, ?, ?)");
const insertRecipient = database.prepare("INSERT INTO recipient VALUES (?, 0, 0)");
const removeMessage = database.prepare("DELETE FROM message WHERE id = ?");
const removeRecipient = database.prepare("DELETE FROM recipient WHERE id = ?");

const port = parentPort;
port?.on("message", (batch: Batch | "close") => {
  if (batch === "close") {
    database.close();
    port.close();
    return;
  }
  database.exec("BEGIN");
  for (const { id, record, body } of batch.insert) {
    insertMessage.run(id, record, body ?? null);
    insertRecipient.run(id);
  }
  for (const id of batch.remove) {
    removeRecipient.run(id);
    removeMessage.run(id);
  }
  database.exec("COMMIT");
  port.postMessage("committed");
});

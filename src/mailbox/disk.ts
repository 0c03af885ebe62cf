// What mailboxes need of the disk: files written and synced, directory syncs shared, errors told apart.

import type * as system from "node:fs/promises";

/** What is used of node:fs/promises; tests put a failing disk here. */
export type Files = Pick<typeof system, "mkdir" | "open" | "readdir" | "rename" | "stat" | "unlink">;

export interface MailboxError {
  /**
   * full: no space or quota on the disk. over-quota: the mailbox has its own limit. in-use: another session has the mailbox. gone: the message is not there
   * any more. unavailable: anything else the disk said.
   */
  readonly code: "full" | "over-quota" | "in-use" | "gone" | "unavailable";
  /** For the log, never for a client. */
  readonly cause: string;
}

/** Errors of the machine become values; anything without an errno is a bug and thrown on. */
export function mailboxError(error: unknown): MailboxError {
  const code = errorCode(error);
  if (code === undefined || !(error instanceof Error)) throw error;
  const cause = error.message;
  if (code === "ENOSPC" || code === "EDQUOT") return { code: "full", cause };
  return { code: "unavailable", cause };
}

export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code.startsWith("ERR_") ? undefined : error.code;
}

export async function writeSynced(files: Files, path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const handle = await files.open(path, "wx", 0o600);
  try {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    while (rest.length > 0) {
      // IOV_MAX is 1024 on Linux, and a nearly full disk writes short.
      const { bytesWritten } = await handle.writev(rest.slice(0, 1024));
      rest = skip(rest, bytesWritten);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function skip(chunks: readonly Uint8Array[], octets: number): Uint8Array[] {
  let index = 0;
  let left = octets;
  for (let chunk = chunks[index]; chunk !== undefined && left >= chunk.length; chunk = chunks[index]) {
    left -= chunk.length;
    index += 1;
  }
  const rest = chunks.slice(index);
  const first = rest[0];
  if (first !== undefined && left > 0) rest[0] = first.subarray(left);
  return rest;
}

export async function syncDirectory(files: Files, path: string): Promise<void> {
  const handle = await files.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A sync that begins after the call; calls that come while one is running share the next. */
export function sharedSync(files: Files, path: string): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return syncDirectory(files, path);
      });
    running = next;
    return next;
  };
}

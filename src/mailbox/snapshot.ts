// One session's view of a Maildir: the list as it was when the mailbox was opened (RFC 1939 §5), reading and
// removing by it. Other programs may move a file from new to cur or change its flags meanwhile: it is found again.
//
// Does not move messages to cur and sets no flags: a message fetched by POP3 stays new for other readers.

import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { failure, success, type Result } from "../base/result.ts";
import { errorCode, mailboxError, syncDirectory, type Files, type MailboxError } from "./disk.ts";
import { parseName, uniqueId } from "./name.ts";

export interface MailboxMessage {
  /** Unique-id listing, RFC 1939 §7: stable as long as the message exists. */
  readonly id: string;
  /** Octets on the wire: with CRLF line ends, without dot-stuffing. */
  readonly size: number;
  /** File name without flags, for the log. */
  readonly file: string;
}

export interface Mailbox {
  /** In order of delivery. */
  readonly messages: readonly MailboxMessage[];
  read(message: MailboxMessage): Promise<Result<MessageReader, MailboxError>>;
  /** Removes all of them; those that are gone already count as removed. */
  remove(messages: readonly MailboxMessage[]): Promise<Result<void, MailboxError>>;
  /** Gives the lock back. Idempotent. */
  close(): void;
}

interface MessageReader {
  /** The next octets in a buffer of their own, undefined at the end. Rejects when the disk fails. */
  next(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

const CHUNK_SIZE = 65_536;

export async function openFolder(files: Files, folder: string, release: () => void): Promise<Mailbox> {
  let paths = await scan(files, folder);
  const messages: MailboxMessage[] = [];
  const ids = new Set<string>();
  for (const [base, path] of [...paths].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const name = parseName(base);
    const size = name.wireSize ?? (await measure(files, path));
    if (size === undefined) continue;
    let id = uniqueId(name.unique);
    // Only in a folder that others filled: same unique part, other sizes.
    if (ids.has(id)) id = uniqueId(`${base} `);
    ids.add(id);
    messages.push({ id, size, file: base });
  }

  async function openFile(message: MailboxMessage): Promise<FileHandle | undefined> {
    try {
      return await files.open(paths.get(message.file) ?? "", "r");
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      return undefined;
    }
  }

  /** Tries every message, whatever happens to one; returns those that were not where they had been. */
  async function unlinkAll(removed: readonly MailboxMessage[]): Promise<MailboxMessage[]> {
    const missing: MailboxMessage[] = [];
    const errors: unknown[] = [];
    for (const message of removed) {
      const path = paths.get(message.file);
      try {
        if (path === undefined) missing.push(message);
        else await files.unlink(path);
      } catch (error) {
        if (errorCode(error) === "ENOENT") missing.push(message);
        else errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
    return missing;
  }

  return {
    messages,

    async read(message) {
      try {
        let handle = await openFile(message);
        if (handle === undefined) {
          paths = await scan(files, folder);
          handle = await openFile(message);
        }
        if (handle === undefined) return failure({ code: "gone", cause: `${message.file} is not in ${folder}` });
        const length = Math.min(CHUNK_SIZE, message.size + 1);
        return success(reader(handle, length));
      } catch (error) {
        return failure(mailboxError(error));
      }
    },

    async remove(removed) {
      if (removed.length === 0) return success(undefined);
      try {
        const missing = await unlinkAll(removed);
        if (missing.length > 0) {
          paths = await scan(files, folder);
          await unlinkAll(missing);
        }
        await syncDirectory(files, join(folder, "new"));
        await syncDirectory(files, join(folder, "cur"));
        return success(undefined);
      } catch (error) {
        return failure(mailboxError(error));
      }
    },

    close: release,
  };
}

function reader(handle: FileHandle, length: number): MessageReader {
  return {
    async next() {
      const buffer = Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(buffer, 0, length, null);
      return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

/**
 * File name without flags → path. `new` is read before `cur`, so that a file moved between the two looks is seen
 * twice rather than never; the same name then is one entry.
 */
async function scan(files: Files, folder: string): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const part of ["new", "cur"]) {
    const directory = join(folder, part);
    try {
      for (const entry of await files.readdir(directory, { withFileTypes: true })) {
        if (entry.name.startsWith(".") || entry.isDirectory()) continue;
        paths.set(entry.name.split(":", 1)[0] ?? entry.name, join(directory, entry.name));
      }
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  return paths;
}

/** Size with CRLF line ends of a file whose name does not tell; undefined when it has gone. */
async function measure(files: Files, path: string): Promise<number | undefined> {
  const LF = 10;
  const CR = 13;
  try {
    const handle = await files.open(path, "r");
    try {
      const buffer = Buffer.allocUnsafe(CHUNK_SIZE);
      let size = 0;
      let previous = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, 0, CHUNK_SIZE, null);
        if (bytesRead === 0) return size;
        size += bytesRead;
        for (let i = 0; i < bytesRead; i++) {
          const octet = buffer[i] ?? 0;
          if (octet === LF && previous !== CR) size += 1;
          previous = octet;
        }
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

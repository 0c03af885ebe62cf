// Mailboxes as Maildirs, one for each account, made at its first delivery with mode 0700.
//
// Promises: when deliver() succeeds, the message survives a power failure (file synced, renamed from tmp to new,
// directory synced); when it fails, its file is gone as far as can be known. A file in tmp is never listed.
// Deliveries into one mailbox share directory syncs.
//
// Content is stored as it was accepted, with CRLF line ends: signatures survive, sizes are exact without reading,
// S= equals W=, and POP3 sends the file as it is. Dovecot, Courier, mutt and notmuch read such files; tools that
// split lines at LF only show a CR at their ends. Files that others put there with LF are read as well.
//
// With a quota, a message that would go beyond it is not stored, whichever thread of the process has it; what a mailbox holds
// is known from the file names (usage.ts), so a POP3 session that deletes makes room at once.
//
// Does not: subfolders, flags, index files. The lock is among sessions of this process only.

import * as system from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Address } from "../address/address.ts";
import { failure, success, type Result } from "../base/result.ts";
import type { Clock } from "../io/clock.ts";
import {
  errorCode,
  mailboxError,
  sharedSync,
  syncDirectory,
  writeSynced,
  type Files,
  type MailboxError,
} from "./disk.ts";
import { uniqueNames, withSize } from "./name.ts";
import { mailboxPath } from "./path.ts";
import { openFolder, type Mailbox } from "./snapshot.ts";
import { Usage, type MailboxRooms } from "./usage.ts";

/** `exempt`: mail to role addresses, which must be reachable whatever else is full (RFC 5321 §4.5.1). */
export type QuotaRule = "counted" | "exempt";

export interface Mailboxes {
  /** Stores one message; `file` is its name in new/. */
  deliver(
    account: Address,
    chunks: readonly Uint8Array[],
    quota: QuotaRule,
  ): Promise<Result<{ file: string }, MailboxError>>;
  /** Whether the mailbox has room for so many octets within its quota. Rejects when the disk does not tell. */
  fits(account: Address, octets: number): boolean | Promise<boolean>;
  /** Locks the mailbox against other sessions and lists it; a mailbox without a folder is empty. */
  open(account: Address): Promise<Result<Mailbox, MailboxError>>;
}

interface MailboxOptions {
  /** Host name in file names: what keeps two hosts on one file system apart. */
  readonly hostname: string;
  readonly clock: Clock;
  /** Without it there is no limit. */
  readonly quota?: {
    /** Octets that the mailbox may hold, as of now; no limit when undefined. Rejects: it cannot be said. */
    readonly of: (account: Address) => number | undefined | Promise<number | undefined>;
    /** What they hold: one for all threads. */
    readonly rooms: MailboxRooms;
  };
  readonly files?: Files;
  /** Who has a mailbox open, in all threads. Default: this one is alone. */
  readonly locks?: MailboxLocks;
  /** Which thread this is, of how many. */
  readonly thread?: { readonly index: number; readonly count: number };
}

export interface MailboxLocks {
  /** False when somebody has it. Rejects when nobody can tell. */
  take(name: string): boolean | Promise<boolean>;
  give(name: string): void;
}

/** What may still be written in tmp; older files are left-overs (the specification says 36 hours). */
const STALE_AFTER = 36 * 3_600_000;

interface Folder {
  readonly path: string;
  readonly ready: Promise<void>;
  readonly syncNew: () => Promise<void>;
}

export function openMailboxes(root: string, options: MailboxOptions): Mailboxes {
  const { clock, files = system } = options;
  const quotaNow = options.quota?.of ?? (() => undefined);
  const rooms = options.quota?.rooms;
  const { locks = locksHere(), thread = { index: 0, count: 1 } } = options;
  const nextName = uniqueNames(options.hostname, clock, thread.index, thread.count);
  const folders = new Map<string, Folder>();
  const usage = rooms === undefined ? undefined : new Usage(files, rooms);
  const pathOf = (account: Address): string => join(root, ...mailboxPath(account));

  function folderOf(account: Address): Folder {
    const names = mailboxPath(account);
    const path = join(root, ...names);
    const known = folders.get(path);
    if (known !== undefined) return known;
    const made: Folder = {
      path,
      ready: makeFolder(files, root, names).then(() => removeStale(files, path, clock)),
      syncNew: sharedSync(files, join(path, "new")),
    };
    folders.set(path, made);
    made.ready.catch(() => folders.delete(path));
    return made;
  }

  async function store(account: Address, chunks: readonly Uint8Array[], size: number): Promise<string> {
    const folder = folderOf(account);
    await folder.ready;
    const file = withSize(nextName(), size);
    const temporary = join(folder.path, "tmp", file);
    const final = join(folder.path, "new", file);
    let written = temporary;
    try {
      await writeSynced(files, temporary, chunks);
      await files.rename(temporary, final);
      written = final;
      await folder.syncNew();
      return file;
    } catch (error) {
      // Somebody may have removed the folder under us: look again next time.
      folders.delete(folder.path);
      await files.unlink(written).catch(() => undefined);
      throw error;
    }
  }

  return {
    async deliver(account, chunks, rule) {
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      let quota: number | undefined;
      try {
        const asked = quotaNow(account);
        quota = asked instanceof Promise ? await asked : asked;
      } catch (error) {
        return failure({ code: "unavailable", cause: `the quota is not known: ${String(error)}` });
      }
      try {
        const path = pathOf(account);
        if (quota === undefined || rooms === undefined || usage === undefined) {
          const file = await store(account, chunks, size);
          // There was a quota before, or there is one by now: this message is not in its count.
          rooms?.forget(path);
          return success({ file });
        }
        if (rule === "exempt") rooms.begin(path, size);
        else {
          try {
            if (!(await usage.reserve(path, size, quota)))
              return failure({ code: "over-quota", cause: "the mailbox is full" });
          } catch (error) {
            return failure({ code: "unavailable", cause: `what the mailbox holds is not known: ${String(error)}` });
          }
        }
        try {
          const file = await store(account, chunks, size);
          rooms.end(path, size, "stored");
          return success({ file });
        } catch (error) {
          rooms.end(path, size, "failed");
          throw error;
        }
      } catch (error) {
        return failure(mailboxError(error));
      }
    },

    fits: (account, octets) => {
      const within = (quota: number | undefined): boolean | Promise<boolean> =>
        quota === undefined || usage === undefined ? true : usage.fits(pathOf(account), octets, quota);
      const quota = quotaNow(account);
      return quota instanceof Promise ? quota.then(within) : within(quota);
    },

    async open(account) {
      const path = pathOf(account);
      try {
        if (!(await locks.take(path))) return failure({ code: "in-use", cause: "another session has the mailbox" });
      } catch (error) {
        return failure({ code: "unavailable", cause: String(error) });
      }
      let held = true;
      const release = (): void => {
        if (held) locks.give(path);
        held = false;
      };
      try {
        await removeStale(files, path, clock);
        const mailbox = await openFolder(files, path, release);
        // Other programs may have been here as well.
        rooms?.forget(path);
        const remove: Mailbox["remove"] = async (messages) => {
          const removed = await mailbox.remove(messages);
          rooms?.forget(path);
          return removed;
        };
        return success({ ...mailbox, remove });
      } catch (error) {
        release();
        return failure(mailboxError(error));
      }
    },
  };
}

function locksHere(): MailboxLocks {
  const taken = new Set<string>();
  return {
    take: (name) => !taken.has(name) && taken.add(name).has(name),
    give: (name) => void taken.delete(name),
  };
}

/** Every level is synced at first use, made now or found: whoever made it may have died before syncing. */
async function makeFolder(files: Files, root: string, names: readonly string[]): Promise<void> {
  await files.mkdir(root, { recursive: true, mode: 0o700 });
  let path = dirname(root);
  for (const name of [basename(root), ...names]) {
    const parent = path;
    path = join(parent, name);
    await makeDirectory(files, path);
    await syncDirectory(files, parent);
  }
  for (const name of ["tmp", "new", "cur"]) await makeDirectory(files, join(path, name));
  await syncDirectory(files, path);
}

async function makeDirectory(files: Files, path: string): Promise<void> {
  try {
    await files.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

async function removeStale(files: Files, path: string, clock: Clock): Promise<void> {
  const folder = join(path, "tmp");
  let names: string[];
  try {
    names = await files.readdir(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  for (const name of names) {
    const file = join(folder, name);
    try {
      if (clock.wall() - (await files.stat(file)).mtimeMs > STALE_AFTER) await files.unlink(file);
    } catch (error) {
      // Delivered or removed in the meantime, or not ours: it can wait for the next time.
      mailboxError(error);
    }
  }
}

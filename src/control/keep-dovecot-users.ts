// Keeps the file of `[dovecot] users` as the accounts are: written at the start and soon after every change, so that a suspension or a
// changed password holds at Dovecot a moment later. Nobody waits for it; what could not be written is told, and tried again with the next
// change, and without one after ten seconds and at growing distances: until then somebody suspended still gets in there.
//
// What somebody has open at Dovecot ends after the file was written without him, never before: he would come again at once. Where it cannot be
// written he is cut off all the same, and again once it can. At the start all who are suspended are cut off, and
// whoever the old file lets in with what opens nothing now: the server may have died before it wrote, or have stood still meanwhile.
// Limits: where it died in the moment between the file and the connections, another password or a deletion (not a suspension) cuts nobody; likewise without
// a file of ours. An account whose hash was only made anew is cut off too: with the same password it is in again.

import { readFile } from "node:fs/promises";
import type { Settings } from "../config/settings.ts";
import type { Remote } from "../io/rpc.ts";
import type { AccountStore } from "../store/store.ts";
import type { CredentialView } from "./control.ts";
import { readCredentials } from "./credentials.ts";
import type { DovecotSessions, EndedLogin } from "./dovecot-sessions.ts";
import { dovecotUsers, endedSince, writeDovecotUsers } from "./dovecot-users.ts";

export interface KeptUsers {
  /** Something about an account, or the configuration. Must not throw. */
  changed(): void;
  /** The login of an account opens nothing any more; the store knows it already. Must not throw. */
  ended(login: EndedLogin): void;
  /** Resolves when nothing is written any more. */
  close(): Promise<void>;
}

export interface KeptUsersServices {
  /** In effect now; a reload replaces it. */
  readonly settings: () => Pick<Settings, "dovecot">;
  readonly store: Pick<Remote<AccountStore>, "listAccounts">;
  readonly sessions: Pick<DovecotSessions, "end">;
  readonly failed: (cause: unknown) => void;
}

/** Changes come in heaps, ms. */
const GATHERED = 300;
/** When a write that failed is tried again, ms: twice as late each time. */
const AGAIN = { first: 10_000, last: 640_000 } as const;

export function keepDovecotUsers({ settings, store, sessions, failed }: KeptUsersServices): KeptUsers {
  let timer: NodeJS.Timeout | undefined;
  /** After a failure, when nothing changes. */
  let again: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let failures = 0;
  let state: "open" | "again" | "closed" = "open";
  /** By account, until a file without them is there. */
  let over = new Map<string, EndedLogin>();
  /** Since there is a Dovecot to tell. */
  let toldOfEarlier = false;

  async function write({ users, doveadm }: Settings["dovecot"]): Promise<void> {
    // Whoever comes from here on is not in what is read now.
    const due = over;
    over = new Map();
    const isFirst = doveadm !== undefined && !toldOfEarlier;
    try {
      if (users !== undefined || isFirst) {
        const credentials = await readCredentials(store);
        if (isFirst) {
          const old = users === undefined ? "" : await readOld(users);
          for (const login of [...endedSince(old, credentials), ...suspendedOf(credentials)])
            if (!due.has(login.account)) due.set(login.account, login);
        }
        toldOfEarlier = doveadm !== undefined;
        if (users !== undefined) await writeDovecotUsers(users, await dovecotUsers(credentials, []));
      }
      failures = 0;
    } catch (error) {
      failures++;
      failed(error);
      over = new Map([...due, ...over]);
    }
    sessions.end([...due.values()]);
  }

  /** One that cannot be read may be written all the same. */
  async function readOld(path: string): Promise<string> {
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) failed(error);
      return "";
    }
  }

  function begin(): void {
    clearTimeout(timer);
    clearTimeout(again);
    timer = undefined;
    const { dovecot } = settings();
    if (dovecot.doveadm === undefined) {
      toldOfEarlier = false;
      over.clear();
      if (dovecot.users === undefined) return;
    }
    writing = write(dovecot)
      .catch(failed)
      .then(() => {
        writing = undefined;
        if (state === "again") {
          state = "open";
          timer = setTimeout(begin, GATHERED);
        } else if (state === "open" && failures > 0) {
          again = setTimeout(begin, Math.min(AGAIN.last, AGAIN.first * 2 ** (failures - 1)));
        }
      });
  }

  function changed(): void {
    if (state === "closed") return;
    if (writing !== undefined) state = "again";
    else timer ??= setTimeout(begin, GATHERED);
  }

  return {
    changed,
    ended: (login) => {
      over.set(login.account, login);
      changed();
    },
    close: async () => {
      state = "closed";
      clearTimeout(timer);
      clearTimeout(again);
      await writing;
    },
  };
}

function suspendedOf(credentials: readonly CredentialView[]): readonly EndedLogin[] {
  return credentials
    .filter(({ suspended }) => suspended)
    .map(({ address, aliases }) => ({ account: address, names: [address, ...aliases] }));
}

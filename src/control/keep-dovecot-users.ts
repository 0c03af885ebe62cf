// Keeps the file of `[dovecot] users` as the accounts are: written at the start and soon after every change, so that a suspension or a
// changed password holds at Dovecot a moment later. Nobody waits for it; what could not be written is told, and tried again
// with the next change.

import type { Settings } from "../config/settings.ts";
import type { Remote } from "../io/rpc.ts";
import type { AccountStore } from "../store/store.ts";
import { readCredentials } from "./credentials.ts";
import { dovecotUsers, writeDovecotUsers } from "./dovecot-users.ts";

export interface KeptUsers {
  /** Something about an account, or the configuration. Must not throw. */
  changed(): void;
  /** Resolves when nothing is written any more. */
  close(): Promise<void>;
}

export interface KeptUsersServices {
  /** In effect now; a reload replaces it. */
  readonly settings: () => Pick<Settings, "dovecot">;
  readonly store: Pick<Remote<AccountStore>, "listAccounts">;
  readonly failed: (cause: unknown) => void;
}

/** Changes come in heaps, ms. */
const GATHERED = 300;

export function keepDovecotUsers({ settings, store, failed }: KeptUsersServices): KeptUsers {
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let state: "open" | "again" | "closed" = "open";

  async function write(path: string): Promise<void> {
    await writeDovecotUsers(path, await dovecotUsers(await readCredentials(store), []));
  }

  function begin(): void {
    timer = undefined;
    const { users } = settings().dovecot;
    if (users === undefined) return;
    writing = write(users)
      .catch(failed)
      .then(() => {
        writing = undefined;
        if (state !== "again") return;
        state = "open";
        timer = setTimeout(begin, GATHERED);
      });
  }

  return {
    changed: () => {
      if (state === "closed") return;
      if (writing !== undefined) state = "again";
      else timer ??= setTimeout(begin, GATHERED);
    },
    close: async () => {
      state = "closed";
      clearTimeout(timer);
      await writing;
    },
  };
}

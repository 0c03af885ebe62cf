// A message that is durable goes on its way, as its account stands by then: between the question at the final dot and the disk an account may
// have become suspect, be suspended or deleted, or be cleared. What was in the queue when that happened was held or released; this was
// not there yet. Where the store cannot say how the account stands the message is held, as if that were suspended, and an operator hears of
// it: unknown is not permitted.

import type { AccountTerms } from "../directory/terms.ts";
import { holdsOfAccount } from "../directory/terms.ts";
import type { SpooledMessage } from "../spool/message.ts";

type Accept = (message: SpooledMessage, content: readonly Uint8Array[]) => void;

type Standing = Pick<AccountTerms, "suspected" | "suspended">;

/** In the same turn where nothing has to be asked. `failed`: the store could not say. */
export function createHandOver(
  terms: (account: string) => AccountTerms | Promise<AccountTerms>,
  accept: Accept,
  failed: (cause: unknown) => void,
): (message: SpooledMessage, content: readonly Uint8Array[]) => Promise<void> {
  const unknown = (cause: unknown): Standing => {
    failed(cause);
    return { suspended: "account.unknown: the store could not say how it stands" };
  };
  return async (message, content) => {
    const { account } = message;
    if (account === undefined) return accept(message, content);
    const found = terms(account);
    const now: Standing = found instanceof Promise ? await found.catch(unknown) : found;
    if (now.suspected === message.suspected && now.suspended === message.suspended) return accept(message, content);
    const { suspected: _then, suspended: _before, ...rest } = message;
    accept({ ...rest, ...holdsOfAccount(now) }, content);
  };
}

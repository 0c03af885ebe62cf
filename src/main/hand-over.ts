// A message that is durable goes on its way, as its account stands by then: between the question at the final dot and the disk an account may
// have become suspect, be suspended or deleted, or be cleared. What was in the queue when that happened was held or released; this was
// not there yet.

import type { AccountTerms } from "../directory/terms.ts";
import { holdsOfAccount } from "../directory/terms.ts";
import type { SpooledMessage } from "../spool/message.ts";

type Accept = (message: SpooledMessage, content: readonly Uint8Array[]) => void;

/** In the same turn where nothing has to be asked. */
export function createHandOver(
  terms: (account: string) => AccountTerms | Promise<AccountTerms>,
  accept: Accept,
): (message: SpooledMessage, content: readonly Uint8Array[]) => Promise<void> {
  return async (message, content) => {
    const { account } = message;
    const found = account === undefined ? undefined : terms(account);
    const now = found instanceof Promise ? await found.catch(() => undefined) : found;
    if (now === undefined || (now.suspected === message.suspected && now.suspended === message.suspended)) {
      return accept(message, content);
    }
    const { suspected: _then, suspended: _before, ...rest } = message;
    accept({ ...rest, ...holdsOfAccount(now) }, content);
  };
}

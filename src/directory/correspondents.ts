// To whom an account wrote before. Kept in the store as keyed fingerprints, one for each pair of account and recipient: from
// them nobody reads whom an account knows, nor that two accounts know the same (S7). The store forgets who was not
// written to for [retention] correspondents. That somebody is known is remembered here as well, for most mail goes to the
// same few; that somebody is not is asked again. Rejects when the store does not answer.

import { createHmac } from "node:crypto";
import type { Remote } from "../io/rpc.ts";
import type { ChargeStore } from "../store/store.ts";

export interface Correspondents {
  /** The recipient as it was given to the spool; 48 bits. */
  fingerprint(account: string, recipient: string): number;
  /** Its fingerprint when the account did not write to it before. */
  stranger(account: string, recipient: string): number | undefined | Promise<number | undefined>;
}

const CACHE_SIZE = 50_000;

/** `secret`: the same in all threads and at all times. */
export function createCorrespondents(
  store: Pick<Remote<ChargeStore>, "isCorrespondent">,
  secret: string,
): Correspondents {
  const key = createHmac("sha256", secret).update("correspondents").digest();
  const known = new Set<string>();

  function fingerprint(account: string, recipient: string): number {
    const digest = createHmac("sha256", key).update(`${account}\0${recipient.toLowerCase()}`).digest();
    return digest.readUIntBE(0, 6);
  }

  return {
    fingerprint,
    stranger: (account, recipient) => {
      const print = fingerprint(account, recipient);
      const name = `${print} ${account}`;
      if (known.has(name)) return undefined;
      return store.isCorrespondent(account, print).then((is) => {
        if (!is) return print;
        if (known.size >= CACHE_SIZE) known.delete(known.values().next().value!);
        known.add(name);
        return undefined;
      });
    },
  };
}

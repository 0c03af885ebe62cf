// What others are told of an account where `identity-header` says so: its address, or an id under a key that only this server
// has (RFC 2104). The id is the same at all times and in all threads, and for an account of the same address made again; from
// it nobody reads whose it is, nor can try out addresses. Who has the accounts finds it by making the ids of all of them.

import { createHmac } from "node:crypto";

export interface Identities {
  /** 24 hexadecimal digits. `account`: its key. */
  readonly idOf: (account: string) => string;
  /** What is told; undefined: nothing. An address that would need quoting, or is not ASCII, is told by its id. */
  shown(how: "none" | "plain" | "keyed-hash", account: string, address: string | undefined): string | undefined;
}

/** `secret`: that of the site, from the store. */
export function createIdentities(secret: string): Identities {
  const key = createHmac("sha256", secret).update("identities").digest();
  const idOf = (account: string): string => createHmac("sha256", key).update(account).digest("hex").slice(0, 24);
  return {
    idOf,
    shown: (how, account, address = account) => {
      switch (how) {
        case "none":
          return undefined;
        case "plain":
          return isPlain(address) ? address : idOf(account);
        case "keyed-hash":
          return idOf(account);
      }
    },
  };
}

export function isIdentity(text: string): boolean {
  return /^[0-9a-f]{24}$/i.test(text);
}

/** Atoms (RFC 5322 §3.2.3), dots and one "@". */
function isPlain(address: string): boolean {
  return /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$/.test(address);
}

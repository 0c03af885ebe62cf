// PBKDF2-HMAC-SHA-256 for logging in elsewhere (RFC 5802 §3). A server gives the same salt at every login, so the key is
// kept: what is repeated is free. In turn with other hashing, which shares libuv's threads with the spool.

import { createHash, pbkdf2 } from "node:crypto";
import { inTurn } from "./password-hash.ts";

interface Derivation {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export type DeriveKey = (derivation: Derivation) => Promise<Uint8Array>;

const KEY_LENGTH = 32;
/** A server that gives another salt each time costs this process a hash each time, and no memory. */
const KEPT = 50;

export function createDeriveKey(): DeriveKey {
  const kept = new Map<string, Promise<Uint8Array>>();
  return (derivation) => {
    const { password, salt, iterations } = derivation;
    // Lengths first: no two different triples are the same text.
    const name = createHash("sha256")
      .update(`${iterations} ${salt.length} `)
      .update(salt)
      .update(password)
      .digest("base64");
    let key = kept.get(name);
    if (key === undefined) {
      key = derive(derivation);
      key.catch(() => kept.delete(name));
      if (kept.size >= KEPT) kept.clear();
      kept.set(name, key);
    }
    return key;
  };
}

function derive({ password, salt, iterations }: Derivation): Promise<Uint8Array> {
  return inTurn(
    () =>
      new Promise<Uint8Array>((resolve, reject) => {
        pbkdf2(password, salt, iterations, KEY_LENGTH, "sha256", (error, key) => {
          if (error === null) resolve(key);
          else reject(error);
        });
      }),
  );
}

// Is it this password? For the schemes of schemes.ts that are not argon2id, synchronously: up to half a second of work. In a
// thread where nobody waits for anything else: verifier.ts.

import { hash, timingSafeEqual } from "node:crypto";
import { compareSync } from "bcryptjs";
import { readHash, saltedParts, schemeOf, sha512CryptParts } from "./schemes.ts";
import { sha512Crypt } from "./sha512-crypt.ts";

/** CRYPT_MAX_PASSPHRASE_SIZE of libxcrypt: of a longer one crypt(3) makes no hash. */
const LONGEST_PASSWORD = 512;

/** Throws when the stored text is none of readHash's: a damaged store, not a wrong password. */
export function verifyLegacy(password: string, stored: string): boolean {
  const read = readHash(stored);
  if (!read.ok) throw new Error(`the stored password hash cannot be used: ${read.error}`);
  if (Buffer.byteLength(password) > LONGEST_PASSWORD) return false;
  const scheme = schemeOf(stored);
  switch (scheme) {
    case "sha512-crypt": {
      const { rounds, salt, hash: expected } = sha512CryptParts(stored);
      return isSame(sha512Crypt(password, salt, rounds), expected);
    }
    case "blf-crypt":
      return compareSync(password, stored);
    case "ssha":
    case "ssha256":
    case "ssha512": {
      const { algorithm, digest, salt } = saltedParts(stored);
      return timingSafeEqual(hash(algorithm, Buffer.concat([Buffer.from(password), salt]), "buffer"), digest);
    }
    case "argon2id":
    case undefined:
      throw new Error("argon2id is checked by io/password-hash.ts");
  }
}

function isSame(text: string, expected: string): boolean {
  return text.length === expected.length && timingSafeEqual(Buffer.from(text), Buffer.from(expected));
}

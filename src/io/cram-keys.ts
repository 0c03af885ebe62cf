// What CRAM-MD5 needs to know of a password (RFC 2195): the states of MD5 after the two keyed blocks of HMAC (RFC 2104), in the
// hexadecimal form of Dovecot's scheme CRAM-MD5, the outer one first. Passwords come prepared (RFC 4013).
//
// They are as good as the password to whoever steals them, for CRAM-MD5, here and wherever else it is used; and the password can
// be guessed from them as fast as MD5 runs, which is a thousand million times a second. So they are made only where an
// operator has switched the mechanism on.

import { randomBytes } from "node:crypto";
import { md5, md5Begin } from "../base/md5.ts";

export interface CramKeys {
  readonly outer: Uint8Array;
  readonly inner: Uint8Array;
}

const BLOCK = 64;
const STATE = 16;

export function makeCramKeys(password: string): string {
  const octets = Buffer.from(password);
  const key = Buffer.alloc(BLOCK);
  key.set(octets.length > BLOCK ? md5(octets) : octets);
  const state = (pad: number): string => Buffer.from(md5Begin(key.map((octet) => octet ^ pad))).toString("hex");
  return state(0x5c) + state(0x36);
}

/** Throws when the stored string is not of this form: that is a damaged store, not a wrong password. */
export function parseCramKeys(stored: string): CramKeys {
  if (!/^[0-9a-f]{64}$/.test(stored)) throw new Error("the stored CRAM-MD5 keys are damaged");
  const octets = Buffer.from(stored, "hex");
  return { outer: octets.subarray(0, STATE), inner: octets.subarray(STATE) };
}

/** Keys that no password has, for a name that has none. Nobody sees whether they are others the next time. */
export function decoyCramKeys(): CramKeys {
  return { outer: randomBytes(STATE), inner: randomBytes(STATE) };
}

// SHA512-CRYPT, "$6$": what Linux and Dovecot made of passwords for years (U. Drepper, "Unix crypt using SHA-256 and SHA-512",
// version 0.6). Only to check what was made elsewhere; here passwords are argon2id.
//
// Pure and synchronous: a second of work for many rounds. Who calls it bounds them and does not keep others waiting.

import { hash } from "node:crypto";

const DIGEST = 64;
/** Not that of base64, and the low bits come first. */
const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** The 86 characters behind the salt. `salt`: at most 16 octets; `rounds`: as they are done. */
export function sha512Crypt(password: string, salt: string, rounds: number): string {
  const key = Buffer.from(password);
  const salted = Buffer.from(salt);
  const first = firstDigest(key, salted);
  const keySequence = stretch(digest(...Array<Buffer>(key.length).fill(key)), key.length);
  const saltSequence = stretch(digest(...Array<Buffer>(16 + first[0]!).fill(salted)), salted.length);
  return encode(repeat(first, keySequence, saltSequence, rounds));
}

/** Steps 1 to 12. */
function firstDigest(key: Buffer, salt: Buffer): Buffer {
  const alternate = digest(key, salt, key);
  const parts = [key, salt, stretch(alternate, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) parts.push((bits & 1) === 1 ? alternate : key);
  return digest(...parts);
}

/** Step 21. */
function repeat(first: Buffer, key: Buffer, salt: Buffer, rounds: number): Buffer {
  const scratch = Buffer.alloc(DIGEST + 2 * key.length + salt.length);
  let last = first;
  for (let round = 0; round < rounds; round++) {
    const odd = (round & 1) === 1;
    let length = (odd ? key : last).copy(scratch);
    if (round % 3 !== 0) length += salt.copy(scratch, length);
    if (round % 7 !== 0) length += key.copy(scratch, length);
    length += (odd ? last : key).copy(scratch, length);
    last = hash("sha512", scratch.subarray(0, length), "buffer");
  }
  return last;
}

/** Step 22: three octets from three parts of the digest at a time, each part beginning one further on. */
function encode(octets: Buffer): string {
  let text = "";
  for (let index = 0, turn = 0; index < 21; index++, turn = (turn + 1) % 3) {
    const three = [octets[index]!, octets[index + 21]!, octets[index + 42]!];
    text += letters((three[turn]! << 16) | (three[(turn + 1) % 3]! << 8) | three[(turn + 2) % 3]!, 4);
  }
  return text + letters(octets[63]!, 2);
}

function letters(value: number, count: number): string {
  let text = "";
  for (let index = 0; index < count; index++) text += ALPHABET[(value >> (6 * index)) & 63];
  return text;
}

function stretch(octets: Buffer, length: number): Buffer {
  return Buffer.alloc(length, octets);
}

function digest(...parts: readonly Buffer[]): Buffer {
  return hash("sha512", Buffer.concat(parts), "buffer");
}

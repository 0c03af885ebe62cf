// IP addresses as 32-bit words, most significant first: one word is IPv4, four are IPv6. The form for comparing and
// searching many of them; ip.ts has the octets of the wire. Reads and writes the same spellings as ip.ts (RFC 4291 §2.2,
// RFC 5952), but from the middle of a text and without an object per group, since prefix files have a million lines.

import { parsePrefix } from "./prefix.ts";
import { failure, success } from "./result.ts";
import type { Result } from "./result.ts";

export type Family = 4 | 6;

/** One word (IPv4) or four (IPv6). */
export type Address = Uint32Array;

export function wordsOf(family: Family): 1 | 4 {
  return family === 4 ? 1 : 4;
}

export function familyOf(address: Address): Family {
  return address.length === 1 ? 4 : 6;
}

/** Takes what parseIp makes: 4 or 16 octets. */
export function addressOf(octets: Uint8Array): Address {
  return Uint32Array.from(
    { length: octets.length / 4 },
    (_, word) =>
      ((octets[4 * word]! << 24) |
        (octets[4 * word + 1]! << 16) |
        (octets[4 * word + 2]! << 8) |
        octets[4 * word + 3]!) >>>
      0,
  );
}

export function parseAddress(text: string): Address | undefined {
  const words = new Uint32Array(4);
  const family = readAddress(text, 0, text.length, words);
  return family === undefined ? undefined : words.slice(0, wordsOf(family));
}

/** Reads the address between two places of a text into `into` (four words; IPv4 uses the first); undefined: it is none. */
export function readAddress(text: string, start: number, end: number, into: Uint32Array): Family | undefined {
  if (readIpv4(text, start, end, into)) return 4;
  return readIpv6(text, start, end, into) ? 6 : undefined;
}

/** Writes the address that begins at a word of `words`. */
export function formatAddress(words: Uint32Array, family: Family, at = 0): string {
  return family === 4 ? formatIpv4(words[at]!) : formatIpv6(words, at);
}

/** Negative, zero or positive, as the sorting functions want it. `count` words are compared. */
export function compareWords(a: Uint32Array, atA: number, b: Uint32Array, atB: number, count: number): number {
  for (let word = 0; word < count; word++) {
    const left = a[atA + word]!;
    const right = b[atB + word]!;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

/** Whether all bits after the first `length` are zero. */
export function hasHostBits(words: Uint32Array, family: Family, length: number): boolean {
  const count = wordsOf(family);
  for (let word = length >>> 5; word < count; word++) if ((words[word]! & hostMask(word, length)) !== 0) return true;
  return false;
}

/** The bits of a word that a prefix of this length leaves open. */
export function hostMask(word: number, length: number): number {
  const bits = Math.min(Math.max(length - 32 * word, 0), 32);
  return bits === 32 ? 0 : 0xffff_ffff >>> bits;
}

export interface ReadPrefix {
  readonly family: Family;
  readonly length: number;
}

/**
 * Reads the prefix or address between two places of a text into `into` (four words; IPv4 uses the first). What it
 * refuses, it refuses in the words of parsePrefix: host bits, mapped addresses, nonsense.
 */
export function readPrefix(text: string, start: number, end: number, into: Uint32Array): Result<ReadPrefix, string> {
  const slash = indexWithin(text, "/", start, end);
  const isSlashed = slash !== -1;
  const stop = isSlashed ? slash : end;
  const family = readAddress(text, start, stop, into);
  if (family !== undefined && !(family === 6 && isMappedWords(into))) {
    const bits = family === 4 ? 32 : 128;
    const length = isSlashed ? readLength(text, slash + 1, end) : bits;
    if (length !== undefined && length <= bits && !hasHostBits(into, family, length))
      return success({ family, length });
  }
  const refused = parsePrefix(text.slice(start, end));
  return refused.ok ? failure("is not an IP address or prefix") : refused;
}

/** Looks no further than `end`, where String.indexOf would walk through all of a long text. */
export function indexWithin(text: string, sign: string, start: number, end: number): number {
  const code = sign.charCodeAt(0);
  for (let at = start; at < end; at++) if (text.charCodeAt(at) === code) return at;
  return -1;
}

function isMappedWords(words: Uint32Array): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

function readLength(text: string, start: number, end: number): number | undefined {
  if (end === start || end - start > 3) return undefined;
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9 || (digit === 0 && at === start && end - start > 1)) return undefined;
    length = length * 10 + digit;
  }
  return length;
}

function readIpv4(text: string, start: number, end: number, into: Uint32Array, word = 0): boolean {
  let value = 0;
  let at = start;
  for (let part = 0; part < 4; part++) {
    let octet = 0;
    const first = at;
    while (at < end) {
      const digit = text.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) break;
      octet = octet * 10 + digit;
      at++;
    }
    if (at === first || at - first > 3 || octet > 255 || (at - first > 1 && text.charCodeAt(first) === 48))
      return false;
    value = (value << 8) | octet;
    if (part < 3 && (at >= end || text.charCodeAt(at++) !== 46)) return false;
  }
  if (at !== end) return false;
  into[word] = value >>> 0;
  return true;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

const groups = new Uint16Array(8);
const embedded = new Uint32Array(1);

function readIpv6(text: string, start: number, end: number, into: Uint32Array): boolean {
  let count = 0;
  let gap = -1;
  let at = start;
  if (text.charCodeAt(at) === 58) {
    if (text.charCodeAt(at + 1) !== 58 || at + 2 > end) return false;
    gap = 0;
    at += 2;
  }
  while (at < end) {
    if (count === 8) return false;
    const first = at;
    let value = 0;
    while (at < end) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = (value << 4) | digit;
      if (++at - first > 4) return false;
    }
    if (at < end && text.charCodeAt(at) === 46) {
      if (count > 6 || !readIpv4(text, first, end, embedded)) return false;
      groups[count++] = embedded[0]! >>> 16;
      groups[count++] = embedded[0]! & 0xffff;
      at = end;
      break;
    }
    if (at === first) return false;
    groups[count++] = value;
    if (at === end) break;
    if (text.charCodeAt(at++) !== 58) return false;
    if (at === end) return false;
    if (text.charCodeAt(at) === 58) {
      if (gap !== -1) return false;
      gap = count;
      at++;
    }
  }
  // "::" stands for at least one group.
  if (gap === -1 ? count !== 8 : count > 7) return false;
  const missing = 8 - count;
  for (let index = 0; index < 8; index += 2) {
    into[index / 2] = ((groupAt(index, gap, missing) << 16) | groupAt(index + 1, gap, missing)) >>> 0;
  }
  return true;
}

function groupAt(index: number, gap: number, missing: number): number {
  if (gap === -1 || index < gap) return groups[index]!;
  return index < gap + missing ? 0 : groups[index - missing]!;
}

const octetTexts: readonly string[] = Array.from({ length: 256 }, (_, octet) => String(octet));

function formatIpv4(word: number): string {
  const [first, second] = [octetTexts[word >>> 24]!, octetTexts[(word >>> 16) & 255]!];
  return `${first}.${second}.${octetTexts[(word >>> 8) & 255]!}.${octetTexts[word & 255]!}`;
}

function formatIpv6(words: Uint32Array, at: number): string {
  let bestStart = 0;
  let bestLength = 1;
  let start = 0;
  for (let index = 0; index < 8; index++) {
    if (groupOf(words, at, index) !== 0) start = index + 1;
    else if (index + 1 - start > bestLength) {
      bestStart = start;
      bestLength = index + 1 - start;
    }
  }
  let text = "";
  for (let index = 0; index < 8; index++) {
    if (bestLength > 1 && index === bestStart) {
      text += "::";
      index += bestLength - 1;
    } else {
      if (text !== "" && !text.endsWith(":")) text += ":";
      text += groupOf(words, at, index).toString(16);
    }
  }
  return text;
}

function groupOf(words: Uint32Array, at: number, index: number): number {
  const word = words[at + (index >> 1)]!;
  return index % 2 === 0 ? word >>> 16 : word & 0xffff;
}

// One element of addresses as nft writes it: an address, a prefix, or two addresses with "-" between them.

import { compareWords, hostMask, indexWithin, readPrefix, wordsOf } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { Lexer } from "./lexer.ts";

/** Reads the word at which the lexer stands, and does not take it. */
export function readRange(lexer: Lexer, family: Family, first: Uint32Array, last: Uint32Array): void {
  const { text, start, end } = lexer;
  const dash = indexWithin(text, "-", start, end);
  const isRange = dash !== -1;
  const length = readOne(lexer, family, start, isRange ? dash : end, first);
  const words = wordsOf(family);
  if (!isRange) {
    for (let word = 0; word < words; word++) last[word] = first[word]! | hostMask(word, length);
    return;
  }
  readOne(lexer, family, dash + 1, end, last);
  if (compareWords(first, 0, last, 0, words) > 0) lexer.refuse(`${lexer.value} ends before it begins`);
}

function readOne(lexer: Lexer, family: Family, start: number, end: number, into: Uint32Array): number {
  const read = readPrefix(lexer.text, start, end, into);
  if (!read.ok) lexer.refuse(`${lexer.text.slice(start, end)} ${read.error}`);
  if (read.value.family !== family) lexer.refuse(`${lexer.text.slice(start, end)} is not of IPv${family}`);
  return read.value.length;
}

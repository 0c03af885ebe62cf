// Sorts numbers of several 32-bit words, most significant first. Single words use the engine's own sort; longer ones a
// radix sort by 16 bits, least significant first, which passes over digits that are the same in all (most of an IPv6
// prefix list) and leaves what is already sorted, as files usually are, as it is.

import { compareWords } from "./address.ts";

const digits = 1 << 16;
/** Below this the counting of 65,536 digits costs more than comparing. */
const few = 4096;

/** Leaves the values as they are. */
export function sortWords(values: Uint32Array<ArrayBuffer>, words: 1 | 4): Uint32Array<ArrayBuffer> {
  if (words === 1) return values.toSorted();
  if (isSorted(values, words)) return values;
  const order = orderOf(values, words);
  const sorted = new Uint32Array(values.length);
  for (const [index, from] of order.entries()) {
    for (let word = 0; word < words; word++) sorted[index * words + word] = values[from * words + word]!;
  }
  return sorted;
}

/** The indexes of the values, in rising order of the values; stable. */
export function orderOf(values: Uint32Array, words: 1 | 4): Uint32Array {
  const count = values.length / words;
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  if (count < few) return order.toSorted((a, b) => compareWords(values, a * words, values, b * words, words) || a - b);
  let from = order;
  let to = new Uint32Array(count);
  const counts = new Uint32Array(digits);
  for (let word = words - 1; word >= 0; word--) {
    for (const shift of [0, 16]) {
      counts.fill(0);
      for (let index = 0; index < count; index++) counts[(values[index * words + word]! >>> shift) & 0xffff]!++;
      if (counts.includes(count)) continue;
      let sum = 0;
      for (let digit = 0; digit < digits; digit++) {
        const here = counts[digit]!;
        counts[digit] = sum;
        sum += here;
      }
      for (let index = 0; index < count; index++) {
        const value = from[index]!;
        to[counts[(values[value * words + word]! >>> shift) & 0xffff]!++] = value;
      }
      [from, to] = [to, from];
    }
  }
  return from;
}

function isSorted(values: Uint32Array, words: number): boolean {
  for (let at = words; at < values.length; at += words) {
    if (compareWords(values, at - words, values, at, words) > 0) return false;
  }
  return true;
}

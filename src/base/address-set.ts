// Sets of addresses of one family: immutable, exact, made for a million prefixes. Inside they are a sorted list of
// edges: the places where membership begins (even) and ends (odd); a set that reaches the last address has no last
// edge. So no operation ever needs "one more than the last address", and every operation is one walk.
// Building costs n log n, a question log n, union and the like are linear. No BigInt.

import { compareWords, familyOf, formatAddress, hostMask, readPrefix, wordsOf } from "./address.ts";
import type { Address, Family } from "./address.ts";
import { sortWords } from "./sort-words.ts";

export class AddressSet {
  readonly family: Family;
  /** Rising, each one wordsOf(family) words. Not to be written to. */
  readonly edges: Uint32Array;

  /** For this file; elsewhere sets come from `none`, `all`, `setOf` and AddressSetBuilder. */
  constructor(family: Family, edges: Uint32Array) {
    this.family = family;
    this.edges = edges;
  }

  get isEmpty(): boolean {
    return this.edges.length === 0;
  }

  get edgeCount(): number {
    return this.edges.length / wordsOf(this.family);
  }

  get rangeCount(): number {
    return Math.ceil(this.edgeCount / 2);
  }

  /** What is of the other family is not inside. */
  has(address: Address): boolean {
    if (address.length !== wordsOf(this.family)) return false;
    return this.family === 4 ? this.hasIpv4(address[0]!) : this.#hasIpv6(address);
  }

  /** The same for an IPv4 address as a number. */
  hasIpv4(word: number): boolean {
    if (this.family !== 4) return false;
    const { edges } = this;
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (edges[middle]! <= word) low = middle + 1;
      else high = middle;
    }
    return (low & 1) === 1;
  }

  equals(other: AddressSet): boolean {
    if (this === other) return true;
    if (this.family !== other.family || this.edges.length !== other.edges.length) return false;
    return this.edges.every((word, index) => word === other.edges[index]);
  }

  union(other: AddressSet): AddressSet {
    return combine(this, other, (left, right) => left || right);
  }

  intersection(other: AddressSet): AddressSet {
    return combine(this, other, (left, right) => left && right);
  }

  difference(other: AddressSet): AddressSet {
    return combine(this, other, (left, right) => left && !right);
  }

  complement(): AddressSet {
    return all(this.family).difference(this);
  }

  /** How many addresses; exact up to 2^53. */
  get size(): number {
    let size = 0;
    this.forEachRange((first, last) => {
      let span = 0;
      for (let word = 0; word < first.length; word++) span = span * 2 ** 32 + (last[word]! - first[word]!);
      size += span + 1;
    });
    return size;
  }

  get first(): Address | undefined {
    return this.isEmpty ? undefined : this.edges.slice(0, wordsOf(this.family));
  }

  /** First and last address of each range, rising. Both are overwritten by the next one. */
  forEachRange(visit: (first: Address, last: Address) => void): void {
    const words = wordsOf(this.family);
    const first = new Uint32Array(words);
    const last = new Uint32Array(words);
    for (let at = 0; at < this.edges.length; at += 2 * words) {
      for (let word = 0; word < words; word++) first[word] = this.edges[at + word]!;
      readLast(this.edges, at + words, last);
      visit(first, last);
    }
  }

  /** The fewest prefixes that cover exactly this set, rising. The address is overwritten by the next one. */
  forEachPrefix(visit: (address: Address, length: number) => void): void {
    const bits = this.family === 4 ? 32 : 128;
    const end = new Uint32Array(wordsOf(this.family));
    this.forEachRange((next, last) => {
      for (;;) {
        // The largest block that begins here and ends in the range.
        let length = bits - trailingZeros(next);
        while (length < bits && !endsWithin(next, length, last, end)) length++;
        visit(next, length);
        endsWithin(next, length, last, end);
        if (compareWords(end, 0, last, 0, end.length) === 0) return;
        next.set(end);
        increment(next);
      }
    });
  }

  /** As text, one address without its length. */
  prefixes(): readonly string[] {
    const texts: string[] = [];
    const bits = this.family === 4 ? 32 : 128;
    this.forEachPrefix((address, length) => {
      const text = formatAddress(address, this.family);
      texts.push(length === bits ? text : `${text}/${length}`);
    });
    return texts;
  }

  #hasIpv6(address: Address): boolean {
    const { edges } = this;
    let low = 0;
    let high = edges.length >>> 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareWords(edges, middle * 4, address, 0, 4) <= 0) low = middle + 1;
      else high = middle;
    }
    return (low & 1) === 1;
  }
}

const empties = { 4: new AddressSet(4, new Uint32Array()), 6: new AddressSet(6, new Uint32Array()) } as const;
const alls = { 4: new AddressSet(4, new Uint32Array(1)), 6: new AddressSet(6, new Uint32Array(4)) } as const;

export function none(family: Family): AddressSet {
  return empties[family];
}

export function all(family: Family): AddressSet {
  return alls[family];
}

/** Addresses of both families. */
export interface AddressSets {
  readonly v4: AddressSet;
  readonly v6: AddressSet;
}

/** For prefixes known to be right, such as those in code; others go through AddressSetBuilder.addText. */
export function setOf(...prefixes: readonly string[]): AddressSets {
  const builder = new AddressSetBuilder();
  for (const prefix of prefixes) {
    const problem = builder.addText(prefix);
    if (problem !== undefined) throw new Error(`${prefix} ${problem}`);
  }
  return builder.build();
}

export const nowhere: AddressSets = { v4: none(4), v6: none(6) };
export const everywhere: AddressSets = { v4: all(4), v6: all(6) };

export function hasAddress(sets: AddressSets, address: Address): boolean {
  return familyOf(address) === 4 ? sets.v4.has(address) : sets.v6.has(address);
}

/** Collects prefixes and ranges of both families in any order, overlapping or not. */
export class AddressSetBuilder {
  readonly #v4 = new Spans(4);
  readonly #v6 = new Spans(6);
  readonly #scratch = new Uint32Array(4);
  readonly #last = new Uint32Array(4);

  /** A prefix or address between two places of a text; the answer is what is wrong with it. */
  addText(text: string, start = 0, end = text.length): string | undefined {
    const read = readPrefix(text, start, end, this.#scratch);
    if (!read.ok) return read.error;
    this.addPrefix(read.value.family, this.#scratch, read.value.length);
    return undefined;
  }

  addPrefix(family: Family, address: Address, length: number): void {
    for (let word = 0; word < wordsOf(family); word++) this.#last[word] = address[word]! | hostMask(word, length);
    this.addRange(family, address, this.#last);
  }

  /** Both ends are inside; last is not before first. */
  addRange(family: Family, first: Address, last: Address): void {
    (family === 4 ? this.#v4 : this.#v6).add(first, last);
  }

  addSet(set: AddressSet): void {
    set.forEachRange((first, last) => this.addRange(set.family, first, last));
  }

  addSets(sets: AddressSets): void {
    this.addSet(sets.v4);
    this.addSet(sets.v6);
  }

  build(): AddressSets {
    return { v4: this.#v4.build(), v6: this.#v6.build() };
  }
}

/** Where ranges begin, and where they are over: two growing lists. */
class Spans {
  readonly #family: Family;
  #starts = new Uint32Array(16);
  #stops = new Uint32Array(16);
  #startLength = 0;
  /** Shorter than the starts by the ranges that reach the last address. */
  #stopLength = 0;

  constructor(family: Family) {
    this.#family = family;
  }

  add(first: Address, last: Address): void {
    const words = wordsOf(this.#family);
    if (this.#startLength + words > this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#stops = grown(this.#stops);
    }
    for (let word = 0; word < words; word++) this.#starts[this.#startLength + word] = first[word]!;
    this.#startLength += words;
    let carry = 1;
    for (let word = words - 1; word >= 0; word--) {
      const sum = last[word]! + carry;
      this.#stops[this.#stopLength + word] = sum;
      carry = sum > 0xffff_ffff ? 1 : 0;
    }
    if (carry === 0) this.#stopLength += words;
  }

  build(): AddressSet {
    if (this.#startLength === 0) return none(this.#family);
    const words = wordsOf(this.#family);
    const starts = sortWords(this.#starts.slice(0, this.#startLength), words);
    const stops = sortWords(this.#stops.slice(0, this.#stopLength), words);
    const edges = new Uint32Array(starts.length + stops.length);
    let length = 0;
    let depth = 0;
    let stop = 0;
    const push = (from: Uint32Array, at: number): void => {
      for (let word = 0; word < words; word++) edges[length++] = from[at + word]!;
    };
    for (let start = 0; start < starts.length;) {
      // At the same place the start goes first, so that ranges that touch become one.
      if (stop < stops.length && compareWords(stops, stop, starts, start, words) < 0) {
        if (--depth === 0) push(stops, stop);
        stop += words;
      } else {
        if (depth++ === 0) push(starts, start);
        start += words;
      }
    }
    for (; stop < stops.length; stop += words) if (--depth === 0) push(stops, stop);
    return new AddressSet(this.#family, edges.slice(0, length));
  }
}

function grown(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2);
  larger.set(words);
  return larger;
}

/** `isInside(false, false)` must be false. */
function combine(
  left: AddressSet,
  right: AddressSet,
  isInside: (left: boolean, right: boolean) => boolean,
): AddressSet {
  if (left.family !== right.family) throw new Error("sets of different families have nothing in common");
  const words = wordsOf(left.family);
  const edges = new Uint32Array(left.edges.length + right.edges.length);
  let [length, atLeft, atRight] = [0, 0, 0];
  let [inLeft, inRight, inside] = [false, false, false];
  while (atLeft < left.edges.length || atRight < right.edges.length) {
    const order =
      atLeft >= left.edges.length
        ? 1
        : atRight >= right.edges.length
          ? -1
          : compareWords(left.edges, atLeft, right.edges, atRight, words);
    const from = order <= 0 ? left.edges : right.edges;
    const at = order <= 0 ? atLeft : atRight;
    if (order <= 0) {
      inLeft = !inLeft;
      atLeft += words;
    }
    if (order >= 0) {
      inRight = !inRight;
      atRight += words;
    }
    if (isInside(inLeft, inRight) !== inside) {
      inside = !inside;
      for (let word = 0; word < words; word++) edges[length++] = from[at + word]!;
    }
  }
  return new AddressSet(left.family, edges.slice(0, length));
}

/** The address before an edge, or the last address of all where there is no edge. */
function readLast(edges: Uint32Array, at: number, into: Address): void {
  if (at >= edges.length) {
    into.fill(0xffff_ffff);
    return;
  }
  let borrow = 1;
  for (let word = into.length - 1; word >= 0; word--) {
    const value = edges[at + word]! - borrow;
    borrow = value < 0 ? 1 : 0;
    into[word] = value;
  }
}

function trailingZeros(address: Address): number {
  let zeros = 0;
  for (let word = address.length - 1; word >= 0; word--) {
    const value = address[word]!;
    if (value !== 0) return zeros + 31 - Math.clz32(value & -value);
    zeros += 32;
  }
  return zeros;
}

/** Leaves the last address of the prefix in `end`, and says whether it is not after `last`. */
function endsWithin(address: Address, length: number, last: Address, end: Address): boolean {
  for (let word = 0; word < address.length; word++) end[word] = address[word]! | hostMask(word, length);
  return compareWords(end, 0, last, 0, end.length) <= 0;
}

function increment(address: Address): void {
  for (let word = address.length - 1; word >= 0; word--) {
    address[word] = address[word]! + 1;
    if (address[word] !== 0) return;
  }
}

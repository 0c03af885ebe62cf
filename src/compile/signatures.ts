// The parts into which some sets cut the addresses of a family: all addresses of one part are in the same of the sets.
// One walk over all edges, n log n; the parts of a million prefixes are few where the sets are few.

import type { AddressSet } from "../base/address-set.ts";
import { compareWords, wordsOf } from "../base/address.ts";
import type { Address, Family } from "../base/address.ts";
import { orderOf } from "../base/sort-words.ts";

export interface Signature {
  /** The lowest address of the part. */
  readonly address: Address;
  /** Which of the sets it is in: one bit each. */
  readonly members: Uint32Array;
}

export function isIn(signature: Signature, set: number): boolean {
  return ((signature.members[set >>> 5]! >>> (set & 31)) & 1) === 1;
}

export function signaturesOf(family: Family, sets: readonly AddressSet[]): readonly Signature[] {
  const words = wordsOf(family);
  const { edges, owners } = gather(family, sets);
  const order = orderOf(edges, words);
  const members = new Uint32Array(Math.max(1, Math.ceil(sets.length / 32)));
  const known = new Map<number | string, Signature>();
  const note = (address: Address): void => {
    const key = members.length === 1 ? members[0]! : members.join();
    if (!known.has(key)) known.set(key, { address: address.slice(), members: members.slice() });
  };
  // Before the first edge nothing is inside, unless an edge is at the first address of all.
  const firstEdge = order.length === 0 ? undefined : order[0]! * words;
  if (firstEdge === undefined || edges.subarray(firstEdge, firstEdge + words).some((word) => word !== 0)) {
    note(new Uint32Array(words));
  }
  for (let index = 0; index < order.length; index++) {
    const at = order[index]!;
    const owner = owners[at]!;
    members[owner >>> 5]! ^= 1 << (owner & 31);
    const next = order[index + 1];
    if (next !== undefined && compareWords(edges, next * words, edges, at * words, words) === 0) continue;
    note(edges.subarray(at * words, at * words + words));
  }
  return [...known.values()];
}

function gather(
  family: Family,
  sets: readonly AddressSet[],
): { readonly edges: Uint32Array; readonly owners: Uint32Array } {
  const total = sets.reduce((sum, set) => sum + set.edges.length, 0);
  const edges = new Uint32Array(total);
  const owners = new Uint32Array(total / wordsOf(family));
  let length = 0;
  for (const [owner, set] of sets.entries()) {
    edges.set(set.edges, length);
    owners.fill(owner, length / wordsOf(family), (length + set.edges.length) / wordsOf(family));
    length += set.edges.length;
  }
  return { edges, owners };
}

/** Equal sets get one number, so that comparing them is done once. */
export class SetRegistry {
  readonly sets: AddressSet[] = [];
  readonly #known = new Map<AddressSet, number>();
  readonly #bySum = new Map<string, number[]>();

  numberOf(set: AddressSet): number {
    const known = this.#known.get(set);
    if (known !== undefined) return known;
    const sum = `${set.edges.length} ${checksum(set.edges)}`;
    const alike = this.#bySum.get(sum) ?? [];
    const found = alike.find((number) => this.sets[number]!.equals(set)) ?? this.sets.push(set) - 1;
    if (!alike.includes(found)) this.#bySum.set(sum, [...alike, found]);
    this.#known.set(set, found);
    return found;
  }
}

function checksum(words: Uint32Array): number {
  let sum = 0x811c_9dc5;
  for (let at = 0; at < words.length; at++) sum = Math.imul(sum ^ words[at]!, 0x0100_0193);
  return sum;
}

// Questions about sets of both families that the policy asks: whether they touch, and where. A small set is held against
// a large one by searching, not by walking the large one, since a pool may have a million prefixes and a policy
// thousands of exemptions.

import { compareWords, wordsOf } from "../../base/address.ts";
import type { Address, Family } from "../../base/address.ts";
import { AddressSetBuilder, nowhere } from "../../base/address-set.ts";
import type { AddressSet, AddressSets } from "../../base/address-set.ts";

export const families: readonly Family[] = [4, 6];

export function ofFamily(sets: AddressSets, family: Family): AddressSet {
  return family === 4 ? sets.v4 : sets.v6;
}

export function isEmpty(sets: AddressSets): boolean {
  return sets.v4.isEmpty && sets.v6.isEmpty;
}

function union(left: AddressSets, right: AddressSets): AddressSets {
  return { v4: left.v4.union(right.v4), v6: left.v6.union(right.v6) };
}

export function unionOf(sets: readonly AddressSets[]): AddressSets {
  if (sets.length < 3) return sets.length < 2 ? (sets[0] ?? nowhere) : union(sets[0]!, sets[1]!);
  const builder = new AddressSetBuilder();
  for (const set of sets) builder.addSets(set);
  return builder.build();
}

export function difference(left: AddressSets, right: AddressSets): AddressSets {
  return { v4: left.v4.difference(right.v4), v6: left.v6.difference(right.v6) };
}

export function overlap(left: AddressSets, right: AddressSets): boolean {
  return commonAddress(left, right) !== undefined;
}

/** An address that is in both, the first of a range of one of them. */
export function commonAddress(left: AddressSets, right: AddressSets): Address | undefined {
  return common(left.v4, right.v4) ?? common(left.v6, right.v6);
}

/** Whether all addresses of `inner`, in one family or in both, are also in `outer`. */
export function isWithin(inner: AddressSets, outer: AddressSets, family?: Family): boolean {
  return (family === undefined ? families : [family]).every(
    (each) => ofFamily(inner, each).difference(ofFamily(outer, each)).isEmpty,
  );
}

function common(left: AddressSet, right: AddressSet): Address | undefined {
  const [small, large] = left.edges.length <= right.edges.length ? [left, right] : [right, left];
  const words = wordsOf(small.family);
  const { edges } = large;
  let found: Address | undefined;
  small.forEachRange((first, last) => {
    if (found !== undefined) return;
    if (large.has(first)) {
      found = first.slice();
      return;
    }
    // Outside at the first address: the next edge, if it comes in time, begins a range.
    let low = 0;
    let high = edges.length / words;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareWords(edges, middle * words, first, 0, words) <= 0) low = middle + 1;
      else high = middle;
    }
    const next = low * words;
    if (next < edges.length && compareWords(edges, next, last, 0, words) <= 0) found = edges.slice(next, next + words);
  });
  return found;
}

// Which of many sets hold an address, answered without scanning: all edges of all sets cut the address space into cells,
// and each cell knows its sets. Building costs n log n, a question one binary search; for IPv4 a table of the upper 16
// bits leaves only the cells below them to search, so that a million prefixes stay in few cache lines.

import { compareWords, wordsOf } from "../../base/address.ts";
import type { Address, Family } from "../../base/address.ts";
import { AddressSetBuilder } from "../../base/address-set.ts";
import type { AddressSet, AddressSets } from "../../base/address-set.ts";
import { sortWords } from "../../base/sort-words.ts";

/** Positions in the list that the index was made from, rising. */
export type Holders = readonly number[];

export interface AddressIndex {
  find(address: Address): Holders;
}

const nobody: Holders = [];

/** Edges. The table has 65,537 entries, too many for the hundreds of small indexes that a policy may need. */
const worthATable = 4096;

export function createAddressIndex(sets: readonly AddressSets[]): AddressIndex {
  const v4 = cellsOf(
    4,
    sets.map((set) => set.v4),
  );
  const v6 = cellsOf(
    6,
    sets.map((set) => set.v6),
  );
  const blocks = v4.edges.length < worthATable ? undefined : blocksOf(v4.edges);
  return {
    find(address) {
      if (address.length === 4) return find6(v6, address);
      const word = address[0]!;
      const { edges } = v4;
      let low = blocks === undefined ? 0 : blocks[word >>> 16]!;
      let high = blocks === undefined ? edges.length : blocks[(word >>> 16) + 1]!;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (edges[middle]! <= word) low = middle + 1;
        else high = middle;
      }
      return low === 0 ? nobody : v4.holders[v4.labels[low - 1]!]!;
    },
  };
}

/** Of each set what no earlier one has. */
export function withoutEarlier(sets: readonly AddressSets[]): readonly AddressSets[] {
  const builders = sets.map(() => new AddressSetBuilder());
  for (const family of [4, 6] as const) {
    const of = sets.map((set) => (family === 4 ? set.v4 : set.v6));
    const words = wordsOf(family);
    const { edges, labels, holders } = cellsOf(family, of);
    for (const [cell, label] of labels.entries()) {
      const [first] = holders[label]!;
      if (first !== undefined)
        builders[first]!.addRange(
          family,
          edges.subarray(cell * words, (cell + 1) * words),
          lastOf(edges, cell + 1, words),
        );
    }
  }
  return builders.map((builder) => builder.build());
}

/** The address before a cell; for the cell after the last one, the last address of all. */
function lastOf(edges: Uint32Array, cell: number, words: number): Address {
  const last = new Uint32Array(words).fill(0xffff_ffff);
  if (cell * words >= edges.length) return last;
  let borrow = 1;
  for (let word = words - 1; word >= 0; word--) {
    const value = edges[cell * words + word]! - borrow;
    borrow = value < 0 ? 1 : 0;
    last[word] = value;
  }
  return last;
}

interface Cells {
  /** Where each cell begins, rising. What lies before the first is nobody's. */
  readonly edges: Uint32Array;
  /** Of each cell: which of `holders`. */
  readonly labels: Uint32Array;
  /** Distinct lists; the first is empty. */
  readonly holders: readonly Holders[];
}

function cellsOf(family: Family, sets: readonly AddressSet[]): Cells {
  const words = wordsOf(family);
  const edges = distinctEdges(sets, words);
  const count = edges.length / words;
  const labels = new Uint32Array(count);
  const holders: Holders[] = [nobody];
  for (const [position, set] of sets.entries()) {
    // A list with one more holder, made once for each list it grows from.
    const grown = new Map<number, number>();
    for (let at = 0; at < set.edges.length; at += 2 * words) {
      const first = placeOf(edges, words, set.edges, at);
      const after = at + words < set.edges.length ? placeOf(edges, words, set.edges, at + words) : count;
      for (let cell = first; cell < after; cell++) {
        const before = labels[cell]!;
        let label = grown.get(before);
        if (label === undefined) {
          label = holders.push([...holders[before]!, position]) - 1;
          grown.set(before, label);
        }
        labels[cell] = label;
      }
    }
  }
  return { edges, labels, holders };
}

function distinctEdges(sets: readonly AddressSet[], words: 1 | 4): Uint32Array {
  const used = sets.filter((set) => !set.isEmpty);
  if (used.length === 1) return used[0]!.edges;
  const joined = new Uint32Array(used.reduce((sum, set) => sum + set.edges.length, 0));
  let length = 0;
  for (const { edges } of used) {
    joined.set(edges, length);
    length += edges.length;
  }
  const sorted = sortWords(joined, words);
  let kept = 0;
  for (let at = 0; at < sorted.length; at += words) {
    if (kept > 0 && compareWords(sorted, kept - words, sorted, at, words) === 0) continue;
    sorted.copyWithin(kept, at, at + words);
    kept += words;
  }
  return sorted.slice(0, kept);
}

/** The cell that begins at an edge. */
function placeOf(edges: Uint32Array, words: number, of: Uint32Array, at: number): number {
  return cellsUpTo(edges, words, of, at) - 1;
}

/** How many cells begin at an address or before it. */
function cellsUpTo(edges: Uint32Array, words: number, of: Uint32Array, at: number): number {
  let low = 0;
  let high = edges.length / words;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareWords(edges, middle * words, of, at, words) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function find6(cells: Cells, address: Address): Holders {
  const below = cellsUpTo(cells.edges, 4, address, 0);
  return below === 0 ? nobody : cells.holders[cells.labels[below - 1]!]!;
}

/** For each value of the upper 16 bits how many edges lie before it; one more at the end. */
function blocksOf(edges: Uint32Array): Uint32Array {
  const blocks = new Uint32Array(65_537);
  let edge = 0;
  for (let block = 0; block < 65_536; block++) {
    while (edge < edges.length && edges[edge]! >>> 16 < block) edge++;
    blocks[block] = edge;
  }
  blocks[65_536] = edges.length;
  return blocks;
}

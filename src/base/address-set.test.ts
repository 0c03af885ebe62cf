import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { addressOf, compareWords, formatAddress, hasHostBits, parseAddress, readPrefix, wordsOf } from "./address.ts";
import type { Address, Family } from "./address.ts";
import { parsePrefixLines } from "./address-lines.ts";
import { AddressSetBuilder, all, everywhere, hasAddress, none, nowhere, setOf } from "./address-set.ts";
import type { AddressSet } from "./address-set.ts";
import { formatIp, parseIp } from "./ip.ts";
import { formatPrefix, parsePrefix } from "./prefix.ts";
import { orderOf, sortWords } from "./sort-words.ts";

// Small universes that lie where the arithmetic is hard: at both ends, and across the border of two words.
const universeSize = 48;
const universes: readonly { readonly family: Family; readonly base: Address }[] = [
  { family: 4, base: Uint32Array.of(0) },
  { family: 4, base: Uint32Array.of(0x7fff_ffe8) },
  { family: 4, base: Uint32Array.of(0xffff_ffd0) },
  { family: 6, base: Uint32Array.of(0, 0, 0, 0) },
  { family: 6, base: Uint32Array.of(0x2001_0db8, 0, 0xffff_ffff, 0xffff_ffe8) },
  { family: 6, base: Uint32Array.of(0x2001_0db8, 0xffff_ffff, 0xffff_ffff, 0xffff_ffe0) },
  { family: 6, base: Uint32Array.of(0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffd0) },
];

function plus(base: Address, offset: number): Address {
  const sum = base.slice();
  let carry = offset;
  for (let word = sum.length - 1; word >= 0; word--) {
    const value = sum[word]! + carry;
    sum[word] = value;
    carry = value > 0xffff_ffff ? 1 : 0;
  }
  return sum;
}

const anyUniverse = fc.constantFrom(...universes);
const anyRanges = fc.array(
  fc
    .tuple(fc.nat(universeSize - 1), fc.nat(universeSize - 1))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
  { maxLength: 6 },
);
type Ranges = readonly (readonly [number, number])[];

function build({ family, base }: (typeof universes)[number], ranges: Ranges): AddressSet {
  const builder = new AddressSetBuilder();
  for (const [first, last] of ranges) builder.addRange(family, plus(base, first), plus(base, last));
  const sets = builder.build();
  return family === 4 ? sets.v4 : sets.v6;
}

function members(universe: (typeof universes)[number], set: AddressSet): readonly number[] {
  return Array.from({ length: universeSize }, (_, offset) => offset).filter((offset) =>
    set.has(plus(universe.base, offset)),
  );
}

function inside(ranges: Ranges): readonly number[] {
  return Array.from({ length: universeSize }, (_, offset) => offset).filter((offset) =>
    ranges.some(([first, last]) => first <= offset && offset <= last),
  );
}

/** Rising without touching: the one form of a set. */
function assertCanonical(set: AddressSet): void {
  const words = wordsOf(set.family);
  for (let at = words; at < set.edges.length; at += words) {
    assert.ok(compareWords(set.edges, at - words, set.edges, at, words) < 0);
  }
}

test("a set has what its ranges have, in any order and overlapping", () => {
  fc.assert(
    fc.property(anyUniverse, anyRanges, (universe, ranges) => {
      const set = build(universe, ranges);
      assertCanonical(set);
      assert.deepEqual(members(universe, set), inside(ranges));
      assert.equal(set.size, inside(ranges).length);
      assert.equal(set.isEmpty, ranges.length === 0);
      assert.deepEqual(set.first, ranges.length === 0 ? undefined : plus(universe.base, inside(ranges)[0]!));
    }),
    { numRuns: 500 },
  );
});

test("union, intersection, difference, complement and equality are those of sets", () => {
  fc.assert(
    fc.property(anyUniverse, anyRanges, anyRanges, (universe, left, right) => {
      const [a, b] = [build(universe, left), build(universe, right)];
      const [inA, inB] = [new Set(inside(left)), new Set(inside(right))];
      const every = Array.from({ length: universeSize }, (_, offset) => offset);
      const cases = [
        [a.union(b), every.filter((one) => inA.has(one) || inB.has(one))],
        [a.intersection(b), every.filter((one) => inA.has(one) && inB.has(one))],
        [a.difference(b), every.filter((one) => inA.has(one) && !inB.has(one))],
        [a.complement(), every.filter((one) => !inA.has(one))],
      ] as const;
      for (const [set, expected] of cases) {
        assertCanonical(set);
        assert.deepEqual(members(universe, set), expected);
      }
      assert.equal(a.equals(b), String(inside(left)) === String(inside(right)));
      assert.ok(a.complement().complement().equals(a));
    }),
    { numRuns: 500 },
  );
});

test("prefixes cover exactly the set, and no fewer would do", () => {
  fc.assert(
    fc.property(anyUniverse, anyRanges, (universe, ranges) => {
      const set = build(universe, ranges);
      const builder = new AddressSetBuilder();
      let count = 0;
      set.forEachPrefix((address, length) => {
        assert.ok(!hasHostBits(address, universe.family, length));
        builder.addPrefix(universe.family, address, length);
        count++;
      });
      const again = builder.build();
      assert.ok((universe.family === 4 ? again.v4 : again.v6).equals(set));
      assert.equal(set.prefixes().length, count);
      assert.ok(count <= fewestBlocks(members(universe, set), universe.base.at(-1)!));
    }),
    { numRuns: 300 },
  );
  assert.deepEqual(all(4).prefixes(), ["0.0.0.0/0"]);
  assert.deepEqual(all(6).prefixes(), ["::/0"]);
  assert.deepEqual(all(4).difference(setOf("0.0.0.0").v4).prefixes().at(-1), "128.0.0.0/1");
});

/** Greedy on the small universe: the fewest aligned blocks. */
function fewestBlocks(offsets: readonly number[], base: number): number {
  const left = new Set(offsets);
  let count = 0;
  for (const size of [64, 32, 16, 8, 4, 2, 1]) {
    for (let start = -64; start < universeSize; start++) {
      if ((((base + start) % size) + size) % size !== 0) continue;
      const block = Array.from({ length: size }, (_, index) => start + index);
      if (block.every((one) => left.has(one))) {
        for (const one of block) left.delete(one);
        count++;
      }
    }
  }
  return count;
}

const anyOctets = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc
    .array(fc.constantFrom(0, 0, 0, 0, 255, 1), { minLength: 16, maxLength: 16 })
    .map((octets) => Uint8Array.from(octets)),
);

test("addresses are read and written as ip.ts reads and writes them", () => {
  fc.assert(
    fc.property(anyOctets, (octets) => {
      const words = addressOf(octets);
      const text = formatAddress(words, octets.length === 4 ? 4 : 6);
      assert.equal(text, formatIp(octets));
      assert.deepEqual(parseAddress(text), words);
    }),
    { numRuns: 2000 },
  );
  const anyText = fc.array(fc.constantFrom("1", "0", "01", "255", "256", ".", ".", ":", "::", "ffff", "g", "fffff"), {
    maxLength: 17,
  });
  fc.assert(
    fc.property(
      anyText.map((parts) => parts.join("")),
      (text) => {
        const octets = parseIp(text);
        assert.deepEqual(parseAddress(text), octets === undefined ? undefined : addressOf(octets), text);
      },
    ),
    { numRuns: 20_000 },
  );
});

test("prefixes are read from the middle of a text as parsePrefix reads them", () => {
  const anyPrefix = fc.tuple(
    fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("10.0.0.0", "2001:db8::", "::ffff:192.0.2.0", "::", "0.0.0.0", "x")),
    fc.constantFrom(
      "",
      "/",
      "/0",
      "/00",
      "/8",
      "/24",
      "/32",
      "/33",
      "/64",
      "/128",
      "/129",
      "/1/2",
      "/-1",
      "/ 8",
      "/999",
    ),
  );
  fc.assert(
    fc.property(anyPrefix, ([address, length]) => {
      const text = address + length;
      const into = new Uint32Array(4);
      const read = readPrefix(`<${text}>/7`, 1, text.length + 1, into);
      const expected = parsePrefix(text);
      if (!expected.ok) return assert.deepEqual(read, expected);
      assert.ok(read.ok);
      const family = read.value.family;
      assert.equal(
        formatPrefix({ address: formatAddress(into, family), length: read.value.length }),
        formatPrefix(expected.value),
      );
    }),
    { numRuns: 2000 },
  );
});

test("files of prefixes: comments, spaces and line ends do not matter, mistakes are told with their line", () => {
  const read = parsePrefixLines("\uFEFF192.0.2.0/25\r\n# a comment\n\n 192.0.2.128/25\t# the rest\n2001:db8::/32");
  assert.deepEqual(read.problems, []);
  assert.equal(read.count, 3);
  assert.deepEqual(read.addresses.v4.prefixes(), ["192.0.2.0/24"]);
  assert.deepEqual(read.addresses.v6.prefixes(), ["2001:db8::/32"]);
  const wrong = parsePrefixLines("192.0.2.1/24\n192.0.2.0/24 x\n::ffff:192.0.2.1\n198.51.100.0/24");
  assert.deepEqual(
    wrong.problems.map(({ line, message }) => [line, message]),
    [
      [1, "has bits beyond its length: 192.0.2.0/24 is meant?"],
      [2, "has no length in bits after the /"],
      [3, "is an IPv4-mapped address: write 192.0.2.1"],
    ],
  );
  assert.equal(wrong.count, 1);
  assert.equal(parsePrefixLines("x\n".repeat(1000)).problems.length, 100);
});

test("families are apart", () => {
  assert.equal(all(4).has(parseAddress("::1")!), false);
  assert.equal(all(6).has(parseAddress("192.0.2.1")!), false);
  assert.equal(hasAddress(everywhere, parseAddress("::1")!), true);
  assert.equal(hasAddress(nowhere, parseAddress("192.0.2.1")!), false);
  assert.ok(none(4).isEmpty);
  assert.equal(none(4).equals(none(6)), false);
  assert.throws(() => none(4).union(none(6)), /different families/);
});

test("long lists of IPv6 are sorted as short ones are", () => {
  let seed = 7;
  const next = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0);
  const values = new Uint32Array(4 * 10_000);
  for (let at = 0; at < values.length; at += 4) values.set([0x2001_0db8, next() % 5, next(), 0], at);
  const indexes = Array.from(orderOf(values, 4));
  const expected = Array.from(indexes.keys()).toSorted(
    (a, b) => compareWords(values, a * 4, values, b * 4, 4) || a - b,
  );
  assert.deepEqual(indexes, expected);
  const sorted = sortWords(values.slice(), 4);
  assert.deepEqual(
    Array.from(sorted.subarray(0, 4)),
    Array.from(values.subarray(expected[0]! * 4, expected[0]! * 4 + 4)),
  );
  assert.deepEqual(sortWords(sorted.slice(), 4), sorted);
});

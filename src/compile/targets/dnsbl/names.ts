// Names of a DNS list (RFC 5782 §2.1, §2.4): the octets of an IPv4 address, or the nibbles of an IPv6 address, last one
// first. A wildcard stands for all that is under it (RFC 4592), so a prefix that ends between two labels becomes several
// names, and one that ends at a label one.
//
// A wildcard does not know families. `*.0.0.2` is 2.0.0.0/24, and of IPv6 all of 2000::/12; so where labels could be read
// both ways, names go on to the next label.

import type { AddressSets, AddressSet } from "../../../base/address-set.ts";

/** Labels from the root of the zone on: the first octet or nibble first, "*" last for all under it. */
export type Labels = readonly string[];

export interface Form {
  readonly labels: number;
  readonly bits: number;
  readonly read: (label: string) => number | undefined;
  readonly write: (value: number) => string;
}

export const forms: { readonly 4: Form; readonly 6: Form } = {
  4: {
    labels: 4,
    bits: 8,
    read: (label) => (/^(?:0|[1-9]\d{0,2})$/.test(label) && Number(label) < 256 ? Number(label) : undefined),
    write: String,
  },
  6: {
    labels: 32,
    bits: 4,
    read: (label) => (/^[0-9a-f]$/.test(label) ? Number.parseInt(label, 16) : undefined),
    write: (value) => value.toString(16),
  },
};

export function* namesOf({ v4, v6 }: AddressSets): Generator<Labels> {
  yield* namesOfSet(v4);
  yield* namesOfSet(v6);
}

function* namesOfSet(set: AddressSet): Generator<Labels> {
  const form = forms[set.family];
  const prefixes: { readonly address: Uint32Array; readonly length: number }[] = [];
  set.forEachPrefix((address, length) => void prefixes.push({ address: address.slice(), length }));
  for (const { address, length } of prefixes) {
    const whole = Math.floor(length / form.bits);
    const labels = Array.from({ length: whole }, (_, index) => form.write(valueAt(address, index, form)));
    const open = form.bits - (length % form.bits);
    if (open === form.bits) yield* below(labels, form);
    else {
      const first = valueAt(address, whole, form);
      for (let value = first; value < first + 2 ** open; value++) yield* below([...labels, form.write(value)], form);
    }
  }
}

/** All addresses under some labels. */
function* below(labels: Labels, form: Form): Generator<Labels> {
  if (labels.length === form.labels) yield labels;
  else if (!isOfBoth(labels, form)) yield [...labels, "*"];
  else for (let value = 0; value < 2 ** form.bits; value++) yield* below([...labels, form.write(value)], form);
}

/** Whether a wildcard under these labels would stand for addresses of the other family too. */
function isOfBoth(labels: Labels, form: Form): boolean {
  return labels.length < 4 && labels.every((label) => (form === forms[4] ? /^\d$/ : /^[\da-f]$/).test(label));
}

function valueAt(address: Uint32Array, index: number, { bits }: Form): number {
  const at = index * bits;
  return (address[at >>> 5]! >>> (32 - bits - (at & 31))) & (2 ** bits - 1);
}

/** The name of labels in their zone, as it is written. */
export function writeName(labels: Labels): string {
  return labels.toReversed().join(".");
}

// A short name for what a program says: equal programs of equal text have it in common, others hardly ever (64 bits). It
// goes into names on devices and into heads, so it is lower-case letters and digits and begins with a letter.

import type { AddressSet } from "../base/address-set.ts";
import type { Program } from "./ir.ts";

export function revisionOf({ filters, bindings, validations }: Program): string {
  const sum = new Checksum();
  const text = JSON.stringify({ filters, bindings, validations }, (_key, value: unknown) => {
    if (!isAddressSet(value)) return value;
    sum.add(value.edges);
    return value.edges.length;
  });
  sum.addText(text);
  return `r${sum.digits()}`;
}

function isAddressSet(value: unknown): value is AddressSet {
  return typeof value === "object" && value !== null && "edges" in value && value.edges instanceof Uint32Array;
}

/** FNV-1a twice, with two bases. */
class Checksum {
  #left = 0x811c_9dc5;
  #right = 0x0b1f_5e37;

  add(words: Uint32Array): void {
    for (let at = 0; at < words.length; at++) this.#step(words[at]!);
  }

  addText(text: string): void {
    for (let at = 0; at < text.length; at++) this.#step(text.charCodeAt(at));
  }

  #step(value: number): void {
    this.#left = Math.imul(this.#left ^ value, 0x0100_0193);
    this.#right = Math.imul((this.#right ^ value) + 0x9e37_79b9, 0x85eb_ca6b);
    this.#right ^= this.#right >>> 15;
  }

  digits(): string {
    return [this.#left, this.#right].map((half) => (half >>> 0).toString(36).padStart(7, "0")).join("");
  }
}

// A long text of many short pieces, such as a list with a line for each of a million prefixes: written as octets and made
// a string once, so that no line is an object.

import { formatAddress } from "./address.ts";
import type { Address, Family } from "./address.ts";

const encoder = new TextEncoder();

export class TextWriter {
  #octets = new Uint8Array(1 << 14);
  #length = 0;

  text(text: string): this {
    // In UTF-8 a unit of UTF-16 takes three octets at most.
    this.#makeRoom(text.length * 3);
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 127) {
        this.#length += encoder.encodeInto(text.slice(at), this.#octets.subarray(this.#length)).written;
        return this;
      }
      this.#octets[this.#length++] = code;
    }
    return this;
  }

  /** A whole number from 0 to 2^31 - 1. */
  number(value: number): this {
    this.#makeRoom(10);
    this.#digits(value);
    return this;
  }

  address(address: Address, family: Family): this {
    if (family === 6) return this.text(formatAddress(address, 6));
    const word = address[0]!;
    this.#makeRoom(15);
    this.#digits(word >>> 24);
    this.#octets[this.#length++] = dot;
    this.#digits((word >>> 16) & 255);
    this.#octets[this.#length++] = dot;
    this.#digits((word >>> 8) & 255);
    this.#octets[this.#length++] = dot;
    this.#digits(word & 255);
    return this;
  }

  finish(): string {
    return new TextDecoder().decode(this.#octets.subarray(0, this.#length));
  }

  #digits(value: number): void {
    let power = 1;
    while (power * 10 <= value) power *= 10;
    for (; power >= 1; power = Math.trunc(power / 10)) {
      this.#octets[this.#length++] = zero + (Math.trunc(value / power) % 10);
    }
  }

  #makeRoom(octets: number): void {
    if (this.#length + octets <= this.#octets.length) return;
    const larger = new Uint8Array(Math.max(this.#octets.length * 2, this.#length + octets));
    larger.set(this.#octets);
    this.#octets = larger;
  }
}

const dot = 46;
const zero = 48;

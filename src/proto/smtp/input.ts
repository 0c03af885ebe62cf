// What came from the client and is not used yet: octets in, lines out, and content handed to its reader in place.
//
// A line ends in CRLF and holds no other CR (RFC 5321 §2.3.8); anything else, or a line that is too long, comes out as the
// reply that refuses it. It knows no command but AUTH, whose lines may be longer.

import { replies } from "./reply.ts";
import type { Reply } from "./reply.ts";

/** RFC 5321 §4.5.3.1.4 asks for 512 octets and more for extensions; AUTH for 12,288 (RFC 4954 §4). */
const COMMAND_LIMIT = 2048;
const SASL_LIMIT = 12_288;

const LF = 10;
const CR = 13;
const EMPTY = Buffer.alloc(0);

interface ContentReader {
  readonly ended: boolean;
  /** Reads from `start`; returns the index of the first octet that it did not take. */
  read(bytes: Uint8Array, start: number): number;
}

export class Input {
  #buffer: Buffer = EMPTY;
  #position = 0;
  #later: Buffer[] = [];
  #laterLength = 0;
  #discarding = false;

  /** Octets that wait. */
  get length(): number {
    return this.#buffer.length - this.#position + this.#laterLength;
  }

  push(bytes: Buffer): void {
    if (this.#position === this.#buffer.length && this.#later.length === 0) {
      this.#buffer = bytes;
      this.#position = 0;
    } else {
      this.#later.push(bytes);
      this.#laterLength += bytes.length;
    }
  }

  drop(): void {
    this.#buffer = EMPTY;
    this.#position = 0;
    this.#later = [];
    this.#laterLength = 0;
    this.#discarding = false;
  }

  /** A line without its CRLF as latin1, the reply that refuses what came instead, or undefined: more octets are needed. */
  readLine(kind: "command" | "sasl"): string | Reply | undefined {
    for (;;) {
      const end = this.#buffer.indexOf(LF, this.#position);
      if (end < 0) {
        if (this.#refill()) continue;
        const isLong = this.#discarding || this.#buffer.length - this.#position > SASL_LIMIT;
        return isLong ? this.#discard() : undefined;
      }
      const start = this.#position;
      this.#position = end + 1;
      const line = this.#buffer.toString("latin1", start, end);
      if (line.charCodeAt(line.length - 1) !== CR || line.indexOf("\r") !== line.length - 1) return replies.bareLineEnd;
      const discarded = this.#discarding;
      this.#discarding = false;
      const isLong = line.length + 1 > COMMAND_LIMIT && kind !== "sasl" && !/^auth /i.test(line);
      return discarded || isLong || line.length + 1 > SASL_LIMIT ? replies.tooLong : line.slice(0, -1);
    }
  }

  /** Hands on what is there; false when the reader wants more. */
  readInto(reader: ContentReader): boolean {
    while (!reader.ended) {
      if (this.#position === this.#buffer.length && !this.#refill()) return false;
      this.#position = reader.read(this.#buffer, this.#position);
    }
    return true;
  }

  #refill(): boolean {
    if (this.#later.length === 0) return false;
    const rest = this.#buffer.subarray(this.#position);
    if (rest.length > 0) this.#later.unshift(rest);
    this.#buffer = this.#later.length === 1 ? this.#later[0]! : Buffer.concat(this.#later);
    this.#position = 0;
    this.#later = [];
    this.#laterLength = 0;
    return true;
  }

  /** Throws away the beginning of a line that is too long; its last octet may be the CR of its end. */
  #discard(): Reply | undefined {
    const last = this.#buffer.length - 1;
    const bare = this.#buffer.indexOf(CR, this.#position);
    if (bare >= 0 && bare < last) return replies.bareLineEnd;
    this.#discarding = true;
    this.#position = last;
    return undefined;
  }
}

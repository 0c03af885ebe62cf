// The DATA reader: takes what follows 354, gives the content without dot-stuffing, finds the one true end.
//
// Only CRLF "." CRLF ends the data (RFC 5321 §4.1.1.4). A bare CR or LF anywhere makes the content unacceptable,
// but reading goes on until the true end: a server that refuses early takes the rest of the mail for commands,
// and a server that takes "\n.\n" for the end accepts smuggled mail (CVE-2023-51764 and its siblings).
//
// States (what was read last):
//
//   line-start --"."--> dot --CR--> dot-cr --LF--> ended
//       |  ^             \--any--> text            (the dot was stuffing: dropped, RFC 5321 §4.5.2)
//      any  \--LF-- cr <--CR-- text
//
// Content is compacted in place inside the chunk it came in, so stuffing costs no allocation and no call per
// line: 4 MiB of ".." lines cost about what 4 MiB of text cost. The chunk belongs to the reader from then on.

export type DataDefect = "bare-line-end" | "nul" | "too-large" | "unwanted";

type DataState = "line-start" | "text" | "cr" | "dot" | "dot-cr" | "ended";

const CR = 13;
const LF = 10;
const DOT = 46;
/** Pieces of content shorter than this are copied together. */
const GATHER_BELOW = 1024;

export class DataReader {
  /** Content so far: CRLF line ends, nothing stuffed. Empty once a defect is known. */
  readonly chunks: Uint8Array[] = [];
  /** Octets of content, counted beyond the limit too. */
  size = 0;
  /** Any octet above 127: the message needs 8BITMIME on its way (RFC 6152). */
  eightBit = false;
  defect: DataDefect | undefined;
  readonly #limit: number;
  #state: DataState = "line-start";
  /** Where small pieces are copied, how much of it is used, and where the chunk begins that they go on with. */
  #block: Uint8Array | undefined;
  #used = 0;
  #open: number | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** The content will not be taken: from here on it is read to its end and thrown away. */
  discard(): void {
    this.defect ??= "unwanted";
    this.chunks.length = 0;
  }

  /** Reads from `start`; returns the index of the first octet that is not content (bytes.length until ended). */
  read(bytes: Uint8Array, start: number): number {
    const length = bytes.length;
    let state = this.#state;
    // A bare line end or NUL counts more than the size, whichever came first: no chunking changes what is told.
    let defect = this.defect === "too-large" ? undefined : this.defect;
    let position = start;
    let write = start;
    let high = 0;

    while (position < length) {
      const octet = bytes[position]!;
      switch (state) {
        case "line-start":
          if (octet === DOT) {
            state = "dot";
            position++;
            continue;
          }
          state = "text";
          break;
        case "dot":
          if (octet === CR) {
            state = "dot-cr";
            position++;
            continue;
          }
          state = "text";
          break;
        case "dot-cr":
          position++;
          if (octet === LF) {
            this.#state = "ended";
            this.#keep(bytes, start, write, high, defect);
            return position;
          }
          defect ??= "bare-line-end";
          state = octet === CR ? "cr" : "text";
          continue;
        case "cr":
          position++;
          bytes[write++] = octet;
          if (octet === LF) {
            state = "line-start";
          } else {
            defect ??= "bare-line-end";
            state = octet === CR ? "cr" : "text";
          }
          continue;
        case "text":
        case "ended":
          break;
      }

      // Text up to the next CR: the loop where a message spends its time. Without a dropped dot nothing moves.
      if (write === position) {
        while (position < length) {
          const next = bytes[position]!;
          high |= next;
          if (next <= CR && (next === CR || next === LF || next === 0)) break;
          position++;
        }
        write = position;
      } else {
        while (position < length) {
          const next = bytes[position]!;
          high |= next;
          if (next <= CR && (next === CR || next === LF || next === 0)) break;
          bytes[write++] = next;
          position++;
        }
      }
      if (position === length) break;
      const special = bytes[position++]!;
      bytes[write++] = special;
      if (special === CR) state = "cr";
      else defect ??= special === LF ? "bare-line-end" : "nul";
    }

    this.#state = state;
    this.#keep(bytes, start, write, high, defect);
    return length;
  }

  #keep(bytes: Uint8Array, start: number, end: number, high: number, defect: DataDefect | undefined): void {
    this.size += end - start;
    if (high > 127) this.eightBit = true;
    this.defect = defect ?? (this.size > this.#limit ? "too-large" : undefined);
    if (this.defect !== undefined) this.chunks.length = 0;
    else if (end > start) this.#push(bytes.subarray(start, end));
  }

  /**
   * Small pieces are gathered, so that a sender of single octets cannot make us keep millions of objects. A block goes
   * on being filled after a larger piece, so that octets between such pieces cannot make us keep a block each.
   */
  #push(piece: Uint8Array): void {
    if (piece.length >= GATHER_BELOW) {
      this.chunks.push(piece);
      this.#open = undefined;
      return;
    }
    if (this.#block === undefined || this.#used + piece.length > this.#block.length) {
      this.#block = new Uint8Array(Math.max(2 * GATHER_BELOW, Math.min(this.size, 65_536)));
      this.#used = 0;
      this.#open = undefined;
    }
    this.#block.set(piece, this.#used);
    const start = this.#open ?? this.#used;
    this.#used += piece.length;
    const chunk = this.#block.subarray(start, this.#used);
    if (this.#open === undefined) this.chunks.push(chunk);
    else this.chunks[this.chunks.length - 1] = chunk;
    this.#open = start;
  }
}

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

import { Content } from "./content.ts";

type DataState = "line-start" | "text" | "cr" | "dot" | "dot-cr" | "ended";

const CR = 13;
const LF = 10;
const DOT = 46;
/** Octets from which on the view in words is worth its making. */
const WORTH_WORDS = 512;

/** Its content has CRLF line ends and nothing stuffed. */
export class DataReader extends Content {
  #state: DataState = "line-start";

  constructor(limit: number) {
    super(limit, 0);
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** Reads from `start`; returns the index of the first octet that is not content (bytes.length until ended). */
  read(bytes: Uint8Array, start: number): number {
    const length = bytes.length;
    let state = this.#state;
    let defect = this.knownDefect;
    let position = start;
    let write = start;
    let high = 0;
    let highs = 0;
    // Index of the first octet that begins a word.
    const aligned = -bytes.byteOffset & 3;
    const words = length - start < WORTH_WORDS ? undefined : wordsOf(bytes, aligned);

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
            this.keep(bytes, start, write, high | highest(highs), defect);
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
          if (position % 4 === aligned && words !== undefined) {
            // Four octets at a time, while none of them is below 14 (the borrow reaches bit 7 of an octet only then).
            let word = (position - aligned) / 4;
            while (word < words.length) {
              const four = words[word]!;
              if (((four - 0x0e0e0e0e) & ~four & 0x80808080) !== 0) break;
              highs |= four;
              word++;
            }
            position = word * 4 + aligned;
            if (position >= length) break;
          }
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
    this.keep(bytes, start, write, high | highest(highs), defect);
    return length;
  }
}

/** Bit 7 if any of the four octets has it. */
function highest(four: number): number {
  return (four & 0x80808080) === 0 ? 0 : 0x80;
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array, aligned: number): Uint32Array {
  return new Uint32Array(buffer, byteOffset + aligned, (length - aligned) >> 2);
}

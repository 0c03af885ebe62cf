// The reader of BDAT chunks (RFC 3030): content whose length is told beforehand, octet for octet, nothing stuffed.
//
// Framing by count leaves no room for smuggling, but the message goes on its way in other protocols. So without
// BODY=BINARYMIME it must be what DATA could carry: no bare CR or LF (law 5), no NUL, wherever chunks begin and end.
// A text without a last line end gets one, since no other hop could carry it without; a binary message stays as it came.

import { Content } from "./content.ts";

const CR = 13;
const LF = 10;
/** Chunks of a few octets may come among thousands of octets of other commands. */
const WORTH_HOLDING = 1 / 8;
const CRLF = Buffer.from("\r\n", "latin1");

export class ChunkReader extends Content {
  readonly #kind: "text" | "binary";
  /** Octets of this chunk still to come. */
  #left = 0;
  #last: "line-start" | "text" | "cr" = "line-start";

  constructor(limit: number, kind: "text" | "binary") {
    super(limit, WORTH_HOLDING);
    this.#kind = kind;
  }

  begin(octets: number): void {
    this.#left = octets;
  }

  /** The chunk is complete; there may be another. */
  get ended(): boolean {
    return this.#left === 0;
  }

  /** No chunk follows: what the last line still lacks. */
  finish(): void {
    if (this.#kind === "binary" || this.#last === "line-start") return;
    // Nothing is owed by a message that is refused.
    const defect = this.knownDefect ?? (this.#last === "cr" ? "bare-line-end" : undefined);
    this.keep(CRLF, 0, CRLF.length, 0, defect);
  }

  /** Reads from `start`; returns the index of the first octet that does not belong to the chunk. */
  read(bytes: Uint8Array, start: number): number {
    const end = Math.min(bytes.length, start + this.#left);
    this.#left -= end - start;
    let defect = this.knownDefect;
    let last = this.#last;
    let high = 0;
    for (let position = start; position < end; position++) {
      const octet = bytes[position]!;
      high |= octet;
      if (octet > CR && last !== "cr") {
        last = "text";
        continue;
      }
      if (octet === LF) {
        if (last !== "cr") defect ??= this.#unlessBinary("bare-line-end");
        last = "line-start";
        continue;
      }
      if (last === "cr") defect ??= this.#unlessBinary("bare-line-end");
      if (octet === 0) defect ??= this.#unlessBinary("nul");
      last = octet === CR ? "cr" : "text";
    }
    this.#last = last;
    this.keep(bytes, start, end, high, defect);
    return end;
  }

  #unlessBinary(defect: "bare-line-end" | "nul"): "bare-line-end" | "nul" | undefined {
    return this.#kind === "binary" ? undefined : defect;
  }
}

/** A chunk that nobody wants: read away, or it would be taken for commands. */
export class SkippedChunk {
  #left: number;

  constructor(octets: number) {
    this.#left = octets;
  }

  get ended(): boolean {
    return this.#left === 0;
  }

  read(bytes: Uint8Array, start: number): number {
    const end = Math.min(bytes.length, start + this.#left);
    this.#left -= end - start;
    return end;
  }
}

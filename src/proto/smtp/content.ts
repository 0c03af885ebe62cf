// Content as it comes in, by DATA or by BDAT: pieces kept, counted, held to the limit, or thrown away once it is known that
// the message will not be taken. It does not find ends and does not look at lines: its readers do.

export type ContentDefect = "bare-line-end" | "nul" | "too-large" | "unwanted";

/** Pieces of content shorter than this are copied together. */
const GATHER_BELOW = 1024;

export class Content {
  /** Content so far. Empty once a defect is known. */
  readonly chunks: Uint8Array[] = [];
  /** Octets of content, counted beyond the limit too. */
  size = 0;
  /** Any octet above 127: the message needs 8BITMIME on its way (RFC 6152). */
  eightBit = false;
  defect: ContentDefect | undefined;
  readonly #limit: number;
  readonly #worthHolding: number;
  /** Where small pieces are copied, how much of it is used, and where the chunk begins that they go on with. */
  #block: Uint8Array | undefined;
  #used = 0;
  #open: number | undefined;

  /**
   * A piece that is less than `worthHolding` of the memory it lies in is copied, so that it does not hold on to the rest.
   * 0 where what lies beside the pieces is content too.
   */
  constructor(limit: number, worthHolding: number) {
    this.#limit = limit;
    this.#worthHolding = worthHolding;
  }

  /** The content will not be taken: from here on it is read to its end and thrown away. */
  discard(): void {
    this.defect ??= "unwanted";
    this.chunks.length = 0;
  }

  /** A bare line end or NUL counts more than the size, whichever came first: no chunking changes what is told. */
  protected get knownDefect(): ContentDefect | undefined {
    return this.defect === "too-large" ? undefined : this.defect;
  }

  /** `high` is all octets or-ed; `defect` is what is wrong with the content so far, its size apart. */
  protected keep(bytes: Uint8Array, start: number, end: number, high: number, defect: ContentDefect | undefined): void {
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
    if (piece.length >= GATHER_BELOW && piece.length >= piece.buffer.byteLength * this.#worthHolding) {
      this.chunks.push(piece);
      this.#open = undefined;
      return;
    }
    if (this.#block === undefined || this.#used + piece.length > this.#block.length) {
      const room = Math.max(2 * GATHER_BELOW, Math.min(this.size, 65_536), piece.length);
      this.#block = new Uint8Array(room);
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

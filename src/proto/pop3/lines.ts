// Command lines out of octets: CRLF ends them, nothing else does (law 5). Copies each octet once, so a line that
// comes byte by byte costs no more than one that comes whole.

type LineResult =
  | { readonly kind: "line"; readonly octets: Uint8Array }
  /** LF without CR, or CR without LF. */
  | { readonly kind: "bare-line-end" }
  | { readonly kind: "too-long" };

const CR = 13;
const LF = 10;

export class LineReader {
  readonly #limit: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  /** Octets before this one hold no LF. */
  #searched = 0;

  /** The limit counts the octets of a line with its CRLF. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  push(octets: Uint8Array): void {
    if (this.#end + octets.length > this.#buffer.length) this.#makeRoom(octets.length);
    this.#buffer.set(octets, this.#end);
    this.#end += octets.length;
  }

  /** The next line, without its end; the octets are valid until the next push. Undefined when none is complete. */
  take(): LineResult | undefined {
    const found = this.#buffer.subarray(0, this.#end).indexOf(LF, this.#searched);
    if (found === -1) {
      this.#searched = this.#end;
      // An idle session holds no memory for lines.
      if (this.#start === this.#end) this.clear();
      return this.#end - this.#start > this.#limit ? { kind: "too-long" } : undefined;
    }
    const octets = this.#buffer.subarray(this.#start, found - 1);
    const length = found + 1 - this.#start;
    const endsWell = length >= 2 && this.#buffer[found - 1] === CR;
    this.#start = found + 1;
    this.#searched = this.#start;
    if (length > this.#limit) return { kind: "too-long" };
    return endsWell && !octets.includes(CR) ? { kind: "line", octets } : { kind: "bare-line-end" };
  }

  /** Drops everything that was not taken. */
  clear(): void {
    this.#buffer = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
    this.#searched = 0;
  }

  #makeRoom(octets: number): void {
    const kept = this.#end - this.#start;
    const target =
      kept + octets <= this.#buffer.length / 2 ? this.#buffer : new Uint8Array(Math.max(256, 2 * (kept + octets)));
    target.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = target;
    this.#searched -= this.#start;
    this.#start = 0;
    this.#end = kept;
  }
}

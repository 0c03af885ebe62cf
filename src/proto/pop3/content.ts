// Message content on its way into a multi-line response (RFC 1939 §3): dot-stuffing, CRLF for the bare LF of
// files that other programs left, the cut of TOP. One pass over the octets and at most one copy; content that needs
// no change goes through as it is. A bare CR stays: it is the message's, and no reader takes CR for a line end here.

const CR = 13;
const LF = 10;
const DOT = 46;

export class ContentWriter {
  /** Body lines still wanted; undefined for the whole message. */
  #bodyLines: number | undefined;
  #inHeader = true;
  /** The start of a message is the start of a line. */
  #previous = LF;
  #lineIsEmpty = true;
  #done = false;

  /** With a number of body lines this is TOP, without it RETR. */
  constructor(bodyLines: number | undefined) {
    this.#bodyLines = bodyLines;
  }

  /** TOP has what it wants; further content is ignored. */
  get done(): boolean {
    return this.#done;
  }

  write(chunk: Uint8Array): Uint8Array {
    const atStart = this.#previous;
    let previous = atStart;
    let added = 0;
    let end = 0;
    while (end < chunk.length && !this.#done) {
      const octet = chunk[end] ?? 0;
      end += 1;
      if (octet === LF) {
        if (previous !== CR) added += 1;
        if (this.#bodyLines !== undefined) this.#endLine();
      } else {
        if (octet === DOT && previous === LF) added += 1;
        if (octet !== CR) this.#lineIsEmpty = false;
      }
      previous = octet;
    }
    this.#previous = previous;
    const taken = chunk.subarray(0, end);
    return added === 0 ? taken : rewrite(taken, atStart, added);
  }

  /** What follows the content: the end of an unfinished last line, and the final dot. */
  end(): Uint8Array {
    const missing = this.#previous === LF ? "" : this.#previous === CR ? "\n" : "\r\n";
    return Buffer.from(`${missing}.\r\n`);
  }

  #endLine(): void {
    const empty = this.#lineIsEmpty;
    this.#lineIsEmpty = true;
    if (!this.#inHeader) this.#bodyLines = (this.#bodyLines ?? 0) - 1;
    else if (empty) this.#inHeader = false;
    if (!this.#inHeader && (this.#bodyLines ?? 0) <= 0) this.#done = true;
  }
}

function rewrite(chunk: Uint8Array, before: number, added: number): Uint8Array {
  const result = new Uint8Array(chunk.length + added);
  let previous = before;
  let at = 0;
  for (const octet of chunk) {
    if (octet === LF && previous !== CR) result[at++] = CR;
    else if (octet === DOT && previous === LF) result[at++] = DOT;
    result[at++] = octet;
    previous = octet;
  }
  return result;
}

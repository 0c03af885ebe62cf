// Makes content fit for the wire: checks that every line ends in CRLF and doubles leading dots (RFC 5321 §4.5.2).
// Bare CR or LF is refused, not repaired: what a re-emitter makes of it is how SMTP smuggling works.
// Costs one pass, and a second with a copy only over chunks in which a line begins with a dot. Both look at each octet
// once, whatever the lines are: 4 MiB of dotted lines cost as much as 4 MiB of text.

import { failure, success, type Result } from "../../base/result.ts";

export interface ContentError {
  readonly code: "bare-carriage-return" | "bare-line-feed" | "unterminated";
  /** Octets before the fault. */
  readonly offset: number;
}

const CR = 13;
const LF = 10;
const DOT = 46;

type Position = 0 | 1 | 2;
const inLine: Position = 0;
const afterReturn: Position = 1;
const atLineStart: Position = 2;

/** Chunks without leading dots are passed through, not copied: they must not be changed until they are written. */
export function stuffContent(content: readonly Uint8Array[]): Result<readonly Uint8Array[], ContentError> {
  const out: Uint8Array[] = [];
  let position: Position = atLineStart;
  let offset = 0;
  for (const chunk of content) {
    const start = position;
    let dots = 0;
    for (let index = 0; index < chunk.length; index++) {
      const octet = chunk[index]!;
      if (position === afterReturn) {
        if (octet !== LF) return failure({ code: "bare-carriage-return", offset: offset + index });
        position = atLineStart;
      } else if (octet > DOT) {
        position = inLine;
      } else if (octet === CR) {
        position = afterReturn;
      } else if (octet === LF) {
        return failure({ code: "bare-line-feed", offset: offset + index });
      } else {
        if (octet === DOT && position === atLineStart) dots++;
        position = inLine;
      }
    }
    offset += chunk.length;
    out.push(dots === 0 ? chunk : doubleDots(chunk, dots, start === atLineStart));
  }
  if (position !== atLineStart) return failure({ code: "unterminated", offset });
  return success(out);
}

function doubleDots(chunk: Uint8Array, dots: number, startsLine: boolean): Uint8Array {
  const out = Buffer.allocUnsafe(chunk.length + dots);
  let fresh = startsLine;
  let end = 0;
  for (let index = 0; index < chunk.length; index++) {
    const octet = chunk[index]!;
    if (fresh && octet === DOT) out[end++] = DOT;
    fresh = octet === LF;
    out[end++] = octet;
  }
  return out;
}

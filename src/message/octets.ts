// Questions about octets that lie in chunks. No answer depends on where the chunks begin.

import { isAscii } from "node:buffer";

/** No octet above 127: the content passes a server without 8BITMIME (RFC 6152). */
export function isSevenBit(content: readonly Uint8Array[]): boolean {
  return content.every((chunk) => isAscii(chunk));
}

/** True when the text (one octet per character) occurs, also over the borders of chunks. Copies nothing large. */
export function occurs(content: readonly Uint8Array[], text: string): boolean {
  const wanted = Buffer.from(text, "latin1");
  let tail: Uint8Array = Buffer.alloc(0);
  for (const chunk of content) {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (view.includes(wanted)) return true;
    const border = Buffer.concat([tail, view.subarray(0, wanted.length - 1)]);
    if (border.includes(wanted)) return true;
    tail = view.length >= wanted.length - 1 ? view.subarray(view.length - wanted.length + 1) : keepEnd(border, wanted);
  }
  return false;
}

/** A chunk shorter than the text: what may begin the text now lies in several chunks. */
function keepEnd(border: Buffer, wanted: Buffer): Uint8Array {
  return border.subarray(Math.max(0, border.length - wanted.length + 1));
}

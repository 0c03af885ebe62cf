// The two transfer encodings of MIME (RFC 2045 §6.7, §6.8), encoding only. Linear. Lines have at most 76 characters.

import { crlfLine } from "../base/crlf.ts";

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const EQUALS = 61;

const longest = 76;
/** Octets that make one line of base64. */
const group = (longest / 4) * 3;

const lineEnd = Buffer.from(crlfLine(""), "latin1");

/** Every line ends in CRLF, the last one too. */
export function encodeBase64(octets: Buffer): Buffer {
  const lines = Math.ceil(octets.length / group);
  const out = Buffer.allocUnsafe(Math.ceil(octets.length / 3) * 4 + lines * lineEnd.length);
  let end = 0;
  for (let start = 0; start < octets.length; start += group) {
    end += out.write(octets.toString("base64", start, Math.min(start + group, octets.length)), end, "latin1");
    end += lineEnd.copy(out, end);
  }
  return out.subarray(0, end);
}

/** A little more than the true size: soft line breaks are estimated. */
export function quotedPrintableSize(octets: Buffer): number {
  let size = octets.length;
  for (let index = 0; index < octets.length; index++) {
    const octet = octets[index]!;
    if (octet > 126 || octet === EQUALS || (octet < SPACE && octet !== CR && octet !== LF && octet !== TAB)) size += 2;
  }
  return size + Math.ceil(size / longest) * 3;
}

const hex = Buffer.from("0123456789ABCDEF", "latin1");

/** Of text whose only line ends are CRLF; they stay line ends. */
export function encodeQuotedPrintable(octets: Buffer): Buffer {
  const out = Buffer.allocUnsafe(octets.length * 3 + Math.ceil((octets.length * 3) / (longest - 3)) * 3 + 3);
  let end = 0;
  let column = 0;
  for (let index = 0; index < octets.length; index++) {
    const octet = octets[index]!;
    if (octet === CR) {
      end += lineEnd.copy(out, end);
      column = 0;
      index++;
      continue;
    }
    // Rule 3: white space at the end of a line would be lost on the way.
    const next = octets[index + 1];
    const last = next === CR || next === undefined;
    const literal = octet > SPACE && octet < 127 ? octet !== EQUALS : (octet === SPACE || octet === TAB) && !last;
    const width = literal ? 1 : 3;
    // One column stays free for the "=" of a soft line break.
    if (column + width > longest - 1) {
      out[end++] = EQUALS;
      end += lineEnd.copy(out, end);
      column = 0;
    }
    column += width;
    if (literal) {
      out[end++] = octet;
    } else {
      out[end++] = EQUALS;
      out[end++] = hex[octet >> 4]!;
      out[end++] = hex[octet & 15]!;
    }
  }
  return out.subarray(0, end);
}

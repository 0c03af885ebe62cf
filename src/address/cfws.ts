// The lexical tokens of header fields which have no place in an envelope: comments, folding white space, quoted strings
// with folds, words (RFC 5322 §3.2.2–§3.2.5 and their obsolete forms, §4.1–§4.2). Same manner as in grammar.ts: a scanner
// returns the position behind the token or an error, looks at each character once, never recurses and never throws.
//
// A line break is CR LF followed by a space or tab; any other CR or LF, quoted or not, is an error, and so is NUL.
// Characters outside ASCII are taken here; who builds an address from them decides.

import { addressError, type AddressError } from "./error.ts";
import { BACKSLASH, CLOSE_PARENTHESIS, CR, DOT, LF, OPEN_PARENTHESIS, QUOTE, SPACE, TAB, isAtext } from "./grammar.ts";

/** Deeper than any comment that a person writes; the scanner itself needs no stack. */
const COMMENT_DEPTH_LIMIT = 32;

export interface Word {
  readonly kind: "atom" | "quoted-string" | "dot";
  /** Without quotes, backslashes and folds. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
  /** White space or a comment stands before it. */
  readonly spaced: boolean;
}

/** Comments and folding white space, as much as there is. */
export function scanCfws(text: string, from: number): number | AddressError {
  let at = scanFws(text, from);
  while (typeof at === "number" && text.charCodeAt(at) === OPEN_PARENTHESIS) {
    const end = scanComment(text, at);
    at = typeof end === "number" ? scanFws(text, end) : end;
  }
  return at;
}

/** Folding white space, as much as there is. */
export function scanFws(text: string, from: number): number | AddressError {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === SPACE || code === TAB) at += 1;
    else if (code === CR || code === LF) {
      if (!isFold(text, at)) return addressError("line-break", at);
      at += 3;
    } else return at;
  }
}

/** A phrase, or a local part, or what could become either: words and dots up to the first other character. */
export function scanWords(text: string, from: number): { words: Word[]; end: number } | AddressError {
  const words: Word[] = [];
  let at = from;
  for (;;) {
    const start = scanCfws(text, at);
    if (typeof start !== "number") return start;
    const spaced = start > at;
    const code = text.charCodeAt(start);
    if (code === DOT) {
      at = start + 1;
      words.push({ kind: "dot", value: ".", start, end: at, spaced });
    } else if (code === QUOTE) {
      const end = scanFoldedString(text, start);
      if (typeof end !== "number") return end;
      at = end;
      words.push({ kind: "quoted-string", value: unquoteFolded(text.slice(start + 1, end - 1)), start, end, spaced });
    } else {
      at = skipAtom(text, start);
      if (at === start) return { words, end: start };
      words.push({ kind: "atom", value: text.slice(start, at), start, end: at, spaced });
    }
  }
}

/** The position behind the atom; `from` itself where there is none. */
export function skipAtom(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(isAtext(code) || code >= 128)) return at;
    at += 1;
  }
}

function scanComment(text: string, from: number): number | AddressError {
  let depth = 0;
  for (let at = from; ; at += 1) {
    const code = text.charCodeAt(at);
    if (Number.isNaN(code)) return addressError("comment-unclosed", from);
    if (code === OPEN_PARENTHESIS) {
      depth += 1;
      if (depth > COMMENT_DEPTH_LIMIT) return addressError("comment-too-deep", at);
    } else if (code === CLOSE_PARENTHESIS) {
      depth -= 1;
      if (depth === 0) return at + 1;
    } else {
      const end = scanTextCharacter(text, at);
      if (typeof end !== "number") return end;
      at = end - 1;
    }
  }
}

function scanFoldedString(text: string, from: number): number | AddressError {
  let at = from + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (Number.isNaN(code)) return addressError("quoted-string-unclosed", from);
    const end = scanTextCharacter(text, at);
    if (typeof end !== "number") return end;
    at = end;
  }
}

/** One character of a comment or a quoted string, alone, quoted by a backslash, or a fold. */
function scanTextCharacter(text: string, from: number): number | AddressError {
  let at = from;
  let code = text.charCodeAt(at);
  if (code === BACKSLASH) {
    // A backslash at the very end is left to the caller, who then finds the end of the text.
    at = Math.min(at + 1, text.length - 1);
    code = text.charCodeAt(at);
    if (code === CR || code === LF) return addressError("line-break", at);
  }
  if (code === 0) return addressError("control-character", at);
  if (code !== CR && code !== LF) return at + 1;
  return isFold(text, at) ? at + 3 : addressError("line-break", at);
}

/** CR LF and then white space. */
function isFold(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) return false;
  const next = text.charCodeAt(at + 2);
  return next === SPACE || next === TAB;
}

function unquoteFolded(inside: string): string {
  // A fold is the line break alone: the white space behind it is content (RFC 5322 §3.2.2).
  return /[\\\r]/.test(inside) ? inside.replace(/\r\n|\\(.)/gs, (_, character?: string) => character ?? "") : inside;
}

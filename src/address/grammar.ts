// The tokens of RFC 5321 §4.1.2 as scanners: each looks at a text from a position and returns the position behind the
// token, or the error. They look at every character once, allocate nothing on success, and never throw; so they carry
// the hot path (MAIL and RCPT) and need no second, faster copy of the grammar beside them.
//
// What a scanner returns is the longest token; whether the character behind it may stand there is the caller's business.

import { addressError, type AddressError } from "./error.ts";

/** How far the caller's text goes beyond ASCII. Texts with `utf8` must have been decoded as UTF-8, not as latin1. */
export interface AddressOptions {
  /** The sender asked for SMTPUTF8 (RFC 6531 §3.3): UTF-8 in local parts, U-labels in domains. */
  readonly utf8: boolean;
}

export const ASCII_ONLY: AddressOptions = { utf8: false };

/** RFC 5321 §4.5.3.1.1 */
export const LOCAL_PART_LIMIT = 64;
/** RFC 5321 §4.5.3.1.3, with both angle brackets and a source route. */
export const PATH_LIMIT = 256;
/** RFC 1035 §2.3.4. The 255 octets of RFC 5321 §4.5.3.1.2 are the name on the wire: as text that is 253 at most. */
const DOMAIN_LIMIT = 253;
const LABEL_LIMIT = 63;

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const OPEN_PARENTHESIS = 0x28;
export const CLOSE_PARENTHESIS = 0x29;
export const COMMA = 0x2c;
const HYPHEN = 0x2d;
export const DOT = 0x2e;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const LESS_THAN = 0x3c;
export const GREATER_THAN = 0x3e;
export const AT_SIGN = 0x40;
export const OPEN_BRACKET = 0x5b;
export const BACKSLASH = 0x5c;
export const CLOSE_BRACKET = 0x5d;
export const DELETE = 0x7f;

const ATEXT = 1;
const LDH = 2;
const CLASSES = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") {
  CLASSES[character.charCodeAt(0)] = ATEXT | LDH;
}
for (const character of "!#$%&'*+/=?^_`{|}~") CLASSES[character.charCodeAt(0)] = ATEXT;

/** RFC 5322 §3.2.3. False for NaN, which is what charCodeAt gives behind the end. */
export function isAtext(code: number): boolean {
  return code < 128 && (CLASSES[code]! & ATEXT) !== 0;
}

function isLdh(code: number): boolean {
  return code < 128 && (CLASSES[code]! & LDH) !== 0;
}

/** Dot-string: atoms joined by single dots. */
export function scanDotString(text: string, from: number, options: AddressOptions): number | AddressError {
  let atom = from;
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (isAtext(code)) {
      at += 1;
      continue;
    }
    if (code >= 128) {
      if (!options.utf8) return addressError("non-ascii", at);
      // U+0080 to U+009F are control characters too.
      if (code < 0xa0) return addressError("control-character", at);
      at += 1;
      continue;
    }
    if (at === atom) {
      if (at > from || code === DOT) return addressError("dot-misplaced", at);
      const nothing = code === AT_SIGN || Number.isNaN(code);
      return addressError(nothing ? "local-part-missing" : "local-part-syntax", at);
    }
    if (code !== DOT) return at;
    at += 1;
    atom = at;
  }
}

/** Quoted-string as SMTP has it: printable ASCII, no folding, no control characters, not even a tab. */
export function scanQuotedString(text: string, from: number, options: AddressOptions): number | AddressError {
  for (let at = from + 1; ; at += 1) {
    let code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) {
      at += 1;
      code = text.charCodeAt(at);
      // quoted-pairSMTP ends at 126 even where RFC 6531 widens the rest.
      if (code >= 128) return addressError("non-ascii", at);
    }
    if (Number.isNaN(code)) return addressError("quoted-string-unclosed", from);
    if (code >= 128 && !options.utf8) return addressError("non-ascii", at);
    if (code < SPACE || (code >= DELETE && code < 0xa0)) return addressError("control-character", at);
  }
}

/**
 * Domain: labels of letters, digits and inner hyphens. The grammar knows no dot at the end, no underscore, and says
 * nothing against a numeric last label. The error "non-ascii" means that all was well up to a character of another script.
 */
export function scanDomain(text: string, from: number): number | AddressError {
  let label = from;
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (isLdh(code)) {
      at += 1;
      continue;
    }
    if (code >= 128) return addressError("non-ascii", at);
    if (at === label) {
      if (at > from || code === DOT) return addressError("dot-misplaced", at);
      return addressError(Number.isNaN(code) || code === GREATER_THAN ? "domain-missing" : "domain-syntax", at);
    }
    if (text.charCodeAt(label) === HYPHEN || text.charCodeAt(at - 1) === HYPHEN) {
      return addressError("label-hyphen", label);
    }
    if (at - label > LABEL_LIMIT) return addressError("label-too-long", label);
    if (code !== DOT) break;
    at += 1;
    label = at;
  }
  return at - from > DOMAIN_LIMIT ? addressError("domain-too-long", from) : at;
}

/** The position behind the last character that a domain in any script could have. */
export function skipDomainCharacters(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(isLdh(code) || code === DOT || code >= 128)) return at;
    at += 1;
  }
}

// The address-list of From, Sender, Reply-To, To, Cc, Bcc (RFC 5322 §3.4), with groups, comments and the obsolete forms
// (§4.4: white space around dots and the @, quoted words inside a local part, routes, empty list elements, dots in
// phrases), folded or unfolded. Linear in the text, no recursion, comments bounded in depth.
//
// What it yields are Addresses fit for an envelope. So the limits of RFC 5321 §4.5.3.1 hold here too, domains must be
// host names, literals must be IP addresses, and a local part holds no control character though RFC 5322 §4.1 lets an old
// header quote one: such a character would travel into commands and other headers.
//
// Anything else is an error for the whole list: a list read in part would let a sender show one author to us and
// another to the reader. Display names are handed over as they stand (8-bit text, control characters and encoded-words
// of RFC 2047 are neither decoded nor removed): whoever prints one escapes it.

import { failure, success, type Result } from "../base/result.ts";
import { isTooLong, parseLiteral, type Address } from "./address.ts";
import { scanCfws, scanFws, scanWords, skipAtom, type Word } from "./cfws.ts";
import { parseDomain } from "./domain.ts";
import { addressError, type AddressError } from "./error.ts";
import {
  ASCII_ONLY,
  AT_SIGN,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  DELETE,
  DOT,
  GREATER_THAN,
  LESS_THAN,
  LOCAL_PART_LIMIT,
  OPEN_BRACKET,
  SEMICOLON,
  SPACE,
  type AddressOptions,
} from "./grammar.ts";

export interface HeaderMailbox {
  /** The phrase before the angle bracket; undefined where there is none or it is `""`. */
  readonly displayName: string | undefined;
  readonly address: Address;
  /** The name of the group around it. An empty group (`undisclosed-recipients:;`) leaves no trace in the list. */
  readonly group: string | undefined;
}

/** Reads a whole field body. The list is empty only where all groups in it are. */
export function parseAddressList(
  text: string,
  options: AddressOptions = ASCII_ONLY,
): Result<readonly HeaderMailbox[], AddressError> {
  const mailboxes: HeaderMailbox[] = [];
  let group: string | undefined;
  let groups = 0;
  let at = 0;
  for (;;) {
    const start = scanCfws(text, at);
    if (typeof start !== "number") return failure(start);
    const code = text.charCodeAt(start);
    if (start === text.length) break;
    if (code === COMMA) {
      at = start + 1; // an empty element, obs-addr-list
      continue;
    }
    if (code === SEMICOLON && group !== undefined) {
      group = undefined;
      at = start + 1;
    } else {
      const head = scanWords(text, start);
      if ("code" in head) return failure(head);
      if (text.charCodeAt(head.end) === COLON) {
        const name = formatPhrase(head.words);
        if (group !== undefined || name === undefined || startsWithDot(head.words)) {
          return failure(addressError("group-syntax", head.end));
        }
        group = name;
        groups += 1;
        at = head.end + 1;
        continue;
      }
      const mailbox = scanHeaderMailbox(text, head.words, head.end, options);
      if ("code" in mailbox) return failure(mailbox);
      mailboxes.push({ displayName: mailbox.displayName, address: mailbox.address, group });
      at = mailbox.end;
    }
    const end = scanSeparator(text, at, group);
    if (typeof end !== "number") return failure(end);
    at = end;
  }
  if (group !== undefined) return failure(addressError("group-unclosed", text.length));
  if (mailboxes.length === 0 && groups === 0) return failure(addressError("empty", 0));
  return success(mailboxes);
}

/** Behind an element: a comma (consumed), the end of the list or of the group (both left), or an error. */
function scanSeparator(text: string, from: number, group: string | undefined): number | AddressError {
  const at = scanCfws(text, from);
  if (typeof at !== "number" || at === text.length) return at;
  const code = text.charCodeAt(at);
  if (code === COMMA) return at + 1;
  return code === SEMICOLON && group !== undefined ? at : addressError("trailing-text", at);
}

interface ScannedMailbox {
  readonly displayName: string | undefined;
  readonly address: Address;
  readonly end: number;
}

/** addr-spec or [phrase] angle-addr, of which the words up to `from` have been read. */
function scanHeaderMailbox(
  text: string,
  head: readonly Word[],
  from: number,
  options: AddressOptions,
): ScannedMailbox | AddressError {
  if (text.charCodeAt(from) !== LESS_THAN) {
    const bare = scanHost(text, head, from, options);
    return "code" in bare ? bare : { displayName: undefined, address: bare.address, end: bare.end };
  }
  if (startsWithDot(head)) return addressError("dot-misplaced", from);
  const start = scanRoute(text, from + 1);
  if (typeof start !== "number") return start;
  const local = scanWords(text, start);
  if ("code" in local) return local;
  const inner = scanHost(text, local.words, local.end, options);
  if ("code" in inner) return inner;
  const close = scanCfws(text, inner.end);
  if (typeof close !== "number") return close;
  if (text.charCodeAt(close) !== GREATER_THAN) return addressError("angle-bracket-missing", close);
  return { displayName: formatPhrase(head), address: inner.address, end: close + 1 };
}

/** obs-route, or nothing: the position where the addr-spec starts. */
function scanRoute(text: string, from: number): number | AddressError {
  let at = scanCfws(text, from);
  if (typeof at !== "number") return at;
  const first = text.charCodeAt(at);
  if (first !== AT_SIGN && first !== COMMA) return at;
  let domains = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === COLON && domains > 0) return at + 1;
    let end: number | AddressError = at + 1;
    if (code === AT_SIGN) {
      const domain = scanObsoleteDomain(text, end);
      if ("code" in domain) return domain;
      domains += 1;
      end = domain.end;
      // Between two domains stands a comma at least.
      const next = text.charCodeAt(end);
      if (next !== COMMA && next !== COLON) return addressError("route-syntax", end);
    } else if (code !== COMMA) return addressError("route-syntax", at);
    end = scanCfws(text, end);
    if (typeof end !== "number") return end;
    at = end;
  }
}

/** The "@" and what follows it, joined with the local part before it. */
function scanHost(
  text: string,
  words: readonly Word[],
  from: number,
  options: AddressOptions,
): { address: Address; end: number } | AddressError {
  const first = words[0];
  if (text.charCodeAt(from) !== AT_SIGN) {
    // Something has been read, or an address was expected and something else came.
    return first === undefined ? addressError("local-part-missing", from) : addressError("domain-missing", from);
  }
  if (first === undefined) return addressError("local-part-missing", from);
  const fault = findLocalPartFault(words, options);
  if (fault !== undefined) return fault;
  const local = words.map((word) => word.value).join("");
  const notation = words.map((word) => text.slice(word.start, word.end)).join("");

  const start = scanCfws(text, from + 1);
  if (typeof start !== "number") return start;
  const scanned =
    text.charCodeAt(start) === OPEN_BRACKET ? scanHeaderLiteral(text, start) : scanHeaderDomain(text, start, options);
  if ("code" in scanned) return scanned;
  const address: Address = { local, domain: scanned.domain, literal: scanned.literal };
  if (Buffer.byteLength(notation) > LOCAL_PART_LIMIT) return addressError("local-part-too-long", first.start);
  return isTooLong(notation, address) ? addressError("path-too-long", first.start) : { address, end: scanned.end };
}

type ScannedHost = Pick<Address, "domain" | "literal"> & { readonly end: number };

function scanHeaderDomain(text: string, from: number, options: AddressOptions): ScannedHost | AddressError {
  const scanned = scanObsoleteDomain(text, from);
  if ("code" in scanned) return scanned;
  if (!options.utf8 && /\P{ASCII}/u.test(scanned.name)) return addressError("non-ascii", from);
  const domain = parseDomain(scanned.name);
  if (!domain.ok) return addressError(domain.error.code, from);
  return { domain: domain.value, literal: undefined, end: scanned.end };
}

function scanHeaderLiteral(text: string, from: number): ScannedHost | AddressError {
  // White space at the edges is meaningless (§3.4.1); inside an IP address there is none.
  const start = scanFws(text, from + 1);
  if (typeof start !== "number") return start;
  let end = start;
  while (/[\da-z.:]/i.test(text.charAt(end))) end += 1;
  const close = scanFws(text, end);
  if (typeof close !== "number") return close;
  const literal = parseLiteral(text.slice(start, end), "any-compression");
  if (literal === undefined || text.charCodeAt(close) !== CLOSE_BRACKET) return addressError("literal-syntax", from);
  return { domain: undefined, literal, end: close + 1 };
}

/** obs-domain: atoms and dots with white space and comments between; the name comes without them, still unchecked. */
function scanObsoleteDomain(text: string, from: number): { name: string; end: number } | AddressError {
  let name = "";
  let at = from;
  for (;;) {
    const start = scanCfws(text, at);
    if (typeof start !== "number") return start;
    const end = skipAtom(text, start);
    if (end === start) {
      const dotted = name !== "" || text.charCodeAt(start) === DOT;
      return addressError(dotted ? "dot-misplaced" : "domain-missing", start);
    }
    name += text.slice(start, end);
    const next = scanCfws(text, end);
    if (typeof next !== "number") return next;
    if (text.charCodeAt(next) !== DOT) return { name, end: next };
    name += ".";
    at = next + 1;
  }
}

/** Words and dots must alternate, and hold what an Address may hold. */
function findLocalPartFault(words: readonly Word[], options: AddressOptions): AddressError | undefined {
  for (const [index, word] of words.entries()) {
    if ((word.kind === "dot") !== (index % 2 === 1)) {
      return addressError(word.kind === "dot" ? "dot-misplaced" : "local-part-syntax", word.start);
    }
    for (let at = 0; at < word.value.length; at += 1) {
      const code = word.value.charCodeAt(at);
      if (code >= 128 && !options.utf8) return addressError("non-ascii", word.start);
      if (code < SPACE || (code >= DELETE && code < 0xa0)) return addressError("control-character", word.start);
    }
    if (!word.value.isWellFormed()) return addressError("non-ascii", word.start);
  }
  const last = words.at(-1);
  return last?.kind === "dot" ? addressError("dot-misplaced", last.start) : undefined;
}

/** obs-phrase has dots (`John Q. Public`), but not before its first word. */
function startsWithDot(words: readonly Word[]): boolean {
  return words[0]?.kind === "dot";
}

function formatPhrase(words: readonly Word[]): string | undefined {
  const text = words.map((word, index) => (word.spaced && index > 0 ? ` ${word.value}` : word.value)).join("");
  return text === "" ? undefined : text;
}

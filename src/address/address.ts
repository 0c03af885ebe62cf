// An Address is a mailbox as RFC 5321 §4.1.2 has it: a local part and a domain or an address literal. It is a value that
// fits into an envelope and a header again by formatAddress, whatever notation it was read from. Only the parsers of this
// room make one: here a bare Mailbox, in path.ts the path of MAIL and RCPT, in header.ts the lists of RFC 5322.
//
// Narrower than the grammar on purpose: no General-address-literal (nobody can deliver to one), no leading zeros in an
// IPv4 literal (read as octal by some, as decimal by others).

import { isIPv4, isIPv6 } from "node:net";
import { failure, success, type Result } from "../base/result.ts";
import { parseDomain, toDomain, type Domain } from "./domain.ts";
import { addressError, type AddressError } from "./error.ts";
import {
  ASCII_ONLY,
  AT_SIGN,
  GREATER_THAN,
  LOCAL_PART_LIMIT,
  OPEN_BRACKET,
  PATH_LIMIT,
  QUOTE,
  isAtext,
  scanDomain,
  scanDotString,
  scanQuotedString,
  skipDomainCharacters,
  type AddressOptions,
} from "./grammar.ts";

export interface Address {
  /** The meaning, not the notation: without quotes and backslashes. Printable, but may hold any of `"\@<> `. */
  readonly local: string;
  /** Undefined for an address literal, and for the bare `postmaster` of RCPT. */
  readonly domain: Domain | undefined;
  readonly literal: AddressLiteral | undefined;
}

/** RFC 5321 §4.1.3. The address is in its canonical text form (RFC 5952 for IPv6), without brackets and tag. */
export type AddressLiteral = { readonly family: 4 | 6; readonly address: string };

/** Reads exactly one RFC 5321 Mailbox: no white space around it, no angle brackets, no display name. */
export function parseAddress(text: string, options: AddressOptions = ASCII_ONLY): Result<Address, AddressError> {
  if (text === "") return failure(addressError("empty", 0));
  const mailbox = scanMailbox(text, 0, options);
  if ("code" in mailbox) return failure(mailbox);
  if (mailbox.end !== text.length) return failure(addressError("trailing-text", mailbox.end));
  return success(mailbox.address);
}

/** In the notation of an envelope, good in a header too: the local part is quoted only when it has to be. */
export function formatAddress(address: Address): string {
  const local = formatLocalPart(address.local);
  const host = formatHost(address);
  return host === undefined ? local : `${local}@${host}`;
}

/**
 * For comparing and looking up; not for sending. In this product local parts differ only by more than the case of
 * their ASCII letters. Others are compared as they are: folding them would let "K" (U+212A) pass for "k".
 */
export function addressKey(address: Address): string {
  const host = formatHost(address);
  const local = lowerCaseAscii(address.local);
  return host === undefined ? local : `${local}@${host}`;
}

interface ScannedMailbox {
  readonly address: Address;
  readonly end: number;
}

/** The Mailbox which starts at `from`; what stands behind its end is for the caller to judge. */
export function scanMailbox(text: string, from: number, options: AddressOptions): ScannedMailbox | AddressError {
  const quoted = text.charCodeAt(from) === QUOTE;
  const at = quoted ? scanQuotedString(text, from, options) : scanDotString(text, from, options);
  if (typeof at !== "number") return at;
  const code = text.charCodeAt(at);
  if (code !== AT_SIGN) {
    // "domain-missing" promises that the local part alone was fine: path.ts reads <postmaster> by it.
    return addressError(at === text.length || code === GREATER_THAN ? "domain-missing" : "local-part-syntax", at);
  }
  const notation = text.slice(from, at);
  if (at - from > LOCAL_PART_LIMIT || (options.utf8 && Buffer.byteLength(notation) > LOCAL_PART_LIMIT)) {
    return addressError("local-part-too-long", from);
  }
  if (options.utf8 && !notation.isWellFormed()) return addressError("non-ascii", from);
  const host = scanHost(text, at + 1, options);
  if ("code" in host) return host;
  const local = quoted ? unquote(notation) : notation;
  const address: Address = { local, domain: host.domain, literal: host.literal };
  if (isTooLong(notation, address)) return addressError("path-too-long", from);
  return { address, end: host.end };
}

/** True where the address with this notation of the local part does not fit into a path, angle brackets included. */
export function isTooLong(localNotation: string, address: Address): boolean {
  const host = address.domain ?? formatHost(address) ?? "";
  // 85 UTF-16 units are at most 255 octets; the usual address is spared the count.
  if (localNotation.length + host.length < 85) return false;
  return Buffer.byteLength(localNotation) + 1 + host.length > PATH_LIMIT - 2;
}

/** The inside of the brackets. RFC 5321 takes no "::" that stands for a single group; RFC 4291 and older mail do. */
export function parseLiteral(text: string, form: "rfc5321" | "any-compression"): AddressLiteral | undefined {
  if (isIPv4(text)) return { family: 4, address: text };
  if (!/^ipv6:/i.test(text)) return undefined;
  const address = text.slice(5);
  // A zone index has no meaning to another host and is not in the grammar.
  if (!isIPv6(address) || address.includes("%")) return undefined;
  // IPv6-comp: at most six groups beside the "::", an IPv4 tail counting as two.
  if (form === "rfc5321" && address.includes("::")) {
    const groups = address.split(":").filter((group) => group !== "").length + (address.includes(".") ? 1 : 0);
    if (groups > 6) return undefined;
  }
  return { family: 6, address: new URL(`http://[${address}]`).hostname.slice(1, -1) };
}

interface ScannedHost {
  readonly domain: Domain | undefined;
  readonly literal: AddressLiteral | undefined;
  readonly end: number;
}

function scanHost(text: string, from: number, options: AddressOptions): ScannedHost | AddressError {
  if (text.charCodeAt(from) === OPEN_BRACKET) {
    const close = text.indexOf("]", from);
    const literal = close === -1 ? undefined : parseLiteral(text.slice(from + 1, close), "rfc5321");
    return literal === undefined
      ? addressError("literal-syntax", from)
      : { domain: undefined, literal, end: close + 1 };
  }
  const end = scanDomain(text, from);
  if (typeof end === "number") {
    // An underscore or a slash belongs to the domain for the one who wrote it: name that, not what was expected next.
    if (isAtext(text.charCodeAt(end))) return addressError("domain-syntax", end);
    return { domain: toDomain(text.slice(from, end)), literal: undefined, end };
  }
  if (end.code !== "non-ascii" || !options.utf8) return end;
  const last = skipDomainCharacters(text, from);
  const domain = parseDomain(text.slice(from, last));
  if (!domain.ok) return addressError(domain.error.code, from + domain.error.offset);
  return { domain: domain.value, literal: undefined, end: last };
}

function formatHost(address: Address): string | undefined {
  if (address.domain !== undefined) return address.domain;
  if (address.literal === undefined) return undefined;
  return address.literal.family === 4 ? `[${address.literal.address}]` : `[IPv6:${address.literal.address}]`;
}

function formatLocalPart(local: string): string {
  if (scanDotString(local, 0, { utf8: true }) === local.length) return local;
  return `"${local.replace(/["\\]/g, "\\$&")}"`;
}

function unquote(notation: string): string {
  const inside = notation.slice(1, -1);
  return inside.includes("\\") ? inside.replace(/\\(.)/gs, "$1") : inside;
}

function lowerCaseAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

// A Domain is what stands behind the @ and is looked up in the DNS: lower-case, A-labels, no trailing dot, within the
// limits of the DNS. Only parseDomain makes one.
//
// ASCII is read by the grammar of RFC 5321 §4.1.2 alone: an all-numeric name is a Domain (the grammar allows it; whoever
// dials must not take it for an IPv4 address), an underscore never is (no host name has one, RFC 1123 §2.1, and no
// mail domain needs one). A label "xn--…" in ASCII is taken as it is, decodable or not: a false one only fails to resolve.
//
// Other scripts become A-labels (RFC 5890 §2.3.2.1) after the mapping of RFC 5895 §2: case, width, NFC and the
// ideographic full stop. Node's UTS 46 conversion does the Punycode but is more forgiving: it turns "henryⅣ" into
// "henryiv", "1.2.3" into an address, takes symbols and stray hyphens. So each label is checked before (letters, marks
// and digits only, the heart of RFC 5892) and must read back unchanged after. What stays unchecked: the contextual rules
// of RFC 5892 App. A other than for the katakana middle dot; the other characters with such rules are refused.

import { domainToASCII, domainToUnicode } from "node:url";
import { failure, success, type Result } from "../base/result.ts";
import { addressError, type AddressError } from "./error.ts";
import { scanDomain } from "./grammar.ts";

declare const brand: unique symbol;
export type Domain = string & { readonly [brand]: "Domain" };

export function parseDomain(text: string): Result<Domain, AddressError> {
  const end = scanDomain(text, 0);
  if (typeof end !== "number") return end.code === "non-ascii" ? parseInternationalDomain(text) : failure(end);
  if (end !== text.length) return failure(addressError("domain-syntax", end));
  return success(toDomain(text));
}

/** For a text which scanDomain has accepted in full: it is only brought to lower case. */
export function toDomain(scanned: string): Domain {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where a Domain is made
  return scanned.toLowerCase() as Domain;
}

// Longer input cannot give a valid name; the bound keeps the conversion off long hostile texts.
const INTERNATIONAL_LIMIT = 255;

const LABEL = /^[\p{L}\p{M}\p{Nd}\u3007\u30fb-]+$/u;
const MIDDLE_DOT = "\u30fb";
const MIDDLE_DOT_COMPANION = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;
const NON_ASCII = /\P{ASCII}/u;

function parseInternationalDomain(text: string): Result<Domain, AddressError> {
  const invalid = failure(addressError("idn", 0));
  if (text.length > INTERNATIONAL_LIMIT) return failure(addressError("domain-too-long", 0));
  const mapped = mapCharacters(text);
  if (NON_ASCII.test(mapped)) {
    const ascii = domainToASCII(mapped);
    const given = mapped.split(".");
    const converted = ascii.split(".");
    if (ascii === "" || given.length !== converted.length) return invalid;
    for (const [index, label] of given.entries()) {
      if (!isFaithful(label, converted[index]!)) return invalid;
    }
    return scanConverted(ascii);
  }
  return scanConverted(mapped);
}

function scanConverted(ascii: string): Result<Domain, AddressError> {
  const end = scanDomain(ascii, 0);
  // The offset would point into a text which the caller has never seen.
  if (typeof end !== "number") return failure(addressError(end.code, 0));
  return end === ascii.length ? success(toDomain(ascii)) : failure(addressError("domain-syntax", 0));
}

function mapCharacters(text: string): string {
  return text
    .toLowerCase()
    .replace(/[\uff01-\uffee]/g, (character) => character.normalize("NFKC").toLowerCase())
    .replace(/\u3002/g, ".")
    .normalize("NFC");
}

function isFaithful(label: string, ascii: string): boolean {
  if (!NON_ASCII.test(label)) return label === ascii;
  if (!LABEL.test(label) || label.startsWith("-") || label.endsWith("-")) return false;
  // RFC 5891 §4.2.3.1: hyphens at the third and fourth place are reserved for prefixes like "xn--".
  if (label.startsWith("--", 2)) return false;
  if (label.includes(MIDDLE_DOT) && !MIDDLE_DOT_COMPANION.test(label.replaceAll(MIDDLE_DOT, ""))) return false;
  return domainToUnicode(ascii) === label;
}

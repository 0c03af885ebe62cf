// The path of MAIL FROM: and RCPT TO: (RFC 5321 §4.1.2), read from the text behind the colon up to and with the ">".
// What follows (the ESMTP parameters) is handed back untouched. Source routes are checked, then forgotten (§4.1.1.3,
// App. C). Spaces before the "<" are taken, as deployed clients send `FROM: <a@b>` (§4.1.1 wants none); a path without
// angle brackets is not.
//
// It does not know which command it reads for: `<>` is fit for MAIL only, `<postmaster>` (§4.5.1) for RCPT only, and
// the caller says so. The room runs it on every MAIL and RCPT; a plain path costs about a tenth of a microsecond.

import { failure, success, type Result } from "../base/result.ts";
import { scanMailbox, type Address } from "./address.ts";
import { addressError, type AddressError } from "./error.ts";
import {
  ASCII_ONLY,
  AT_SIGN,
  COLON,
  COMMA,
  GREATER_THAN,
  LESS_THAN,
  PATH_LIMIT,
  SPACE,
  scanDomain,
  type AddressOptions,
} from "./grammar.ts";

interface Path {
  /** Undefined for the null reverse-path `<>`. */
  readonly address: Address | undefined;
  /** What follows the ">". */
  readonly rest: string;
}

const POSTMASTER: Address = { local: "postmaster", domain: undefined, literal: undefined };

export function parsePath(text: string, options: AddressOptions = ASCII_ONLY): Result<Path, AddressError> {
  let open = 0;
  while (text.charCodeAt(open) === SPACE) open += 1;
  if (open === text.length) return failure(addressError("empty", open));
  if (text.charCodeAt(open) !== LESS_THAN) return failure(addressError("angle-bracket-missing", open));
  if (text.charCodeAt(open + 1) === GREATER_THAN) return success({ address: undefined, rest: text.slice(open + 2) });

  const start = scanRoute(text, open + 1);
  if (typeof start !== "number") return failure(start);
  const mailbox = scanMailbox(text, start, options);
  if ("code" in mailbox) {
    if (mailbox.code === "domain-missing" && /^<postmaster>/i.test(text.slice(open, open + 12))) {
      return success({ address: POSTMASTER, rest: text.slice(open + 12) });
    }
    return failure(mailbox);
  }
  const close = mailbox.end;
  if (text.charCodeAt(close) !== GREATER_THAN) return failure(addressError("angle-bracket-missing", close));
  // scanMailbox has measured the mailbox; only a route can still make the path too long.
  if (start > open + 1 && close + 1 - open > PATH_LIMIT) return failure(addressError("path-too-long", open));
  return success({ address: mailbox.address, rest: text.slice(close + 1) });
}

/** A-d-l ":", or nothing: the position where the mailbox starts. */
function scanRoute(text: string, from: number): number | AddressError {
  let at = from;
  while (text.charCodeAt(at) === AT_SIGN) {
    const end = scanDomain(text, at + 1);
    // `<@example.jp>` is a route with nothing behind it or an empty local part: either way no path.
    if (typeof end !== "number") return addressError("route-syntax", end.offset);
    const code = text.charCodeAt(end);
    if (code === COLON) return end + 1;
    if (code !== COMMA || text.charCodeAt(end + 1) !== AT_SIGN) return addressError("route-syntax", end);
    at = end + 1;
  }
  return at;
}

// SMTP replies (RFC 5321 §4.2) with enhanced status codes (RFC 2034, RFC 3463), made once and written often.
// A reply is ASCII without control characters: whatever a rule puts into its text cannot start a new line.

import { crlfLines } from "../../base/crlf.ts";

export interface Reply {
  readonly code: number;
  /** "5.7.1", or "" where the protocol has none (greeting, EHLO, 334, 354). */
  readonly enhanced: string;
  readonly lines: readonly string[];
  /** The bytes for the socket, as a latin1 string with its CRLFs. */
  readonly wire: string;
}

/** Longest reply line with CRLF is 512 octets (RFC 5321 §4.5.3.1.5); what is longer is cut. */
const TEXT_LIMIT = 480;

export function makeReply(code: number, enhanced: string, text: string | readonly string[]): Reply {
  const lines = (typeof text === "string" ? [text] : text).map(printable);
  const prefix = enhanced === "" ? "" : `${enhanced} `;
  const last = lines.length - 1;
  const wire = crlfLines(lines.map((line, index) => `${code}${index === last ? " " : "-"}${prefix}${line}`));
  return { code, enhanced, lines, wire };
}

/** First line as a person reads it in a log: `550 5.1.1 no such user`. */
export function firstLine(reply: Reply): string {
  return reply.wire.slice(0, reply.wire.indexOf("\r\n"));
}

function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, TEXT_LIMIT);
}

/** What the core says by itself: syntax, sequence, and replies that need no decision. */
export const replies = {
  goAhead: makeReply(354, "", "go ahead, end with <CRLF>.<CRLF>"),
  reset: makeReply(250, "2.0.0", "ok"),
  noop: makeReply(250, "2.0.0", "ok"),
  bye: makeReply(221, "2.0.0", "bye"),
  verify: makeReply(252, "2.1.5", "send some mail, I will try my best"),
  help: makeReply(214, "2.0.0", "RFC 5321, RFC 6409"),
  unknown: makeReply(500, "5.5.1", "command not recognised"),
  notImplemented: makeReply(502, "5.5.1", "command not implemented"),
  http: makeReply(521, "5.5.1", "this is a mail server, closing"),
  tooLong: makeReply(500, "5.5.2", "line too long"),
  bareLineEnd: makeReply(521, "5.5.2", "a line must end in CRLF: bare CR or LF refused, closing"),
  bareInContent: makeReply(521, "5.5.2", "bare CR or LF in the message refused (RFC 5321 section 2.3.8), closing"),
  nulInContent: makeReply(554, "5.6.0", "NUL in the message refused (RFC 2045 section 2.8)"),
  contentTooLarge: makeReply(552, "5.3.4", "message larger than the announced SIZE"),
  syntax: makeReply(501, "5.5.4", "syntax error in the arguments"),
  noArguments: makeReply(501, "5.5.4", "this command takes no arguments"),
  parameterUnknown: makeReply(555, "5.5.4", "parameter not recognised or not offered"),
  addressNotAscii: makeReply(553, "5.6.7", "an address outside ASCII needs the SMTPUTF8 parameter of MAIL"),
  notUtf8: makeReply(501, "5.5.2", "this is not UTF-8"),
  chunkTaken: makeReply(250, "2.0.0", "chunk taken"),
  chunkSyntax: makeReply(521, "5.5.4", "BDAT needs a number of octets and perhaps LAST, closing"),
  chunkOutOfPlace: makeReply(503, "5.5.1", "no message is being received: chunk thrown away"),
  bareInChunks: makeReply(554, "5.6.0", "bare CR or LF in the message refused: it needs BODY=BINARYMIME (RFC 3030)"),
  nulInChunks: makeReply(554, "5.6.0", "NUL in the message refused: it needs BODY=BINARYMIME (RFC 3030)"),
  chunksBegun: makeReply(503, "5.5.1", "this message comes by BDAT: go on with BDAT, or RSET"),
  binaryNeedsChunks: makeReply(503, "5.5.1", "BODY=BINARYMIME needs BDAT (RFC 3030 section 3)"),
  heloFirst: makeReply(503, "5.5.1", "say EHLO first"),
  senderFirst: makeReply(503, "5.5.1", "say MAIL first"),
  recipientFirst: makeReply(503, "5.5.1", "no valid recipients"),
  tlsUnavailable: makeReply(502, "5.5.1", "STARTTLS is not offered here"),
  alreadyAuthenticated: makeReply(503, "5.5.1", "already authenticated"),
  mechanismUnknown: makeReply(504, "5.5.4", "mechanism not offered here"),
  /** RFC 6331: historic. */
  digestMd5: makeReply(504, "5.5.4", "DIGEST-MD5 is not safe any more (RFC 6331): use SCRAM-SHA-256, PLAIN or LOGIN"),
  authSyntax: makeReply(501, "5.5.2", "cannot decode the response"),
  /** RFC 4954 §6. */
  authTooLong: makeReply(500, "5.5.6", "authentication exchange line is too long"),
  authCancelled: makeReply(501, "5.7.0", "authentication cancelled"),
  tooManyErrors: makeReply(421, "4.7.0", "too many errors, closing"),
} as const;

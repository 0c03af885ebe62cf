// One command line → one typed command (RFC 5321 §4.1.1, RFC 6409, RFC 3207, RFC 4954, RFC 3030), or the reply that refuses
// it. A line comes without its CRLF, as latin1 text; the grammar of paths is address/path.ts and nothing else, that of
// parameters is parameters.ts. What is beyond ASCII is decoded only where SMTPUTF8 allows it (RFC 6531 §3.3).

import { isUtf8 } from "node:buffer";
import type { Address } from "../../address/address.ts";
import { parsePath } from "../../address/path.ts";
import { asksForUtf8, readMailParameters, readRcptParameters } from "./parameters.ts";
import type { MailParameters, RcptDsn } from "./parameters.ts";
import { makeReply, replies } from "./reply.ts";
import type { Reply } from "./reply.ts";

export type Command =
  | { readonly verb: "HELO" | "EHLO"; readonly name: string }
  | { readonly verb: "STARTTLS" }
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initial: string | undefined }
  | ({
      readonly verb: "MAIL";
      /** undefined is the null reverse-path <>. */
      readonly sender: Address | undefined;
    } & MailParameters)
  | { readonly verb: "RCPT"; readonly recipient: Address; readonly dsn: RcptDsn | undefined }
  | { readonly verb: "BDAT"; readonly octets: number; readonly chunk: "middle" | "last" }
  | { readonly verb: "DATA" | "RSET" | "NOOP" | "VRFY" | "HELP" | "QUIT" };

export type Verb = Command["verb"];

export type Parsed = { readonly command: Command } | { readonly refusal: Reply };

/** `charset` is that of the transaction: what its MAIL asked for. */
export function parseCommand(line: string, charset: MailParameters["charset"] = "ascii"): Parsed {
  const space = line.indexOf(" ");
  const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  const rest = space < 0 ? "" : line.slice(space + 1);
  switch (verb) {
    case "MAIL":
      return parseMail(rest);
    case "RCPT":
      return parseRcpt(rest, charset);
    case "BDAT":
      return parseBdat(rest);
    case "DATA":
    case "RSET":
    case "QUIT":
    case "STARTTLS":
      return rest.trim() === "" ? { command: { verb } } : { refusal: replies.noArguments };
    case "EHLO":
    case "HELO":
      return parseHelo(verb, rest.trim());
    case "AUTH":
      return parseAuth(rest.trim());
    case "NOOP":
    case "VRFY":
    case "HELP":
      return { command: { verb } };
    case "EXPN":
    case "ETRN":
    case "TURN":
      return { refusal: replies.notImplemented };
    case "GET":
    case "POST":
    case "PUT":
    case "CONNECT":
    case "OPTIONS":
      // A browser or a proxy was talked into speaking to us; what follows could be made to look like commands.
      return { refusal: replies.http };
    default:
      return { refusal: replies.unknown };
  }
}

function parseHelo(verb: "HELO" | "EHLO", name: string): Parsed {
  // RFC 5321 §4.1.4: a name that does not resolve is no reason to refuse; a missing or unprintable one is.
  if (name === "" || name.length > 255 || !/^[\x21-\x7e]+$/.test(name)) {
    return { refusal: makeReply(501, "5.5.4", `${verb} needs a domain name or an address literal`) };
  }
  return { command: { verb, name } };
}

function parseAuth(rest: string): Parsed {
  const match = /^([A-Za-z0-9_-]{1,20})(?: (\S+))?$/.exec(rest);
  if (match === null) return { refusal: replies.syntax };
  return { command: { verb: "AUTH", mechanism: match[1]!.toUpperCase(), initial: match[2] } };
}

const UTF8 = { utf8: true };

function parseMail(rest: string): Parsed {
  if (rest.slice(0, 5).toUpperCase() !== "FROM:")
    return { refusal: makeReply(501, "5.5.4", "MAIL needs FROM:<address>") };
  const text = rest.slice(5);
  let path = parsePath(text);
  let needed: MailParameters["charset"] = "ascii";
  if (!path.ok && path.error.code === "non-ascii") {
    const decoded = decodeUtf8(text);
    if (!asksForUtf8(text)) return { refusal: replies.addressNotAscii };
    if (decoded === undefined) return { refusal: replies.notUtf8 };
    path = parsePath(decoded, UTF8);
    needed = "utf8";
  }
  if (!path.ok) return { refusal: makeReply(501, "5.1.7", `bad sender address: ${path.error.message}`) };
  const sender = path.value.address;
  if (sender !== undefined && isBare(sender)) {
    return { refusal: makeReply(501, "5.1.7", "bad sender address: the domain is missing") };
  }
  const parameters = readMailParameters(path.value.rest);
  if ("refusal" in parameters) return parameters;
  const { declaredSize, body, charset, dsn } = parameters.value;
  if (needed === "utf8" && charset === "ascii") return { refusal: replies.addressNotAscii };
  return { command: { verb: "MAIL", sender, declaredSize, body, charset, dsn } };
}

function parseRcpt(rest: string, charset: MailParameters["charset"]): Parsed {
  if (rest.slice(0, 3).toUpperCase() !== "TO:") return { refusal: makeReply(501, "5.5.4", "RCPT needs TO:<address>") };
  const text = charset === "utf8" ? decodeUtf8(rest.slice(3)) : rest.slice(3);
  if (text === undefined) return { refusal: replies.notUtf8 };
  const path = charset === "utf8" ? parsePath(text, UTF8) : parsePath(text);
  if (!path.ok) {
    if (path.error.code === "non-ascii" && charset === "ascii") return { refusal: replies.addressNotAscii };
    return { refusal: makeReply(501, "5.1.3", `bad recipient address: ${path.error.message}`) };
  }
  const recipient = path.value.address;
  if (recipient === undefined) return { refusal: makeReply(501, "5.1.3", "bad recipient address: empty") };
  const parameters = readRcptParameters(path.value.rest, charset);
  if ("refusal" in parameters) return parameters;
  return { command: { verb: "RCPT", recipient, dsn: parameters.value } };
}

/** Fifteen digits: what is longer no double can count, and nobody sends. */
const CHUNK = /^(\d{1,15})( +last)?$/i;

function parseBdat(rest: string): Parsed {
  const match = CHUNK.exec(rest.trim());
  // How many octets follow is not known, so whatever follows would be taken for commands: the session ends here.
  if (match === null) return { refusal: replies.chunkSyntax };
  const [, octets, last] = match;
  return { command: { verb: "BDAT", octets: Number(octets), chunk: last === undefined ? "middle" : "last" } };
}

/** Lines are latin1 text, one character an octet; undefined when the octets are no UTF-8. */
function decodeUtf8(line: string): string | undefined {
  const octets = Buffer.from(line, "latin1");
  return isUtf8(octets) ? octets.toString("utf8") : undefined;
}

/** Only <postmaster> comes without a domain (RFC 5321 §4.1.1.3), and only as a recipient. */
function isBare(address: Address): boolean {
  return address.domain === undefined && address.literal === undefined;
}

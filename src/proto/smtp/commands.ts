// One command line → one typed command (RFC 5321 §4.1.1, RFC 6409, RFC 3207, RFC 4954), or the reply that refuses it.
// A line comes without its CRLF, as latin1 text; the grammar of paths is address/path.ts and nothing else.

import type { Address } from "../../address/address.ts";
import { parsePath } from "../../address/path.ts";
import { makeReply, replies } from "./reply.ts";
import type { Reply } from "./reply.ts";

export type Command =
  | { readonly verb: "HELO" | "EHLO"; readonly name: string }
  | { readonly verb: "STARTTLS" }
  | { readonly verb: "AUTH"; readonly mechanism: string; readonly initial: string | undefined }
  | {
      readonly verb: "MAIL";
      /** undefined is the null reverse-path <>. */
      readonly sender: Address | undefined;
      /** SIZE parameter (RFC 1870), octets. */
      readonly declaredSize: number | undefined;
      readonly body: "7BIT" | "8BITMIME";
    }
  | { readonly verb: "RCPT"; readonly recipient: Address }
  | { readonly verb: "DATA" | "RSET" | "NOOP" | "VRFY" | "HELP" | "QUIT" };

export type Verb = Command["verb"];

export type Parsed = { readonly command: Command } | { readonly refusal: Reply };

export function parseCommand(line: string): Parsed {
  const space = line.indexOf(" ");
  const verb = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  const rest = space < 0 ? "" : line.slice(space + 1);
  switch (verb) {
    case "MAIL":
      return parseMail(rest);
    case "RCPT":
      return parseRcpt(rest);
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
    case "BDAT":
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

function parseMail(rest: string): Parsed {
  if (rest.slice(0, 5).toUpperCase() !== "FROM:")
    return { refusal: makeReply(501, "5.5.4", "MAIL needs FROM:<address>") };
  const path = parsePath(rest.slice(5));
  if (!path.ok) return { refusal: makeReply(501, "5.1.7", `bad sender address: ${path.error.message}`) };
  if (path.value.address !== undefined && isBare(path.value.address)) {
    return { refusal: makeReply(501, "5.1.7", "bad sender address: the domain is missing") };
  }
  let declaredSize: number | undefined;
  let body: "7BIT" | "8BITMIME" = "7BIT";
  const parameters = path.value.rest.trim();
  if (parameters !== "") {
    if (path.value.rest[0] !== " ") return { refusal: replies.syntax };
    for (const parameter of parameters.split(/ +/)) {
      const equals = parameter.indexOf("=");
      const key = (equals < 0 ? parameter : parameter.slice(0, equals)).toUpperCase();
      const value = equals < 0 ? undefined : parameter.slice(equals + 1);
      if (key === "SIZE") {
        if (value === undefined || !/^\d{1,20}$/.test(value)) return { refusal: replies.syntax };
        declaredSize = Number(value);
      } else if (key === "BODY") {
        const kind = value?.toUpperCase();
        if (kind !== "7BIT" && kind !== "8BITMIME") return { refusal: replies.parameterUnknown };
        body = kind;
      } else if (key === "AUTH") {
        // RFC 4954 §5: taken and not believed, for only our own AUTH says who somebody is.
        if (value === undefined || !/^[\x21-\x7e]{1,500}$/.test(value)) return { refusal: replies.syntax };
      } else return { refusal: replies.parameterUnknown };
    }
  }
  return { command: { verb: "MAIL", sender: path.value.address, declaredSize, body } };
}

function parseRcpt(rest: string): Parsed {
  if (rest.slice(0, 3).toUpperCase() !== "TO:") return { refusal: makeReply(501, "5.5.4", "RCPT needs TO:<address>") };
  const path = parsePath(rest.slice(3));
  if (!path.ok) return { refusal: makeReply(501, "5.1.3", `bad recipient address: ${path.error.message}`) };
  if (path.value.address === undefined) return { refusal: makeReply(501, "5.1.3", "bad recipient address: empty") };
  if (path.value.rest.trim() !== "") return { refusal: replies.parameterUnknown };
  return { command: { verb: "RCPT", recipient: path.value.address } };
}

/** Only <postmaster> comes without a domain (RFC 5321 §4.1.1.3), and only as a recipient. */
function isBare(address: Address): boolean {
  return address.domain === undefined && address.literal === undefined;
}

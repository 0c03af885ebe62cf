// The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), AUTH (RFC 4954 §5), SMTPUTF8 (RFC 6531),
// RET, ENVID, NOTIFY and ORCPT (RFC 3461 §4, RFC 6533 §3). Syntax only; a parameter may be given once.
//
// What nobody offered is refused with 555 (RFC 5321 §4.1.1.11): a client that needs REQUIRETLS or MT-PRIORITY must not
// believe that it has got it. DSN parameters are kept as they came, for they are passed on verbatim.

import { replies } from "./reply.ts";
import type { Reply } from "./reply.ts";

export interface MailParameters {
  /** SIZE, octets. */
  readonly declaredSize: number | undefined;
  readonly body: "7BIT" | "8BITMIME" | "BINARYMIME";
  /** How far addresses and header fields may go beyond ASCII. */
  readonly charset: "ascii" | "utf8";
  readonly dsn: MailDsn | undefined;
}

export interface MailDsn {
  /** ENVID, xtext. */
  readonly envelopeId?: string;
  readonly returns?: "FULL" | "HDRS";
}

export interface RcptDsn {
  readonly notify?: readonly ("NEVER" | "SUCCESS" | "FAILURE" | "DELAY")[];
  /** ORCPT: address type and xtext. */
  readonly originalRecipient?: string;
}

type Read<Value> = { readonly value: Value } | { readonly refusal: Reply };

const NO_PARAMETERS: Read<MailParameters> = {
  value: { declaredSize: undefined, body: "7BIT", charset: "ascii", dsn: undefined },
};
const NO_DSN: Read<undefined> = { value: undefined };

const SYNTAX = { refusal: replies.syntax };
const UNKNOWN = { refusal: replies.parameterUnknown };

/** xtext stands for printable ASCII; ENVID has at most 100 characters, ORCPT 500 (RFC 3461 §4.4, §4.2). */
const XTEXT = /^(?:[!-*,-<>-~]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))+$/;
const ENVELOPE_ID_LIMIT = 100;
const ORIGINAL_RECIPIENT_LIMIT = 500;
/** An atom, ";" and the address. */
const TYPED_ADDRESS = /^([A-Za-z0-9!#$%&'*/?^_`{|}~-]{1,100});(.+)$/;
/** utf-8-addr-unitext of RFC 6533 §3: UTF-8 as it is, and \x{…} for what may not stand in a parameter. */
const UNITEXT = /^(?:[!-*,-<>-[\]-~\u{80}-\u{10ffff}]|\\x\{(?:[0-9A-F]{2,5}|10[0-9A-F]{4})\})+$/u;

/** `rest` is what follows the path. */
export function readMailParameters(rest: string): Read<MailParameters> {
  const words = split(rest);
  if (words.length === 0) return rest.trim() === "" ? NO_PARAMETERS : SYNTAX;
  let declaredSize: number | undefined;
  let body: MailParameters["body"] | undefined;
  let auth: string | undefined;
  let charset: "utf8" | undefined;
  let returns: "FULL" | "HDRS" | undefined;
  let envelopeId: string | undefined;
  for (const word of words) {
    const { key, value } = keyAndValue(word);
    switch (key) {
      case "SIZE":
        if (declaredSize !== undefined || value === undefined || !/^\d{1,20}$/.test(value)) return SYNTAX;
        declaredSize = Number(value);
        break;
      case "BODY": {
        const kind = value?.toUpperCase();
        if (kind !== "7BIT" && kind !== "8BITMIME" && kind !== "BINARYMIME") return UNKNOWN;
        if (body !== undefined) return SYNTAX;
        body = kind;
        break;
      }
      case "AUTH":
        // RFC 4954 §5: taken and not believed, for only our own AUTH says who somebody is.
        if (auth !== undefined || value === undefined || !/^[\x21-\x7e]{1,500}$/.test(value)) return SYNTAX;
        auth = value;
        break;
      case "SMTPUTF8":
        if (charset !== undefined || value !== undefined) return SYNTAX;
        charset = "utf8";
        break;
      case "RET": {
        const kind = value?.toUpperCase();
        if (returns !== undefined || (kind !== "FULL" && kind !== "HDRS")) return SYNTAX;
        returns = kind;
        break;
      }
      case "ENVID":
        if (envelopeId !== undefined || value === undefined || value.length > ENVELOPE_ID_LIMIT) return SYNTAX;
        if (!XTEXT.test(value)) return SYNTAX;
        envelopeId = value;
        break;
      default:
        return UNKNOWN;
    }
  }
  const dsn =
    returns === undefined && envelopeId === undefined
      ? undefined
      : { ...(envelopeId === undefined ? {} : { envelopeId }), ...(returns === undefined ? {} : { returns }) };
  return { value: { declaredSize, body: body ?? "7BIT", charset: charset ?? "ascii", dsn } };
}

/** `rest` is what follows the path; with SMTPUTF8 it has been decoded. */
export function readRcptParameters(rest: string, charset: MailParameters["charset"]): Read<RcptDsn | undefined> {
  const words = split(rest);
  if (words.length === 0) return rest.trim() === "" ? NO_DSN : SYNTAX;
  let notify: RcptDsn["notify"];
  let originalRecipient: string | undefined;
  for (const word of words) {
    const { key, value } = keyAndValue(word);
    switch (key) {
      case "NOTIFY": {
        const read = value === undefined ? undefined : readNotify(value);
        if (notify !== undefined || read === undefined) return SYNTAX;
        notify = read;
        break;
      }
      case "ORCPT":
        if (originalRecipient !== undefined || value === undefined || !isOriginalRecipient(value, charset)) {
          return SYNTAX;
        }
        originalRecipient = value;
        break;
      default:
        return UNKNOWN;
    }
  }
  return {
    value: {
      ...(notify === undefined ? {} : { notify }),
      ...(originalRecipient === undefined ? {} : { originalRecipient }),
    },
  };
}

/** Does a MAIL line that cannot be read ask for SMTPUTF8? Decides only which refusal it gets. */
export function asksForUtf8(rest: string): boolean {
  return / SMTPUTF8 *(?: |$)/i.test(rest);
}

const NO_WORDS: readonly string[] = [];

/** None for what does not begin with the space that ends the path, too. */
function split(rest: string): readonly string[] {
  return rest.charCodeAt(0) === 32 && rest.trim() !== "" ? rest.trim().split(/ +/) : NO_WORDS;
}

function keyAndValue(word: string): { readonly key: string; readonly value: string | undefined } {
  const equals = word.indexOf("=");
  if (equals < 0) return { key: word.toUpperCase(), value: undefined };
  return { key: word.slice(0, equals).toUpperCase(), value: word.slice(equals + 1) };
}

function readNotify(text: string): RcptDsn["notify"] {
  const found: ("NEVER" | "SUCCESS" | "FAILURE" | "DELAY")[] = [];
  for (const word of text.toUpperCase().split(",")) {
    if (word !== "NEVER" && word !== "SUCCESS" && word !== "FAILURE" && word !== "DELAY") return undefined;
    if (found.includes(word)) return undefined;
    found.push(word);
  }
  return found.includes("NEVER") && found.length > 1 ? undefined : found;
}

function isOriginalRecipient(text: string, charset: MailParameters["charset"]): boolean {
  if (text.length > ORIGINAL_RECIPIENT_LIMIT) return false;
  const match = TYPED_ADDRESS.exec(text);
  if (match === null) return false;
  const [, type = "", address = ""] = match;
  if (XTEXT.test(address)) return true;
  return type.toLowerCase() === "utf-8" && charset === "utf8" && UNITEXT.test(address);
}

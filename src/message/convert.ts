// Makes a message fit for servers that take only 7-bit lines (RFC 6152 §3): every MIME part that is not 7-bit gets a
// transfer encoding, quoted-printable or base64 (RFC 2045 §6), whichever is shorter; multiparts are walked, and so are
// messages in messages. Promises: what comes out is ASCII without NUL, its lines end in CRLF and have at most 998 octets,
// and each part decodes to the octets it had before; or it is an error, and the message must not be sent. Never throws.
//
// Not converted: header fields in UTF-8 (RFC 6531 has no way back), anything inside multipart/signed and
// multipart/encrypted (RFC 1847: it must arrive as it is), parts whose encoding contradicts their octets, MIME that can be
// read in two ways. Preamble and epilogue of a multipart mean nothing and are left out when they are not 7-bit.
// Each octet is looked at a bounded number of times per level, and levels and parts are bounded.

import { isAscii } from "node:buffer";
import { crlfLine, crlfLines } from "../base/crlf.ts";
import { failure, success, type Result } from "../base/result.ts";
import { parseContentType, parseToken, type ContentType } from "./content-type.ts";
import { editHeaders, fieldsNamed, readHeaders, unfoldedValue, type HeaderSection } from "./headers.ts";
import { encodeBase64, encodeQuotedPrintable, quotedPrintableSize } from "./transfer-encoding.ts";

export interface Converted {
  readonly content: readonly Uint8Array[];
  /** DKIM signatures that were there before: a body that was changed no longer matches them. */
  readonly brokenSignatures: number;
}

export interface ConversionError {
  /** RFC 3463 X.6.3: conversion required but not supported. */
  readonly status: "5.6.3";
  readonly message: string;
}

/** Levels of multiparts and messages. Real mail has about five. */
const deepest = 20;
/** Parts in all. */
const mostParts = 1000;
/** RFC 5322 §2.1.1. */
const longestLine = 998;

export function convertToSevenBit(content: readonly Uint8Array[]): Result<Converted, ConversionError> {
  const whole = content.length === 1 ? content[0]! : Buffer.concat(content);
  const octets = Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength);
  try {
    const out: Uint8Array[] = [];
    const section = convertEntity(octets, { parts: 0, depth: 0, out }, "message");
    // RFC 3030 §2: BDAT content may end anywhere, content after DATA ends its last line.
    if (out.findLast((chunk) => chunk.length > 0)?.at(-1) !== 10) out.push(lineEnd);
    return success({ content: out, brokenSignatures: fieldsNamed(section, "dkim-signature").length });
  } catch (error) {
    if (error instanceof CannotConvert) return failure({ status: "5.6.3", message: error.message });
    throw error;
  }
}

/** Ends the walk from any depth; never leaves this file. */
class CannotConvert extends Error {}

interface Walk {
  parts: number;
  depth: number;
  readonly out: Uint8Array[];
}

type Encoding = "7bit" | "quoted-printable" | "base64";

function convertEntity(octets: Buffer, walk: Walk, kind: "message" | "part"): HeaderSection {
  if (++walk.parts > mostParts) throw new CannotConvert(`the message has more than ${mostParts} MIME parts`);
  if (walk.depth >= deepest) throw new CannotConvert(`the message has more than ${deepest} levels of MIME parts`);
  const read = readHeaders([octets]);
  if (!read.ok) throw new CannotConvert(read.error.message);
  const section = read.value;
  if (!isClean(octets.subarray(0, section.bodyStart))) {
    throw new CannotConvert("a header section is not 7-bit, or has lines that are too long");
  }
  const body = octets.subarray(section.bodyStart);
  const encoding = encodingOf(section);
  // Seven bits are enough for it, and it says so: nothing to do. Every part inside a clean part is clean.
  if (isClean(body) && !["8bit", "binary"].includes(encoding)) {
    walk.out.push(octets);
    return section;
  }
  const type = typeOf(section);
  const walked = isWalked(type);
  if (isClean(body) && !walked) {
    putLeaf(section, "7bit", body, walk, kind);
    return section;
  }
  if (!["7bit", "8bit", "binary"].includes(encoding)) {
    throw new CannotConvert(`a part says ${encoding} and has octets that this cannot have`);
  }
  if (walked) {
    walk.out.push(header(section, kind, undefined));
    walk.depth++;
    if (type.type === "multipart") convertMultipart(body, type, walk);
    else convertEntity(body, walk, "message");
    walk.depth--;
    return section;
  }
  if (type.type === "multipart" || (type.type === "message" && !encodable.has(type.subtype))) {
    throw new CannotConvert(`a part of type ${type.type}/${type.subtype} must not be changed`);
  }
  const isText = type.type === "text" || type.type === "message";
  const quoted = isText && shapeOf(body).crlfOnly && quotedPrintableSize(body) <= (body.length * 4) / 3 + 80;
  putLeaf(section, quoted ? "quoted-printable" : "base64", body, walk, kind);
  return section;
}

/** RFC 6532 §3.7 and RFC 6533 §3: these may have any encoding, unlike other messages in messages. */
const encodable: ReadonlySet<string> = new Set([
  "global",
  "global-headers",
  "global-delivery-status",
  "global-disposition-notification",
]);

function isWalked(type: ContentType): boolean {
  if (type.type === "message") return type.subtype === "rfc822";
  if (type.type !== "multipart") return false;
  return type.subtype !== "signed" && type.subtype !== "encrypted";
}

function convertMultipart(body: Buffer, type: ContentType, walk: Walk): void {
  const { boundary } = type;
  // RFC 2046 §5.1.1: at most 70 characters; an empty one is a line of two hyphens, which text is full of.
  if (boundary === undefined || !/^[ -~]{0,69}[!-~]$/.test(boundary))
    throw new CannotConvert("a multipart has no usable boundary");
  const delimiters = findDelimiters(body, boundary);
  const last = delimiters.at(-1);
  if (last?.closes !== true) throw new CannotConvert("a multipart does not end with its boundary");
  const line = Buffer.from(crlfLine(`--${boundary}`), "latin1");
  const preamble = body.subarray(0, delimiters[0]!.start);
  if (isClean(preamble)) walk.out.push(preamble);
  for (const [index, delimiter] of delimiters.entries()) {
    if (delimiter.closes) break;
    // The line end before a delimiter belongs to the delimiter.
    if (index > 0) walk.out.push(lineEnd);
    walk.out.push(line);
    const part = body.subarray(delimiter.end, Math.max(delimiter.end, delimiters[index + 1]!.start - 2));
    convertEntity(part, walk, "part");
  }
  const epilogue = body.subarray(last.end);
  const closing = crlfLines([...(delimiters.length > 1 ? [""] : []), `--${boundary}--`]);
  walk.out.push(Buffer.from(closing, "latin1"));
  if (epilogue.length > 0 && isClean(epilogue)) walk.out.push(epilogue);
}

const softBreak = Buffer.from(crlfLine("="), "latin1");
const lineEnd = Buffer.from(crlfLine(""), "latin1");

interface Delimiter {
  /** First octet of its line, and first octet after it. */
  readonly start: number;
  readonly end: number;
  readonly closes: boolean;
}

/** Lines that are the boundary and nothing else, up to the closing one. */
function findDelimiters(body: Buffer, boundary: string): readonly Delimiter[] {
  const found: Delimiter[] = [];
  const wanted = Buffer.from(`--${boundary}`, "latin1");
  for (let at = 0; ; at++) {
    at = body.indexOf(wanted, at);
    if (at < 0 || found.length > mostParts) return found;
    if (at > 0 && !(body[at - 1] === 10 && body[at - 2] === 13)) continue;
    let end = at + wanted.length;
    const closes = body[end] === 45 && body[end + 1] === 45;
    if (closes) end += 2;
    while (body[end] === 32 || body[end] === 9) end++;
    const ended = body[end] === 13 && body[end + 1] === 10;
    if (!ended && end < body.length) continue;
    found.push({ start: at, end: ended ? end + 2 : end, closes });
    if (closes) return found;
  }
}

function putLeaf(section: HeaderSection, encoding: Encoding, body: Buffer, walk: Walk, kind: "message" | "part"): void {
  walk.out.push(header(section, kind, encoding));
  switch (encoding) {
    case "7bit":
      walk.out.push(body);
      break;
    case "quoted-printable":
      walk.out.push(encodeQuotedPrintable(body));
      // A last line without an end gets one that does not count.
      if (kind === "message" && body.at(-1) !== 10) walk.out.push(softBreak);
      break;
    case "base64":
      walk.out.push(encodeBase64(body));
      break;
    default:
      encoding satisfies never;
  }
}

/** The header section with another Content-Transfer-Encoding, and its empty line. */
function header(section: HeaderSection, kind: "message" | "part", encoding: Encoding | undefined): Uint8Array {
  const lines: string[] = [];
  if (kind === "message" && fieldsNamed(section, "mime-version").length === 0) {
    lines.push("MIME-Version: 1.0");
    // Nobody says which characters these are (RFC 1428 §2).
    if (fieldsNamed(section, "content-type").length === 0) lines.push("Content-Type: text/plain; charset=unknown-8bit");
  }
  if (encoding !== undefined && encoding !== "7bit") lines.push(`Content-Transfer-Encoding: ${encoding}`);
  const edited = editHeaders([Buffer.from(section.text, "latin1")], section, {
    remove: fieldsNamed(section, "content-transfer-encoding"),
    append: crlfLines(lines),
  });
  const last = edited.at(-1);
  const unfinished = last !== undefined && last.length > 0 && last.at(-1) !== 10;
  return Buffer.concat([...edited, ...(unfinished ? [lineEnd] : []), lineEnd]);
}

/** Lower case; "7bit" when there is none (RFC 2045 §6.1). */
function encodingOf(section: HeaderSection): string {
  const fields = fieldsNamed(section, "content-transfer-encoding");
  const [field] = fields;
  if (field === undefined) return "7bit";
  const encoding = fields.length > 1 ? undefined : parseToken(unfoldedValue(section, field));
  if (encoding === undefined) throw new CannotConvert("a Content-Transfer-Encoding field cannot be understood");
  return encoding;
}

/** RFC 2045 §5.2: without a field it is plain text. */
function typeOf(section: HeaderSection): ContentType {
  const fields = fieldsNamed(section, "content-type");
  const [field] = fields;
  if (field === undefined) return { type: "text", subtype: "plain", boundary: undefined };
  const type = fields.length > 1 ? undefined : parseContentType(unfoldedValue(section, field));
  if (type === undefined) throw new CannotConvert("a Content-Type field cannot be understood");
  return type;
}

/** ASCII in lines that every server takes. */
function isClean(octets: Buffer): boolean {
  if (!isAscii(octets) || octets.includes(0)) return false;
  const { crlfOnly, longest } = shapeOf(octets);
  return crlfOnly && longest <= longestLine;
}

interface Shape {
  /** No CR and no LF but in CRLF: quoted-printable keeps it as lines. */
  readonly crlfOnly: boolean;
  /** Octets of the longest line, without its end. */
  readonly longest: number;
}

function shapeOf(octets: Buffer): Shape {
  let start = 0;
  let longest = 0;
  for (let index = 0; index < octets.length; index++) {
    const octet = octets[index]!;
    if (octet > 13 || (octet !== 13 && octet !== 10)) continue;
    if (octet === 10 || octets[index + 1] !== 10) return { crlfOnly: false, longest };
    if (index - start > longest) longest = index - start;
    index++;
    start = index + 1;
  }
  return { crlfOnly: true, longest: Math.max(longest, octets.length - start) };
}

// The header section of a message: where it ends, which fields it has (RFC 5322 §2.2, §3.6.8), and how to add or
// remove fields without touching the body.
//
// Content is a list of octet chunks with CRLF line ends and without dot-stuffing; the chunk borders mean nothing.
// The body is neither decoded nor copied. Octets become characters one to one (latin1), so that offsets in the text
// are offsets in the content. A bare CR or LF is refused at the door (law 5); here it is an octet like any other.
//
// Nothing here throws on any octets. What breaks the limits is an error; a line that is no field is kept where it
// is, nameless, and reported as a defect: a submission server refuses it, an MX decides for itself.
// Values are not decoded (RFC 2047) and structured fields are not parsed; see submission.ts for addresses.

import { failure, success, type Result } from "../base/result.ts";

export interface HeaderLimits {
  /** Octets of the header section, without the empty line. */
  readonly octets: number;
  readonly fields: number;
}

/** 256 KiB is far above what is seen in practice and bounds what is decoded per message. */
export const defaultHeaderLimits: HeaderLimits = { octets: 256 * 1024, fields: 2000 };

export interface HeaderField {
  /** Field name as it was written; "" for a line that is no field. */
  readonly name: string;
  /** Field name in lower case, for comparing. */
  readonly key: string;
  /** First octet of the field. */
  readonly start: number;
  /** First octet after the colon. */
  readonly valueStart: number;
  /** First octet after the field and its line end. */
  readonly end: number;
}

export interface HeaderSection {
  /** The fields, one character per octet. */
  readonly text: string;
  readonly fields: readonly HeaderField[];
  /** First octet of the body: after the empty line, or the size of the content when there is none. */
  readonly bodyStart: number;
  /** The first thing that is not as RFC 5322 §3.6.8 wants it. */
  readonly defect: HeaderDefect | undefined;
}

interface HeaderDefect {
  readonly code: "no-colon" | "bad-field-name" | "space-before-colon" | "stray-continuation" | "nul";
  readonly message: string;
  readonly offset: number;
}

export interface HeaderError {
  readonly code: "header-too-large" | "too-many-fields";
  readonly message: string;
}

export function readHeaders(
  content: readonly Uint8Array[],
  limits: HeaderLimits = defaultHeaderLimits,
): Result<HeaderSection, HeaderError> {
  const { head, size, bodyStart } = findEnd(content, limits.octets);
  if (size > limits.octets) {
    return failure({
      code: "header-too-large",
      message: `the header section is larger than ${limits.octets} octets`,
    });
  }
  const text = head.toString("latin1", 0, size);
  const fields: HeaderField[] = [];
  let defect = findNul(text);
  let colon = -1;
  for (let start = 0; start < size;) {
    if (fields.length === limits.fields) {
      return failure({ code: "too-many-fields", message: `the header section has more than ${limits.fields} fields` });
    }
    const end = endOfField(text, start);
    // Kept over lines without a colon, so that many of them do not search the same text again and again.
    if (colon < start) colon = text.indexOf(":", start);
    if (colon < 0) colon = size;
    const field = fieldAt(text, start, colon, end);
    fields.push(field);
    // The first in order of place; a rare path, so the repeated look costs nothing.
    if (field.name.length !== field.valueStart - start - 1) {
      const found = describeDefect(text, field);
      if (defect === undefined || found.offset < defect.offset) defect = found;
    }
    start = end;
  }
  return success({ text, fields, bodyStart, defect });
}

/** All fields of that name, in order. `key` is the field name in lower case. */
export function fieldsNamed(section: HeaderSection, key: string): readonly HeaderField[] {
  return section.fields.filter((field) => field.key === key);
}

/** How often the field is there. Of `received` this is the number of hops (RFC 5321 §6.3). */
export function countFields(section: HeaderSection, key: string): number {
  let count = 0;
  for (const field of section.fields) if (field.key === key) count += 1;
  return count;
}

/** The value as it was written: after the colon, with its folding, without the last line end. */
export function rawValue(section: HeaderSection, field: HeaderField): string {
  const value = section.text.slice(field.valueStart, field.end);
  return value.endsWith("\r\n") ? value.slice(0, -2) : value;
}

/** The value in one line (RFC 5322 §2.2.3), without white space around it. */
export function unfoldedValue(section: HeaderSection, field: HeaderField): string {
  return rawValue(section, field).replaceAll("\r\n", "").trim();
}

/** The octets of the header section, without the empty line. */
export function headerOctets(section: HeaderSection): Uint8Array {
  return Buffer.from(section.text, "latin1");
}

export interface HeaderEdits {
  /** Fields of this section that go. */
  readonly remove?: readonly HeaderField[];
  /** Whole fields with their line ends, ASCII or latin1, before all others: where trace fields go. */
  readonly prepend?: string;
  /** The same, after all others. */
  readonly append?: string;
}

/** The content with other fields. The body is shared, not copied; the section is no longer that of the result. */
export function editHeaders(content: readonly Uint8Array[], section: HeaderSection, edits: HeaderEdits): Uint8Array[] {
  const { prepend = "", append = "" } = edits;
  const result: Uint8Array[] = [];
  const stray = strayContinuation(section);
  const remove = stray === undefined ? (edits.remove ?? []) : [...(edits.remove ?? []), stray];
  if (remove.length === 0 && append === "") {
    if (prepend !== "") result.push(Buffer.from(prepend, "latin1"));
    for (const chunk of content) result.push(chunk);
    return result;
  }
  const gone = new Set(remove);
  let text = prepend;
  for (const field of section.fields) if (!gone.has(field)) text += section.text.slice(field.start, field.end);
  // Only a message without a body can end inside a field (BDAT does not need a last line end).
  if (append !== "" && text !== "" && !text.endsWith("\r\n")) text += "\r\n";
  result.push(Buffer.from(text + append, "latin1"));
  for (const slice of sliceContent(content, section.text.length, Number.POSITIVE_INFINITY)) result.push(slice);
  return result;
}

/** Continuation lines without a field: dropped by every edit, or they would continue a field put before them. */
function strayContinuation(section: HeaderSection): HeaderField | undefined {
  const first = section.text.charCodeAt(0);
  return first === 0x20 || first === 0x09 ? section.fields[0] : undefined;
}

/** The octets from `from` up to but not including `to`, as views on the same memory. */
export function sliceContent(content: readonly Uint8Array[], from: number, to: number): Uint8Array[] {
  const slices: Uint8Array[] = [];
  let offset = 0;
  for (const chunk of content) {
    const start = Math.max(from - offset, 0);
    const end = Math.min(to - offset, chunk.length);
    if (start < end) slices.push(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end));
    offset += chunk.length;
    if (offset >= to) break;
  }
  return slices;
}

interface HeaderEnd {
  /** Holds at least the header section, unless that is larger than the limit. */
  readonly head: Buffer;
  /** Octets of the fields. */
  readonly size: number;
  readonly bodyStart: number;
}

const emptyLine = Buffer.from("\r\n\r\n");

/** Looks no further than the limit; nearly always the first chunk is enough and nothing is copied. */
function findEnd(content: readonly Uint8Array[], limit: number): HeaderEnd {
  const reach = limit + emptyLine.length;
  let head = asBuffer(content[0] ?? new Uint8Array());
  let searched = 0;
  for (let taken = 1; ;) {
    if (head[0] === 13 && head[1] === 10) return { head, size: 0, bodyStart: 2 };
    const at = head.subarray(0, reach).indexOf(emptyLine, searched);
    if (at >= 0) return { head, size: at + 2, bodyStart: at + 4 };
    if (taken >= content.length || head.length >= reach) break;
    searched = Math.max(0, head.length - emptyLine.length + 1);
    // At least twice as many octets each time: the work stays linear however small the chunks are.
    const goal = Math.min(Math.max(head.length * 2, 4096), reach);
    const parts: Uint8Array[] = [head];
    let length = head.length;
    for (const chunk of content.slice(taken)) {
      if (length >= goal) break;
      const part = chunk.subarray(0, reach - length);
      parts.push(part);
      length += part.length;
      taken += 1;
    }
    head = Buffer.concat(parts, length);
  }
  // No empty line: all of it is header section (RFC 5322 §2.1), or it is beyond the limit.
  return { head, size: head.length, bodyStart: head.length };
}

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** After the next line end that is not followed by white space. */
function endOfField(text: string, start: number): number {
  let at = start;
  for (;;) {
    at = text.indexOf("\r\n", at);
    if (at < 0) return text.length;
    at += 2;
    const next = text.charCodeAt(at);
    if (next !== 0x20 && next !== 0x09) return at;
  }
}

/** Printable ASCII without the colon (RFC 5322 §3.6.8, ftext). */
const fieldName = /^[!-9;-~]+$/;

function fieldAt(text: string, start: number, colon: number, end: number): HeaderField {
  if (colon >= end) return { name: "", key: "", start, valueStart: start, end };
  const written = text.slice(start, colon);
  if (fieldName.test(written)) return { name: written, key: written.toLowerCase(), start, valueStart: colon + 1, end };
  // White space before the colon is obsolete syntax (§4.5.8), and some readers take even a fold there. The field
  // must not hide from checks by it: it keeps its name, and the defect says what is wrong.
  const name = written.replace(/[ \t\r\n]+$/, "");
  if (!fieldName.test(name)) return { name: "", key: "", start, valueStart: start, end };
  return { name, key: name.toLowerCase(), start, valueStart: colon + 1, end };
}

function describeDefect(text: string, field: HeaderField): HeaderDefect {
  const offset = field.start;
  if (field.name !== "") {
    return { code: "space-before-colon", message: `white space between ${field.name} and its colon`, offset };
  }
  const first = text.charAt(offset);
  if (first === " " || first === "\t") {
    return { code: "stray-continuation", message: "the header section begins with a continuation line", offset };
  }
  if (!text.slice(offset, field.end).includes(":")) {
    return { code: "no-colon", message: "a line in the header section has no colon", offset };
  }
  return { code: "bad-field-name", message: "a field name holds something else than printable ASCII", offset };
}

function findNul(text: string): HeaderDefect | undefined {
  const offset = text.indexOf("\0");
  return offset < 0 ? undefined : { code: "nul", message: "the header section holds a NUL", offset };
}

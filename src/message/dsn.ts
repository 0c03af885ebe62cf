// Makes delivery status notifications: multipart/report (RFC 6522) with a text for people, message/delivery-status
// (RFC 3464) for programs, and the message or its header section. Status codes are those of RFC 3463.
//
// A notification goes to the envelope sender and from nobody: its own reverse-path is "", and for a message from ""
// none is made (RFC 5321 §4.5.5, §6.1). What remote servers said is text of strangers: it comes out as printable
// ASCII without line ends and cut to a length. The returned message is not copied and not changed.
// When an address or the message needs UTF-8, the parts are those of RFC 6533: message/global-delivery-status and its kin.
// It does not decide when to notify; NOTIFY and RET (RFC 3461) are the caller's, who passes what they ask for.

import { formatAddress, parseAddress, type Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import { crlfLine, crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";
import { failure, success, type Result } from "../base/result.ts";
import { explain, subjectOf } from "./dsn-text.ts";
import { headerOctets, readHeaders, type HeaderSection } from "./headers.ts";
import { isSevenBit, occurs } from "./octets.ts";
import { messageIdOf } from "./submission.ts";
import { escapeToAscii } from "./xtext.ts";

export type DsnAction = "failed" | "delayed" | "delivered" | "relayed" | "expanded";

export interface DsnRecipient {
  /** Envelope recipient, as in AcceptRecord. */
  readonly recipient: string;
  /** ORCPT as it was given, decoded: "rfc822;bob@example.jp". */
  readonly originalRecipient?: string;
  readonly action: DsnAction;
  /** RFC 3463, such as "5.1.1"; anything else becomes the general code of the action. */
  readonly status: string;
  /** The server that answered. */
  readonly remote?: string;
  /** Its reply, all lines, or our own words about why there was none. */
  readonly diagnostic?: string;
  /** Who spoke the diagnostic: a remote SMTP server, or this server itself. */
  readonly diagnosticFrom: "remote" | "local";
  /** Wall clock, ms. */
  readonly lastAttempt?: number;
  /** Wall clock, ms; only for "delayed". */
  readonly willRetryUntil?: number;
}

export interface DsnRequest {
  /** Id of the new message, from base/id.ts. */
  readonly id: string;
  readonly hostname: Domain;
  /** Whom people can answer to; must be deliverable (RFC 2142). */
  readonly postmaster: Address;
  /** Envelope sender of the message it is about, as in AcceptRecord. */
  readonly sender: string;
  /** ENVID, decoded. */
  readonly envelopeId?: string;
  /** When that message came, and now: wall clock, ms. */
  readonly arrivedAt: number;
  readonly at: number;
  /** At least one. */
  readonly recipients: readonly DsnRecipient[];
  /** That message came with SMTPUTF8. */
  readonly utf8?: boolean;
  /** The content of that message. */
  readonly original: readonly Uint8Array[];
  /** Give the whole message back when it is not larger than `largestReturn`, or only its header section. */
  readonly returns: "message" | "headers";
  /** Octets. */
  readonly largestReturn: number;
}

export interface Dsn {
  readonly content: Uint8Array[];
  /** Envelope recipients of the notification; its reverse-path is "". */
  readonly recipients: readonly string[];
  /** With its angle brackets. */
  readonly messageId: string;
  /** The content needs 8BITMIME (RFC 6152). */
  readonly eightBit: boolean;
  /** It goes to an address in UTF-8 (RFC 6531). */
  readonly utf8: boolean;
}

export interface DsnError {
  readonly code: "null-sender" | "bad-sender";
  readonly message: string;
}

export function makeDsn(request: DsnRequest): Result<Dsn, DsnError> {
  if (request.sender === "") return failure({ code: "null-sender", message: "a message from <> is never bounced" });
  if (request.recipients.length === 0) throw new TypeError("a notification about no recipient");
  const sender = parseAddress(request.sender, { utf8: true });
  if (!sender.ok) return failure({ code: "bad-sender", message: `the sender is no address: ${sender.error.message}` });
  const to = formatAddress(sender.value);
  const form = formOf(request, to);
  const header = readHeaders(request.original);
  const section = header.ok ? header.value : undefined;
  const returned = returnedPart(request, section, form);
  const text = explain(request, describeRecipient);
  const status = deliveryStatus(request, form);
  const words = Buffer.from(text + status, "utf8");
  const boundary = findBoundary(request.id, [words, ...returned.content]);
  const eightBit = returned.eightBit || !isSevenBit([words]);
  const messageId = `<${request.id}@${request.hostname}>`;
  const reference = section && messageIdOf(section);

  const opening = crlfLines([
    `From: Mail Delivery System <${formatAddress(request.postmaster)}>`,
    `To: <${to}>`,
    `Subject: ${subjectOf(request.recipients)}`,
    `Date: ${formatDateTime(request.at)}`,
    `Message-ID: ${messageId}`,
    // Lets mail programs show the report with the message it is about.
    ...(reference === undefined ? [] : [`In-Reply-To: ${reference}`, `References: ${reference}`]),
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    "Content-Type: multipart/report; report-type=delivery-status;",
    `\tboundary="${boundary}"`,
    ...(eightBit ? ["Content-Transfer-Encoding: 8bit"] : []),
    "",
    "This is a report in MIME format about the delivery of a message.",
    "",
    `--${boundary}`,
    "Content-Description: Explanation",
    ...(isAscii(text)
      ? ["Content-Type: text/plain; charset=us-ascii"]
      : ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]),
    "",
  ]);
  const beforeStatus = crlfLines([
    "",
    `--${boundary}`,
    "Content-Description: Delivery report",
    `Content-Type: ${form === "global" ? "message/global-delivery-status" : "message/delivery-status"}`,
    ...(isAscii(status) ? [] : ["Content-Transfer-Encoding: 8bit"]),
    "",
  ]);
  const parts: Uint8Array[] = [Buffer.from(opening + text + beforeStatus + status, "utf8")];
  if (returned.type !== "none") {
    const lines = [
      "",
      `--${boundary}`,
      `Content-Description: ${returned.description}`,
      `Content-Type: ${returned.type}`,
    ];
    if (returned.eightBit) lines.push("Content-Transfer-Encoding: 8bit");
    parts.push(Buffer.from(crlfLines([...lines, ""]), "latin1"), ...returned.content);
  }
  // The line end before a boundary belongs to the boundary, so a message without a last one stays as it is.
  parts.push(Buffer.from(crlfLines(["", `--${boundary}--`]), "latin1"));
  return success({ content: parts, recipients: [to], messageId, eightBit, utf8: !isAscii(to) });
}

/** `global`: with the types of RFC 6533. */
type Form = "ascii" | "global";

function formOf(request: DsnRequest, to: string): Form {
  const { recipients, utf8 = false } = request;
  const ascii = recipients.every(
    (about) =>
      isAscii(addressText(about.recipient)) &&
      isAscii(originalRecipient(about.originalRecipient ?? "", "global") ?? ""),
  );
  return utf8 || !ascii || !isAscii(to) ? "global" : "ascii";
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text); // oxlint-disable-line no-control-regex
}

type Returned =
  | { readonly type: "none"; readonly content: readonly Uint8Array[]; readonly eightBit: false }
  | {
      readonly type: "message/rfc822" | "text/rfc822-headers" | "message/global" | "message/global-headers";
      readonly description: string;
      readonly content: readonly Uint8Array[];
      readonly eightBit: boolean;
    };

/** Only a failure gives the whole message back (RFC 3461 §6.2 f); whoever wrote it has it otherwise. */
function returnedPart(request: DsnRequest, section: HeaderSection | undefined, form: Form): Returned {
  const size = request.original.reduce((sum, chunk) => sum + chunk.length, 0);
  const failed = request.recipients.some(({ action }) => action === "failed");
  if (request.returns === "message" && failed && size <= request.largestReturn) {
    const content = request.original;
    const eightBit = !isSevenBit(content);
    const type = form === "global" ? "message/global" : "message/rfc822";
    return { type, description: "Undelivered message", content, eightBit };
  }
  if (section === undefined) return { type: "none", content: [], eightBit: false };
  const content = [headerOctets(section)];
  const eightBit = !isSevenBit(content);
  const type = form === "global" ? "message/global-headers" : "text/rfc822-headers";
  return { type, description: "Header of the message", content, eightBit };
}

/** RFC 3464 §2.2 and §2.3: one group of fields about the message, then one per recipient. */
function deliveryStatus(request: DsnRequest, form: Form): string {
  const envelopeId = cleanText(request.envelopeId ?? "", 100);
  const about = [
    ...(envelopeId === "" ? [] : [`Original-Envelope-Id: ${envelopeId}`]),
    `Reporting-MTA: dns; ${request.hostname}`,
    `Arrival-Date: ${formatDateTime(request.arrivedAt)}`,
  ];
  const groups = [about, ...request.recipients.map((recipient) => recipientFields(recipient, form))];
  return groups.map((fields) => crlfLines(fields)).join(crlfLine(""));
}

function recipientFields(about: DsnRecipient, form: Form): string[] {
  const { address, status, remote, diagnostic } = describeRecipient(about);
  const fields: string[] = [];
  const original = originalRecipient(about.originalRecipient ?? "", form);
  if (original !== undefined) fields.push(`Original-Recipient: ${original}`);
  fields.push(
    `Final-Recipient: ${isAscii(address) ? "rfc822" : "utf-8"}; ${address}`,
    `Action: ${about.action}`,
    `Status: ${status}`,
  );
  if (about.diagnosticFrom === "remote") {
    if (remote !== undefined) fields.push(`Remote-MTA: dns; ${remote}`);
    if (diagnostic !== undefined) fields.push(...folded(`Diagnostic-Code: smtp; ${diagnostic}`));
  } else if (diagnostic !== undefined) {
    // No server said this, so it is not of type smtp (RFC 3464 §2.3.6).
    fields.push(...folded(`Diagnostic-Code: x-sekimori; ${diagnostic}`));
  }
  if (about.lastAttempt !== undefined) fields.push(`Last-Attempt-Date: ${formatDateTime(about.lastAttempt)}`);
  if (about.action === "delayed" && about.willRetryUntil !== undefined) {
    fields.push(`Will-Retry-Until: ${formatDateTime(about.willRetryUntil)}`);
  }
  return fields;
}

/** "type;address", decoded, as the client gave it. */
function originalRecipient(text: string, form: Form): string | undefined {
  const clean = /^[!-:<-~]+;[ -~]+$/;
  const utf8 = /^utf-8;([ -~\u00a0-\u{10ffff}]+)$/iu.exec(text)?.[1];
  if (utf8 === undefined || isAscii(utf8)) {
    const original = cleanText(text, 500);
    return clean.test(original) ? original : undefined;
  }
  // RFC 6533 §3: with its own characters where those may stand, escaped elsewhere. Cut nowhere: half an address misleads.
  if (utf8.length > 500 || !utf8.isWellFormed()) return undefined;
  return `utf-8;${form === "global" ? utf8 : escapeToAscii(utf8)}`;
}

/** The words about a recipient after cleaning, for both parts. */
export interface RecipientDescription {
  readonly address: string;
  readonly status: string;
  readonly remote: string | undefined;
  readonly diagnostic: string | undefined;
}

function describeRecipient(about: DsnRecipient): RecipientDescription {
  return {
    address: addressText(about.recipient),
    status: statusOf(about),
    remote: cleanText(about.remote ?? "", 255) || undefined,
    diagnostic: cleanText(about.diagnostic ?? "", longestDiagnostic) || undefined,
  };
}

function statusOf(about: DsnRecipient): string {
  if (/^[245]\.[0-9]{1,3}\.[0-9]{1,3}$/.test(about.status)) return about.status;
  return generalStatus[about.action];
}

const generalStatus: Readonly<Record<DsnAction, string>> = {
  failed: "5.0.0",
  delayed: "4.0.0",
  delivered: "2.0.0",
  relayed: "2.0.0",
  expanded: "2.0.0",
};

/** Honest replies are far shorter (a line has at most 512 octets, RFC 5321 §4.5.3.1.5), and 998 is a line of mail. */
const longestDiagnostic = 900;

const wellWritten = /^[ -~\u00a0-\u{10ffff}]+$/u;

/** One line of printable ASCII, at most that long. */
function cleanText(text: string, longest: number): string {
  // Cut first: a stranger decides how long the text is.
  const line = text
    .slice(0, longest * 2)
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[^ -~]/g, "?");
  return line.length > longest ? `${line.slice(0, longest - 3)}...` : line;
}

/** An address as the grammar writes it; what is none is shown without what could lead a reader astray. */
function addressText(text: string): string {
  const parsed = parseAddress(text, { utf8: true });
  const written = parsed.ok ? formatAddress(parsed.value) : "";
  return wellWritten.test(written) ? written : cleanText(text, 320).replace(/[<>()",;: ]/g, "?") || "?";
}

/** Field lines of at most 78 characters where there are spaces to break at (RFC 5322 §2.1.1). */
function folded(field: string): string[] {
  const lines: string[] = [];
  let rest = field;
  while (rest.length > 78) {
    const near = rest.lastIndexOf(" ", 77);
    const at = near > 0 ? near : rest.indexOf(" ", 78);
    if (at < 0) break;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  lines.push(rest);
  return lines;
}

/** "=_" cannot stand in quoted-printable or base64; that it stands nowhere else is looked up. */
function findBoundary(id: string, parts: readonly Uint8Array[]): string {
  for (let attempt = 0; ; attempt += 1) {
    const boundary = `=_${id}_${attempt}`;
    if (!occurs(parts, `--${boundary}`)) return boundary;
  }
}

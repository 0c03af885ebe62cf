// What a submission server does to a message (RFC 6409 §8): adds Date and Message-ID when they are missing, takes out
// Bcc (RFC 5322 §3.6.3: the copies must not show it) and a forged Return-Path. And what it asks of it: who wrote it.
//
// authors() names every mailbox that the message claims to be from, field by field, so that the caller can check each of
// them against the account; it does not check ownership. Exactly one From field, as two of them let every reader pick
// another one. Unqualified addresses are refused, not completed: a guess would be signed with our name.
// An existing DKIM signature survives unless Date, Bcc or Return-Path force a change that it covers.

import { addressKey, formatAddress, type Address } from "../address/address.ts";
import { ASCII_ONLY, type AddressOptions } from "../address/grammar.ts";
import type { Domain } from "../address/domain.ts";
import { parseAddressList } from "../address/header.ts";
import { crlfLine } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";
import { failure, success, type Result } from "../base/result.ts";
import {
  countFields,
  editHeaders,
  fieldsNamed,
  rawValue,
  unfoldedValue,
  type HeaderField,
  type HeaderSection,
} from "./headers.ts";

export interface SubmissionFacts {
  /** Our id of the message: left side of a new Message-ID. */
  readonly id: string;
  /** Our own name: right side of it. */
  readonly hostname: Domain;
  /** Wall clock, ms. */
  readonly at: number;
  /** Who it was, where the message does not say so itself: a Sender field in place of those it has. */
  readonly sender: Address | undefined;
  /** Trace fields with their line ends, from trace.ts; they go before all others. */
  readonly trace: string;
}

export interface CompletedSubmission {
  readonly content: Uint8Array[];
  /** With its angle brackets; for AcceptRecord. */
  readonly messageId: string;
  /** Names of the fields that were added and taken out, as evidence. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

const unwanted: ReadonlySet<string> = new Set(["bcc", "resent-bcc", "return-path"]);

/** New fields go to the end of the header section: the trace fields have the top (RFC 5322 §3.6.7). */
export function completeSubmission(
  content: readonly Uint8Array[],
  section: HeaderSection,
  facts: SubmissionFacts,
): CompletedSubmission {
  const { sender } = facts;
  const remove = section.fields.filter(({ key }) => unwanted.has(key) || (sender !== undefined && key === "sender"));
  const added: string[] = [];
  let append = "";
  if (sender !== undefined) {
    append += crlfLine(`Sender: <${formatAddress(sender)}>`);
    added.push("Sender");
  }
  if (countFields(section, "date") === 0) {
    append += crlfLine(`Date: ${formatDateTime(facts.at)}`);
    added.push("Date");
  }
  const ownId = `<${facts.id}@${facts.hostname}>`;
  // Message-ID is only a SHOULD, so a signature that vouches for its absence wins over it; Date is a must.
  if (countFields(section, "message-id") === 0 && !signed(section, "message-id")) {
    append += crlfLine(`Message-ID: ${ownId}`);
    added.push("Message-ID");
  }
  return {
    content: editHeaders(content, section, { prepend: facts.trace, remove, append }),
    messageId: messageIdOf(section) ?? ownId,
    added,
    removed: remove.map((field) => field.name),
  };
}

/** RFC 5322 §3.6.4, and everything else without white space that is deployed. */
const messageIdentifier = /<[!-;=?-~]{1,900}>/;

/** The Message-ID with its angle brackets; undefined when there is none that could be written down. */
export function messageIdOf(section: HeaderSection): string | undefined {
  const field = section.fields.find(({ key }) => key === "message-id");
  return field && messageIdentifier.exec(unfoldedValue(section, field))?.[0];
}

/** True when an existing DKIM signature lists the field in its h= tag (RFC 6376 §3.5). */
function signed(section: HeaderSection, key: string): boolean {
  return fieldsNamed(section, "dkim-signature").some((field) => {
    const value = unfoldedValue(section, field).toLowerCase().replace(/\s+/g, "");
    const names = /(?:^|;)h=([^;]*)/.exec(value)?.[1] ?? "";
    return names.split(":").includes(key);
  });
}

export interface AuthorError {
  readonly code:
    | "from-missing"
    | "from-repeated"
    | "no-mailbox"
    | "sender-repeated"
    | "sender-missing"
    | "not-one-mailbox"
    | "unreadable"
    | "unqualified";
  readonly message: string;
  /** The field it is about, as it was written. */
  readonly field: string;
}

/** One of those a message claims to come from. */
export interface Author {
  readonly field: "from" | "sender" | "resent-from" | "resent-sender";
  readonly address: Address;
}

export interface AuthorOptions extends AddressOptions {
  /** Several mailboxes in From need a Sender (RFC 5322 §3.6.2). "added": one will be put there. */
  readonly missingSender: "refused" | "added";
}

/**
 * Every address the message claims to come from: From, Sender, Resent-From, Resent-Sender; in each of them once.
 * Addresses outside ASCII are for the caller to allow: with SMTPUTF8 (RFC 6532 §3.2).
 */
export function authors(
  section: HeaderSection,
  options: AuthorOptions = { ...ASCII_ONLY, missingSender: "refused" },
): Result<readonly Author[], AuthorError> {
  const found = new Map<string, Author>();
  let fromFields = 0;
  let fromMailboxes = 0;
  let senderFields = 0;
  for (const field of section.fields) {
    const { key } = field;
    if (!isAuthorField(key)) continue;
    const read = readMailboxes(section, field, key, options);
    if (!read.ok) return read;
    for (const address of read.value) found.set(`${key}:${addressKey(address)}`, { field: key, address });
    if (field.key === "sender") senderFields += 1;
    if (field.key === "from") {
      fromFields += 1;
      fromMailboxes += read.value.length;
    }
  }
  if (fromFields === 0) return refusal("from-missing", "From", "there is no From field");
  if (fromFields > 1) return refusal("from-repeated", "From", "there is more than one From field");
  if (senderFields > 1) return refusal("sender-repeated", "Sender", "there is more than one Sender field");
  if (fromMailboxes > 1 && senderFields === 0 && options.missingSender === "refused") {
    return refusal("sender-missing", "Sender", "From names several authors and no Sender says who sent it");
  }
  return success([...found.values()]);
}

function isAuthorField(key: string): key is Author["field"] {
  return key === "from" || key === "sender" || key === "resent-from" || key === "resent-sender";
}

function readMailboxes(
  section: HeaderSection,
  field: HeaderField,
  key: Author["field"],
  options: AddressOptions,
): Result<readonly Address[], AuthorError> {
  const parsed = parseAddressList(asUtf8(rawValue(section, field)), options);
  if (!parsed.ok) {
    const { code, message } = parsed.error;
    if (code === "empty") return refusal("no-mailbox", field.name, `${field.name} names no mailbox`);
    if (code === "domain-missing") return refusal("unqualified", field.name, `${field.name} holds no full address`);
    return refusal("unreadable", field.name, `${field.name} is not readable: ${message}`);
  }
  const addresses = parsed.value.map((mailbox) => mailbox.address);
  // Groups may be empty (RFC 6854), but a message from nobody is for nobody's account.
  if (addresses.length === 0) return refusal("no-mailbox", field.name, `${field.name} names no mailbox`);
  if ((key === "sender" || key === "resent-sender") && addresses.length > 1) {
    return refusal("not-one-mailbox", field.name, `${field.name} must be one mailbox`);
  }
  return success(addresses);
}

/** Display names in raw UTF-8 (RFC 6532) are common; the section's text has one character per octet. */
function asUtf8(latin1: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\0-\x7f]*$/.test(latin1) ? latin1 : Buffer.from(latin1, "latin1").toString("utf8");
}

function refusal(code: AuthorError["code"], field: string, message: string): Result<never, AuthorError> {
  return failure({ code, message, field });
}

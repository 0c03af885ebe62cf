// Trace fields: `Received` (RFC 5321 §4.4, the `with` values of RFC 3848, 6531 and 2033, the `tls` clause of RFC 8314
// §4.3), and what final delivery adds: `Return-Path` (RFC 5321 §4.4) and `Delivered-To` (RFC 9228).
//
// What the client said (HELO) and what its owner put into the DNS (reverse name) is text of a stranger. It comes out
// as one token of letters, digits, "-", ".", "_" and "?", so it can open no comment, no quoted string and no line.
// Every field is returned with its line end, ready for editHeaders({ prepend }). Who logged in is told only where `authenticated` says it.

import { formatAddress, type Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import { crlfLine, crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";

/** IANA "Mail Transmission Types". */
export type TransmissionType =
  | "SMTP"
  | "ESMTP"
  | "ESMTPA"
  | "ESMTPS"
  | "ESMTPSA"
  | "LMTP"
  | "LMTPA"
  | "LMTPS"
  | "LMTPSA"
  | "UTF8SMTP"
  | "UTF8SMTPA"
  | "UTF8SMTPS"
  | "UTF8SMTPSA";

export interface ReceivedFacts {
  /** Argument of HELO, EHLO or LHLO as the client gave it. */
  readonly helo: string;
  /** IP address of the client, as the socket gives it. */
  readonly client: string;
  /** Name of that address when it leads back to it, otherwise undefined. */
  readonly reverseName: string | undefined;
  /** What is told of who logged in: letters that need no quoting. */
  readonly authenticated?: string | undefined;
  /** Our own name. */
  readonly hostname: Domain;
  readonly transmission: TransmissionType;
  /** Standard name of the cipher suite, if there was TLS. */
  readonly cipher: string | undefined;
  readonly id: string;
  /** All envelope recipients. Named only when there is one: several would tell each of the others (§7.2). */
  readonly recipients: readonly Address[];
  /** Wall clock, ms. */
  readonly at: number;
}

export function receivedField(facts: ReceivedFacts): string {
  const name = facts.reverseName === undefined ? "unknown" : cleanName(facts.reverseName);
  const lines = [`Received: from ${heloToken(facts.helo)} (${name} ${literal(facts.client)})`];
  // As Postfix writes it: abuse desks and their programs know this form.
  if (facts.authenticated !== undefined) lines.push(`\t(Authenticated sender: ${identityToken(facts.authenticated)})`);
  lines.push(`\tby ${facts.hostname} with ${facts.transmission} id ${cleanName(facts.id)}`);
  const only = facts.recipients.length === 1 ? facts.recipients[0] : undefined;
  const recipient = only === undefined ? undefined : path(only);
  if (recipient !== undefined) lines.push(`\tfor ${recipient}`);
  if (facts.cipher !== undefined) lines.push(`\ttls ${cleanName(facts.cipher)}`);
  lines[lines.length - 1] += ";";
  lines.push(`\t${formatDateTime(facts.at)}`);
  return crlfLines(lines);
}

/** For final delivery only. `undefined` is the null reverse-path. To be written as UTF-8: nothing follows that could mind. */
export function returnPathField(sender: Address | undefined): string {
  return crlfLine(`Return-Path: <${sender === undefined ? "" : formatAddress(sender)}>`);
}

/** For final delivery only: the envelope recipient, which aliases and Bcc hide from the other fields. UTF-8 as above. */
export function deliveredToField(recipient: Address): string {
  return crlfLine(`Delivered-To: ${formatAddress(recipient)}`);
}

const domainOrLiteral = /^(?:[A-Za-z0-9._-]+|\[(?:IPv6:)?[0-9A-Fa-f:.]+\])$/;

/** Longest domain (RFC 5321 §4.5.3.1.2). */
const longestName = 255;

function heloToken(helo: string): string {
  return helo.length <= longestName && domainOrLiteral.test(helo) ? helo : cleanName(helo);
}

/** One token; a stranger's other characters become "?", which is an atom and shows that something was there. */
function cleanName(text: string): string {
  return text.slice(0, longestName).replace(/[^A-Za-z0-9._-]/g, "?") || "unknown";
}

/** Nothing that ends the comment, or begins another clause behind it. */
function identityToken(identity: string): string {
  return identity.slice(0, longestIdentity).replace(/[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]/g, "?");
}

/** RFC 5321 §4.5.3.1.3. */
const longestIdentity = 254;

/** RFC 5321 §4.1.3. Sockets that speak both families give IPv4 as ::ffff:192.0.2.1. */
function literal(address: string): string {
  const plain = /^::ffff:(?=\d+\.)/i.test(address) ? address.slice(7) : address;
  const clean = plain.slice(0, 45).replace(/[^0-9A-Fa-f:.]/g, "?");
  return clean.includes(":") ? `[IPv6:${clean}]` : `[${clean}]`;
}

/** A local part outside ASCII has no place in a field that must pass old relays. */
function path(address: Address): string | undefined {
  const text = formatAddress(address);
  return /^[ -~]+$/.test(text) ? `<${text}>` : undefined;
}

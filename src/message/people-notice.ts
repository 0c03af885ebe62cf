// The frame of a message from the mail system to people: to one address, in English and in Japanese, one below the other, since nobody has
// told the server what its people read. It says of itself that a program made it (RFC 3834), so that no other program answers. 7-bit
// (RFC 2045 §6.7, RFC 2047), but for addresses that are not.

import { formatAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import { crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";
import { encodeQuotedPrintable } from "./transfer-encoding.ts";

export interface NoticeFrame {
  /** Id of the new message, from base/id.ts. */
  readonly id: string;
  readonly hostname: Domain;
  /** Whom people can answer to. */
  readonly postmaster: Address;
  readonly to: string;
  /** Wall clock, ms. */
  readonly at: number;
}

interface Words {
  /** In Japanese at most 15 characters, one encoded word. */
  readonly subject: string;
  readonly lines: readonly string[];
}

/** Octets for the spool, and its Message-ID. */
export function makePeopleNotice(
  { id, hostname, postmaster, to, at }: NoticeFrame,
  english: Words,
  japanese: Words,
): { readonly content: Uint8Array[]; readonly messageId: string } {
  const messageId = `<${id}@${hostname}>`;
  const header = [
    `From: Mail System <${formatAddress(postmaster)}>`,
    `To: <${to}>`,
    `Subject: ${english.subject} /`,
    ` ${encodedWord(japanese.subject)}`,
    `Date: ${formatDateTime(at)}`,
    `Message-ID: ${messageId}`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Language: en, ja",
    "Content-Transfer-Encoding: quoted-printable",
    "",
  ];
  const body = ["（日本語は下にあります）", "", ...english.lines, "", "--", "", ...japanese.lines];
  const content = [Buffer.from(crlfLines(header), "utf8"), encodeQuotedPrintable(Buffer.from(crlfLines(body), "utf8"))];
  return { content, messageId };
}

/** RFC 2047 §2: at most 75 characters, so at most 45 octets of text. */
function encodedWord(text: string): string {
  return `=?utf-8?B?${Buffer.from(text, "utf8").toString("base64")}?=`;
}

// The message with the code that proves an address: to somebody at a third party, who may have asked for it or not. It tells both what to do,
// says that a program made it (RFC 3834), and has no link: nobody learns here to click on one.

import { formatAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import { crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";

export interface CodeNoticeRequest {
  /** Id of the new message, from base/id.ts. */
  readonly id: string;
  readonly hostname: Domain;
  /** Whom people can answer to. */
  readonly postmaster: Address;
  /** The address that is to be proved. */
  readonly to: string;
  readonly account: string;
  readonly code: string;
  /** Wall clock, ms. */
  readonly at: number;
  readonly expires: number;
}

/** Octets for the spool, and its Message-ID. */
export function makeCodeNotice(request: CodeNoticeRequest): {
  readonly content: Uint8Array[];
  readonly messageId: string;
} {
  const { id, hostname, to, account, code, at, expires } = request;
  const messageId = `<${id}@${hostname}>`;
  const postmaster = formatAddress(request.postmaster);
  const lines = [
    `From: Mail System <${postmaster}>`,
    `To: <${to}>`,
    `Subject: A code to send mail as ${to}`,
    `Date: ${formatDateTime(at)}`,
    `Message-ID: ${messageId}`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    `This is the mail server ${hostname}. Somebody asked to send mail with`,
    "your address",
    "",
    `  ${to}`,
    "",
    "through it, from the account",
    "",
    `  ${account}`,
    "",
    "If that was you: tell your access provider this code, before",
    `${formatDateTime(expires)}. It works once.`,
    "",
    `  ${code}`,
    "",
    "Nobody here asks for the password of your mailbox. Never tell it.",
    "",
    "If that was not you: do nothing, and keep the code to yourself. Without it",
    "nobody sends with your address through this server. Complaints reach",
    "",
    `  ${postmaster}`,
  ];
  return { content: [Buffer.from(crlfLines(lines), "utf8")], messageId };
}

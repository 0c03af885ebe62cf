// Tells the holder of a proved address at a third party that the proof ends, and what to do: to that address, for it is the mailbox that is
// read. Once for each proof. No code is in it, and no link.

import { formatAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import { crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";

export interface RenewalNoticeRequest {
  /** Id of the new message, from base/id.ts. */
  readonly id: string;
  readonly hostname: Domain;
  /** Whom people can answer to. */
  readonly postmaster: Address;
  /** The address that was proved. */
  readonly to: string;
  readonly account: string;
  /** Wall clock, ms. */
  readonly at: number;
  readonly ends: number;
}

/** Octets for the spool, and its Message-ID. */
export function makeRenewalNotice(request: RenewalNoticeRequest): {
  readonly content: Uint8Array[];
  readonly messageId: string;
} {
  const { id, hostname, to, account, at, ends } = request;
  const messageId = `<${id}@${hostname}>`;
  const postmaster = formatAddress(request.postmaster);
  const lines = [
    `From: Mail System <${postmaster}>`,
    `To: <${to}>`,
    `Subject: Sending mail as ${to} needs a new code soon`,
    `Date: ${formatDateTime(at)}`,
    `Message-ID: ${messageId}`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    `This is the mail server ${hostname}. The account`,
    "",
    `  ${account}`,
    "",
    "sends mail with your address",
    "",
    `  ${to}`,
    "",
    `through it, which was proved to be its own. That ends on ${new Date(ends).toISOString().slice(0, 10)}.`,
    "To go on, ask your access provider for a new code before then; it is mailed",
    "here. Nobody asks for the password of your mailbox.",
    "",
    "If the account is not yours, ask the administrator to end this now:",
    "",
    `  ${postmaster}`,
  ];
  return { content: [Buffer.from(crlfLines(lines), "utf8")], messageId };
}

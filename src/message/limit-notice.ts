// Tells somebody that an account has nearly or wholly used up a limit: a text for people, from the mail system, to one
// address. It says of itself that a program made it (RFC 3834), so that no other program answers.

import { formatAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import { crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";

export interface LimitNoticeRequest {
  /** Id of the new message, from base/id.ts. */
  readonly id: string;
  readonly hostname: Domain;
  /** Whom people can answer to. */
  readonly postmaster: Address;
  readonly to: string;
  readonly account: string;
  readonly level: "near" | "reached";
  readonly layer: string;
  readonly used: number;
  readonly limit: number;
  readonly window: string;
  readonly over: "defer" | "reject" | "hold";
  /** Wall clock, ms. */
  readonly at: number;
}

const things: Readonly<Record<string, string>> = {
  recipients: "recipients",
  "new-recipients": "recipients that it had not written to before",
  messages: "messages",
  bytes: "octets of mail",
};

const consequences = {
  defer: "What is sent beyond the limit is refused for now; most mail programs try again by themselves.",
  reject: "What is sent beyond the limit is refused, and the mail program says so.",
  hold: "What is sent beyond the limit is accepted and held until the administrator has looked at it.",
} as const;

/** Octets for the spool, and its Message-ID. */
export function makeLimitNotice(request: LimitNoticeRequest): {
  readonly content: Uint8Array[];
  readonly messageId: string;
} {
  const { id, hostname, to, account, level, layer, used, limit, window, over, at } = request;
  const messageId = `<${id}@${hostname}>`;
  const postmaster = formatAddress(request.postmaster);
  const thing = things[layer] ?? layer;
  const state = level === "near" ? "has nearly used up" : "has used up";
  const lines = [
    `From: Mail System <${postmaster}>`,
    `To: <${to}>`,
    `Subject: ${account} ${state} a sending limit`,
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
    `${state} a limit: ${used} of ${limit} ${thing}`,
    `in any ${window}.`,
    "",
    ...(level === "reached" ? [consequences[over], ""] : []),
    "If you did not send that much, somebody else may know the password of the",
    "account. Change it now, and tell the administrator:",
    "",
    `  ${postmaster}`,
    "",
    "This is told once for each limit and interval.",
  ];
  return { content: [Buffer.from(crlfLines(lines), "utf8")], messageId };
}

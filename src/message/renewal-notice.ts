// Tells the holder of a proved address at a third party that the proof ends, and what to do: to that address, for it is the mailbox that is
// read. Once for each proof. No code is in it, and no link. A text for people (people-notice.ts).

import { formatAddress } from "../address/address.ts";
import { makePeopleNotice } from "./people-notice.ts";
import type { NoticeFrame } from "./people-notice.ts";

/** `to`: the address that was proved. */
export interface RenewalNoticeRequest extends NoticeFrame {
  readonly account: string;
  /** Wall clock, ms. */
  readonly ends: number;
}

/** Octets for the spool, and its Message-ID. */
export function makeRenewalNotice(request: RenewalNoticeRequest): ReturnType<typeof makePeopleNotice> {
  return makePeopleNotice(
    request,
    { subject: `Sending mail as ${request.to} needs a new code soon`, lines: english(request) },
    { subject: "確認コードの更新のお願い", lines: japanese(request) },
  );
}

function english({ hostname, to, account, ends, postmaster }: RenewalNoticeRequest): readonly string[] {
  return [
    `This is the mail server ${hostname}. The account`,
    "",
    `  ${account}`,
    "",
    "sends mail with your address",
    "",
    `  ${to}`,
    "",
    `through it, which was proved to be its own. That ends on ${day(ends)}.`,
    "To go on, ask your access provider for a new code before then; it is mailed",
    "here. Nobody asks for the password of your mailbox.",
    "",
    "If the account is not yours, ask the administrator to end this now:",
    "",
    `  ${formatAddress(postmaster)}`,
  ];
}

function japanese({ hostname, to, account, ends, postmaster }: RenewalNoticeRequest): readonly string[] {
  return [
    `メールサーバー ${hostname} からのお知らせです。アカウント`,
    "",
    `  ${account}`,
    "",
    "は、お客様のメールアドレス",
    "",
    `  ${to}`,
    "",
    "を差出人とするメールを、このサーバーから送信しています。ご本人のアドレスであることは",
    `確認済みですが、その有効期限は ${day(ends)} です。`,
    "引き続きご利用になるには、期限までに接続事業者に新しいコードをお申し込みください。",
    "コードはこのアドレスに届きます。メールボックスのパスワードをお尋ねすることはありません。",
    "",
    "このアカウントに心当たりのない方は、すぐに停止するよう管理者にお申し付けください:",
    "",
    `  ${formatAddress(postmaster)}`,
  ];
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

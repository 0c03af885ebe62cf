// The message with the code that proves an address: to somebody at a third party, who may have asked for it or not. It tells both what to do,
// and names the page where the code is entered, if there is one: its address alone, the same in every mail, so that nothing happens when a
// program follows it. A text for people (people-notice.ts).

import { formatAddress } from "../address/address.ts";
import { formatDateTime } from "../base/date.ts";
import { makePeopleNotice } from "./people-notice.ts";
import type { NoticeFrame } from "./people-notice.ts";

/** `to`: the address that is to be proved. */
export interface CodeNoticeRequest extends NoticeFrame {
  readonly account: string;
  readonly code: string;
  /** Wall clock, ms. */
  readonly expires: number;
  /** URL; undefined: the code is told to the access provider. */
  readonly page: string | undefined;
}

/** Octets for the spool, and its Message-ID. */
export function makeCodeNotice(request: CodeNoticeRequest): ReturnType<typeof makePeopleNotice> {
  return makePeopleNotice(
    request,
    { subject: `A code to send mail as ${request.to}`, lines: english(request) },
    { subject: "送信用アドレスの確認コード", lines: japanese(request) },
  );
}

function english({ hostname, to, account, code, expires, page, postmaster }: CodeNoticeRequest): readonly string[] {
  const until = formatDateTime(expires);
  const what =
    page === undefined
      ? ["If that was you: tell your access provider this code, before", `${until}. It works once.`]
      : [
          "If that was you: enter this code, before",
          `${until}, on the page`,
          "",
          `  ${page}`,
          "",
          "together with that account and its password, or tell it to your access",
          "provider. It works once.",
        ];
  return [
    `This is the mail server ${hostname}. Somebody asked to send mail with`,
    "your address",
    "",
    `  ${to}`,
    "",
    "through it, from the account",
    "",
    `  ${account}`,
    "",
    ...what,
    "",
    `  ${code}`,
    "",
    "Nobody here asks for the password of this mailbox. Never tell it.",
    "",
    "If that was not you: do nothing, and keep the code to yourself. Without it",
    "nobody sends with your address through this server. Complaints reach",
    "",
    `  ${formatAddress(postmaster)}`,
  ];
}

function japanese({ hostname, to, account, code, expires, page, postmaster }: CodeNoticeRequest): readonly string[] {
  const until = formatDateTime(expires);
  const what =
    page === undefined
      ? [
          "お申し込みになった方は、次のコードを接続事業者にお伝えください。",
          `期限は ${until}、使えるのは一度だけです。`,
        ]
      : [
          "お申し込みになった方は、次のページで、上のアカウントとそのパスワードに添えて",
          "コードを入力してください。接続事業者に伝えていただいても構いません。",
          `期限は ${until}、使えるのは一度だけです。`,
          "",
          `  ${page}`,
        ];
  return [
    `メールサーバー ${hostname} からのお知らせです。お客様のメールアドレス`,
    "",
    `  ${to}`,
    "",
    "を差出人とするメールを、このサーバーのアカウント",
    "",
    `  ${account}`,
    "",
    "から送信したいとのお申し込みがありました。",
    "",
    ...what,
    "",
    `  ${code}`,
    "",
    "このメールが届いたメールボックスのパスワードをお尋ねすることはありません。",
    "誰にも伝えないでください。",
    "",
    "心当たりのない方は、何もせず、コードを誰にも伝えないでください。コードがなければ、",
    "お客様のアドレスでこのサーバーから送信することはできません。苦情はこちらへ:",
    "",
    `  ${formatAddress(postmaster)}`,
  ];
}

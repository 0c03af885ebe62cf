// Tells somebody that an account has nearly or wholly used up a limit: a text for people (people-notice.ts), to one address.

import { formatAddress } from "../address/address.ts";
import { makePeopleNotice } from "./people-notice.ts";
import type { NoticeFrame } from "./people-notice.ts";

export interface LimitNoticeRequest extends NoticeFrame {
  readonly account: string;
  readonly level: "near" | "reached";
  readonly layer: string;
  readonly used: number;
  readonly limit: number;
  readonly window: string;
  readonly over: "defer" | "reject" | "hold";
}

interface Texts {
  readonly subject: (about: Pick<LimitNoticeRequest, "account" | "level">) => string;
  readonly opening: (hostname: string) => string;
  readonly state: (said: Said) => readonly string[];
  readonly over: Readonly<Record<LimitNoticeRequest["over"], string>>;
  readonly stolen: readonly string[];
  readonly once: string;
}

type Said = Pick<LimitNoticeRequest, "level" | "layer" | "used" | "limit" | "window">;

const things: Readonly<Record<string, string>> = {
  recipients: "recipients",
  "new-recipients": "recipients that it had not written to before",
  messages: "messages",
  bytes: "octets of mail",
};

const english: Texts = {
  subject: ({ account, level }) =>
    `${account} ${level === "near" ? "has nearly used up" : "has used up"} a sending limit`,
  opening: (hostname) => `This is the mail server ${hostname}. The account`,
  state: ({ level, layer, used, limit, window }) => [
    `${level === "near" ? "has nearly used up" : "has used up"} a limit: ${used} of ${limit} ${things[layer] ?? layer}`,
    `in any ${window}.`,
  ],
  over: {
    defer: "What is sent beyond the limit is refused for now; most mail programs try again by themselves.",
    reject: "What is sent beyond the limit is refused, and the mail program says so.",
    hold: "What is sent beyond the limit is accepted and held until the administrator has looked at it.",
  },
  stolen: [
    "If you did not send that much, somebody else may know the password of the",
    "account. Change it now, and tell the administrator:",
  ],
  once: "This is told once for each limit and interval.",
};

const japaneseThings: Readonly<Record<string, string>> = {
  recipients: "宛先の数",
  "new-recipients": "初めて送る宛先の数",
  messages: "メールの数",
  bytes: "メールの合計サイズ（オクテット）",
};

const japaneseUnits: Readonly<Record<string, string>> = { s: "秒", m: "分", h: "時間", d: "日", w: "週間" };

const japanese: Texts = {
  subject: ({ level }) => (level === "near" ? "送信の上限に近づいています" : "送信の上限に達しました"),
  opening: (hostname) => `メールサーバー ${hostname} からのお知らせです。アカウント`,
  state: ({ level, layer, used, limit, window }) => [
    level === "near" ? "は送信の上限に近づいています。" : "は送信の上限に達しました。",
    `${japaneseThings[layer] ?? layer}: ${japaneseTime(window)}あたり上限 ${limit} のうち ${used} を使用`,
  ],
  over: {
    defer: "上限を超えたメールは今は受け付けられません。多くのメールソフトは後で自動的に送り直します。",
    reject: "上限を超えたメールは受け付けられず、メールソフトにその旨が表示されます。",
    hold: "上限を超えたメールは受け付けますが、管理者が確認するまで保留します。",
  },
  stolen: [
    "心当たりがない場合は、パスワードが他人に知られているおそれがあります。",
    "すぐにパスワードを変更し、管理者にご連絡ください:",
  ],
  once: "このお知らせは、上限ごとに、その期間に一度だけお送りします。",
};

/** Octets for the spool, and its Message-ID. */
export function makeLimitNotice(request: LimitNoticeRequest): ReturnType<typeof makePeopleNotice> {
  const words = (texts: Texts): Parameters<typeof makePeopleNotice>[1] => ({
    subject: texts.subject(request),
    lines: textIn(texts, request),
  });
  return makePeopleNotice(request, words(english), words(japanese));
}

function textIn(texts: Texts, request: LimitNoticeRequest): readonly string[] {
  const { hostname, account, level, over } = request;
  return [
    texts.opening(hostname),
    "",
    `  ${account}`,
    "",
    ...texts.state(request),
    "",
    ...(level === "reached" ? [texts.over[over], ""] : []),
    ...texts.stolen,
    "",
    `  ${formatAddress(request.postmaster)}`,
    "",
    texts.once,
  ];
}

/** `1d` of the configuration. */
function japaneseTime(window: string): string {
  return window.replaceAll(
    /(\d+)([smhdw])/g,
    (_all, count: string, unit: string) => `${count}${japaneseUnits[unit] ?? unit}`,
  );
}

// Tells a customer what was done because somebody else may be using his account, what to do, and that it is over: a text for people
// (people-notice.ts), to one address.
//
// Whoever broke in may read it too. So the copy for the account's own mailbox has nothing that he has not seen in the replies to his own
// commands: what spoke against him is in the copy for the second contact only, by its kind, without addresses, networks or
// numbers; content is in neither. The message asks for no password and has no link of its own.

import { formatAddress } from "../address/address.ts";
import { minuteOf } from "../base/minute.ts";
import { makePeopleNotice } from "./people-notice.ts";
import type { NoticeFrame } from "./people-notice.ts";

type Step = "slow" | "hold" | "suspend";

export interface AbuseNoticeRequest extends NoticeFrame {
  /** For its own mailbox, or for the second contact. */
  readonly copy: "account" | "contact";
  readonly account: string;
  /** When it was done, wall ms. */
  readonly since: number;
  readonly news:
    | {
        readonly kind: "taken";
        readonly step: Step;
        /** Names of abuse/observation.ts, the weightiest first. */
        readonly signs: readonly string[];
        readonly clause?: string;
      }
    | { readonly kind: "ended"; readonly step: Step; readonly mail: "kept" | "released" | "returned" };
  /** Whom else to ask: the operator's words, one line. */
  readonly help: string | undefined;
}

interface Texts {
  /** In Japanese without the account: there is no room. */
  readonly subject: (account: string, what: Step | "ended") => string;
  readonly opening: (hostname: string) => string;
  /** Behind the name of the account. */
  readonly taken: Readonly<Record<Step, (since: string) => readonly string[]>>;
  readonly ended: readonly string[];
  readonly mail: Readonly<Record<"kept" | "released" | "returned", string>>;
  readonly seen: string;
  readonly signs: Readonly<Record<string, string>>;
  readonly clause: (clause: string) => string;
  readonly advice: readonly string[];
  readonly ask: string;
  readonly yourself: readonly string[];
  readonly never: string;
  readonly unchanged: readonly string[];
  readonly questions: string;
}

/** The more there are, the less each says. */
const MOST_SIGNS = 5;

const suspicion = ["is not used as it always was: somebody else may know its password."];

const english: Texts = {
  subject: (account, what) =>
    `${account} ${
      {
        slow: "sends slowly for now",
        hold: "has its mail held",
        suspend: "is suspended",
        ended: "is as it was again",
      }[what]
    }`,
  opening: (hostname) => `This is the mail server ${hostname}. The account`,
  taken: {
    slow: (since) => [
      ...suspicion,
      `Since ${since} it therefore sends to one recipient in two`,
      "minutes. What is more is refused for now; most mail programs try again by",
      "themselves. This ends by itself a day after the last sign, or when the",
      "administrator has looked.",
    ],
    hold: (since) => [
      ...suspicion,
      `Since ${since} what it sends is therefore accepted and held`,
      "until the administrator has looked. None of it is lost.",
    ],
    suspend: (since) => [
      ...suspicion,
      `Since ${since} nobody can therefore log in to it, and what`,
      "it had on its way is held until the administrator has looked. None of it is",
      "lost, and mail for the account comes in as always.",
    ],
  },
  ended: ["is as it was again: the administrator has looked, and what was done is", "over."],
  mail: {
    kept: "What was held of its mail is still held; the administrator decides.",
    released: "What was held of its mail is on its way.",
    returned: "What was held of its mail comes back to it.",
  },
  seen: "What was seen:",
  signs: {
    "new-network": "logins from networks where the account was never used",
    "new-country": "a login from a country where it was never used",
    "two-countries": "logins from two countries within two hours",
    "guessed-password": "wrong passwords, and then the right one",
    "unusual-hour": "mail at an hour at which it never sends",
    "many-recipients": "more recipients than on any day before",
    "new-recipients": "more than ever to whom it had not written before",
    "unknown-recipients": "recipients that do not exist",
    "new-author": "a sender address that it never used",
    "repeated-text": "the same text in more messages than ever",
    "new-program": "attached programs of a kind that it never sent",
  },
  clause: (clause) => `This rests on: ${clause}`,
  advice: [
    "What to do:",
    "",
    "1. Look for malicious programs on every computer and telephone that knows",
    "   the password, before you type a new one there.",
    "2. Have the password changed, and use the new one nowhere else. End the app",
    "   passwords of devices that you no longer have.",
  ],
  ask: "3. Tell the administrator, who looks at it and ends this:",
  yourself: [
    "If it was all yours - a journey, a new device, a letter to many people -",
    "then tell the administrator that.",
  ],
  never: "Nobody here asks for your password, by mail or by telephone.",
  unchanged: ["If somebody else may know the password and it was not changed: have it", "changed now."],
  questions: "Questions reach",
};

const japaneseSuspicion = ["の使われ方がこれまでと異なります。パスワードが他人に知られているおそれがあります。"];

const japanese: Texts = {
  subject: (_account, what) =>
    ({
      slow: "送信を一時的に制限しています",
      hold: "送信メールを保留しています",
      suspend: "利用を停止しています",
      ended: "制限を解除しました",
    })[what],
  opening: (hostname) => `メールサーバー ${hostname} からのお知らせです。アカウント`,
  taken: {
    slow: (since) => [
      ...japaneseSuspicion,
      `そのため ${since} から、送信を2分間に1宛先までに制限しています。`,
      "超えた分は今は受け付けられません。多くのメールソフトは後で自動的に送り直します。",
      "この制限は、最後の兆候から1日後、または管理者が確認した時点で解除されます。",
    ],
    hold: (since) => [
      ...japaneseSuspicion,
      `そのため ${since} から、送信されたメールは受け付けた上で、管理者が確認するまで保留しています。`,
      "失われるメールはありません。",
    ],
    suspend: (since) => [
      ...japaneseSuspicion,
      `そのため ${since} から、ログインを停止し、配送前のメールは管理者が確認するまで保留しています。`,
      "失われるメールはありません。このアカウント宛のメールはこれまでどおり届きます。",
    ],
  },
  ended: ["について管理者が確認し、制限を解除しました。"],
  mail: {
    kept: "保留したメールは引き続き保留しています。扱いは管理者が決めます。",
    released: "保留したメールは配送されます。",
    returned: "保留したメールは差出人に戻されます。",
  },
  seen: "確認された兆候:",
  signs: {
    "new-network": "これまで使われたことのないネットワークからのログイン",
    "new-country": "これまで使われたことのない国からのログイン",
    "two-countries": "2時間以内に2つの国からのログイン",
    "guessed-password": "誤ったパスワードが続いた後の、正しいパスワードでのログイン",
    "unusual-hour": "これまで送信のなかった時間帯の送信",
    "many-recipients": "これまでにない数の宛先への送信",
    "new-recipients": "これまでにない数の、初めての宛先への送信",
    "unknown-recipients": "存在しない宛先への送信",
    "new-author": "使われたことのない差出人アドレス",
    "repeated-text": "これまでにない数の、同じ文面のメール",
    "new-program": "これまで送られたことのない種類のプログラムの添付",
  },
  clause: (clause) => `根拠: ${clause}`,
  advice: [
    "お願い:",
    "",
    "1. このパスワードを使っているすべてのパソコンやスマートフォンに不正なプログラムがないか、",
    "   新しいパスワードを入力する前に確認してください。",
    "2. パスワードを変更し、新しいパスワードをほかで使わないでください。",
    "   もう使っていない機器のアプリパスワードは無効にしてください。",
  ],
  ask: "3. 管理者にご連絡ください。確認の上、解除します:",
  yourself: [
    "旅行、機器の買い替え、多数の宛先への送信など、ご本人による利用の場合は、",
    "その旨を管理者にお知らせください。",
  ],
  never: "メールや電話でパスワードをお尋ねすることはありません。",
  unchanged: ["パスワードが他人に知られているおそれがあり、まだ変更していない場合は、", "すぐに変更してください。"],
  questions: "お問い合わせ先:",
};

/** Kinds of evidence that there are words for. */
export const signsWithWords: readonly string[] = Object.keys(english.signs);

/** Octets for the spool, and its Message-ID. */
export function makeAbuseNotice(request: AbuseNoticeRequest): ReturnType<typeof makePeopleNotice> {
  const { news } = request;
  const words = (texts: Texts): Parameters<typeof makePeopleNotice>[1] => ({
    subject: texts.subject(request.account, news.kind === "taken" ? news.step : "ended"),
    lines: textIn(texts, request),
  });
  return makePeopleNotice(request, words(english), words(japanese));
}

function textIn(texts: Texts, request: AbuseNoticeRequest): readonly string[] {
  const { hostname, account, postmaster, help, news } = request;
  const people = ["", `  ${formatAddress(postmaster)}`, ...(help === undefined ? [] : [`  ${oneLine(help)}`])];
  const opening = [texts.opening(hostname), "", `  ${account}`, ""];
  switch (news.kind) {
    case "taken":
      return [
        ...opening,
        ...texts.taken[news.step](minuteOf(request.since)),
        "",
        ...seenIn(texts, request.copy, news.signs),
        ...(news.clause === undefined ? [] : [texts.clause(oneLine(news.clause)), ""]),
        ...texts.advice,
        texts.ask,
        ...people,
        "",
        ...texts.yourself,
        texts.never,
      ];
    case "ended":
      return [
        ...opening,
        ...texts.ended,
        // Nothing was held of who was slowed.
        ...(news.step === "slow" ? [] : [texts.mail[news.mail]]),
        "",
        ...texts.unchanged,
        "",
        texts.questions,
        ...people,
        "",
        texts.never,
      ];
  }
}

function seenIn(texts: Texts, copy: AbuseNoticeRequest["copy"], signs: readonly string[]): readonly string[] {
  const known = copy === "account" ? [] : signs.flatMap((sign) => texts.signs[sign] ?? []).slice(0, MOST_SIGNS);
  return known.length === 0 ? [] : [texts.seen, "", ...known.map((each) => `- ${each}`), ""];
}

/** A configuration may have line ends in its texts. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

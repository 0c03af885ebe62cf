// The page on which a customer enters the code that was mailed to his address at a third party: a form that posts, without a script. What was
// entered comes back only as far as it is no secret, escaped. What a refusal says depends on nothing but whether the login was right:
// a wrong code, an address nobody asked for, a code that is too old or used already are one.

import { codePath } from "./code-url.ts";
import { html, page } from "./html.ts";
import type { Html } from "./html.ts";
import { texts } from "./texts.ts";
import type { Language } from "./texts.ts";

/** What became of an entry. */
export type CodeOutcome =
  /** `until`: ISO 8601. */
  | { readonly kind: "proved"; readonly until: string }
  /** The login, and nothing was said of the code; or with a right login the code. */
  | { readonly kind: "refused"; readonly what: "login" | "code" }
  /** Nothing was looked at: too many tries. */
  | { readonly kind: "later" }
  /** Nobody could look. */
  | { readonly kind: "unavailable" };

export type CodeView =
  | { readonly kind: "empty" }
  | { readonly kind: "answer"; readonly outcome: CodeOutcome; readonly account: string; readonly address: string };

interface CodeTexts {
  readonly title: string;
  readonly opening: string;
  readonly account: string;
  readonly password: string;
  readonly passwordNote: string;
  readonly address: string;
  readonly code: string;
  readonly button: string;
  readonly stranger: string;
  readonly proved: string;
  readonly refused: Readonly<Record<"login" | "code", string>>;
  readonly later: string;
  readonly unavailable: string;
}

const words: Readonly<Record<Language, CodeTexts>> = {
  en: {
    title: "Confirm your address at another provider",
    opening:
      "Your access provider has mailed a code to your address at another mail provider. Once you have entered it here, the server {host} carries mail that you send with that address.",
    account: "Your account here (its mail address)",
    password: "Password of that account",
    passwordNote:
      "Not the password of your mailbox at the other provider: that is never asked for, so do not enter it. An app password does not work here.",
    address: "Your address at the other provider, to which the code was mailed",
    code: "The code",
    button: "Confirm",
    stranger:
      "If you have got such a mail and did not ask for it, close this page and keep the code to yourself: without it nobody sends with your address here.",
    proved: "Done. Until {date} you can send as {address} with your account.",
    refused: {
      login: "The account or its password is not right. The code was not looked at, and is as good as before.",
      code: "The code could not be used for this address. Please compare both with the mail that came last. Five wrong codes end a code, so does time, and it works once: when it is as in the mail, ask your access provider for a new one.",
    },
    later:
      "There were too many tries, from your line or for this account. Nothing was looked at: please try again later.",
    unavailable: "This cannot be checked right now. Nothing was looked at: please try again in a few minutes.",
  },
  ja: {
    title: "他社メールアドレスの確認",
    opening:
      "ご契約の接続事業者から、他のメール事業者にあるお客様のメールアドレスへ確認コードをお送りしました。ここでコードを入力すると、そのアドレスを差出人とするメールをサーバー {host} から送れるようになります。",
    account: "こちらのアカウント（メールアドレス）",
    password: "そのアカウントのパスワード",
    passwordNote:
      "他のメール事業者のパスワードではありません。そちらのパスワードをお尋ねすることはないので、入力しないでください。アプリパスワードは使えません。",
    address: "コードが届いた、他のメール事業者のメールアドレス",
    code: "確認コード",
    button: "確認する",
    stranger:
      "心当たりのないメールでここに来られた場合は、このページを閉じ、コードを誰にも伝えないでください。コードがなければ、お客様のアドレスでここから送信することは誰にもできません。",
    proved: "確認できました。{date} まで、こちらのアカウントで {address} を差出人として送信できます。",
    refused: {
      login: "アカウントまたはパスワードが正しくありません。コードは確認しておらず、引き続き有効です。",
      code: "このアドレスの確認にはこのコードを使えませんでした。最後に届いたメールと、アドレスとコードを見比べてください。コードは期限を過ぎるか、五回間違えると無効になり、使えるのは一度だけです。メールのとおりに入力しても使えないときは、接続事業者に新しいコードをお求めください。",
    },
    later: "お使いの回線またはこのアカウントからの入力が多すぎます。何も確認していません。時間をおいてお試しください。",
    unavailable: "ただいま確認できません。何も確認していません。数分後にもう一度お試しください。",
  },
};

export function codeTitle(language: Language): string {
  return words[language].title;
}

export function codeForm(host: string, language: Language, view: CodeView): string {
  const text = words[language];
  const other = language === "en" ? "ja" : "en";
  const isDone = view.kind === "answer" && view.outcome.kind === "proved";
  return page(
    language,
    text.title,
    html`<nav><a href="${codePath}?lang=${other}" lang="${other}">${texts[language].other}</a></nav>
      ${view.kind === "answer" ? html`<p role="status"><strong>${told(text, view)}</strong></p>` : ""}
      ${isDone ? "" : form(text, host, language, view)}`,
  );
}

function told(text: CodeTexts, { outcome, address }: Extract<CodeView, { kind: "answer" }>): string {
  switch (outcome.kind) {
    case "proved":
      return text.proved.replace("{date}", outcome.until.slice(0, 10)).replace("{address}", () => address);
    case "refused":
      return text.refused[outcome.what];
    case "later":
      return text.later;
    case "unavailable":
      return text.unavailable;
  }
}

function form(text: CodeTexts, host: string, language: Language, view: CodeView): Html {
  const { account, address } = view.kind === "answer" ? view : { account: "", address: "" };
  return html`<p>${text.opening.replace("{host}", host)}</p>
    <form action="${codePath}?lang=${language}" method="post" accept-charset="utf-8">
      ${field(text.account, html`<input type="text" inputmode="email" name="account" value="${account}" autocomplete="username" required />`)}
      ${field(text.password, html`<input type="password" name="password" autocomplete="current-password" required />`)}
      <p>${text.passwordNote}</p>
      ${field(text.address, html`<input type="text" inputmode="email" name="address" value="${address}" autocomplete="off" required />`)}
      ${field(text.code, html`<input type="text" name="code" autocomplete="one-time-code" autocapitalize="none" spellcheck="false" required />`)}
      <p><button>${text.button}</button></p>
    </form>
    <p>${text.stranger}</p>`;
}

function field(label: string, input: Html): Html {
  return html`<p>
    <label>${label}<br />${input}</label>
  </p>`;
}

// What the pages for users say, in English and Japanese. Steps name the menus of the programs as they are in 2026; `{…}` is filled in
// from what the site really offers.

import type { LoginKind } from "./offer.ts";

export const languages = ["en", "ja"] as const;
export type Language = (typeof languages)[number];

export const clients = ["thunderbird", "outlook", "apple-mail", "gmail", "k-9", "msmtp"] as const;
export type Client = (typeof clients)[number];

export const clientNames: Readonly<Record<Client, string>> = {
  thunderbird: "Thunderbird",
  outlook: "Outlook",
  "apple-mail": "Apple Mail (iPhone, iPad, Mac)",
  gmail: "Gmail (Android)",
  "k-9": "K-9 Mail",
  msmtp: "msmtp",
};

interface Texts {
  readonly logins: Readonly<Record<LoginKind, string>>;
  readonly authentication: string;
  /** Sending needs a login that few programs have. */
  readonly onlyScram: string;
  readonly other: string;
  readonly settings: string;
  readonly setUp: string;
  readonly setUpClient: string;
  readonly purpose: string;
  readonly reading: string;
  readonly sending: string;
  readonly server: string;
  readonly port: string;
  readonly security: string;
  readonly implicit: string;
  readonly starttls: string;
  readonly user: string;
  readonly userIs: string;
  readonly password: string;
  readonly passwordIs: string;
  readonly nothing: string;
  readonly why: string;
  readonly profile: string;
  readonly profileButton: string;
  readonly address: string;
  readonly steps: Readonly<Record<Client, readonly string[]>>;
  readonly firewall: string;
  readonly firewallText: readonly string[];
  readonly firewallOpen: string;
  readonly firewallKeep: string;
  readonly ports: string;
  readonly portsText: readonly string[];
  readonly portsUnix: string;
  readonly portsWindows: string;
  readonly portsMeaning: string;
  readonly portsOpen: string;
  readonly portsSubmission: string;
  readonly portsOutside: string;
}

export const texts: Readonly<Record<Language, Texts>> = {
  en: {
    other: "日本語",
    settings: "Mail settings",
    setUp: "Set up your mail program",
    setUpClient: "Set up {client}",
    purpose: "For",
    reading: "Reading mail ({protocol})",
    sending: "Sending mail (SMTP)",
    server: "Server",
    port: "Port",
    security: "Security",
    implicit: "SSL/TLS",
    starttls: "STARTTLS",
    user: "User name",
    userIs: "your whole mail address",
    authentication: "Authentication",
    logins: {
      password: "Normal password",
      "cram-md5": "Encrypted password (CRAM-MD5)",
      "scram-sha-256": "SCRAM-SHA-256",
    },
    onlyScram:
      "To send, programs log in by SCRAM-SHA-256 here. Many do not have it: if yours has no such choice, ask whoever gave you this page.",
    password: "Password",
    passwordIs: "the one of your account, for sending too",
    nothing: "This site offers no server for mail programs.",
    why: "Port 25 is for mail between servers. Many networks block it for everybody else, because infected computers send spam over it. Programs of users send on the port above, with user name and password, from any network.",
    profile: "On an iPhone, iPad or Mac a profile fills in everything but the password:",
    profileButton: "Get the profile",
    address: "Your mail address",
    steps: {
      thunderbird: [
        "Menu ☰ → New Account → Email.",
        "Enter your name, your mail address and your password, then Continue. Thunderbird finds the servers by itself.",
        "If it does not: choose manual configuration and enter the values above, with the authentication method “{authentication}”.",
        "An account that is there already: Account Settings → Outgoing Server (SMTP) → Edit, and change port and connection security to the values above.",
      ],
      outlook: [
        "File → Add Account, enter your mail address, Advanced options → “Let me set up my account manually”, Connect.",
        "Choose IMAP or POP as in the table above, then enter servers, ports and encryption.",
        "Tick that the outgoing server requires authentication, with the same settings as the incoming server.",
        "An account that is there already: File → Account Settings → Server Settings → Outgoing mail, and change port and encryption.",
      ],
      "apple-mail": [
        "The quick way: get the profile from the first page, open it, then Settings → Profile Downloaded → Install.",
        "By hand: Settings → Apps → Mail → Mail Accounts → Add Account → Other → Add Mail Account (on a Mac: Mail → Add Account → Other Mail Account).",
        "Enter the values above for incoming and outgoing mail. User name and password are optional in the form for outgoing mail; fill them in.",
      ],
      gmail: [
        "In the Gmail app: your picture → Add another account → Other.",
        "Enter your mail address, then the kind of account in the table above, and your password.",
        "Enter the values above for the incoming and for the outgoing server, with “Require signin” switched on.",
      ],
      "k-9": [
        "Menu → Add account, enter your mail address. K-9 Mail finds the servers by itself.",
        "If it does not: enter the values above, with “{authentication}”, for incoming and outgoing mail.",
      ],
      msmtp: ["Put this into ~/.msmtprc, and make the file readable to you alone (chmod 600 ~/.msmtprc):"],
    },
    firewall: "For administrators of company firewalls",
    firewallText: [
      "People in your network who have a mailbox here send mail over message submission (RFC 6409, RFC 8314): with user name and password, inside TLS. Please let these connections out:",
      "Each of these connections belongs to a known account, which its provider answers for and can stop. Port 25 is another matter: let out only your own mail servers on it (OP25B), so that an infected machine cannot send spam from your addresses.",
    ],
    firewallOpen: "Open outward (TCP)",
    firewallKeep: "Keep closed outward, but for your own mail servers (TCP)",
    ports: "Which ports are open from my line?",
    portsText: [
      "Web browsers refuse to open the ports of mail, so this page cannot test them by itself. Run one of these small programs on a computer on your line. It opens a connection to each port, says nothing, and closes it.",
    ],
    portsUnix: "Linux, macOS, BSD (Terminal)",
    portsWindows: "Windows (PowerShell)",
    portsMeaning: "What the answers mean",
    portsOpen: "open: your line lets you out to this port, and somebody answered.",
    portsSubmission:
      "closed on 465 or 587: something between you and us, often a company firewall, blocks sending. Show its administrator our page for firewalls.",
    portsOutside:
      "closed on 25 towards others: Outbound Port 25 Blocking. That is as it should be on most lines: send on the ports above.",
  },
  ja: {
    other: "English",
    settings: "メールの設定",
    setUp: "メールソフトの設定",
    setUpClient: "{client} の設定",
    purpose: "用途",
    reading: "受信（{protocol}）",
    sending: "送信（SMTP）",
    server: "サーバー",
    port: "ポート",
    security: "接続の保護",
    implicit: "SSL/TLS",
    starttls: "STARTTLS",
    user: "ユーザー名",
    userIs: "メールアドレス全体",
    authentication: "認証方式",
    logins: {
      password: "通常のパスワード認証",
      "cram-md5": "暗号化されたパスワード認証（CRAM-MD5）",
      "scram-sha-256": "SCRAM-SHA-256",
    },
    onlyScram:
      "送信時の認証には SCRAM-SHA-256 を使います。対応していないメールソフトも多いため、選択肢にない場合は、このページの案内元にお問い合わせください。",
    password: "パスワード",
    passwordIs: "アカウントのパスワード（送信にも必要です）",
    nothing: "このサイトには、メールソフト向けのサーバーがありません。",
    why: "25番ポートは、サーバー同士のメール配送に使うものです。ウイルスに感染したコンピューターがここから迷惑メールを送るため、多くのネットワークで一般の利用者には閉じられています（OP25B）。メールソフトからは、上のポートにユーザー名とパスワードを使って送信してください。どのネットワークからでも使えます。",
    profile: "iPhone・iPad・Mac では、プロファイルを使うとパスワード以外が自動で設定されます。",
    profileButton: "プロファイルを取得",
    address: "メールアドレス",
    steps: {
      thunderbird: [
        "メニュー ☰ →「新しいアカウント」→「メール」を選びます。",
        "名前、メールアドレス、パスワードを入力して「続ける」を押します。サーバーは自動で見つかります。",
        "見つからないときは「手動設定」を選び、上の値を入力します。認証方式は「{authentication}」です。",
        "設定済みのアカウントでは、「アカウント設定」→「送信 (SMTP) サーバー」→「編集」で、ポート番号と接続の保護を上の値に変えます。",
      ],
      outlook: [
        "「ファイル」→「アカウントの追加」でメールアドレスを入力し、「詳細オプション」の「自分で自分のアカウントを手動で設定」を選んで「接続」を押します。",
        "上の表に合わせて IMAP か POP を選び、サーバー、ポート、暗号化方法を入力します。",
        "「送信サーバー (SMTP) は認証が必要」を選び、受信サーバーと同じ設定を使います。",
        "設定済みのアカウントでは、「ファイル」→「アカウント設定」→「サーバーの設定」→「送信メール」で、ポートと暗号化方法を変えます。",
      ],
      "apple-mail": [
        "簡単な方法：最初のページでプロファイルを取得して開き、「設定」→「ダウンロード済みのプロファイル」→「インストール」を選びます。",
        "手動の場合：「設定」→「アプリ」→「メール」→「メールアカウント」→「アカウントを追加」→「その他」（Mac では「メール」→「アカウントを追加」→「その他のメールアカウント」）を選びます。",
        "受信と送信の両方に上の値を入力します。送信側のユーザー名とパスワードは「オプション」と表示されますが、必ず入力してください。",
      ],
      gmail: [
        "Gmail アプリで、プロフィール画像 →「別のアカウントを追加」→「その他」を選びます。",
        "メールアドレスを入力し、上の表にあるアカウントの種類を選んで、パスワードを入力します。",
        "受信サーバーと送信サーバーに上の値を入力します。「ログインが必要」はオンにします。",
      ],
      "k-9": [
        "メニュー →「アカウントを追加」でメールアドレスを入力します。サーバーは自動で見つかります。",
        "見つからないときは、受信と送信の両方に上の値を入力します。認証方式は「{authentication}」です。",
      ],
      msmtp: ["次の内容を ~/.msmtprc に書き、自分だけが読めるようにします（chmod 600 ~/.msmtprc）。"],
    },
    firewall: "企業のファイアウォール管理者の方へ",
    firewallText: [
      "ここにメールボックスを持つ利用者は、貴社のネットワークからメッセージ投稿（RFC 6409、RFC 8314）でメールを送信します。TLS の中で、ユーザー名とパスワードによる認証を行います。次の接続を外向きに許可してください。",
      "これらの接続は必ず特定のアカウントに結び付き、事業者が責任を持ち、停止することもできます。25番ポートは別です。感染した機器が貴社のアドレスから迷惑メールを送らないよう、自社のメールサーバー以外には閉じておいてください（OP25B）。",
    ],
    firewallOpen: "外向きに開けるもの（TCP）",
    firewallKeep: "自社のメールサーバー以外には閉じておくもの（外向き TCP）",
    ports: "自分の回線から使えるポートを調べる",
    portsText: [
      "ウェブブラウザーはメールのポートへの接続を禁止しているため、このページだけでは調べられません。次の小さなプログラムを、調べたい回線につながったコンピューターで実行してください。各ポートに接続し、何も送らずに切断します。",
    ],
    portsUnix: "Linux・macOS・BSD（ターミナル）",
    portsWindows: "Windows（PowerShell）",
    portsMeaning: "結果の見方",
    portsOpen: "open：そのポートへ外向きの接続ができ、相手が応答しました。",
    portsSubmission:
      "465 や 587 が closed：途中にある何か（多くは企業のファイアウォール）が送信を止めています。管理者に、ファイアウォール向けのページを見せてください。",
    portsOutside:
      "他社の 25 が closed：OP25B（Outbound Port 25 Blocking）です。ほとんどの回線ではこれが正常です。上のポートで送信してください。",
  },
};

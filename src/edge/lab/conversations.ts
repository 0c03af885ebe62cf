// What is said in the lab, and what must be answered: the recommendations that no packet filter can show, with the real
// server. Written down by hand like the matrices of scenarios.ts. An answer is a regular expression over all of its lines;
// `{right NAME}` stands for what AUTH PLAIN says with the password of the account, `{wrong NAME}` with another one, and
// `{password NAME}` for the password alone.

import type { LabHost } from "./topology.ts";

export interface Conversation {
  readonly title: string;
  readonly from: LabHost;
  readonly to: { readonly host: LabHost; readonly port: number };
  readonly tls: "from the start" | "on request";
  readonly protocol: "smtp" | "pop3";
  readonly families: readonly (4 | 6)[];
  /** What is said, and what must come back. The greeting comes first, to nothing. */
  readonly lines: readonly Line[];
  /** Had again for this long until it comes out as it must, ms: what it asks for takes time. */
  readonly within?: number;
}

type Line = readonly [said: string, answer: string];

const msa = { host: "msa", port: 587 } as const;
const msaTls = { host: "msa", port: 465 } as const;
const mx = { host: "mx", port: 25 } as const;
const both = [4, 6] as const;

const greeting: Line = ["", "^220 msa\\.isp-a\\.example "];
const startTls: readonly Line[] = [
  ["EHLO client.example", "^250[- ][^]*STARTTLS"],
  ["STARTTLS", "^220 "],
];
const ehloWithAuth: Line = ["EHLO client.example", "^250[- ][^]*AUTH [^\\n]*PLAIN"];

function content(from: string): readonly Line[] {
  const text = [`From: <${from}>`, "To: <carol@stranger.example>", "Subject: lab", "", "hello", "."].join("\r\n");
  return [
    ["DATA", "^354 "],
    [text, "^250 "],
  ];
}

/** Recommendation 2: port 587, with SMTP AUTH. */
export const submission: readonly Conversation[] = [
  {
    title: "a user behind the block sends by 587, after a login and not before",
    from: "bot",
    to: msa,
    tls: "on request",
    protocol: "smtp",
    families: both,
    lines: [
      greeting,
      ["EHLO client.example", "^250[- ](?![^]*AUTH)[^]*STARTTLS"],
      ["MAIL FROM:<alice@isp-a.example>", "^530 "],
      ["STARTTLS", "^220 "],
      ehloWithAuth,
      ["MAIL FROM:<alice@isp-a.example>", "^530 "],
      ["AUTH PLAIN {wrong alice@isp-a.example}", "^535 "],
      ["AUTH PLAIN {right alice@isp-a.example}", "^235 "],
      ["MAIL FROM:<alice@isp-a.example>", "^250 "],
      ["RCPT TO:<carol@stranger.example>", "^250 "],
      ...content("alice@isp-a.example"),
      ["QUIT", "^221 "],
    ],
  },
  {
    title: "and by 465",
    from: "subb",
    to: msaTls,
    tls: "from the start",
    protocol: "smtp",
    families: both,
    lines: [
      greeting,
      ehloWithAuth,
      ["AUTH PLAIN {right alice@isp-a.example}", "^235 "],
      ["MAIL FROM:<alice@isp-a.example>", "^250 "],
      ["RCPT TO:<carol@stranger.example>", "^250 "],
      ["RSET", "^250 "],
      ["MAIL FROM:<mallory@isp-a.example>", "^55\\d "],
      ["QUIT", "^221 "],
    ],
  },
  {
    title: "the stranger has got both messages",
    from: "biz",
    to: { host: "mx", port: 995 },
    tls: "from the start",
    protocol: "pop3",
    families: [4],
    within: 60_000,
    lines: [
      ["", "^\\+OK"],
      ["USER carol@stranger.example", "^\\+OK"],
      ["PASS {password carol@stranger.example}", "^\\+OK"],
      ["STAT", "^\\+OK 2 "],
      ["QUIT", "^\\+OK"],
    ],
  },
];

/** Recommendation 3: the MSA takes mail of users only, the MTA none of users. */
export const apart: readonly Conversation[] = [
  {
    title: "the MSA takes nothing from another mail server, not even for its own users",
    from: "third",
    to: msa,
    tls: "on request",
    protocol: "smtp",
    families: both,
    lines: [
      greeting,
      ...startTls,
      ehloWithAuth,
      ["MAIL FROM:<dave@elsewhere.example>", "^530 "],
      ["RCPT TO:<alice@isp-a.example>", "^5\\d\\d "],
      ["QUIT", "^221 "],
    ],
  },
  {
    title: "the MX knows no login, takes mail for its own domain, and relays nothing",
    from: "biz",
    to: mx,
    tls: "on request",
    protocol: "smtp",
    families: both,
    lines: [
      ["", "^220 mx\\.stranger\\.example "],
      ["EHLO client.example", "^250[- ](?![^]*AUTH)"],
      ["AUTH PLAIN {right carol@stranger.example}", "^5\\d\\d "],
      ["MAIL FROM:<dave@elsewhere.example>", "^250 "],
      ["RCPT TO:<carol@stranger.example>", "^250 "],
      ["RCPT TO:<dave@elsewhere.example>", "^55\\d "],
      ["RCPT TO:<dave%elsewhere.example@stranger.example>", "^55\\d "],
      ["RSET", "^250 "],
      ["QUIT", "^221 "],
    ],
  },
  {
    title: "nor inside TLS",
    from: "biz",
    to: mx,
    tls: "on request",
    protocol: "smtp",
    families: both,
    lines: [
      ["", "^220 mx\\.stranger\\.example "],
      ...startTls,
      ["EHLO client.example", "^250[- ](?![^]*AUTH)"],
      ["AUTH PLAIN {right carol@stranger.example}", "^5\\d\\d "],
      ["MAIL FROM:<carol@stranger.example>", "^250 "],
      ["RCPT TO:<dave@elsewhere.example>", "^55\\d "],
      ["QUIT", "^221 "],
    ],
  },
];

const stolen: readonly Line[] = [
  greeting,
  ...startTls,
  ehloWithAuth,
  ["AUTH PLAIN {right mallory@isp-a.example}", "^235 "],
  ["MAIL FROM:<mallory@isp-a.example>", "^250 "],
];

/** Recommendation 5: what one account may send is limited. */
export const limited: readonly Conversation[] = [
  {
    title: "a stolen password reaches four recipients an hour and no more",
    from: "bot",
    to: msa,
    tls: "on request",
    protocol: "smtp",
    families: [4],
    lines: [
      ...stolen,
      ["RCPT TO:<a@stranger.example>", "^250 "],
      ["RCPT TO:<b@stranger.example>", "^250 "],
      ["RCPT TO:<c@stranger.example>", "^250 "],
      ["RCPT TO:<d@stranger.example>", "^250 "],
      ["RCPT TO:<e@stranger.example>", "^45\\d "],
      ...content("mallory@isp-a.example"),
      ["MAIL FROM:<mallory@isp-a.example>", "^250 "],
      ["RCPT TO:<e@stranger.example>", "^45\\d "],
      ["QUIT", "^221 "],
    ],
  },
  {
    title: "nor from another line, nor over IPv6",
    from: "subb",
    to: msa,
    tls: "on request",
    protocol: "smtp",
    families: [6],
    lines: [...stolen, ["RCPT TO:<e@stranger.example>", "^45\\d "], ["QUIT", "^221 "]],
  },
  {
    title: "others are not in the way of it",
    from: "bot",
    to: msa,
    tls: "on request",
    protocol: "smtp",
    families: [6],
    lines: [
      greeting,
      ...startTls,
      ehloWithAuth,
      ["AUTH PLAIN {right bob@isp-a.example}", "^235 "],
      ["MAIL FROM:<bob@isp-a.example>", "^250 "],
      ["RCPT TO:<carol@stranger.example>", "^250 "],
      ["QUIT", "^221 "],
    ],
  },
];

// The words of a delivery status notification for the person who gets it: which recipient, what was said, what can
// be done. Plain English, ASCII, no blame. The advice goes by the RFC 3463 code; programs read the other part.

import { crlfLines } from "../base/crlf.ts";
import { formatDateTime } from "../base/date.ts";
import type { DsnAction, DsnRecipient, DsnRequest, RecipientDescription } from "./dsn.ts";

/** Worst news first. */
const order: readonly DsnAction[] = ["failed", "delayed", "expanded", "relayed", "delivered"];

const subjects: Readonly<Record<DsnAction, string>> = {
  failed: "Your message could not be delivered",
  delayed: "Your message is delayed, no need to send it again",
  delivered: "Your message was delivered",
  relayed: "Your message was passed on",
  expanded: "Your message was delivered to a list",
};

const openings: Readonly<Record<DsnAction, string>> = {
  failed: "It could not be delivered to the following address. The server has given up:",
  delayed: "It is not delivered to the following address yet, but the server goes on trying:",
  delivered: "It was delivered to:",
  relayed: "It was handed to a server that does not confirm delivery. You may hear no more about:",
  expanded: "It was delivered to a list or alias, which sent it on:",
};

/** The subject says the worst. */
export function subjectOf(recipients: readonly DsnRecipient[]): string {
  return subjects[order.find((action) => recipients.some((about) => about.action === action)) ?? "failed"];
}

/** `describe` gives the words about a recipient already cleaned: nothing of a stranger is formatted here. */
export function explain(request: DsnRequest, describe: (about: DsnRecipient) => RecipientDescription): string {
  const lines = [
    `This is the mail server ${request.hostname}. It reports about the message`,
    `that you sent on ${formatDateTime(request.arrivedAt)}.`,
  ];
  for (const action of order) {
    const concerned = request.recipients.filter((about) => about.action === action);
    if (concerned.length === 0) continue;
    lines.push("", openings[action]);
    for (const about of concerned) lines.push("", ...paragraph(about, describe(about)));
  }
  return crlfLines(lines);
}

function paragraph(about: DsnRecipient, words: RecipientDescription): string[] {
  const lines = [`  ${words.address}`];
  if (words.diagnostic !== undefined) {
    const who = about.diagnosticFrom === "remote" ? `The server ${words.remote ?? "there"} said` : "The reason";
    lines.push(`    ${who}:`, ...wrapped(words.diagnostic, "      "));
  }
  if (about.action === "delayed") {
    const until = about.willRetryUntil === undefined ? "" : ` until ${formatDateTime(about.willRetryUntil)}`;
    lines.push(`    You need not do anything. The server tries again${until}.`);
  }
  const advice = about.action === "failed" ? adviceFor(words.status) : undefined;
  if (advice !== undefined) lines.push("    What you can do:", ...wrapped(advice, "      "));
  return lines;
}

/** First match wins. The code without its first digit: a delay that never ended asks for the same as a refusal. */
const advices: readonly (readonly [RegExp, string])[] = [
  [/^.\.1\.[1346]$/, "Check the address for typing errors, or ask the recipient for the right one."],
  [/^.\.1\.(2|10)$/, "Check the part after the @ sign: that domain does not exist or takes no mail."],
  [/^.\.1\.[78]$/, "The other side does not accept your own address as the sender. Ask your mail administrator."],
  [/^.\.2\.1$/, "The mailbox is switched off. Reach the recipient in another way."],
  [/^.\.2\.2$/, "The mailbox is full. Try again later, or reach the recipient in another way."],
  [/^.\.(2\.3|3\.4)$/, "The message is too large for the other side. Send a smaller one, or a link to the file."],
  [/^.\.4\.[147]$/, "The other side could not be reached. Check the address, and try again later."],
  [/^.\.4\.[346]$/, "Mail for that domain is not set up rightly. The recipient's administrator can repair it."],
  [/^.\.6\.\d+$/, "The other side cannot take a message of this form. Send it as plain text, without attachments."],
  [
    /^.\.7\.\d+$/,
    "The other side refused the message by a rule of its own. Its text above may say which; " +
      "if not, the recipient's administrator can tell. Sending the same message again will not help.",
  ],
  [/^4\./, "The other side had trouble for too long. Try again later."],
];

const generalAdvice =
  "The text above is all that is known. If it does not help, show this report to your administrator.";

function adviceFor(status: string): string {
  return advices.find(([pattern]) => pattern.test(status))?.[1] ?? generalAdvice;
}

/** Lines of at most 76 characters where there are spaces to break at. */
function wrapped(text: string, indent: string): string[] {
  const width = 76 - indent.length;
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  if (line !== "") lines.push(indent + line);
  return lines;
}

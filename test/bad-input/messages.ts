// Messages that are not as they should be (RFC 5322, MIME), and what happens to them: on submission, where a client of ours
// is told while its user can do something about it, and on the MX, where a crooked header section is somebody else's fault
// and no reason to lose the mail. Nothing may be what stops a session, a delivery or a reader behind us.

export interface BadMessage {
  readonly name: string;
  /** One character an octet. */
  readonly content: string;
  /** First reply to the message, as far as it matters. */
  readonly submission: string;
  readonly mx: string;
}

type Row = readonly [name: string, content: string, submission: string, mx: string];

const from = "From: <alice@sekimori.test>\r\n";
const good = `${from}Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <one@sekimori.test>\r\n`;
const utf8 = (text: string): string => Buffer.from(text).toString("latin1");
const multipart = (boundary: string, body: string): string =>
  `${good}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${body}`;

const rows: readonly Row[] = [
  // --- the header section
  ["no header and no body", "", "554 5.6.0", "250"],
  ["nothing but an empty line", "\r\n", "554 5.6.0", "250"],
  ["a body without a header", "hello\r\nthere\r\n", "554 5.6.0", "250"],
  ["a header without an end", from, "250", "250"],
  ["a line without a colon in the header", `${from}no colon here\r\n\r\nx\r\n`, "554 5.6.0", "250"],
  ["a folded line before any field", ` folded\r\n${from}\r\nx\r\n`, "554 5.6.0", "250"],
  ["a field without a name", `: value\r\n${from}\r\nx\r\n`, "554 5.6.0", "250"],
  ["a space before the colon", `From : <alice@sekimori.test>\r\n\r\nx\r\n`, "554 5.6.0", "250"],
  ["a field name in UTF-8", `${utf8("件名")}: x\r\n${from}\r\nx\r\n`, "554 5.6.0", "250"],
  ["a field name with a control character", `Sub\x07ject: x\r\n${from}\r\nx\r\n`, "554 5.6.0", "250"],
  ["an mbox separator at the top", `From alice Thu Jan  1 00:00:00 2026\r\n${from}\r\nx\r\n`, "554 5.6.0", "250"],
  ["a line of white space inside the header", `${from}Subject: a\r\n \t \r\n\r\nx\r\n`, "250", "250"],
  ["a header of one long line", `${from}Subject: ${"x".repeat(20_000)}\r\n\r\nx\r\n`, "250", "250"],
  ["ten thousand fields", `${from}${"X-Bomb: x\r\n".repeat(10_000)}\r\nx\r\n`, "554 5.6.0", "554 5.6.0"],
  ["a field folded ten thousand times", `${from}Subject: a\r\n${" b\r\n".repeat(10_000)}\r\nx\r\n`, "250", "250"],
  ["a field of the JavaScript prototype", `__proto__: x\r\nconstructor: y\r\n${good}\r\nx\r\n`, "250", "250"],

  // --- who wrote it
  ["no From", "Subject: x\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["an empty From", "From:\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["two From fields", `${from}${from}\r\nx\r\n`, "554 5.6.0", "250"],
  ["a From in another case beside it", `${from}FROM: <bob@sekimori.test>\r\n\r\nx\r\n`, "554 5.6.0", "250"],
  ["two authors and no Sender", "From: <alice@sekimori.test>, <a.lice@sekimori.test>\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["an author without a domain", "From: alice\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["an author without its bracket", "From: <alice@sekimori.test\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["an author in brackets too many", "From: <<alice@sekimori.test>>\r\n\r\nx\r\n", "554 5.6.0", "250"],
  [
    "a foreign author behind an own display name",
    'From: "alice@sekimori.test" <eve@example.org>\r\n\r\nx\r\n',
    "550 5.7.1",
    "250",
  ],
  ["a foreign author in a comment is none", "From: alice@sekimori.test (eve@example.org)\r\n\r\nx\r\n", "250", "250"],
  [
    "a foreign author in a group",
    "From: team: <alice@sekimori.test>, <eve@example.org>;\r\nSender: <alice@sekimori.test>\r\n\r\nx\r\n",
    "550 5.7.1",
    "250",
  ],
  ["an empty group for an author", "From: nobody:;\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["an author in an encoded word", "From: =?utf-8?Q?=3Calice=40sekimori.test=3E?=\r\n\r\nx\r\n", "554 5.6.0", "250"],
  [
    "an author of a thousand comments",
    `From: ${"(".repeat(1000)}${")".repeat(1000)}<alice@sekimori.test>\r\n\r\nx\r\n`,
    "554 5.6.0",
    "250",
  ],
  [
    "an author list of ten thousand",
    `From: ${"<alice@sekimori.test>, ".repeat(10_000)}<alice@sekimori.test>\r\nSender: <alice@sekimori.test>\r\n\r\nx\r\n`,
    "250",
    "250",
  ],
  ["a NUL in a quoted author", 'From: "a\\\0" <alice@sekimori.test>\r\n\r\nx\r\n', "554 5.6.0", "554 5.6.0"],
  ["an author in Latin-1", "From: <\xfcnal@sekimori.test>\r\n\r\nx\r\n", "554 5.6.0", "250"],
  ["a display name in Latin-1", "From: J\xfcrgen <alice@sekimori.test>\r\n\r\nx\r\n", "250", "250"],
  ["a display name in overlong UTF-8", "From: \xc0\xaf <alice@sekimori.test>\r\n\r\nx\r\n", "250", "250"],
  [
    "two Sender fields",
    `${from}Sender: <alice@sekimori.test>\r\nSender: <alice@sekimori.test>\r\n\r\nx\r\n`,
    "554 5.6.0",
    "250",
  ],
  ["a Sender of two", `${from}Sender: <alice@sekimori.test>, <a.lice@sekimori.test>\r\n\r\nx\r\n`, "554 5.6.0", "250"],

  // --- what else should be there
  ["no Date and no Message-ID", `${from}\r\nx\r\n`, "250", "250"],
  ["a Message-ID that is none", `${from}Message-ID: one\r\n\r\nx\r\n`, "250", "250"],
  ["a Message-ID with a line end for a log", `${from}Message-ID: <a\r\n b@c>\r\n\r\nx\r\n`, "250", "250"],
  ["a Date that never was", `${from}Date: 31 Feb 99999 25:61:61 +9999\r\n\r\nx\r\n`, "250", "250"],
  ["a Return-Path of its own", `Return-Path: <eve@example.org>\r\n${from}\r\nx\r\n`, "250", "250"],
  ["a Bcc with addresses that cannot be read", `${from}Bcc: <<>>, @, "\r\n\r\nx\r\n`, "250", "250"],
  ["a To that cannot be read", `${from}To: <>>, @@, (\r\n\r\nx\r\n`, "250", "250"],
  ["hops beyond counting", `${"Received: from a by b; x\r\n".repeat(100)}${from}\r\nx\r\n`, "554 5.4.6", "554 5.4.6"],
  ["a Received of nothing", `Received:\r\n${from}\r\nx\r\n`, "250", "250"],
  ["a DKIM-Signature of nonsense", `DKIM-Signature: v=1; h=:::::; b=;;;=\r\n${from}\r\nx\r\n`, "250", "250"],

  // --- MIME
  [
    "a multipart without a boundary",
    `${good}MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n\r\nx\r\n`,
    "250",
    "250",
  ],
  ["a multipart whose boundary never comes", multipart("nowhere", "x\r\n"), "250", "250"],
  ["a multipart that never closes", multipart("b", "--b\r\n\r\nx\r\n"), "250", "250"],
  ["an empty boundary", multipart('""', "--\r\n\r\nx\r\n----\r\n"), "250", "250"],
  ["a boundary of spaces", multipart('"   "', "--   \r\n\r\nx\r\n"), "250", "250"],
  [
    "a boundary of a regular expression",
    multipart('"(a+)+$"', `--(a+)+$\r\n\r\n${"a".repeat(500)}!\r\n--(a+)+$--\r\n`),
    "250",
    "250",
  ],
  [
    "multiparts in one another",
    multipart("b", "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".repeat(200)),
    "250",
    "250",
  ],
  [
    "a message in a message, two hundred times",
    `${good}${"Content-Type: message/rfc822\r\n\r\n".repeat(200)}x\r\n`,
    "250",
    "250",
  ],
  ["a Content-Type that cannot be read", `${good}Content-Type: ;;;="\r\n\r\nx\r\n`, "250", "250"],
  ["two Content-Types", `${good}Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx\r\n`, "250", "250"],
  ["a transfer encoding that is none", `${good}Content-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n`, "250", "250"],
  ["base64 that is none", `${good}Content-Transfer-Encoding: base64\r\n\r\n!!!!\r\n`, "250", "250"],
  [
    "quoted-printable that is none",
    `${good}Content-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n==\r\n=ZZ\r\n`,
    "250",
    "250",
  ],
  ["8-bit octets that say they are 7-bit", `${good}Content-Transfer-Encoding: 7bit\r\n\r\n\xff\xfe\r\n`, "250", "250"],
  ["a charset that is none", `${good}Content-Type: text/plain; charset=x-nobody\r\n\r\n\xff\r\n`, "250", "250"],
  [
    "a subject of encoded words that are none",
    `${good}Subject: =?utf-8?X?a?= =?=?=?= =?utf-8?B?!?=\r\n\r\nx\r\n`,
    "250",
    "250",
  ],
  ["a body of one line without an end in sight", `${good}\r\n${"x".repeat(100_000)}\r\n`, "250", "250"],
  ["lines of dots", `${good}\r\n${"...\r\n".repeat(1000)}`, "250", "250"],
  ["ANSI escapes in a subject", `${good}Subject: \x1b[2J\x1b]0;x\x07\r\n\r\nx\r\n`, "250", "250"],
];

export const badMessages: readonly BadMessage[] = rows.map(([name, content, submission, mx]) => ({
  name,
  content,
  submission,
  mx,
}));

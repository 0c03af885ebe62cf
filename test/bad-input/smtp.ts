// What clients should not send, and what they are told: the first reply to `send`, said in the named situation.
// A row stands for a weakness that some server had, or for a sentence of an RFC. `session`: is it still there?

export interface BadInput {
  readonly name: string;
  /** `greeting`: nothing said. `ehlo`, `mail`, `rcpt`: so far. `utf8`: MAIL had SMTPUTF8. `binary`: `rcpt` with BODY=BINARYMIME. `data`: after 354. `account`: logged in. */
  readonly after: "greeting" | "ehlo" | "mail" | "utf8" | "rcpt" | "binary" | "data" | "account";
  /** One character an octet. */
  readonly send: string;
  readonly expect: string;
  readonly session: "open" | "closed";
}

type Row = readonly [name: string, after: BadInput["after"], send: string, expect: string, session?: "closed"];

const MAIL = "MAIL FROM:<carol@example.jp>";
const RCPT = "RCPT TO:<bob@sekimori.test>";
const chunk = (content: string): string => `BDAT ${content.length} LAST\r\n${content}`;
const author = (header: string): string =>
  `MAIL FROM:<alice@sekimori.test>\r\nRCPT TO:<x@example.jp>\r\n${chunk(header)}`;

const rows: readonly Row[] = [
  // --- lines
  ["LF ends no line", "greeting", "EHLO c\nMAIL FROM:<>\r\n", "521 5.5.2", "closed"],
  ["CR ends no line", "ehlo", "NOOP\rNOOP\r\n", "521 5.5.2", "closed"],
  ["CR CR LF", "ehlo", "NOOP\r\r\n", "521 5.5.2", "closed"],
  ["a line longer than is kept", "ehlo", `${"x".repeat(20_000)}\r\n`, "500 5.5.2"],
  ["a line longer than 2048 octets", "ehlo", `NOOP ${"x".repeat(2048)}\r\n`, "500 5.5.2"],
  ["a path in a line longer than 2048 octets", "ehlo", `MAIL FROM:<${"x".repeat(4000)}>\r\n`, "500 5.5.2"],
  ["a response longer than 12288 octets", "ehlo", `AUTH PLAIN ${"A".repeat(13_000)}\r\n`, "500 5.5.2"],
  ["an empty line", "ehlo", "\r\n", "500 5.5.1"],
  ["a space before the verb", "ehlo", " NOOP\r\n", "500 5.5.1"],
  ["a NUL in the verb", "ehlo", "NO\0OP\r\n", "500 5.5.1"],
  ["a verb in full-width letters", "ehlo", "\xef\xbc\xae\xef\xbc\xafOP\r\n", "500 5.5.1"],
  ["a verb of the JavaScript prototype", "ehlo", "__proto__ x\r\n", "500 5.5.1"],
  ["telnet negotiation", "greeting", "\xff\xfb\x01EHLO c\r\n", "500 5.5.1"],
  ["a TLS hello in plain text", "greeting", "\x16\x03\x01\x02\x00\x01\n", "521 5.5.2", "closed"],
  ["HTTP GET", "greeting", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "521 5.5.1", "closed"],
  ["HTTP POST with commands in its body", "greeting", "POST / HTTP/1.1\r\n\r\nEHLO c\r\n", "521 5.5.1", "closed"],
  ["HTTP CONNECT", "greeting", "CONNECT mx1.sekimori.test:25 HTTP/1.1\r\n\r\n", "521 5.5.1", "closed"],

  // --- HELO and EHLO
  ["EHLO without a name", "greeting", "EHLO\r\n", "501 5.5.4"],
  ["EHLO with two words", "greeting", "EHLO a b\r\n", "501 5.5.4"],
  ["EHLO with control characters", "greeting", "EHLO a\x1b[2J\r\n", "501 5.5.4"],
  ["EHLO in UTF-8", "greeting", "EHLO \xc3\xbc.example\r\n", "501 5.5.4"],
  ["EHLO with 256 octets", "greeting", `EHLO ${"a".repeat(256)}\r\n`, "501 5.5.4"],

  // --- out of turn
  ["MAIL before EHLO", "greeting", `${MAIL}\r\n`, "503 5.5.1"],
  ["RCPT before MAIL", "ehlo", `${RCPT}\r\n`, "503 5.5.1"],
  ["DATA before RCPT", "mail", "DATA\r\n", "503 5.5.1"],
  ["MAIL within a transaction", "rcpt", `${MAIL}\r\n`, "503 5.5.1"],
  ["STARTTLS where it is not offered", "ehlo", "STARTTLS\r\n", "502 5.5.1"],
  ["AUTH on the MX", "ehlo", "AUTH PLAIN AGEAYg==\r\n", "502 5.5.1"],
  ["a list to be expanded", "ehlo", "EXPN team\r\n", "502 5.5.1"],
  ["a queue to be turned around", "ehlo", "TURN\r\n", "502 5.5.1"],
  ["a shell for the debugger", "ehlo", "DEBUG\r\n", "500 5.5.1"],

  // --- paths
  ["no angle brackets", "ehlo", "MAIL FROM:carol@example.jp\r\n", "501 5.1.7"],
  ["no FROM", "ehlo", "MAIL <carol@example.jp>\r\n", "501 5.5.4"],
  ["a sender without a domain", "ehlo", "MAIL FROM:<carol>\r\n", "501 5.1.7"],
  ["a sender with two at signs", "ehlo", "MAIL FROM:<a@b@example.jp>\r\n", "501 5.1.7"],
  ["a sender never closed", "ehlo", "MAIL FROM:<carol@example.jp\r\n", "501 5.1.7"],
  ["a null recipient", "mail", "RCPT TO:<>\r\n", "501 5.1.3"],
  ["two recipients in one command", "mail", "RCPT TO:<a@sekimori.test>,<b@sekimori.test>\r\n", "501 5.5.4"],
  ["a recipient with a bad literal", "mail", "RCPT TO:<bob@[192.0.2.256]>\r\n", "501 5.1.3"],
  ["a label that starts with a hyphen", "mail", "RCPT TO:<bob@-sekimori.test>\r\n", "501 5.1.3"],
  ["a local part of 65 octets", "mail", `RCPT TO:<${"b".repeat(65)}@sekimori.test>\r\n`, "501 5.1.3"],
  ["a NUL in a recipient", "mail", "RCPT TO:<bob\0@sekimori.test>\r\n", "501 5.1.3"],
  ["a tab in a quoted local part", "mail", 'RCPT TO:<"b\tob"@sekimori.test>\r\n', "501 5.1.3"],
  ["a percent relay", "mail", "RCPT TO:<x%example.jp@sekimori.test>\r\n", "550 5.1.1"],
  ["a bang path", "mail", "RCPT TO:<example.jp!x@sekimori.test>\r\n", "550 5.1.1"],
  ["a source route to elsewhere", "mail", "RCPT TO:<@sekimori.test:x@example.jp>\r\n", "550 5.7.1"],
  ["a quoted address as local part", "mail", 'RCPT TO:<"x@example.jp"@sekimori.test>\r\n', "550 5.1.1"],
  ["a path into the file system", "mail", "RCPT TO:<../../etc/passwd@sekimori.test>\r\n", "501 5.1.3"],
  ["a path into the file system, quoted", "mail", 'RCPT TO:<"../alice"@sekimori.test>\r\n', "550 5.1.1"],
  ["a pipe as recipient", "mail", 'RCPT TO:<"|/bin/sh"@sekimori.test>\r\n', "550 5.1.1"],
  ["latin-1 without SMTPUTF8", "mail", "RCPT TO:<\xfcnal@sekimori.test>\r\n", "553 5.6.7"],
  ["latin-1 with SMTPUTF8", "utf8", "RCPT TO:<\xfcnal@sekimori.test>\r\n", "501 5.5.2"],
  ["overlong UTF-8", "utf8", "RCPT TO:<\xc0\xaf@sekimori.test>\r\n", "501 5.5.2"],
  ["half a character", "utf8", "RCPT TO:<\xe9\x96@sekimori.test>\r\n", "501 5.5.2"],
  ["a control character of Latin-1 in UTF-8", "utf8", "RCPT TO:<a\xc2\x85b@sekimori.test>\r\n", "501 5.1.3"],
  ["a Kelvin sign for a k", "utf8", "RCPT TO:<hos\xe2\x84\xaatmaster@sekimori.test>\r\n", "550 5.1.1"],
  ["a domain that IDNA does not know", "utf8", "RCPT TO:<bob@\xe2\x80\xae.sekimori.test>\r\n", "501 5.1.3"],

  // --- parameters
  ["SIZE that is no number", "ehlo", `${MAIL} SIZE=1e9\r\n`, "501 5.5.4"],
  ["SIZE beyond any double", "ehlo", `${MAIL} SIZE=99999999999999999999\r\n`, "552 5.3.4"],
  ["SIZE twice", "ehlo", `${MAIL} SIZE=1 SIZE=1000000000\r\n`, "501 5.5.4"],
  ["an unknown BODY", "ehlo", `${MAIL} BODY=16BITMIME\r\n`, "555 5.5.4"],
  ["RET that is neither", "ehlo", `${MAIL} RET=BODY\r\n`, "501 5.5.4"],
  ["a line end in ENVID", "ehlo", `${MAIL} ENVID=a+0D+0ABcc:x\r\n`, "501 5.5.4"],
  ["NEVER and something else", "mail", `${RCPT} NOTIFY=NEVER,FAILURE\r\n`, "501 5.5.4"],
  ["a line end in ORCPT", "mail", `${RCPT} ORCPT=rfc822;a+0D+0ABcc:x\r\n`, "501 5.5.4"],
  ["ORCPT without a type", "mail", `${RCPT} ORCPT=bob@sekimori.test\r\n`, "501 5.5.4"],
  ["REQUIRETLS where nobody keeps it", "ehlo", `${MAIL} REQUIRETLS\r\n`, "555 5.5.4"],
  ["a priority", "ehlo", `${MAIL} MT-PRIORITY=9\r\n`, "555 5.5.4"],
  ["a parameter behind a tab", "ehlo", `${MAIL}\tSIZE=5\r\n`, "501 5.5.4"],
  ["a parameter of the JavaScript prototype", "ehlo", `${MAIL} constructor=1\r\n`, "555 5.5.4"],

  // --- content
  ["smuggling by LF . LF", "data", `x\n.\n${MAIL}\r\n.\r\n`, "521 5.5.2", "closed"],
  ["smuggling by LF . CRLF", "data", `x\n.\r\n${MAIL}\r\n.\r\n`, "521 5.5.2", "closed"],
  ["smuggling by CRLF . LF", "data", `x\r\n.\n${MAIL}\r\n.\r\n`, "521 5.5.2", "closed"],
  ["smuggling by CR . CR", "data", `x\r.\r${MAIL}\r\n.\r\n`, "521 5.5.2", "closed"],
  ["NUL in the content", "data", "x\0\r\n.\r\n", "554 5.6.0"],
  ["content larger than announced", "data", `${"x".repeat(998)}\r\n${"x".repeat(998)}\r\n.\r\n`, "552 5.3.4"],
  ["a hundred hops", "data", `${"Received: x\r\n".repeat(100)}\r\n.\r\n`, "554 5.4.6"],
  ["BDAT without a number", "rcpt", `BDAT LAST\r\n${MAIL}\r\n`, "521 5.5.4", "closed"],
  ["BDAT with a negative number", "rcpt", "BDAT -1\r\n", "521 5.5.4", "closed"],
  ["BDAT with a number nobody can count to", "rcpt", "BDAT 18446744073709551616\r\n", "521 5.5.4", "closed"],
  ["BDAT with bare LF", "rcpt", "BDAT 4 LAST\r\na\nb\n", "554 5.6.0"],
  ["BDAT with NUL", "rcpt", "BDAT 3 LAST\r\na\0b", "554 5.6.0"],
  ["BDAT that ends in CR", "rcpt", "BDAT 2 LAST\r\na\r", "554 5.6.0"],
  ["BDAT larger than announced", "rcpt", `BDAT 1501 LAST\r\n${"x".repeat(1501)}`, "552 5.3.4"],
  ["BDAT without recipients", "mail", "BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1"],
  ["BDAT before everything", "greeting", "BDAT 6\r\nQUIT\r\n", "503 5.5.1"],

  ["BINARYMIME by DATA", "binary", "DATA\r\n", "503 5.5.1"],
  ["a field behind a bare LF", "binary", chunk("Subject: a\nFrom: x@y.example\r\n\r\n\n"), "554 5.6.0"],
  ["a field behind a bare CR", "binary", chunk("Subject: a\rFrom: x@y.example\r\n\r\n\n"), "554 5.6.0"],
  ["a header section that ends for some", "binary", chunk("Subject: a\n\nbody\r\n"), "554 5.6.0"],
  ["a NUL in a binary header section", "binary", chunk("Subject: a\0\r\n\r\n"), "554 5.6.0"],

  // --- authors, on submission
  ["no From", "account", author("Subject: one\r\n\r\n"), "554 5.6.0"],
  [
    "two From fields",
    "account",
    author("From: <alice@sekimori.test>\r\nFrom: <bob@sekimori.test>\r\n\r\n"),
    "554 5.6.0",
  ],
  ["a foreign second author", "account", author("From: alice@sekimori.test, x@example.jp\r\n\r\n"), "554 5.6.0"],
  ["a foreign Sender", "account", author("From: <alice@sekimori.test>\r\nSender: <x@example.jp>\r\n\r\n"), "550 5.7.1"],
  [
    "a foreign Resent-From",
    "account",
    author("From: <alice@sekimori.test>\r\nResent-From: <x@y.example>\r\n\r\n"),
    "550 5.7.1",
  ],
  ["a From that cannot be read", "account", author("From: alice@sekimori.test <x@\r\n\r\n"), "554 5.6.0"],
  ["a header line without a colon", "account", author("From: <alice@sekimori.test>\r\nno colon\r\n\r\n"), "554 5.6.0"],
  ["a From in UTF-8 without SMTPUTF8", "account", author("From: <\xc3\xbcnal@sekimori.test>\r\n\r\n"), "554 5.6.0"],
];

export const badInputs: readonly BadInput[] = rows.map(([name, after, send, expect, session]) => ({
  name,
  after,
  send,
  expect,
  session: session ?? "open",
}));

// Golden dialogues: each run whole, with trailing octets, octet by octet and in random pieces, answered at once and late.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { SmtpState } from "./states.ts";
import { drive, EHLO, MAIL, RCPT, reply } from "./test-drive.ts";
import type { Drive } from "./test-drive.ts";

const everyOctet = (input: string) => Array.from({ length: input.length }, (_, index) => index);

interface Dialogue {
  readonly name: string;
  readonly input: string;
  /** Requests as they are asked, replies as far as they are given here. */
  readonly trace: readonly string[];
  readonly state: SmtpState;
  readonly how?: Drive;
}

const greeting = ["? greeting", "< 220 "];
const hello = [...greeting, "? EHLO c.example.jp", "< 250 2.0.0"];
const mail = ["? mail <alice@sekimori.test> 7BIT -", "< 250"];
const rcpt = ["? rcpt <bob@example.jp>", "< 250"];

const dialogues: readonly Dialogue[] = [
  { name: "nothing but a greeting", input: "", trace: greeting, state: "start" },
  {
    name: "one message, pipelined as far as it goes",
    input: `${EHLO}${MAIL}${RCPT}RCPT TO:<postmaster>\r\nDATA\r\nSubject: one\r\n\r\n..dot\r\n.\r\nQUIT\r\n`,
    trace: [
      ...hello,
      ...mail,
      ...rcpt,
      "? rcpt <postmaster>",
      "< 250",
      "? data",
      "< 354",
      '? message "Subject: one\\r\\n\\r\\n.dot\\r\\n" 7bit',
      "< 250",
      "< 221 2.0.0",
    ],
    state: "closed",
  },
  {
    name: "two messages after each other",
    input: `HELO c\r\n${MAIL}${RCPT}DATA\r\n.\r\nMAIL FROM:<> SIZE=5 BODY=8BITMIME\r\n${RCPT}DATA\r\n\xe9\r\n.\r\n`,
    trace: [
      ...greeting,
      "? HELO c",
      "< 250",
      ...mail,
      ...rcpt,
      "? data",
      "< 354",
      '? message "" 7bit',
      "< 250",
      "? mail <> 8BITMIME 5",
      "< 250",
      ...rcpt,
      "? data",
      "< 354",
      '? message "é\\r\\n" 8bit',
      "< 250",
    ],
    state: "idle",
  },
  {
    name: "small talk everywhere",
    input: `NOOP x\r\nVRFY bob\r\nHELP\r\nRSET\r\n${EHLO}NOOP\r\n${MAIL}VRFY bob\r\nhelp\r\n`,
    trace: ["? greeting", "< 220", "< 250", "< 252 2.1.5", "< 214", "< 250", ...hello.slice(2), "< 250"].concat(
      mail,
      "< 252",
      "< 214",
    ),
    state: "mail",
  },
  {
    name: "RSET ends a transaction",
    input: `${EHLO}RSET\r\n${MAIL}RSET\r\n${MAIL}${RCPT}RSET\r\n${RCPT}`,
    trace: [...hello, "< 250", ...mail, "< 250", "? abandoned", ...mail, ...rcpt, "< 250", "? abandoned", "< 503"],
    state: "idle",
  },
  {
    name: "EHLO ends a transaction",
    input: `${EHLO}${MAIL}${RCPT}${EHLO}DATA\r\n`,
    trace: [...hello, ...mail, ...rcpt, ...hello.slice(2), "< 503"],
    state: "idle",
  },
  {
    name: "refused recipients, then DATA",
    input: `${EHLO}${MAIL}${RCPT}DATA\r\nSubject: not content\r\n`,
    trace: [...hello, ...mail, "? rcpt <bob@example.jp>", "< 550 5.1.1", "< 503 5.5.1 no valid", "< 500"],
    state: "mail",
    how: { answer: (request) => (request.startsWith("rcpt") ? reply(550, "5.1.1") : undefined) },
  },
  {
    name: "DATA refused keeps the transaction",
    input: `${EHLO}${MAIL}${RCPT}DATA\r\nRSET\r\n`,
    trace: [...hello, ...mail, ...rcpt, "? data", "< 452", "< 250", "? abandoned"],
    state: "idle",
    how: { answer: (request) => (request === "data" ? reply(452, "4.3.1") : undefined) },
  },
  {
    name: "a message refused after its end",
    input: `${EHLO}${MAIL}${RCPT}DATA\r\nx\r\n.\r\nNOOP\r\n`,
    trace: [...hello, ...mail, ...rcpt, "? data", "< 354", '? message "x\\r\\n" 7bit', "< 451", "< 250"],
    state: "idle",
    how: { answer: (request) => (request.startsWith("message") ? reply(451, "4.3.0") : undefined) },
  },
  {
    name: "a message larger than announced is read to its end",
    input: `${EHLO}${MAIL}${RCPT}DATA\r\n0123456789\r\nMAIL FROM:<>\r\n.\r\nNOOP\r\n`,
    trace: [...hello, ...mail, ...rcpt, "? data", "< 354", "< 552 5.3.4", "? abandoned", "< 250"],
    state: "idle",
    how: { options: { messageSize: 10 } },
  },
  {
    name: "NUL in the message",
    input: `${EHLO}${MAIL}${RCPT}DATA\r\na\0b\r\n.\r\nNOOP\r\n`,
    trace: [...hello, ...mail, ...rcpt, "? data", "< 354", "< 554 5.6.0", "? abandoned", "< 250"],
    state: "idle",
  },
  ...["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"].map((end): Dialogue => ({
    name: `smuggling by ${JSON.stringify(end)}`,
    input: `${EHLO}${MAIL}${RCPT}DATA\r\nx${end}MAIL FROM:<>\r\nRCPT TO:<victim@example.jp>\r\n.\r\nNOOP\r\n`,
    trace: [...hello, ...mail, ...rcpt, "? data", "< 354", "< 521 5.5.2 bare CR or LF", "? abandoned"],
    state: "closed",
  })),
  ...["NOOP\n", "NO\rOP\r\n", "NOOP\r\r\n", "\n", "\r\r\n", "NOOP\nMAIL FROM:<>\r\n"].map((line): Dialogue => ({
    name: `bare line end in ${JSON.stringify(line)}`,
    input: `${EHLO}${line}NOOP\r\n`,
    trace: [...hello, "< 521 5.5.2"],
    state: "closed",
  })),
  ...["GET / HTTP/1.1", "POST / HTTP/1.1", "CONNECT a:25"].map((line): Dialogue => ({
    name: `HTTP: ${line}`,
    input: `${line}\r\nHost: sekimori.test\r\n\r\n${EHLO}`,
    trace: [...greeting, "< 521 5.5.1"],
    state: "closed",
  })),
  {
    name: "parameters, good and bad",
    input: `${EHLO}MAIL FROM:<> SIZE=x\r\nMAIL FROM:<> BODY=X\r\nMAIL FROM:<> REQUIRETLS\r\nMAIL FROM:<> AUTH=<> SIZE=7\r\nRCPT TO:<bob@example.jp> RRVS=x\r\n`,
    trace: [...hello, "< 501", "< 555", "< 555", "? mail <> 7BIT 7", "< 250", "< 555"],
    state: "mail",
  },
  {
    name: "unknown and unwanted verbs",
    input: `XYZZY\r\n\r\nEXPN staff\r\nETRN x\r\n${EHLO}AUTH NTLM\r\n`,
    trace: [...greeting, "< 500", "< 500", "< 502", "< 502", ...hello.slice(2), "< 504"],
    state: "idle",
  },
  {
    name: "AUTH with an initial response",
    input: `${EHLO}AUTH PLAIN AGEAYg==\r\nAUTH PLAIN =\r\n`,
    trace: [...hello, '? auth PLAIN "\\u0000a\\u0000b"', "< 235", '? auth PLAIN ""', "< 235"],
    state: "idle",
  },
  {
    name: "AUTH with challenges",
    input: `${EHLO}auth login\r\nYQ==\r\nYg==\r\n${MAIL}`,
    trace: [
      ...hello,
      "? auth LOGIN -",
      "< 334 ",
      '? auth-response "a"',
      "< 334 ",
      '? auth-response "b"',
      "< 235",
    ].concat(mail),
    state: "mail",
    how: { answer: (request) => (request === 'auth-response "a"' ? reply(334, "", "UGFzc3dvcmQ6") : undefined) },
  },
  {
    name: "AUTH given up, and responses that are no base64",
    input: `${EHLO}AUTH PLAIN\r\n*\r\nAUTH PLAIN\r\nnot base64\r\nAUTH PLAIN !\r\nNOOP\r\n`,
    trace: [
      ...hello,
      "? auth PLAIN -",
      "< 334",
      "< 501 5.7.0",
      "? auth PLAIN -",
      "< 334",
      "< 501 5.5.2",
      "< 501 5.5.2",
    ].concat("< 250"),
    state: "idle",
  },
  {
    name: "a response that looks like a command is a response",
    input: `${EHLO}AUTH PLAIN\r\nQUIT\r\nNOOP\r\n`,
    trace: [...hello, "? auth PLAIN -", "< 334", '? auth-response "AB\\u0013"', "< 235", "< 250"],
    state: "idle",
  },
  {
    name: "AUTH where none is offered is asked about without its secret",
    input: `${EHLO}AUTH PLAIN AGEAYg==\r\n`,
    trace: [...hello, "? auth PLAIN -", "< 502"],
    state: "idle",
    how: { mechanisms: [], answer: (request) => (request.startsWith("auth") ? reply(502, "5.5.1") : undefined) },
  },
  {
    name: "the error limit",
    input: `XYZZY\r\nRCPT\r\n${MAIL}NOOP\r\n${EHLO}`,
    trace: [...greeting, "< 500", "< 501", "< 503", "< 421 4.7.0"],
    state: "closed",
    how: { options: { errors: 3 } },
  },
  {
    name: "refusals by the rules count as errors",
    input: `${EHLO}${MAIL}${MAIL}NOOP\r\n`,
    trace: [
      ...hello,
      "? mail <alice@sekimori.test> 7BIT -",
      "< 550",
      "? mail <alice@sekimori.test> 7BIT -",
      "< 550",
    ].concat("< 421 4.7.0"),
    state: "closed",
    how: { options: { errors: 2 }, answer: (request) => (request.startsWith("mail") ? reply(550) : undefined) },
  },
  ...[421, 521].map((code): Dialogue => ({
    name: `an answer ${code} is the last`,
    input: `${EHLO}${MAIL}${RCPT}NOOP\r\n`,
    trace: [...hello, "? mail <alice@sekimori.test> 7BIT -", `< ${code}`],
    state: "closed",
    how: { answer: (request) => (request.startsWith("mail") ? reply(code) : undefined) },
  })),
  {
    name: "no service",
    input: `${EHLO}QUIT\r\n`,
    trace: ["? greeting", "< 554"],
    state: "closed",
    how: { answer: (request) => (request === "greeting" ? reply(554) : undefined) },
  },
  {
    name: "EHLO refused for now leaves the session where it was",
    input: `${EHLO}${MAIL}`,
    trace: [...greeting, "? EHLO c.example.jp", "< 451", "< 503 5.5.1 say EHLO first"],
    state: "start",
    how: { answer: (request) => (request.startsWith("EHLO") ? reply(451) : undefined) },
  },
  {
    name: "a line of 2048 octets is read, one of 2049 is not",
    input: `NOOP ${"x".repeat(2041)}\r\nNOOP ${"x".repeat(2042)}\r\nNOOP\r\n`,
    trace: [...greeting, "< 250", "< 500 5.5.2", "< 250"],
    state: "start",
  },
  {
    name: "an AUTH line of 12288 octets is read, one of 12289 is not",
    input: `${EHLO}AUTH PLAIN ${"A".repeat(12_272)}  \r\nAUTH PLAIN ${"A".repeat(12_276)}\r\nNOOP\r\n`,
    trace: [...hello, `? auth PLAIN ${JSON.stringify("\0".repeat(9204))}`, "< 235", "< 500 5.5.2", "< 250"],
    state: "idle",
  },
  {
    name: "a response of 12288 octets is read, one of 12289 is not and ends the exchange (RFC 4954 §6)",
    input: `${EHLO}AUTH PLAIN\r\n${"A".repeat(12_284)}\r\nAUTH PLAIN\r\n${"A".repeat(12_288)}\r\n*\r\n`,
    trace: [
      ...hello,
      "? auth PLAIN -",
      "< 334",
      `? auth-response ${JSON.stringify("\0".repeat(9213))}`,
      "< 235",
    ].concat("? auth PLAIN -", "< 334", "< 500 5.5.6", "< 500 5.5.1"),
    state: "idle",
  },
  {
    name: "a line that does not end is thrown away and answered once",
    input: `NOOP ${"x".repeat(40_000)}\r\nNOOP\r\n`,
    trace: [...greeting, "< 500 5.5.2", "< 250"],
    state: "start",
  },
  {
    name: "a line that does not end but in a bare LF",
    input: `NOOP ${"x".repeat(40_000)}\nNOOP\r\n`,
    trace: [...greeting, "< 521 5.5.2"],
    state: "closed",
  },
  {
    name: "a line that does not end with a bare CR far behind its beginning",
    input: `NOOP ${"x".repeat(13_000)}\rxx`,
    trace: [...greeting, "< 521 5.5.2"],
    state: "closed",
  },
  {
    name: "a line that does not end with a bare CR in it",
    input: `NOOP \r${"x".repeat(40_000)}\r\nNOOP\r\n`,
    trace: [...greeting, "< 521 5.5.2"],
    state: "closed",
  },
];

/** Replies are compared as far as the expectation says. */
function assertTrace(actual: readonly string[], expected: readonly string[], message: string): void {
  const shortened = actual.map((line, index) => {
    const wanted = expected[index];
    return wanted !== undefined && line.startsWith("< ") && line.startsWith(wanted) ? wanted : line;
  });
  assert.deepEqual(shortened, expected, message);
}

for (const { name, input, trace, state, how = {} } of dialogues) {
  test(name, () => {
    // A dialogue that closes drops what follows; an open one keeps the beginning of a command for later.
    const trailing = state === "closed" ? 0 : 3;
    const check = (label: string, text: string, more: Drive): void => {
      const driven = drive(text, { ...how, ...more });
      assertTrace(driven.trace, trace, label);
      assert.equal(driven.core.state, state, label);
      assert.equal(driven.core.buffered, text === input ? 0 : trailing, label);
    };
    check("whole", input, {});
    check("with trailing octets", `${input}NOO`, {});
    check("whole, one command a turn", input, { budget: 1 });
    check("octet by octet", input, { cuts: everyOctet(input) });
    check("octet by octet, answers late", input, { cuts: everyOctet(input), late: [true] });
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: input.length }), { maxLength: 10 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
        fc.integer({ min: 1, max: 4 }),
        (cuts, late, budget) => check("split", `${input}NOO`, { cuts, late, budget }),
      ),
      { numRuns: 30 },
    );
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddress } from "../../address/address.ts";
import { parseCommand } from "./commands.ts";

/** A command as a line of text, a refusal as its code and enhanced code. */
function describe(line: string): string {
  const parsed = parseCommand(line);
  if ("refusal" in parsed) return `${parsed.refusal.code} ${parsed.refusal.enhanced}`;
  const { command } = parsed;
  switch (command.verb) {
    case "HELO":
    case "EHLO":
      return `${command.verb} ${command.name}`;
    case "AUTH":
      return `AUTH ${command.mechanism} ${command.initial ?? "(none)"}`;
    case "MAIL": {
      const sender = command.sender === undefined ? "" : formatAddress(command.sender);
      return `MAIL <${sender}> ${command.body} ${command.declaredSize ?? "(no size)"}`;
    }
    case "RCPT":
      return `RCPT <${formatAddress(command.recipient)}>`;
    case "STARTTLS":
    case "DATA":
    case "RSET":
    case "NOOP":
    case "VRFY":
    case "HELP":
    case "QUIT":
      return command.verb;
  }
}

const table: readonly (readonly [line: string, expected: string])[] = [
  ["EHLO client.example.jp", "EHLO client.example.jp"],
  ["ehlo client.example.jp", "EHLO client.example.jp"],
  ["EHLO  client.example.jp ", "EHLO client.example.jp"],
  ["HELO [192.0.2.1]", "HELO [192.0.2.1]"],
  ["EHLO [IPv6:2001:db8::1]", "EHLO [IPv6:2001:db8::1]"],
  ["EHLO under_score", "EHLO under_score"],
  ["EHLO", "501 5.5.4"],
  ["EHLO ", "501 5.5.4"],
  ["HELO two words", "501 5.5.4"],
  ["HELO na\tme", "501 5.5.4"],
  ["HELO n\xe4me", "501 5.5.4"],
  ["HELO na\0me", "501 5.5.4"],
  [`HELO ${"a".repeat(255)}`, `HELO ${"a".repeat(255)}`],
  [`HELO ${"a".repeat(256)}`, "501 5.5.4"],

  ["MAIL FROM:<alice@sekimori.test>", "MAIL <alice@sekimori.test> 7BIT (no size)"],
  ["mail from:<Alice@SEKIMORI.test>", "MAIL <Alice@sekimori.test> 7BIT (no size)"],
  ["MAIL FROM: <alice@sekimori.test>", "MAIL <alice@sekimori.test> 7BIT (no size)"],
  ["MAIL FROM:<>", "MAIL <> 7BIT (no size)"],
  ["MAIL FROM:<@relay.example.jp:alice@sekimori.test>", "MAIL <alice@sekimori.test> 7BIT (no size)"],
  ["MAIL FROM:<alice@[192.0.2.1]>", "MAIL <alice@[192.0.2.1]> 7BIT (no size)"],
  ["MAIL FROM:<> SIZE=1000", "MAIL <> 7BIT 1000"],
  ["MAIL FROM:<> size=0 body=8bitmime", "MAIL <> 8BITMIME 0"],
  ["MAIL FROM:<>  BODY=7BIT   SIZE=5 ", "MAIL <> 7BIT 5"],
  ["MAIL FROM:<> AUTH=<>", "MAIL <> 7BIT (no size)"],
  ["MAIL FROM:<> AUTH=e+3Dmc2@example.jp", "MAIL <> 7BIT (no size)"],
  ["MAIL FROM:<> SIZE", "501 5.5.4"],
  ["MAIL FROM:<> SIZE=", "501 5.5.4"],
  ["MAIL FROM:<> SIZE=-1", "501 5.5.4"],
  ["MAIL FROM:<> SIZE=1e3", "501 5.5.4"],
  ["MAIL FROM:<> SIZE=123456789012345678901", "501 5.5.4"],
  ["MAIL FROM:<> BODY", "555 5.5.4"],
  ["MAIL FROM:<> BODY=BINARYMIME", "555 5.5.4"],
  ["MAIL FROM:<> AUTH", "501 5.5.4"],
  ["MAIL FROM:<> AUTH=", "501 5.5.4"],
  ["MAIL FROM:<> AUTH=\xe4", "501 5.5.4"],
  ["MAIL FROM:<> RET=HDRS", "555 5.5.4"],
  ["MAIL FROM:<> SMTPUTF8", "555 5.5.4"],
  ["MAIL FROM:<>SIZE=5", "501 5.5.4"],
  ["MAIL FROM:<>\tSIZE=5", "501 5.5.4"],
  ["MAIL", "501 5.5.4"],
  ["MAIL <alice@sekimori.test>", "501 5.5.4"],
  ["MAIL FROM <alice@sekimori.test>", "501 5.5.4"],
  ["MAIL TO:<alice@sekimori.test>", "501 5.5.4"],
  ["MAIL FROM:alice@sekimori.test", "501 5.1.7"],
  ["MAIL FROM:<alice>", "501 5.1.7"],
  ["MAIL FROM:<postmaster>", "501 5.1.7"],
  ["MAIL FROM:<alice@sekimori.test", "501 5.1.7"],
  ["MAIL FROM:<alice@sekimori.test\0>", "501 5.1.7"],
  ["MAIL FROM:<\xe4@sekimori.test>", "501 5.1.7"],

  ["RCPT TO:<bob@example.jp>", "RCPT <bob@example.jp>"],
  ["rcpt to: <bob@example.jp>", "RCPT <bob@example.jp>"],
  ['RCPT TO:<"b o b"@example.jp>', 'RCPT <"b o b"@example.jp>'],
  ["RCPT TO:<Postmaster>", "RCPT <postmaster>"],
  ["RCPT TO:<>", "501 5.1.3"],
  ["RCPT TO:<bob>", "501 5.1.3"],
  ["RCPT TO:bob@example.jp", "501 5.1.3"],
  ["RCPT TO:<bob@example.jp> NOTIFY=NEVER", "555 5.5.4"],
  ["RCPT TO:<bob@example.jp> ", "RCPT <bob@example.jp>"],
  ["RCPT FROM:<bob@example.jp>", "501 5.5.4"],
  ["RCPT", "501 5.5.4"],

  ["AUTH PLAIN", "AUTH PLAIN (none)"],
  ["auth plain AGEAYg==", "AUTH PLAIN AGEAYg=="],
  ["AUTH PLAIN =", "AUTH PLAIN ="],
  ["AUTH SCRAM-SHA-256", "AUTH SCRAM-SHA-256 (none)"],
  ["AUTH", "501 5.5.4"],
  ["AUTH PLAIN a b", "501 5.5.4"],
  ["AUTH PL@IN", "501 5.5.4"],
  ["AUTH ABCDEFGHIJKLMNOPQRSTU", "501 5.5.4"],

  ["STARTTLS", "STARTTLS"],
  ["starttls ", "STARTTLS"],
  ["STARTTLS now", "501 5.5.4"],
  ["DATA", "DATA"],
  ["DATA x", "501 5.5.4"],
  ["RSET", "RSET"],
  ["RSET x", "501 5.5.4"],
  ["QUIT", "QUIT"],
  ["QUIT x", "501 5.5.4"],
  ["NOOP", "NOOP"],
  ["NOOP anything at all", "NOOP"],
  ["VRFY bob", "VRFY"],
  ["HELP MAIL", "HELP"],

  ["EXPN staff", "502 5.5.1"],
  ["ETRN example.jp", "502 5.5.1"],
  ["TURN", "502 5.5.1"],
  ["BDAT 5 LAST", "502 5.5.1"],
  ["GET / HTTP/1.1", "521 5.5.1"],
  ["post / http/1.1", "521 5.5.1"],
  ["PUT /", "521 5.5.1"],
  ["CONNECT mx1.sekimori.test:25 HTTP/1.1", "521 5.5.1"],
  ["OPTIONS *", "521 5.5.1"],
  ["", "500 5.5.1"],
  [" NOOP", "500 5.5.1"],
  ["NOOP\tx", "500 5.5.1"],
  ["NOOP\0", "500 5.5.1"],
  ["MAILFROM:<>", "500 5.5.1"],
  ["constructor", "500 5.5.1"],
];

for (const [line, expected] of table) {
  const shown = line.length > 60 ? `${line.slice(0, 20)}… (${line.length} octets)` : line;
  test(`${JSON.stringify(shown)} is ${expected.length > 60 ? "taken" : expected}`, () => {
    assert.equal(describe(line), expected);
  });
}

test("any line is a command or a refusal that ends nothing but the session", () => {
  const words = fc.constantFrom("MAIL FROM:", "RCPT TO:", "AUTH ", "EHLO ", "<", ">", "@", ":", " ", "=", "SIZE", '"');
  const latin1 = fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets).toString("latin1"));
  fc.assert(
    fc.property(fc.array(fc.oneof(words, latin1), { maxLength: 12 }), (parts) => {
      const parsed = parseCommand(parts.join(""));
      if (!("refusal" in parsed)) return;
      assert.match(parsed.refusal.wire, /^5\d\d 5\.\d\.\d [ -~]+\r\n$/);
    }),
    { numRuns: 1000 },
  );
});

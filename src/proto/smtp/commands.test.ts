import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddress } from "../../address/address.ts";
import { parseCommand } from "./commands.ts";

/** A command as a line of text, a refusal as its code and enhanced code. */
function describe(line: string, charset?: "ascii" | "utf8"): string {
  const parsed = parseCommand(line, charset);
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
      const more = `${command.charset === "utf8" ? " utf8" : ""}${dsnText(command.dsn)}`;
      return `MAIL <${sender}> ${command.body} ${command.declaredSize ?? "(no size)"}${more}`;
    }
    case "RCPT":
      return `RCPT <${formatAddress(command.recipient)}>${dsnText(command.dsn)}`;
    case "BDAT":
      return `BDAT ${command.octets} ${command.chunk}`;
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

/** The octets of the text as the core hands them over. */
function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function dsnText(dsn: object | undefined): string {
  return dsn === undefined ? "" : ` ${JSON.stringify(dsn)}`;
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
  ["MAIL FROM:<> BODY=BINARYMIME", "MAIL <> BINARYMIME (no size)"],
  ["MAIL FROM:<> BODY=BINARY", "555 5.5.4"],
  ["MAIL FROM:<> BODY=7BIT BODY=7BIT", "501 5.5.4"],
  ["MAIL FROM:<> SIZE=1 SIZE=1", "501 5.5.4"],
  ["MAIL FROM:<> AUTH=<> AUTH=<>", "501 5.5.4"],
  ["MAIL FROM:<> AUTH", "501 5.5.4"],
  ["MAIL FROM:<> AUTH=", "501 5.5.4"],
  ["MAIL FROM:<> AUTH=\xe4", "501 5.5.4"],
  ["MAIL FROM:<> RET=HDRS", 'MAIL <> 7BIT (no size) {"returns":"HDRS"}'],
  ["MAIL FROM:<> envid=QQ+2B314159 ret=full", 'MAIL <> 7BIT (no size) {"envelopeId":"QQ+2B314159","returns":"FULL"}'],
  [`MAIL FROM:<> ENVID=${"x".repeat(100)}`, `MAIL <> 7BIT (no size) {"envelopeId":"${"x".repeat(100)}"}`],
  [`MAIL FROM:<> ENVID=${"x".repeat(101)}`, "501 5.5.4"],
  ["MAIL FROM:<> RET", "501 5.5.4"],
  ["MAIL FROM:<> RET=SOME", "501 5.5.4"],
  ["MAIL FROM:<> RET=FULL RET=FULL", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=a=b", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=a+b", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=a+2b", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=a+0D+0Ab", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=a+7F", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=\xe4", "501 5.5.4"],
  ["MAIL FROM:<> ENVID=a ENVID=a", "501 5.5.4"],
  ["MAIL FROM:<> REQUIRETLS", "555 5.5.4"],
  ["MAIL FROM:<> MT-PRIORITY=3", "555 5.5.4"],
  ["MAIL FROM:<> HOLDFOR=60", "555 5.5.4"],
  ["MAIL FROM:<> NOTIFY=NEVER", "555 5.5.4"],
  ["MAIL FROM:<> SMTPUTF8", "MAIL <> 7BIT (no size) utf8"],
  ["MAIL FROM:<> smtputf8 body=8bitmime size=5", "MAIL <> 8BITMIME 5 utf8"],
  ["MAIL FROM:<> SMTPUTF8=yes", "501 5.5.4"],
  ["MAIL FROM:<> SMTPUTF8 SMTPUTF8", "501 5.5.4"],
  [latin1("MAIL FROM:<ünal@sekimori.test> SMTPUTF8"), "MAIL <ünal@sekimori.test> 7BIT (no size) utf8"],
  [latin1("MAIL FROM:<関守@関守.example> SMTPUTF8 SIZE=1"), "MAIL <関守@xn--39sz56k.example> 7BIT 1 utf8"],
  [latin1("MAIL FROM:<ünal@sekimori.test>"), "553 5.6.7"],
  [latin1("MAIL FROM:<ünal@sekimori.test> SIZE=5"), "553 5.6.7"],
  [latin1("MAIL FROM:<ünal@sekimori.test> SMTPUTF8=yes"), "553 5.6.7"],
  [latin1("MAIL FROM:<a@ünal.example>"), "553 5.6.7"],
  ["MAIL FROM:<\xfc@sekimori.test> SMTPUTF8", "501 5.5.2"],
  ["MAIL FROM:<\xc0\xaf@sekimori.test> SMTPUTF8", "501 5.5.2"],
  ["MAIL FROM:<\xed\xa0\x80@sekimori.test> SMTPUTF8", "501 5.5.2"],
  [latin1("MAIL FROM:<a\u0085b@sekimori.test> SMTPUTF8"), "501 5.1.7"],
  [latin1(`MAIL FROM:<${"ü".repeat(33)}@sekimori.test> SMTPUTF8`), "501 5.1.7"],
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
  ["MAIL FROM:<\xe4@sekimori.test>", "553 5.6.7"],

  ["RCPT TO:<bob@example.jp>", "RCPT <bob@example.jp>"],
  ["rcpt to: <bob@example.jp>", "RCPT <bob@example.jp>"],
  ['RCPT TO:<"b o b"@example.jp>', 'RCPT <"b o b"@example.jp>'],
  ["RCPT TO:<Postmaster>", "RCPT <postmaster>"],
  ["RCPT TO:<>", "501 5.1.3"],
  ["RCPT TO:<bob>", "501 5.1.3"],
  ["RCPT TO:bob@example.jp", "501 5.1.3"],
  ["RCPT TO:<bob@example.jp> NOTIFY=NEVER", 'RCPT <bob@example.jp> {"notify":["NEVER"]}'],
  [
    "RCPT TO:<bob@example.jp> notify=success,DELAY orcpt=rfc822;Bob+2B1@example.jp",
    'RCPT <bob@example.jp> {"notify":["SUCCESS","DELAY"],"originalRecipient":"rfc822;Bob+2B1@example.jp"}',
  ],
  [
    "RCPT TO:<bob@example.jp> ORCPT=utf-8;\\x{FC}nal@example.jp",
    'RCPT <bob@example.jp> {"originalRecipient":"utf-8;\\\\x{FC}nal@example.jp"}',
  ],
  ["RCPT TO:<bob@example.jp> NOTIFY", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> NOTIFY=", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> NOTIFY=NEVER,SUCCESS", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> NOTIFY=SUCCESS,SUCCESS", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> NOTIFY=SUCCESS,", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> NOTIFY=ALWAYS", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT=bob@example.jp", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT=rfc822;", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT=;bob@example.jp", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT=rfc822;a+0D+0AX:b@example.jp", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT=rfc822;a=b@example.jp", "501 5.5.4"],
  [`RCPT TO:<bob@example.jp> ORCPT=rfc822;${"x".repeat(494)}`, "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> ORCPT=rfc822;a@b ORCPT=rfc822;a@b", "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> RET=FULL", "555 5.5.4"],
  ["RCPT TO:<bob@example.jp>NOTIFY=NEVER", "501 5.5.4"],
  [latin1("RCPT TO:<ünal@example.jp>"), "553 5.6.7"],
  [latin1("RCPT TO:<bob@ünal.example>"), "553 5.6.7"],
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

  ["BDAT 5", "BDAT 5 middle"],
  ["bdat 0 last", "BDAT 0 last"],
  ["BDAT  86  LAST ", "BDAT 86 last"],
  ["BDAT 999999999999999", "BDAT 999999999999999 middle"],
  ["BDAT", "521 5.5.4"],
  ["BDAT LAST", "521 5.5.4"],
  ["BDAT -1", "521 5.5.4"],
  ["BDAT 0x10", "521 5.5.4"],
  ["BDAT 5 FIRST", "521 5.5.4"],
  ["BDAT 5LAST", "521 5.5.4"],
  ["BDAT 5 LAST x", "521 5.5.4"],
  ["BDAT 1000000000000000", "521 5.5.4"],

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

/** Recipients of a transaction whose MAIL asked for SMTPUTF8. */
const utf8Recipients: readonly (readonly [line: string, expected: string])[] = [
  [latin1("RCPT TO:<ünal@example.jp>"), "RCPT <ünal@example.jp>"],
  [latin1('RCPT TO:<"ün al"@example.jp>'), 'RCPT <"ün al"@example.jp>'],
  [latin1("RCPT TO:<bob@ünal.example>"), "RCPT <bob@xn--nal-goa.example>"],
  ["RCPT TO:<bob@example.jp>", "RCPT <bob@example.jp>"],
  ["RCPT TO:<Postmaster>", "RCPT <postmaster>"],
  [
    latin1("RCPT TO:<bob@example.jp> ORCPT=utf-8;ünal@example.jp"),
    'RCPT <bob@example.jp> {"originalRecipient":"utf-8;ünal@example.jp"}',
  ],
  [latin1("RCPT TO:<bob@example.jp> ORCPT=rfc822;ünal@example.jp"), "501 5.5.4"],
  ["RCPT TO:<bob@example.jp> SMTPUTF8", "555 5.5.4"],
  ["RCPT TO:<\xfc@example.jp>", "501 5.5.2"],
  ["RCPT TO:<\xc3@example.jp>", "501 5.5.2"],
  [latin1("RCPT TO:<a\u0085b@example.jp>"), "501 5.1.3"],
  [latin1("RCPT TO:<bob@\u202eexample.jp>"), "501 5.1.3"],
];

for (const [line, expected] of utf8Recipients) {
  test(`with SMTPUTF8, ${JSON.stringify(line)} is ${expected}`, () => {
    assert.equal(describe(line, "utf8"), expected);
  });
}

test("any line is a command or a refusal that ends nothing but the session", () => {
  const words = fc.constantFrom(
    "MAIL FROM:",
    "RCPT TO:",
    "AUTH ",
    "EHLO ",
    "<",
    ">",
    "@",
    ":",
    " ",
    "=",
    "SIZE",
    '"',
    "BDAT 1",
    " NOTIFY=",
    " SMTPUTF8",
    "\xc3\xbc",
  );
  const octetText = fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets).toString("latin1"));
  fc.assert(
    fc.property(fc.array(fc.oneof(words, octetText), { maxLength: 12 }), fc.boolean(), (parts, wide) => {
      const parsed = parseCommand(parts.join(""), wide ? "utf8" : "ascii");
      if (!("refusal" in parsed)) return;
      assert.match(parsed.refusal.wire, /^5\d\d 5\.\d\.\d [ -~]+\r\n$/);
    }),
    { numRuns: 1000 },
  );
});

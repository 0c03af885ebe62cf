import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddress, parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { readHeaders, type HeaderSection } from "./headers.ts";
import { authors, completeSubmission, messageIdOf, type CompletedSubmission } from "./submission.ts";

const parsedHost = parseDomain("mail.sekimori.test");
assert.ok(parsedHost.ok);
const hostname = parsedHost.value;
const at = Date.UTC(2026, 10, 22, 3, 4, 5);
const sender = undefined;

function read(text: string): HeaderSection {
  const result = readHeaders([Buffer.from(text, "latin1")]);
  assert.ok(result.ok);
  return result.value;
}

function complete(text: string, trace = ""): CompletedSubmission & { readonly text: string } {
  const content = [Buffer.from(text, "latin1")];
  const completed = completeSubmission(content, read(text), { id: "01kaxyz0a0123456", hostname, at, trace, sender });
  return { ...completed, text: Buffer.concat(completed.content).toString("latin1") };
}

function authorsOf(text: string): string {
  const result = authors(read(text));
  return result.ok ? result.value.map(({ address }) => formatAddress(address)).join(" ") : result.error.code;
}

test("a complete message passes untouched", () => {
  const text = "From: alice@sekimori.test\r\nDate: now\r\nMessage-ID: <1@sekimori.test>\r\n\r\nbody\r\n";
  const result = complete(text);
  assert.equal(result.text, text);
  assert.deepEqual([result.added, result.removed, result.messageId], [[], [], "<1@sekimori.test>"]);
});

test("Date and Message-ID are added when missing, at the end, with the trace on top", () => {
  const result = complete("From: alice@sekimori.test\r\n\r\nbody\r\n", "Received: x\r\n");
  assert.match(
    result.text,
    /^Received: x\r\nFrom: alice@sekimori\.test\r\nDate: .*\r\nMessage-ID: <01kaxyz0a0123456@mail\.sekimori\.test>\r\n\r\nbody\r\n$/,
  );
  assert.equal(Date.parse(/^Date: (.*)\r$/m.exec(result.text)?.[1] ?? ""), at);
  assert.deepEqual(result.added, ["Date", "Message-ID"]);
  assert.equal(result.messageId, "<01kaxyz0a0123456@mail.sekimori.test>");
});

test("Bcc and Return-Path go, however they are written; everything else stays as it was", () => {
  const kept = "DATE: x\r\nmessage-id: <1@sekimori.test>\r\nTo:bob@example.jp\r\n";
  const result = complete(
    `BCC: carol@example.jp,\r\n dave@example.jp\r\n${kept}Resent-Bcc: e@example.jp\r\nbcc :\r\nReturn-Path: <x@y>\r\n\r\nBcc: body`,
  );
  assert.equal(result.text, `${kept}\r\nBcc: body`);
  assert.deepEqual(result.removed, ["BCC", "Resent-Bcc", "bcc", "Return-Path"]);
});

const signature = (names: string): string =>
  `DKIM-Signature: v=1; a=rsa-sha256; d=x; s=y;\r\n\th=From:\r\n\t ${names}; b=abc\r\nFrom: a@b.test\r\n\r\n`;

test("a signature that covers the absence of Message-ID is not broken", () => {
  assert.deepEqual(complete(signature("Message-Id :Subject")).added, ["Date"]);
  assert.deepEqual(complete(signature("Subject")).added, ["Date", "Message-ID"]);
});

test("the Message-ID is told with its brackets, or not at all", () => {
  assert.equal(messageIdOf(read("Message-ID:\r\n <a@b> (c)\r\n\r\n")), "<a@b>");
  assert.equal(messageIdOf(read("Message-ID: <a@[192.0.2.1]>\r\n\r\n")), "<a@[192.0.2.1]>");
  for (const value of ["", "a@b", "<>", "<a\tb>", "<a\xe4@b>", `<${"x".repeat(2000)}>`]) {
    assert.equal(messageIdOf(read(`Message-ID: ${value}\r\n\r\n`)), undefined, value);
  }
});

test("a Sender of ours takes the place of every other", () => {
  const account = parseAddress("alice@sekimori.test");
  assert.ok(account.ok);
  const facts = { id: "1", hostname, at, trace: "", sender: account.value };
  const kept = "From: boss@sekimori.test\r\nDate: x\r\nMessage-ID: <1@x.test>\r\n";
  for (const senders of ["", "Sender: x@y.test\r\n", "SENDER : x@y.test\r\nSender: x@y.test,\r\n z@y.test\r\n"]) {
    const text = `${senders}${kept}\r\nbody`;
    const { content, added } = completeSubmission([Buffer.from(text)], read(text), facts);
    assert.equal(Buffer.concat(content).toString(), `${kept}Sender: <alice@sekimori.test>\r\n\r\nbody`);
    assert.deepEqual(added, ["Sender"]);
  }
});

test("every address that the message claims to come from is named, in each field once", () => {
  assert.equal(authorsOf("From: Alice <alice@sekimori.test>\r\n\r\n"), "alice@sekimori.test");
  assert.equal(authorsOf("From: =?utf-8?q?x?= (c)\r\n <alice@sekimori.test>\r\n\r\n"), "alice@sekimori.test");
  assert.equal(authorsOf("From: \xe3\x81\x82 <alice@sekimori.test>\r\n\r\n"), "alice@sekimori.test");
  assert.equal(authorsOf("From : alice@sekimori.test\r\n\r\n"), "alice@sekimori.test");
  assert.equal(authorsOf("From: a@x.test, b@x.test\r\nSender: A@X.TEST\r\n\r\n"), "a@x.test b@x.test A@x.test");
  assert.equal(
    authorsOf("Resent-From: c@x.test, d@x.test\r\nResent-Sender: e@x.test\r\nFrom: team: a@x.test;\r\n\r\n"),
    "c@x.test d@x.test e@x.test a@x.test",
  );
  assert.equal(authorsOf("From: a@x.test\r\nReply-To: nobody\r\nTo: x\r\n\r\n"), "a@x.test");
});

test("several authors need a Sender, unless one will be put there", () => {
  const section = read("From: a@x.test, b@x.test\r\n\r\n");
  assert.equal(authors(section, { utf8: false, missingSender: "added" }).ok, true);
  assert.equal(authors(section, { utf8: false, missingSender: "refused" }).ok, false);
});

test("a message whose author is not clear is refused with the reason", () => {
  const cases = [
    ["To: a@x.test\r\n\r\n", "from-missing"],
    ["From: a@x.test\r\nFROM: b@x.test\r\n\r\n", "from-repeated"],
    ["From: a@x.test\r\nFrom : b@x.test\r\n\r\n", "from-repeated"],
    ["From: a@x.test\r\nFrom\r\n : b@x.test\r\n\r\n", "from-repeated"],
    ["From: a@x.test, b@x.test\r\n\r\n", "sender-missing"],
    ["From: a@x.test, b@x.test\r\nResent-Sender: a@x.test\r\n\r\n", "sender-missing"],
    ["From: a@x.test\r\nSender: a@x.test\r\nSender: b@x.test\r\n\r\n", "sender-repeated"],
    ["From: a@x.test\r\nSender: a@x.test, b@x.test\r\n\r\n", "not-one-mailbox"],
    ["From: a@x.test\r\nResent-Sender: a@x.test, b@x.test\r\n\r\n", "not-one-mailbox"],
    ["From: \r\n\r\n", "no-mailbox"],
    ["From: nobody:;\r\n\r\n", "no-mailbox"],
    ["From: a@x.test\r\nSender: (only a comment)\r\n\r\n", "no-mailbox"],
    ["From: alice\r\n\r\n", "unqualified"],
    ["From: Alice <alice>\r\n\r\n", "unqualified"],
    ["From: a@x.test <b@x.test>\r\n\r\n", "unreadable"],
    ["From: a@x.test\0\r\n\r\n", "unreadable"],
    ["From: <a@x.test\r\n\r\n", "unreadable"],
    ["From: a@x.test\r\nResent-From: <\r\n\r\n", "unreadable"],
  ] as const;
  for (const [text, code] of cases) assert.equal(authorsOf(text), code, text);
});

test("no octets in the fields make it throw, and no addresses come out that hold a line end", () => {
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets).toString("latin1")),
    fc
      .array(fc.constantFrom("a", "@", "x.test", "<", ">", ",", ";", ":", '"', "(", ")", "\\", "\r\n ", " ", "\xe9"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(
      fc.constantFrom("From", "Sender", "Resent-From", "Message-ID", "DKIM-Signature"),
      value,
      (name, text) => {
        const whole = `From: alice@sekimori.test\r\n${name}: ${text}\r\n\r\n`;
        const result = authors(read(whole));
        if (result.ok) for (const { address } of result.value) assert.ok(!/[\r\n]/.test(formatAddress(address)));
        else assert.ok(!/[\r\n]/.test(result.error.message));
        const completed = complete(whole);
        assert.match(completed.messageId, /^<[!-~]+>$/);
      },
    ),
    { numRuns: 2000 },
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFault, mailCommand, rcptCommand } from "./commands.ts";
import { readExtensions, type Extensions } from "./extensions.ts";

function read(...lines: readonly string[]): Extensions {
  return readExtensions({ code: 250, enhanced: undefined, lines: ["mx1.example.jp", ...lines] });
}

const none = { size: undefined, body: undefined, utf8: false, returns: undefined, envelopeId: undefined };

test("an address that could end a command or a path is refused", () => {
  for (const address of [
    "a@b.test\r\nRCPT TO:<x@y.test>",
    "a\nb@c.test",
    "a\rb@c.test",
    "a\0@b.test",
    "a b@c.test",
    "a@b.test>",
    "<a@b.test",
    "a\x7f@b.test",
    "a\t@b.test",
  ]) {
    assert.equal(addressFault(address), "bad-address", JSON.stringify(address));
  }
  assert.equal(addressFault("葉子@sekimori.test"), "non-ascii");
  assert.equal(addressFault("\u00e9\r\n@sekimori.test"), "bad-address");
  assert.equal(addressFault("\ud800@sekimori.test"), "bad-address");
  for (const address of ["", "alice@sekimori.test", '"a.b"@[192.0.2.1]', "a+b=c/d@example.jp"]) {
    assert.equal(addressFault(address), undefined, address);
  }
});

test("a command with a line end in it throws before it can be written", () => {
  assert.throws(() => rcptCommand("a@b.test>\r\nDATA"));
  assert.throws(() => mailCommand("a\0@b.test", none));
});

test("MAIL carries the parameters the server offers", () => {
  assert.equal(mailCommand("", none), "MAIL FROM:<>\r\n");
  assert.equal(
    mailCommand("a@b.test", { ...none, size: 7, body: "8BITMIME" }),
    "MAIL FROM:<a@b.test> SIZE=7 BODY=8BITMIME\r\n",
  );
  const all = { size: 7, body: "BINARYMIME", utf8: true, returns: "HDRS", envelopeId: "QQ+2B" } as const;
  assert.equal(
    mailCommand("葉子@b.test", all),
    "MAIL FROM:<葉子@b.test> SIZE=7 BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B\r\n",
  );
});

test("parameters that would be more than one are left out", () => {
  const asked = { notify: ["SUCCESS", "DELAY"], originalRecipient: "rfc822;bob+2Bx@example.jp" } as const;
  assert.equal(
    rcptCommand("b@c.test", asked),
    "RCPT TO:<b@c.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Bx@example.jp\r\n",
  );
  for (const bad of ["a b", "a\r\nDATA", "", "a=b", "x".repeat(600), "\u0085"]) {
    assert.equal(mailCommand("", { ...none, envelopeId: bad }), "MAIL FROM:<>\r\n");
    assert.equal(rcptCommand("b@c.test", { originalRecipient: bad }), "RCPT TO:<b@c.test>\r\n");
  }
});

test("extensions are read without regard to case; malformed ones are not offered", () => {
  assert.deepEqual(read("pipelining", "8bitmime", "StartTLS", "SIZE 1000", "AUTH plain  login"), {
    pipelining: true,
    eightBitMime: true,
    startTls: true,
    offersSize: true,
    size: 1000,
    auth: ["PLAIN", "LOGIN"],
    dsn: false,
    smtpUtf8: false,
    chunking: false,
    binaryMime: false,
  });
  const { dsn, smtpUtf8, chunking, binaryMime } = read("dsn", "smtputf8", "Chunking", "BinaryMIME");
  assert.deepEqual([dsn, smtpUtf8, chunking, binaryMime], [true, true, true, true]);
  assert.equal(read("BINARYMIME").binaryMime, false, "there is no BDAT to carry it");
  assert.equal(read("SIZE 0").size, undefined);
  assert.equal(read("SIZE -1").size, undefined);
  assert.equal(read("SIZE").offersSize, true);
  assert.equal(read().pipelining, false);
  assert.equal(read("XPIPELINING").pipelining, false);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ehloReply } from "./ehlo.ts";
import { firstLine, makeReply, replies } from "./reply.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 700 }),
  fc.array(fc.constantFrom("\r", "\n", "\r\n", "\0", "250 ok", "\u2028", "\u0085", "関", "\x1b[2J"), { maxLength: 30 }),
);

test("whatever a text holds, a reply has the lines it was made of and none more", () => {
  fc.assert(
    fc.property(
      fc.array(
        anyText.map((text) => (typeof text === "string" ? text : text.join(""))),
        { minLength: 1, maxLength: 5 },
      ),
      fc.constantFrom("", "5.7.1"),
      (texts, enhanced) => {
        const { wire } = makeReply(550, enhanced, texts);
        const lines = wire.split("\r\n");
        assert.equal(lines.pop(), "");
        assert.equal(lines.length, texts.length);
        for (const [index, line] of lines.entries()) {
          assert.match(line, index === texts.length - 1 ? /^550 [ -~]*$/ : /^550-[ -~]*$/);
          assert.ok(line.length + 2 <= 512, `${line.length} octets`);
          assert.ok(enhanced === "" || line.slice(4).startsWith("5.7.1 "));
        }
      },
    ),
  );
});

test("the first line is what a log shows", () => {
  assert.equal(firstLine(makeReply(550, "5.1.1", "no such mailbox")), "550 5.1.1 no such mailbox");
  assert.equal(firstLine(makeReply(250, "", ["mx1.sekimori.test", "PIPELINING"])), "250-mx1.sekimori.test");
});

test("an enhanced status code is of the class of its reply (RFC 3463 section 2)", () => {
  for (const [name, { code, enhanced, wire }] of Object.entries(replies)) {
    assert.match(wire, /^\d{3} [ -~]+\r\n$/, name);
    if (enhanced !== "") assert.equal(enhanced[0], String(code)[0], name);
  }
});

test("EHLO names what is offered and nothing else", () => {
  const bare = ehloReply("mx1.sekimori.test", {
    messageSize: 1000,
    recipients: 100,
    messages: 50,
    starttls: false,
    mechanisms: [],
  });
  assert.deepEqual(bare.lines, [
    "mx1.sekimori.test",
    "PIPELINING",
    "SIZE 1000",
    "8BITMIME",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "BINARYMIME",
    "SMTPUTF8",
    "DSN",
    "LIMITS RCPTMAX=100 MAILMAX=50",
  ]);
  const full = ehloReply("mx1.sekimori.test", {
    messageSize: 1000,
    recipients: 100,
    messages: 50,
    starttls: true,
    mechanisms: ["PLAIN", "LOGIN"],
  });
  assert.deepEqual(full.lines.slice(10), ["STARTTLS", "AUTH PLAIN LOGIN"]);
  assert.match(full.wire, /^250-mx1\.sekimori\.test\r\n(250-[ -~]+\r\n)+250 AUTH PLAIN LOGIN\r\n$/);
});

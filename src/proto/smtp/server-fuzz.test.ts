// The law of the core: whatever comes in and whatever is answered, only well-formed replies and requests come out.
// Nothing throws, nothing is asked out of turn, and the pieces in which octets come make no difference.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { makeReply } from "./reply.ts";
import type { SmtpRequest } from "./server.ts";
import { SmtpServer } from "./server.ts";
import { drive } from "./test-drive.ts";

const halfValid = fc.constantFrom(
  "EHLO c\r\n",
  "HELO c\r\n",
  "STARTTLS\r\n",
  "AUTH PLAIN AGEAYg==\r\n",
  "AUTH PLAIN\r\n",
  "AUTH LOGIN\r\n",
  "YWxpY2U=\r\n",
  "*\r\n",
  "MAIL FROM:<>\r\n",
  "MAIL FROM:<alice@sekimori.test> SIZE=10 BODY=8BITMIME\r\n",
  "RCPT TO:<bob@example.jp>\r\n",
  "RCPT TO:<postmaster>\r\n",
  "DATA\r\n",
  "Subject: one\r\n\r\nbody\r\n",
  ".\r\n",
  "..\r\n",
  "\r\n.\r\n",
  "MAIL FROM:<alice@sekimori.test> BODY=BINARYMIME\r\n",
  "MAIL FROM:<\xc3\xbc@sekimori.test> SMTPUTF8 RET=HDRS ENVID=x+2B\r\n",
  "RCPT TO:<\xc3\xbc@example.jp> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x@example.jp\r\n",
  "BDAT 0\r\n",
  "BDAT 0 LAST\r\n",
  "BDAT 3\r\n",
  "BDAT 10\r\n0123456\r\n\r",
  "BDAT 6 LAST\r\nNOOP\r\n",
  "BDAT 70\r\n",
  "BDAT 99999999\r\n",
  "RSET\r\n",
  "NOOP\r\n",
  "QUIT\r\n",
  "GET / HTTP/1.1\r\n",
  "MAIL FROM:<",
  "\r",
  "\n",
  "\0",
  "x".repeat(3000),
  `AUTH PLAIN ${"x".repeat(13_000)}`,
);
const garbage = fc.uint8Array({ maxLength: 30 }).map((octets) => Buffer.from(octets).toString("latin1"));
/** Mostly a sensible session, so that the fuzzing reaches the deep states. */
const stream = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: halfValid },
      { weight: 1, arbitrary: garbage },
      {
        weight: 2,
        arbitrary: fc.constant("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.jp>\r\nDATA\r\nx\r\n.\r\n"),
      },
      {
        weight: 2,
        arbitrary: fc.constant("EHLO c\r\nMAIL FROM:<> BODY=BINARYMIME\r\nRCPT TO:<bob@example.jp>\r\nBDAT 2\r\nx\n"),
      },
    ),
    { maxLength: 25 },
  )
  .map((parts) => parts.join(""));

const answers = fc.array(
  fc.constantFrom(220, 235, 250, 250, 250, 250, 334, 354, 354, 421, 450, 452, 454, 501, 521, 530, 535, 550, 554),
  { minLength: 1, maxLength: 30 },
);

type Step = "receive" | "answer" | "secure" | "close" | "refuse";
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<Step>("receive", "answer") },
    { weight: 1, arbitrary: fc.constantFrom<Step>("secure", "refuse") },
  ),
  { maxLength: 80 },
);

/** A request must fit the state it is asked in. */
function assertInTurn(request: SmtpRequest, core: SmtpServer): void {
  const { state } = core;
  switch (request.kind) {
    case "greeting":
      assert.equal(state, "greeting");
      return;
    case "helo":
      assert.ok(state === "start" || state === "idle" || state === "mail" || state === "rcpt", state);
      return;
    case "starttls":
    case "auth":
    case "mail":
      assert.equal(state, "idle");
      return;
    case "auth-response":
      assert.equal(state, "sasl");
      return;
    case "rcpt":
      assert.ok(state === "mail" || state === "rcpt", state);
      return;
    case "data":
      assert.equal(state, "rcpt");
      return;
    case "message":
      assert.equal(state, "content");
      assert.equal(
        request.content.reduce((sum, chunk) => sum + chunk.length, 0),
        request.size,
      );
      return;
    case "abandoned":
      assert.ok(state === "idle" || state === "closed", state);
  }
}

function assertReplies(output: string): void {
  if (output === "") return;
  assert.ok(output.endsWith("\r\n"));
  for (const line of output.slice(0, -2).split("\r\n")) {
    assert.match(line, /^\d{3}[ -][ -~]*$/);
    assert.ok(line.length + 2 <= 512);
  }
}

test("garbage in: replies and requests out, never an exception", () => {
  fc.assert(
    fc.property(stream, answers, steps, fc.integer({ min: 1, max: 5 }), (input, codes, order, budget) => {
      const bytes = Buffer.from(input, "latin1");
      const core = new SmtpServer({ messageSize: 50, errors: 6 });
      let position = 0;
      let answered = 0;
      let open: SmtpRequest | undefined;
      const pull = (): void => {
        for (let turns = 0; turns < 20 && open === undefined; turns++) {
          const request = core.next({ commands: budget });
          if (request === undefined) break;
          assertInTurn(request, core);
          if (request.kind !== "abandoned") open = request;
        }
        if (open !== undefined) assert.equal(core.next({ commands: 1 }), undefined, "asked twice");
        assertReplies(core.takeOutput());
      };
      for (const step of [...order, "close" as const]) {
        switch (step) {
          case "receive": {
            const size = 1 + ((position * 7) % 60);
            core.receive(Buffer.from(bytes.subarray(position, position + size)));
            position += size;
            break;
          }
          case "answer":
            if (open !== undefined) {
              if (open.kind === "helo") core.offer({ starttls: true, mechanisms: ["PLAIN", "LOGIN"] });
              open = undefined;
              core.answer(makeReply(codes[answered++ % codes.length]!, "", "text"));
            }
            break;
          case "secure":
            if (core.state === "tls") core.secured();
            break;
          case "refuse":
            core.refuseContent(makeReply(452, "4.3.1", "text"));
            break;
          case "close":
            core.close(makeReply(421, "4.3.2", "text"));
            break;
        }
        pull();
        assert.ok(core.contentHeld <= 50);
      }
      assert.equal(core.state, "closed");
      assert.equal(core.buffered, 0);
    }),
    { numRuns: 1500 },
  );
});

test("any stream in any pieces, answered at once or late, gives the same dialogue", () => {
  fc.assert(
    fc.property(
      stream,
      answers,
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 4 }),
      (input, codes, sizes, late, budget) => {
        // In TLS the pieces do matter: what came before the handshake is dropped.
        const plain = input.replaceAll("STARTTLS", "NOOP");
        const dialogue = (how: object) => {
          let asked = 0;
          return drive(plain, {
            options: { errors: 8, messageSize: 60 },
            answer: (request) =>
              request === "greeting" ? undefined : makeReply(codes[asked++ % codes.length]!, "", "text"),
            ...how,
          });
        };
        const cuts: number[] = [];
        for (let cut = 0; cut < plain.length; cut += sizes[cuts.length % sizes.length]!) cuts.push(cut);
        const whole = dialogue({});
        const split = dialogue({ cuts, late, budget });
        assert.deepEqual(split.trace, whole.trace);
        assert.equal(split.core.state, whole.core.state);
      },
    ),
    { numRuns: 1000 },
  );
});

/** What the fuzzing found, or what would break first: each in one piece, octet by octet and one command a turn. */
const corpus: readonly (readonly [name: string, input: string])[] = [
  ["a bare CR far behind the beginning of a line without an end", `NOOP ${"x".repeat(13_000)}\rxx`],
  ["an empty chunk as the last command of a turn", "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nBDAT 0\r\n"],
  ["an empty last chunk without a message", "EHLO c\r\nBDAT 0 LAST\r\nBDAT 0\r\nNOOP\r\n"],
  [
    "a chunk that ends within a CRLF",
    "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nBDAT 2\r\na\rBDAT 1 LAST\r\n\n",
  ],
  [
    "a chunk that ends in a CR that stays bare",
    "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@c.example>\r\nBDAT 2\r\na\rBDAT 1 LAST\r\nb",
  ],
  ["a chunk longer than anything that comes", "EHLO c\r\nBDAT 999999999999999\r\nQUIT\r\nQUIT\r\n"],
  ["a line that is too long before a chunk", `EHLO c\r\n${"x".repeat(3000)}\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n`],
  ["STARTTLS in a chunk that is thrown away", "EHLO c\r\nBDAT 10\r\nSTARTTLS\r\nNOOP\r\n"],
  ["BDAT as a response to AUTH", "EHLO c\r\nAUTH PLAIN\r\nBDAT 5\r\nNOOP\r\n"],
  [
    "half a UTF-8 character before the end of a path",
    "EHLO c\r\nMAIL FROM:<\xc3> SMTPUTF8\r\nMAIL FROM:<\xc3@b> SMTPUTF8\r\n",
  ],
];

for (const [name, input] of corpus) {
  test(`corpus: ${name}`, () => {
    const whole = drive(input);
    const cuts = Array.from({ length: input.length }, (_, index) => index);
    assert.deepEqual(drive(input, { cuts }).trace, whole.trace);
    assert.deepEqual(drive(input, { cuts, late: [true], budget: 1 }).trace, whole.trace);
    assert.deepEqual(drive(input, { budget: 1 }).trace, whole.trace);
    assert.ok(whole.trace.length > 2);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ReplyParser, replyStatus, replyText, type Reply, type ReplyError } from "./reply.ts";

function parse(...chunks: readonly string[]): { replies: Reply[]; error: ReplyError | undefined; pending: boolean } {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  let error: ReplyError | undefined;
  for (const chunk of chunks) error ??= parser.push(Buffer.from(chunk, "latin1"), replies);
  return { replies, error, pending: parser.pending };
}

test("a reply is a code, an enhanced code of its class, and lines", () => {
  assert.deepEqual(parse("250 2.1.5 Ok\r\n").replies, [{ code: 250, enhanced: "2.1.5", lines: ["2.1.5 Ok"] }]);
  assert.deepEqual(parse("250-a\r\n250-b\r\n250 c\r\n").replies, [
    { code: 250, enhanced: undefined, lines: ["a", "b", "c"] },
  ]);
  assert.deepEqual(parse("250\r\n").replies, [{ code: 250, enhanced: undefined, lines: [""] }]);
  assert.equal(parse("550 2.1.5 odd\r\n").replies[0]?.enhanced, undefined);
  assert.equal(parse("550 5.1.1000 odd\r\n").replies[0]?.enhanced, undefined);
});

test("the words are printable ASCII on one line", () => {
  const [reply] = parse("550-5.7.1 tab\there\r\n550 5.7.1 bell\x07 caf\xe9\r\n").replies;
  assert.ok(reply);
  assert.equal(replyText(reply), "550 5.7.1 tab here 5.7.1 bell? caf?");
  assert.equal(replyStatus(reply), "5.7.1");
  assert.equal(replyStatus({ code: 451, enhanced: undefined, lines: [""] }), "4.0.0");
});

test("what is not a reply line is malformed", () => {
  for (const line of [
    "\r\n",
    "25\r\n",
    "2500 x\r\n",
    "abc hello\r\n",
    "150 go\r\n",
    "099 x\r\n",
    "600 x\r\n",
    "250 bare\n",
    "250 bare\rreturn\r\n",
    "250 nul\0\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
  ]) {
    assert.equal(parse(line).error?.code, "malformed-line", JSON.stringify(line));
  }
});

test("one reply has one code", () => {
  assert.equal(parse("250-a\r\n251 b\r\n").error?.code, "mixed-codes");
});

test("lines and replies without end are given up", () => {
  assert.equal(parse(...Array.from({ length: 3000 }, () => "2")).error?.code, "line-too-long");
  assert.equal(parse(`250 ${"x".repeat(3000)}\r\n`).error?.code, "line-too-long");
  assert.equal(parse("250-more\r\n".repeat(10_000)).error?.code, "reply-too-long");
});

test("replies before an error are still replies", () => {
  const { replies, error } = parse("250 ok\r\nnonsense\r\n");
  assert.equal(replies.length, 1);
  assert.equal(error?.code, "malformed-line");
});

test("a reply that has begun is pending", () => {
  assert.equal(parse("25").pending, true);
  assert.equal(parse("250-a\r\n").pending, true);
  assert.equal(parse("250 a\r\n").pending, false);
});

const wire = fc.array(
  fc.oneof(
    fc.constantFrom("250 ok\r\n", "250-a\r\n", "250 b\r\n", "354 go\r\n", "550 5.1.1 no\r\n", "\r", "\n", "\0", "2"),
    fc.string({ unit: "binary", maxLength: 10 }),
  ),
);

test("how the bytes are cut makes no difference, and garbage is an error, never an exception", () => {
  fc.assert(
    fc.property(wire, fc.array(fc.nat(60)), (pieces, sizes) => {
      const text = pieces.join("");
      const whole = parse(text);
      const bytewise = parse(...Array.from(text));
      const chunks: string[] = [];
      let at = 0;
      for (const size of sizes) chunks.push(text.slice(at, (at += size)));
      chunks.push(text.slice(at));
      assert.deepEqual(bytewise, whole);
      assert.deepEqual(parse(...chunks), whole);
    }),
  );
});

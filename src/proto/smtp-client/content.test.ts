import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { stuffContent } from "./content.ts";

function stuffed(...chunks: readonly string[]): string {
  const result = stuffContent(chunks.map((chunk) => Buffer.from(chunk, "latin1")));
  return result.ok ? Buffer.concat(result.value).toString("latin1") : `${result.error.code} ${result.error.offset}`;
}

/** All ways to cut a text in two. */
function cuts(text: string): readonly (readonly [string, string])[] {
  return Array.from({ length: text.length + 1 }, (_each, index) => [text.slice(0, index), text.slice(index)]);
}

test("a leading dot is doubled, on the first line too, and nowhere else", () => {
  assert.equal(stuffed(".a\r\n..\r\nb.c\r\n.\r\n"), "..a\r\n...\r\nb.c\r\n..\r\n");
});

test("where the chunks are cut makes no difference", () => {
  const text = ".a\r\n.\r\n..b\r\n\r\nc.\r\n";
  for (const [head, tail] of cuts(text)) assert.equal(stuffed(head, tail), stuffed(text));
});

test("bare CR and bare LF are refused wherever the chunks are cut, never repaired", () => {
  for (const [text, expected] of [
    ["a\nb\r\n", "bare-line-feed 1"],
    ["a\r\n.\n", "bare-line-feed 4"],
    ["\n", "bare-line-feed 0"],
    ["a\rb\r\n", "bare-carriage-return 2"],
    ["a\r\r\n", "bare-carriage-return 2"],
    ["a\r\n.\r.\r\n", "bare-carriage-return 5"],
  ] as const) {
    for (const [head, tail] of cuts(text)) assert.equal(stuffed(head, tail), expected);
  }
});

test("content that does not end in CRLF is refused", () => {
  assert.equal(stuffed("a"), "unterminated 1");
  assert.equal(stuffed("a\r"), "unterminated 2");
  assert.equal(stuffed("a\r\n."), "unterminated 4");
});

test("empty content is empty", () => {
  assert.equal(stuffed(), "");
  assert.equal(stuffed("", ""), "");
});

test("chunks without leading dots are not copied", () => {
  const chunk = Buffer.from("a\r\nb\r\n");
  const result = stuffContent([chunk]);
  assert.ok(result.ok);
  assert.equal(result.value[0], chunk);
});

test("a receiver that undoes the dots gets the content back, and no line but the end is a lone dot", () => {
  const line = fc.string({ unit: fc.constantFrom(".", "a", "\u00ff", " "), maxLength: 4 });
  fc.assert(
    fc.property(fc.array(line), fc.nat(), (lines, at) => {
      const text = lines.map((each) => `${each}\r\n`).join("");
      const cut = at % (text.length + 1);
      const wire = stuffed(text.slice(0, cut), text.slice(cut));
      const back = wire.split("\r\n").slice(0, -1);
      assert.ok(!back.includes("."));
      assert.deepEqual(
        back.map((each) => each.replace(/^\./, "")),
        lines,
      );
    }),
  );
});

test("4 MiB of dotted lines are doubled line by line", () => {
  const lines = (4 << 20) / 4;
  const result = stuffContent([Buffer.from("..\r\n".repeat(lines), "latin1")]);
  assert.ok(result.ok);
  assert.equal(Buffer.concat(result.value).length, lines * 5);
});

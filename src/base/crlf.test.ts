import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { crlfLine, crlfLines } from "./crlf.ts";

test("a line gets its end, and several lines get theirs", () => {
  assert.equal(crlfLine("250 ok"), "250 ok\r\n");
  assert.equal(crlfLines(["a", "", "b"]), "a\r\n\r\nb\r\n");
});

test("a text that would make a second line throws", () => {
  for (const text of ["a\rb", "a\nb", "a\r\nb", "a\0b", "\n"]) assert.throws(() => crlfLine(text), TypeError);
});

test("whatever is written, the number of line ends is the number of lines", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (texts) => {
      let written: string;
      try {
        written = crlfLines(texts);
      } catch {
        return texts.some((text) => text.includes("\r") || text.includes("\n") || text.includes("\0"));
      }
      return written.split(/[\r\n]+/).length <= texts.length + 1 && written.split("\r\n").length === texts.length + 1;
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeOriginalRecipient, decodeXtext, escapeToAscii } from "./xtext.ts";

test("xtext is decoded, and what is none or hides control characters is nothing", () => {
  assert.equal(decodeXtext("QQ314159"), "QQ314159");
  assert.equal(decodeXtext("a+2Bb+3Dc+20d"), "a+b=c d");
  for (const bad of ["", "a+2bb", "a+", "a=b", "a b", "a+0D+0AX: y", "+00", "caf\u00e9"]) {
    assert.equal(decodeXtext(bad), undefined, bad);
  }
});

test("an original recipient keeps its type", () => {
  assert.equal(decodeOriginalRecipient("rfc822;bob+2Blist@example.jp"), "rfc822;bob+list@example.jp");
  assert.equal(decodeOriginalRecipient("x400;/C=JP/"), undefined);
  assert.equal(decodeOriginalRecipient("utf-8;\\x{8449}\\x{5B50}@sekimori.test"), "utf-8;葉子@sekimori.test");
  assert.equal(decodeOriginalRecipient("UTF-8;葉子+2Bx@sekimori.test"), "UTF-8;葉子+x@sekimori.test");
  for (const bad of [
    "bob@example.jp",
    "rfc822;",
    "rfc822;a+0Ab",
    "utf-8;\\x{0A}",
    "utf-8;\\x{D800}",
    "utf-8;\\x{110000}",
  ]) {
    assert.equal(decodeOriginalRecipient(bad), undefined, bad);
  }
});

test("what was escaped for an ASCII report reads back", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/\p{Cc}|\p{Cs}/u.test(text)),
      (text) => {
        const escaped = escapeToAscii(text);
        assert.match(escaped, /^[!-~]+$/);
        assert.equal(decodeOriginalRecipient(`utf-8;${escaped}`), `utf-8;${text}`);
      },
    ),
  );
});

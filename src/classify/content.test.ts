import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createExaminer } from "./content.ts";
import type { ContentFeatures } from "./content.ts";

const examine = createExaminer("secret");

function featuresOf(...lines: readonly string[]): ContentFeatures {
  return examine([Buffer.from(lines.join("\r\n"), "latin1")]);
}

test("the same text is known again, whatever number, address and link is put into it", () => {
  const one = featuresOf("From: a@b.test", "", "Dear bob@c.test,", "you have won 1000 EUR: https://win.test/1", "");
  const two = featuresOf(
    "From: x@y.test",
    "Subject: hi",
    "",
    "Dear eve@d.test,",
    "you have won 77 EUR:  https://lose.test/2?x",
    "",
  );
  const three = featuresOf("From: a@b.test", "", "Dear bob@c.test,", "shall we have lunch?", "");
  assert.equal(one.body, two.body);
  assert.notEqual(one.body, three.body);
  assert.match(one.body, /^[0-9a-f]{16}$/);
  assert.notEqual(one.body, createExaminer("another")([Buffer.from("\r\n\r\nDear\r\nyou have won EUR:")]).body);
  assert.equal(one.body, featuresOf("", "", "Dear", "you have won EUR:").body);
  assert.equal(featuresOf("From: a@b.test", "", "12 34").body, "", "no text");
  assert.equal(featuresOf("no body at all").body, "");
});

/** Of a part with this field. */
const named = (field: string): readonly string[] => featuresOf("From: a@b.test", "", "--x", field, "", "AAAA").programs;

test("programs are found by the names of files, however they are written, and other files are not", () => {
  assert.deepEqual(named('Content-Disposition: attachment; filename="invoice.pdf.EXE"'), ["exe"]);
  assert.deepEqual(named("Content-Type: application/octet-stream; name=run.js"), ["js"]);
  assert.deepEqual(named("Content-Disposition: attachment; filename*=utf-8''%E8%AB%8B.docm"), ["docm"]);
  assert.deepEqual(named('Content-Disposition: attachment;\r\n filename*0="a.scr"; name="b.scr"'), ["scr"]);
  assert.deepEqual(named('Content-Disposition: attachment; filename="holiday.jpg"'), []);
});

test("whatever comes, in whatever pieces, the features are the same and small", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(400), (octets, cut) => {
      const whole = examine([octets]);
      assert.deepEqual(examine([octets.subarray(0, cut), octets.subarray(cut)]), whole);
      assert.ok(whole.body.length <= 16);
    }),
  );
});

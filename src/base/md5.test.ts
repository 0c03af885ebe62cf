import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { md5, md5Begin, md5End } from "./md5.ts";

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");
const theirs = (octets: Uint8Array): string => createHash("md5").update(octets).digest("hex");

test("the suite of RFC 1321, appendix A.5", () => {
  for (const [text, digest] of [
    ["", "d41d8cd98f00b204e9800998ecf8427e"],
    ["a", "0cc175b9c0f1b6a831c399e269772661"],
    ["abc", "900150983cd24fb0d6963f7d28e17f72"],
    ["message digest", "f96b697d7cb7938d525a2f31aaf161d0"],
    ["abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"],
    [
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
      "57edf4a22be3c955ac49da2e2107b67a",
    ],
  ] as const) {
    assert.equal(hex(md5(Buffer.from(text))), digest);
  }
});

test("of any octets it is what OpenSSL says, in one piece and begun with a block", () => {
  // Both sides of where the padding needs a block more.
  for (let length = 0; length < 200; length++) {
    const octets = Buffer.alloc(length, length);
    assert.equal(hex(md5(octets)), theirs(octets), String(length));
  }
  const block = fc.uint8Array({ minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(block, fc.uint8Array({ maxLength: 300 }), (first, rest) => {
      assert.equal(hex(md5End(md5Begin(first), rest)), theirs(Buffer.concat([first, rest])));
      assert.equal(hex(md5(rest)), theirs(rest));
    }),
  );
  assert.throws(() => md5Begin(Buffer.alloc(63)), RangeError);
});

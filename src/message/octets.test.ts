import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isSevenBit, occurs } from "./octets.ts";

test("seven bits are enough only where no octet has the eighth", () => {
  assert.equal(isSevenBit([]), true);
  assert.equal(isSevenBit([Buffer.from("a"), Buffer.from("\x7f\0")]), true);
  assert.equal(isSevenBit([Buffer.from("a"), Buffer.of(128)]), false);
});

test("a text is found whatever the chunks are, and only where it is", () => {
  const parts = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 4 }), { maxLength: 12 });
  fc.assert(
    fc.property(parts, fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 6 }), (chunks, text) => {
      const content = chunks.map((chunk) => Buffer.from(chunk));
      assert.equal(occurs(content, text), chunks.join("").includes(text));
    }),
    { numRuns: 2000 },
  );
});

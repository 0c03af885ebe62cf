import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { formatAddress } from "./address.ts";
import { TextWriter } from "./text-writer.ts";

test("pieces are what they are one by one, whatever they are and however long", () => {
  const word = fc.nat(0xffff_ffff);
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme-ascii", minLength: 3000, maxLength: 9000 }),
    fc.nat(2 ** 31 - 1),
    fc.constantFrom(0, 9, 10, 99, 100, 2 ** 31 - 1),
    fc.tuple(word).map(([first]) => Uint32Array.of(first)),
    fc.tuple(word, word, word, word).map((words) => Uint32Array.from(words)),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const writer = new TextWriter();
      let expected = "";
      for (const one of pieces) {
        if (typeof one === "string") writer.text(one);
        else if (typeof one === "number") writer.number(one);
        else writer.address(one, one.length === 1 ? 4 : 6);
        expected += typeof one === "object" ? formatAddress(one, one.length === 1 ? 4 : 6) : String(one);
      }
      assert.equal(writer.finish(), expected);
    }),
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { anyNftablesProgram, printNftables, readNftables } from "../../../../test/compile/nftables.ts";
import { areAlike, smallScope } from "../../../../test/compile/small.ts";
import { verify } from "../../verify.ts";
import { agedText } from "./aged.ts";

test("what is printed reads back as the same program", () => {
  fc.assert(
    fc.property(anyNftablesProgram, (program) => {
      const text = printNftables(program);
      const back = readNftables(text);
      const result = verify(program, back, smallScope, { laterFragments: "compared" });
      assert.equal(result.kind, "equal", `${JSON.stringify(result, undefined, 1)}\n${text}`);
      assert.ok(areAlike(program, back, true));
    }),
    { numRuns: 50 },
  );
});

test("a text grows old: permits have less time left, and go when it is over", () => {
  const text = [
    "add element inet sekimori a {",
    "  192.0.2.1 timeout 1d2h,",
    "  192.0.2.2 timeout 90s,",
    "  192.0.2.3,",
    "}",
    "add element inet sekimori b {",
    "  192.0.2.2 timeout 1m500ms,",
    "}",
    "table inet sekimori {",
    "}",
    "",
  ].join("\n");
  assert.equal(agedText(text, 0).replaceAll("1m30s", "90s"), text);
  assert.equal(
    agedText(text, 89_000),
    [
      "add element inet sekimori a {",
      "  192.0.2.1 timeout 1d1h58m31s,",
      "  192.0.2.2 timeout 1s,",
      "  192.0.2.3,",
      "}",
      "table inet sekimori {",
      "}",
      "",
    ].join("\n"),
  );
});

test("what is printed, grown old, reads as what was meant then", () => {
  fc.assert(
    fc.property(anyNftablesProgram, fc.nat({ max: 100_000 }), (program, elapsed) => {
      const text = printNftables(program);
      assert.equal(verify(readNftables(text), readNftables(agedText(text, 0)), smallScope).kind, "equal");
      readNftables(agedText(text, elapsed));
    }),
    { numRuns: 30 },
  );
});

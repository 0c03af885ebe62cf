import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { anyNftablesProgram, printNftables, readNftables } from "../../../../test/compile/nftables.ts";
import { areAlike, smallScope } from "../../../../test/compile/small.ts";
import { verify } from "../../verify.ts";

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

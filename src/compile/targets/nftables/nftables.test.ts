import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { anyProgram, areAlike, smallScope } from "../../../../test/compile/small.ts";
import type { Program } from "../../ir.ts";
import type { ReadContext, RenderOptions } from "../../target.ts";
import { verify } from "../../verify.ts";
import { nftables } from "./index.ts";

const options: RenderOptions = {
  revision: "r1",
  at: Date.UTC(2026, 0, 1),
  validUntil: undefined,
  hypotheses: [],
  strictManner: false,
};
const context: ReadContext = {
  scope: smallScope,
  customerInterfaces: ["cust0", "cust1"],
  upstreamInterfaces: ["up0"],
  at: options.at,
};

/** Without what nftables cannot say. */
function sayable(program: Program): Program {
  return {
    ...program,
    bindings: program.bindings.map((binding) =>
      binding.place.kind === "everywhere" ? { ...binding, direction: "both" } : binding,
    ),
    filters: program.filters.map((filter) => ({
      ...filter,
      terms: filter.terms.filter(({ match }) => match.fragment === undefined),
    })),
  };
}

function print(program: Program): string {
  const rendered = nftables.render(program, options);
  assert.ok(rendered.ok, JSON.stringify(rendered));
  return rendered.value[0]!.text;
}

function read(text: string): Program {
  const parsed = nftables.parse([{ path: "text", text }], context);
  assert.ok(parsed.ok, parsed.ok ? "" : `${JSON.stringify(parsed.error)}\n${text}`);
  return parsed.value;
}

test("what is printed reads back as the same program", () => {
  fc.assert(
    fc.property(anyProgram.map(sayable), (program) => {
      const text = print(program);
      const back = read(text);
      const result = verify(program, back, smallScope, { laterFragments: "compared" });
      assert.equal(result.kind, "equal", `${JSON.stringify(result, undefined, 1)}\n${text}`);
      assert.ok(areAlike(program, back, true));
    }),
    { numRuns: 100 },
  );
});

// What the tests of the nftables target share.

import assert from "node:assert/strict";
import type * as fc from "fast-check";
import { nftables } from "../../src/compile/targets/nftables/index.ts";
import type { Program } from "../../src/compile/ir.ts";
import type { ReadContext, RenderOptions } from "../../src/compile/target.ts";
import { anyProgram, smallScope } from "./small.ts";

export const nftablesOptions: RenderOptions = {
  revision: "r1",
  at: Date.UTC(2026, 0, 1),
  validUntil: undefined,
  hypotheses: [],
  strictManner: false,
};

export const nftablesContext: ReadContext = {
  scope: smallScope,
  customerInterfaces: ["cust0", "cust1"],
  upstreamInterfaces: ["up0"],
  at: nftablesOptions.at,
};

/** Programs without what nftables cannot say. */
export const anyNftablesProgram: fc.Arbitrary<Program> = anyProgram.map((program) => ({
  ...program,
  bindings: program.bindings.map((binding) =>
    binding.place.kind === "everywhere" ? { ...binding, direction: "both" } : binding,
  ),
  filters: program.filters.map((filter) => ({
    ...filter,
    terms: filter.terms.filter(({ match }) => match.fragment === undefined),
  })),
}));

export function printNftables(program: Program): string {
  const rendered = nftables.render(program, nftablesOptions);
  assert.ok(rendered.ok, JSON.stringify(rendered));
  return rendered.value[0]!.text;
}

export function readNftables(text: string): Program {
  const parsed = nftables.parse([{ path: "text", text }], nftablesContext);
  assert.ok(parsed.ok, parsed.ok ? "" : `${JSON.stringify(parsed.error)}\n${text}`);
  return parsed.value;
}

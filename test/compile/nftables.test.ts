// nftables against the kernel: it takes every text that is printed, also over itself, and what it lists is the same program.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { nftables } from "../../src/compile/targets/nftables/index.ts";
import { verify } from "../../src/compile/verify.ts";
import { requiresKernel } from "./kernel.ts";
import { anyNftablesProgram, nftablesContext, printNftables } from "./nftables.ts";
import { smallScope } from "./small.ts";

test("the kernel takes what is printed, and lists the same program", async (t) => {
  const kernel = await requiresKernel(t);
  if (kernel === undefined) return;
  const programs = fc.sample(anyNftablesProgram, { numRuns: 30, seed: 25 });
  const listings = await kernel.list(programs.map(printNftables));
  for (const [index, listing] of listings.entries()) {
    const program = programs[index]!;
    assert.ok(listing.kind === "loaded", `${JSON.stringify(listing)}\n${printNftables(program)}`);
    const parsed = nftables.parse([{ path: "listing", text: listing.listing }], nftablesContext);
    assert.ok(parsed.ok, `${JSON.stringify(parsed)}\n${listing.listing}`);
    const result = verify(program, parsed.value, smallScope, { laterFragments: "compared" });
    assert.equal(result.kind, "equal", `${JSON.stringify(result)}\n${listing.listing}`);
  }
});

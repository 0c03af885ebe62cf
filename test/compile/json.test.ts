// The filters as data: what is written reads back as the same program, mistakes in it are found, other spellings of the
// same are not flagged, and what is no such document is a problem.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { json } from "../../src/compile/targets/json/index.ts";
import { verify } from "../../src/compile/verify.ts";
import { assertCaught, assertNeutral, benchOf, printOn, programMutants } from "./mutants.ts";
import { anyProgram, smallScope } from "./small.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const bench = benchOf(json, specimen, specimenSettings("json"), { kind: "edge" }, specimenAt);
const { program, scope } = bench.projection;
const original = printOn(bench, program)!;

type Data = Record<string, unknown> & {
  sets: Record<string, { ipv4: string[]; ipv6: string[]; timeouts?: unknown[] }>;
  filters: { name: string; terms: { id: string; match: Record<string, unknown>; action: object }[] }[];
  bindings: object[];
  validations: object[];
};

function edited(change: (data: Data) => void): string {
  const data = JSON.parse(original) as Data;
  change(data);
  return JSON.stringify(data);
}

test("any program reads back as itself", () => {
  fc.assert(
    fc.property(anyProgram, (any) => {
      const text = printOn(bench, any)!;
      const back = json.parse([{ path: "filters.json", text }], bench.context);
      assert.ok(back.ok, JSON.stringify(back));
      const result = verify(any, back.value, smallScope, { laterFragments: "compared" });
      assert.equal(result.kind, "equal", JSON.stringify(result));
    }),
    { numRuns: 100 },
  );
});

test("wrong programs are told from the policy by their text", () => {
  const mutants = programMutants(program, scope, (index) => index % 3 === 1);
  for (const mutant of mutants) assertCaught(bench, printOn(bench, mutant.program)!, mutant.name);
  assert.ok(mutants.length >= 100);
});

test("edits that change nothing are not flagged", () => {
  const edits: Record<string, (data: Data) => void> = {
    "another order of the sets": (data) => {
      data.sets = Object.fromEntries(Object.entries(data.sets).toReversed());
    },
    "another revision": (data) => {
      data["revision"] = "other";
    },
    "no hypotheses": (data) => {
      data["hypotheses"] = [];
    },
    "another instant": (data) => {
      data["at"] = "2020-01-01T00:00:00Z";
    },
    "the filters in another order": (data) => {
      data.filters = data.filters.toReversed();
    },
    "the bindings twice": (data) => {
      data.bindings = [...data.bindings, ...data.bindings];
    },
    "the validations in another order": (data) => {
      data.validations = data.validations.toReversed();
    },
  };
  for (const name of Object.keys((JSON.parse(original) as Data).sets)) {
    edits[`${name}: prefixes in another order`] = (data) => {
      data.sets[name]!.ipv4 = data.sets[name]!.ipv4.toReversed();
    };
    edits[`${name}: prefixes twice`] = (data) => {
      const set = data.sets[name]!;
      set.ipv6 = [...set.ipv6, ...set.ipv6];
    };
    edits[`${name}: families in one list`] = (data) => {
      const set = data.sets[name]!;
      set.ipv4 = [...set.ipv4, ...set.ipv6];
      set.ipv6 = [];
    };
  }
  for (const [name, change] of Object.entries(edits)) assertNeutral(bench, edited(change), name);
  assertNeutral(bench, JSON.stringify(JSON.parse(original)), "no white space");
  assert.ok(Object.keys(edits).length >= 30, `${Object.keys(edits).length}`);
});

test("what is no such document is a problem with its place", () => {
  const refused: readonly (readonly [string, string, RegExp])[] = [
    ["no JSON", "{", /JSON/],
    ["another format", edited((data) => (data["format"] = "x")), /^format: /],
    ["a later version", edited((data) => (data["version"] = 2)), /^version: /],
    ["an unknown key", edited((data) => (data["more"] = 1)), /more/],
    ["a set that is not there", edited((data) => (data.filters[0]!.terms[0]!.match["source"] = "x")), /no set x/],
    ["ports without a protocol", edited((data) => delete data.filters[0]!.terms[0]!.match["protocol"]), /ports go/],
    ["a binding of nothing", edited((data) => (data.bindings = [{ ...data.bindings[0], filter: "x" }])), /no filter x/],
    ["host bits", edited((data) => (Object.values(data.sets)[0]!.ipv4 = ["192.0.2.1/24"])), /bits beyond/],
  ];
  for (const [name, text, message] of refused) {
    const read = json.parse([{ path: "filters.json", text }], bench.context);
    assert.ok(!read.ok, name);
    assert.match(read.error.message, message, name);
  }
});

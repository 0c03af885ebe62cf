import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { areAlike, anyProgram, smallScope } from "../../test/compile/small.ts";
import { all, nowhere, setOf } from "../base/address-set.ts";
import { neverSpoofed } from "../policy/network/evaluate.ts";
import { decide } from "./decide.ts";
import { namedSet, pass, wholeScope } from "./ir.ts";
import type { Filter, Program, Scope, SourceValidation, Term } from "./ir.ts";
import { FilterBuilder } from "./merge.ts";
import { describePacket } from "./packet.ts";
import { verify } from "./verify.ts";

const laterFragments = "compared";

/** A packet that the verification shows must be one on which they differ. */
function isEqual(left: Program, right: Program, scope: Scope = smallScope): boolean {
  const result = verify(left, right, scope, { laterFragments });
  if (result.kind === "equal") return true;
  assert.notEqual(result.left.action.kind === "block", result.right.action.kind === "block");
  assert.deepEqual([result.left, result.right], [decide(left, result.packet), decide(right, result.packet)]);
  return false;
}

/** One change somewhere: of a term, of their order, of a binding or of a validation. */
function mutated(program: Program, kind: number, place: number): Program {
  const changeFilter = (change: (filter: Filter) => Filter): Program => ({
    ...program,
    filters: program.filters.map((filter, index) =>
      index === place % program.filters.length ? change(filter) : filter,
    ),
  });
  const changeTerm = (change: (term: Term) => Term): Program =>
    changeFilter((filter) => ({
      ...filter,
      terms: filter.terms.map((term, index) => (index === (place >> 1) % filter.terms.length ? change(term) : term)),
    }));
  switch (kind) {
    case 0:
      return changeTerm((term) => ({
        ...term,
        action: term.action.kind === "pass" ? { kind: "block", manners: ["drop"] } : pass,
      }));
    case 1:
      return changeFilter((filter) => ({ ...filter, terms: filter.terms.toReversed() }));
    case 2:
      return changeFilter((filter) => ({ ...filter, terms: filter.terms.slice(1) }));
    case 3:
      return changeFilter((filter) => ({
        ...filter,
        otherwise: filter.otherwise.kind === "pass" ? { kind: "block", manners: ["drop"] } : pass,
      }));
    case 4:
      return { ...program, bindings: program.bindings.slice(1) };
    case 5:
      return {
        ...program,
        bindings: program.bindings.map((one) => ({ ...one, direction: one.direction === "up" ? "down" : "up" })),
      };
    case 6:
      return { ...program, validations: program.validations.slice(1) };
    case 7:
      return changeTerm((term) => {
        const { source, destination, ...match } = term.match;
        return {
          ...term,
          match: {
            ...match,
            ...(source === undefined ? {} : { destination: source }),
            ...(destination === undefined ? {} : { source: destination }),
          },
        };
      });
    default:
      return changeTerm((term) => {
        const { source, ...match } = term.match;
        return source === undefined ? term : { ...term, match: { ...match, source: namedSet("emptied", nowhere) } };
      });
  }
}

const block: Term["action"] = { kind: "block", manners: ["drop"] };

function everywhereBound(filter: Filter): Program {
  const bindings = [{ filter: filter.name, place: { kind: "everywhere" }, direction: "both", family: "both" }] as const;
  return { filters: [filter], bindings, validations: [] };
}

function blocking(match: Term["match"]): Program {
  return everywhereBound({ name: "one", terms: [{ id: "block", match, action: block }], otherwise: pass });
}

function validated(check: SourceValidation["check"]): Program {
  const validation = { id: "sav", line: "cust0", family: 4, check, manners: ["drop"] } as const;
  return { filters: [], bindings: [], validations: [validation] };
}

test("two programs are equal exactly when no packet tells them apart", () => {
  let different = 0;
  fc.assert(
    fc.property(anyProgram, anyProgram, (left, right) => {
      const alike = areAlike(left, right, true);
      if (!alike) different++;
      assert.equal(isEqual(left, right), alike);
      assert.equal(isEqual(left, left), true);
    }),
    { numRuns: 60 },
  );
  assert.ok(different > 0);
});

test("one change is found when it makes a difference, and only then", () => {
  const found = { equal: 0, different: 0 };
  fc.assert(
    fc.property(anyProgram, fc.nat(8), fc.nat(31), (program, kind, place) => {
      const mutant = mutated(program, kind, place);
      const alike = areAlike(program, mutant, true);
      found[alike ? "equal" : "different"]++;
      assert.equal(isEqual(program, mutant), alike);
    }),
    { numRuns: 150 },
  );
  assert.ok(found.equal > 10 && found.different > 10, JSON.stringify(found));
});

test("what is out of scope may differ", () => {
  const source = namedSet("pool", setOf("192.0.2.0/30", "2001:db8::/63"));
  const narrow = blocking({ source });
  const wide = everywhereBound({ name: "one", terms: [], otherwise: block });
  assert.equal(isEqual(narrow, wide, { ...wholeScope, directions: ["up"], sources: source }), true);
  assert.equal(isEqual(narrow, wide, { ...wholeScope, sources: source }), false);
  assert.equal(isEqual(narrow, wide, { ...wholeScope, directions: ["up"] }), false);
});

test("later fragments are a stated don't-care", () => {
  const [left, right] = [blocking({ fragment: "rest" }), blocking({ source: namedSet("none", nowhere) })];
  const result = verify(left, right, wholeScope);
  assert.ok(result.kind === "equal" && result.dontCares.length === 1);
  const compared = verify(left, right, wholeScope, { laterFragments });
  assert.ok(compared.kind === "different");
  assert.equal(describePacket(compared.packet), "up: TCP 0.0.0.0 → 0.0.0.0, syn, later fragment");
});

test("a strict check in a text is taken to have the line's routes, and the result says so", () => {
  const routes = setOf("192.0.2.0/30").v4;
  const besides = neverSpoofed.v4;
  const policy = validated({ kind: "list", allowed: routes.union(besides) });
  const result = verify(policy, validated({ kind: "strict", routes: undefined, besides }), smallScope);
  assert.ok(result.kind === "different" || result.hypotheses.some((text) => text.includes("cust0")));
  assert.equal(result.kind, "equal");
  assert.equal(verify(policy, validated({ kind: "list", allowed: all(4) }), smallScope).kind, "different");
});

test("lines of one prefix each become few terms that decide alike", () => {
  const prefixes = ["192.0.2.0", "192.0.2.1", "192.0.2.2/31", "2001:db8::", "2001:db8::1", "192.0.2.0/30", undefined];
  const anyLine = fc.record({
    match: fc.constantFrom({ protocol: 6, destinationPorts: [{ first: 25, last: 25 }] }, { protocol: 6 }, {}),
    source: fc.constantFrom(...prefixes),
    destination: fc.constantFrom(...prefixes),
    action: fc.constantFrom<Term["action"]>(pass, { kind: "block", manners: ["drop"] }),
  });
  fc.assert(
    fc.property(fc.array(anyLine, { maxLength: 12 }), (lines) => {
      const builder = new FilterBuilder("one");
      for (const [index, line] of lines.entries()) {
        const problem = builder.add(line.match, line.source, line.destination, line.action, `line ${index}`);
        assert.equal(problem, undefined);
      }
      const plain = lines.map(({ match, source, destination, action }, index): Term => ({
        id: `line ${index}`,
        match: {
          ...match,
          ...(source === undefined ? {} : { source: namedSet(source, setOf(source)) }),
          ...(destination === undefined ? {} : { destination: namedSet(destination, setOf(destination)) }),
        },
        action,
      }));
      const written = everywhereBound({ name: "one", terms: plain, otherwise: pass });
      const merged = everywhereBound(builder.build(pass));
      assert.ok(isEqual(written, merged));
      assert.ok(areAlike(written, merged, true));
    }),
    { numRuns: 60 },
  );
  const builder = new FilterBuilder("many");
  for (let index = 0; index < 1000; index++) {
    builder.add({ protocol: 6 }, `10.0.${index >> 8}.${index & 255}`, "192.0.2.1", pass, `${index}`);
    builder.add({ protocol: 6 }, `10.0.${index >> 8}.${index & 255}`, "192.0.2.2", pass, `${index}b`);
  }
  assert.equal(builder.build(pass).terms.length, 1);
});

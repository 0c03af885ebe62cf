// What the tests of devices share: programs that such a device can say, how a text is read, and the tests that each device
// with a text of its own must pass.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Action, Program, Term } from "../../src/compile/ir.ts";
import type { RenderOptions, ReadContext, Target } from "../../src/compile/target.ts";
import { verify } from "../../src/compile/verify.ts";
import { assertCaught, assertNeutral, printOn, programMutants } from "./mutants.ts";
import type { Bench, TextEdit } from "./mutants.ts";
import { anyProgram, smallScope } from "./small.ts";

export const readContext: ReadContext = {
  scope: smallScope,
  customerInterfaces: ["cust0", "cust1"],
  upstreamInterfaces: ["up0"],
  at: 0,
};

export const renderOptions: RenderOptions = {
  revision: "r1",
  at: 0,
  validUntil: undefined,
  hypotheses: [],
  strictManner: false,
};

/** Programs of the terms that a device can say, and with what follows a filter asked in any case. */
export function sayablePrograms(isSayable: (term: Term) => boolean): fc.Arbitrary<Program> {
  return anyProgram.map((program) => ({
    ...program,
    filters: program.filters.map((filter) => ({ ...filter, terms: filter.terms.filter(isSayable) })),
  }));
}

/** For devices that bind one filter to an interface, and where none ends the others. */
export function placedPrograms(isSayable: (term: Term) => boolean): fc.Arbitrary<Program> {
  return sayablePrograms(isSayable).map((program) => {
    const taken = new Set<string>();
    return {
      ...program,
      bindings: program.bindings.flatMap((binding) => {
        const place = binding.place.kind === "everywhere" ? ({ kind: "line", name: "cust1" } as const) : binding.place;
        if (taken.has(place.name)) return [];
        taken.add(place.name);
        return [{ ...binding, place }];
      }),
      filters: program.filters.map((filter) => ({
        ...filter,
        otherwise: passing(filter.otherwise),
        terms: filter.terms.map((term) => ({ ...term, action: passing(term.action) })),
      })),
    };
  });
}

function passing(action: Action): Action {
  return action.kind === "accept" ? { kind: "pass" } : action;
}

/** What is printed reads back as the same program, in each form that the device shows its text in. */
export function assertReadsBack(
  target: Target,
  program: Program,
  forms: readonly ((text: string) => string)[] = [],
): void {
  const rendered = target.render(program, renderOptions);
  assert.ok(rendered.ok, JSON.stringify(rendered));
  const { text } = rendered.value[0]!;
  for (const form of [text, ...forms.map((shown) => shown(text))]) {
    const back = target.parse([{ path: "text", text: form }], readContext);
    assert.ok(back.ok, `${JSON.stringify(back)}\n${form}`);
    const result = verify(program, back.value, smallScope, { laterFragments: "compared" });
    assert.equal(result.kind, "equal", `${JSON.stringify(result)}\n${form}`);
  }
}

export interface DeviceTest {
  readonly bench: Bench;
  readonly programs: fc.Arbitrary<Program>;
  /** How the device shows the text that it was given. */
  readonly forms?: readonly ((text: string) => string)[];
  readonly mistakes: readonly TextEdit[];
  readonly neutral: readonly TextEdit[];
}

/** Wrong programs are one of four, for time. */
export function testDevice({ bench, programs, forms = [], mistakes, neutral }: DeviceTest): void {
  const { target, projection } = bench;
  const { program, scope } = projection;
  const original = printOn(bench, program)!;

  test(`${target.name}: any program that it can say reads back as itself`, () => {
    fc.assert(
      fc.property(programs, (any) => assertReadsBack(target, any, forms)),
      { numRuns: 200 },
    );
  });

  test(`${target.name}: the policy reads back as itself, in every form`, () => {
    assertNeutral(bench, original, "as printed");
    for (const form of forms) assertNeutral(bench, form(original), "as shown");
  });

  test(`${target.name}: wrong programs are told from the policy by their text`, () => {
    let caught = 0;
    for (const mutant of programMutants(program, scope, (index) => index % 4 === 2)) {
      const text = printOn(bench, mutant.program);
      if (text === undefined) continue;
      assertCaught(bench, text, mutant.name);
      caught++;
    }
    assert.ok(caught >= 80, `${caught}`);
  });

  test(`${target.name}: ${mistakes.length} mistakes in the text are found`, () => {
    assert.ok(mistakes.length >= 30);
    for (const { name, edit } of mistakes) {
      const text = edit(original);
      assert.notEqual(text, original, `${name} changes nothing`);
      assertCaught(bench, text, name);
    }
  });

  test(`${target.name}: ${neutral.length} edits that change nothing are not flagged`, () => {
    assert.ok(neutral.length >= 30);
    for (const { name, edit } of neutral) {
      const text = edit(original);
      assert.notEqual(text, original, `${name} is no edit`);
      assertNeutral(bench, text, name);
    }
  });
}

/** One edit in the words of a text: all of a string, or what a pattern finds. */
export function replace(name: string, from: string | RegExp, to: string): TextEdit {
  return { name, edit: (text) => (typeof from === "string" ? text.replaceAll(from, to) : text.replace(from, to)) };
}

/** Texts that a device cannot have meant, or that are not understood. */
export function assertUnreadable(target: Target, texts: readonly (readonly [string, RegExp, number?])[]): void {
  for (const [text, message, line] of texts) {
    const read = target.parse([{ path: "text", text }], readContext);
    assert.ok(!read.ok, text);
    assert.match(read.error.message, message, text);
    if (line !== undefined) assert.equal(read.error.line, line, text);
  }
}

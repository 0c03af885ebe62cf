// Mistakes that a generator, a parser or a person makes, applied to a program or to a text, and edits that change nothing.
// Every mistake must be found with a packet that shows it; no neutral edit may be.
//
// For a target: `programMutants` gives programs that are wrong; print them, and the text must be told from the policy.
// `TextEdit` lists are the target's own, in the words of its language.

import assert from "node:assert/strict";
import { AddressSetBuilder, everywhere, nowhere } from "../../src/base/address-set.ts";
import type { AddressSet, AddressSets } from "../../src/base/address-set.ts";
import { profileOf, projectFor } from "../../src/compile/compile.ts";
import { decide } from "../../src/compile/decide.ts";
import { namedSet, pass } from "../../src/compile/ir.ts";
import type { Filter, Match, NamedSet, Program, Scope, SourceValidation, Term } from "../../src/compile/ir.ts";
import type { Projection } from "../../src/compile/project.ts";
import type { ReadContext, RenderOptions, Target } from "../../src/compile/target.ts";
import { verify } from "../../src/compile/verify.ts";
import type { NetworkPolicy, Placement, TargetSettings } from "../../src/policy/network/policy.ts";

export interface Mutant {
  readonly name: string;
  readonly program: Program;
}

export interface TextEdit {
  readonly name: string;
  readonly edit: (text: string) => string;
}

/** A target as a test uses it: with a policy, a place and an instant. */
export interface Bench {
  readonly target: Target;
  readonly projection: Projection;
  readonly options: RenderOptions;
  readonly context: ReadContext;
}

export function benchOf(
  target: Target,
  policy: NetworkPolicy,
  settings: TargetSettings,
  placement: Placement,
  at: number,
): Bench {
  const projection = projectFor(policy, settings, target, placement, at);
  const { customerInterfaces, upstreamInterfaces } = settings;
  return {
    target,
    projection,
    options: {
      revision: "r1",
      at,
      validUntil: projection.validUntil,
      hypotheses: projection.hypotheses,
      strictManner: false,
      settings,
      scope: projection.scope,
      ...profileOf(policy, placement),
    },
    context: { scope: projection.scope, customerInterfaces, upstreamInterfaces, at, settings },
  };
}

/** The text that decides; undefined where the target cannot say the program. */
export function printOn({ target, options }: Bench, program: Program): string | undefined {
  const rendered = target.render(program, options);
  if (!rendered.ok) return undefined;
  return rendered.value[0]!.text;
}

/** The text must parse, must differ from the policy, and the packet must show it on both. */
export function assertCaught(bench: Bench, text: string, name: string): void {
  const { program, scope } = bench.projection;
  const parsed = bench.target.parse([{ path: name, text }], bench.context);
  assert.ok(parsed.ok, `${name}: ${JSON.stringify(parsed)}`);
  const result = verify(program, parsed.value, scope);
  assert.ok(result.kind === "different", `${name}: not found\n${text}`);
  const { packet, left, right } = result;
  assert.notEqual(left.action.kind === "block", right.action.kind === "block", name);
  assert.equal(decide(program, packet).rule, left.rule, name);
}

export function assertNeutral(bench: Bench, text: string, name: string): void {
  const { program, scope } = bench.projection;
  const parsed = bench.target.parse([{ path: name, text }], bench.context);
  assert.ok(parsed.ok, `${name}: ${JSON.stringify(parsed)}`);
  const result = verify(program, parsed.value, scope);
  assert.equal(result.kind, "equal", `${name}: ${JSON.stringify(result)}\n${text}`);
}

/** Each changes one thing, and the change makes a difference to some packet of the scope. */
export function programMutants(
  program: Program,
  scope: Scope,
  isWanted: (index: number) => boolean = () => true,
): readonly Mutant[] {
  return [...filterMutants(program), ...bindingMutants(program), ...validationMutants(program)].filter(
    (mutant, index) => isWanted(index) && verify(program, mutant.program, scope).kind === "different",
  );
}

function* filterMutants(program: Program): Generator<Mutant> {
  for (const [index, filter] of program.filters.entries()) {
    const replaced = (changed: Filter): Program => ({ ...program, filters: program.filters.with(index, changed) });
    const { name, terms } = filter;
    yield { name: `${name}: the rest is blocked`, program: replaced({ ...filter, otherwise: block }) };
    yield { name: `${name}: terms reversed`, program: replaced({ ...filter, terms: terms.toReversed() }) };
    for (const [at, term] of terms.entries()) {
      const label = `${name}: ${term.id} ${at}`;
      yield { name: `${label} lost`, program: replaced({ ...filter, terms: terms.toSpliced(at, 1) }) };
      const first = [term, ...terms.toSpliced(at, 1)];
      yield { name: `${label} moved to the front`, program: replaced({ ...filter, terms: first }) };
      for (const changed of termMutants(term)) {
        yield {
          name: `${label} ${changed.name}`,
          program: replaced({ ...filter, terms: terms.with(at, changed.term) }),
        };
      }
    }
  }
}

const block: Term["action"] = { kind: "block", manners: ["drop"] };

function* termMutants(term: Term): Generator<{ readonly name: string; readonly term: Term }> {
  const matched = (match: Match): Term => ({ ...term, match });
  const { match } = term;
  yield { name: "turned round", term: { ...term, action: term.action.kind === "pass" ? block : pass } };
  yield { name: "IPv4 only", term: matched({ ...match, family: 4 }) };
  yield { name: "IPv6 only", term: matched({ ...match, family: 6 }) };
  yield { name: "UDP", term: matched({ ...match, protocol: 17 }) };
  const { source, destination, sourcePorts, destinationPorts, ...rest } = match;
  yield {
    name: "ends swapped",
    term: matched({ ...rest, ...ends(destination, source), ...ports(sourcePorts, destinationPorts) }),
  };
  yield {
    name: "ports swapped",
    term: matched({ ...rest, ...ends(source, destination), ...ports(destinationPorts, sourcePorts) }),
  };
  yield { name: "ports lost", term: matched({ ...rest, ...ends(source, destination) }) };
  for (const [first, last] of [
    [24, 24],
    [26, 26],
    [25, 26],
    [24, 25],
  ] as const) {
    const range = [{ first, last }];
    const changed = ports(sourcePorts && range, destinationPorts && range);
    yield { name: `ports ${first}-${last}`, term: matched({ ...match, ...changed }) };
  }
  for (const end of ["source", "destination"] as const) {
    const set = match[end];
    if (set === undefined) continue;
    const { [end]: _set, ...others } = match;
    yield { name: `any ${end}`, term: matched(others) };
    for (const changed of setMutants(set)) {
      yield {
        name: `${end} ${changed.name}`,
        term: matched({ ...match, [end]: namedSet(set.name, changed.addresses) }),
      };
    }
  }
}

function ends(source: NamedSet | undefined, destination: NamedSet | undefined): Match {
  return { ...(source === undefined ? {} : { source }), ...(destination === undefined ? {} : { destination }) };
}

function ports(sourcePorts: Match["sourcePorts"], destinationPorts: Match["destinationPorts"]): Match {
  return {
    ...(sourcePorts === undefined ? {} : { sourcePorts }),
    ...(destinationPorts === undefined ? {} : { destinationPorts }),
  };
}

function* setMutants(set: AddressSets): Generator<{ readonly name: string; readonly addresses: AddressSets }> {
  yield { name: "emptied", addresses: nowhere };
  yield { name: "everything", addresses: everywhere };
  yield { name: "inverted", addresses: { v4: set.v4.complement(), v6: set.v6.complement() } };
  for (const key of ["v4", "v6"] as const) {
    yield { name: `${key} gone`, addresses: { ...set, [key]: nowhere[key] } };
    for (const [name, change] of prefixChanges) {
      yield { name: `${key} ${name}`, addresses: { ...set, [key]: changedPrefixes(set[key], change) } };
    }
  }
}

type PrefixChange = (
  prefix: { readonly address: Uint32Array; readonly length: number },
  index: number,
  count: number,
) => number | undefined;

/** The new length, or undefined for a prefix that is lost. */
const prefixChanges: readonly (readonly [string, PrefixChange])[] = [
  ["first prefix lost", ({ length }, index) => (index === 0 ? undefined : length)],
  ["last prefix lost", ({ length }, index, count) => (index === count - 1 ? undefined : length)],
  [
    "first prefix one bit longer",
    ({ length, address }, index) => (index === 0 ? Math.min(length + 1, address.length * 32) : length),
  ],
  ["first prefix one bit shorter", ({ length }, index) => (index === 0 ? Math.max(length - 1, 0) : length)],
  [
    "last prefix one bit shorter",
    ({ length }, index, count) => (index === count - 1 ? Math.max(length - 1, 0) : length),
  ],
];

function changedPrefixes(set: AddressSet, change: PrefixChange): AddressSet {
  const count = set.prefixes().length;
  const builder = new AddressSetBuilder();
  let index = 0;
  set.forEachPrefix((address, length) => {
    const changed = change({ address, length }, index++, count);
    if (changed === undefined) return;
    const masked = address.map((word, at) => {
      const bits = Math.min(Math.max(changed - 32 * at, 0), 32);
      return bits === 0 ? 0 : word & (0xffff_ffff << (32 - bits));
    });
    builder.addPrefix(set.family, masked, changed);
  });
  const built = builder.build();
  return set.family === 4 ? built.v4 : built.v6;
}

function* bindingMutants(program: Program): Generator<Mutant> {
  for (const [index, binding] of program.bindings.entries()) {
    const name = `binding ${index} of ${binding.filter}`;
    const replaced = (changed: Program["bindings"][number]): Program => ({
      ...program,
      bindings: program.bindings.with(index, changed),
    });
    yield { name: `${name} lost`, program: { ...program, bindings: program.bindings.toSpliced(index, 1) } };
    yield { name: `${name} without IPv6`, program: replaced({ ...binding, family: 4 }) };
    yield { name: `${name} without IPv4`, program: replaced({ ...binding, family: 6 }) };
    if (binding.direction !== "both") {
      yield {
        name: `${name} turned round`,
        program: replaced({ ...binding, direction: binding.direction === "up" ? "down" : "up" }),
      };
    }
    for (const { name: other } of program.filters) {
      if (other !== binding.filter)
        yield { name: `${name} to ${other}`, program: replaced({ ...binding, filter: other }) };
    }
  }
}

function* validationMutants(program: Program): Generator<Mutant> {
  for (const [index, validation] of program.validations.entries()) {
    const name = `validation of ${validation.line} IPv${validation.family}`;
    const replaced = (changed: SourceValidation): Program => ({
      ...program,
      validations: program.validations.with(index, changed),
    });
    yield { name: `${name} lost`, program: { ...program, validations: program.validations.toSpliced(index, 1) } };
    const { check } = validation;
    if (check.kind !== "list") continue;
    const other = program.validations.find(
      ({ line, family }) => line !== validation.line && family === validation.family,
    );
    if (other?.check.kind === "list")
      yield { name: `${name} with those of ${other.line}`, program: replaced({ ...validation, check: other.check }) };
    for (const [change, apply] of prefixChanges) {
      const allowed = changedPrefixes(check.allowed, apply);
      yield { name: `${name} ${change}`, program: replaced({ ...validation, check: { kind: "list", allowed } }) };
    }
  }
}

// A program as chains, one ruleset for each family. Each filter is a chain, where passing is `return`, so that the next filter
// is asked as well. The entry chain has one rule for each line whose sources are validated, and a jump for each place of
// each filter. All names have the revision in them: a device takes the new chains in beside the old ones and changes over
// with the one jump that names the entry.

import { all } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { Manner, TargetKind } from "../../../policy/network/policy.ts";
import type { Binding, Filter, Program, SourceValidation, Term } from "../../ir.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { overBudget } from "../budgets.ts";
import type { Measure } from "../budgets.ts";
import { families } from "../places.ts";
import { SetNames, TermReader } from "../terms.ts";
import type { FamilyAction, FamilyTerm, UsedSet } from "../terms.ts";
import { directionAt } from "./rule.ts";
import type { Rule, RuleMatch, RuleVerdict } from "./rule.ts";
import type { RegularChain, Ruleset } from "./ruleset.ts";

export interface ChainDevice {
  readonly kind: TargetKind;
  readonly manners: (protocol: number | undefined) => readonly Manner[];
  /** Names of interfaces that it can have. */
  readonly interfaces: RegExp;
}

export function buildRulesets(
  program: Program,
  device: ChainDevice,
  options: RenderOptions,
): Result<readonly Ruleset[], readonly CompileError[]> {
  const reader = new TermReader({ manners: device.manners, flags: false, accept: true }, options);
  const rulesets = families.map((family) => new Builder(program, device, options, reader, family).ruleset());
  const measures = rulesets.flatMap(({ chains }) =>
    chains.map(({ name, rules }): Measure => ({ name, direction: "both", count: rules.length })),
  );
  const errors = distinct([...reader.errors, ...overBudget(device.kind, "rules", measures, options)]);
  return errors.length > 0 ? failure(errors) : success(rulesets);
}

class Builder {
  readonly #program: Program;
  readonly #device: ChainDevice;
  readonly #revision: string;
  readonly #reader: TermReader;
  readonly #family: Family;
  readonly #sets: SetNames;
  readonly #chains = new Map<Filter, RegularChain>();
  readonly #chainNames = new Set<string>();

  constructor(program: Program, device: ChainDevice, options: RenderOptions, reader: TermReader, family: Family) {
    this.#program = program;
    this.#device = device;
    this.#revision = options.revision;
    this.#reader = reader;
    this.#family = family;
    this.#sets = new SetNames((wanted, _family, count) => this.#spell(wanted, count));
  }

  ruleset(): Ruleset {
    const entry = this.#unusedName("entry");
    const rules: Rule[] = [];
    for (const validation of this.#program.validations) rules.push(...this.#validate(validation));
    for (const binding of this.#program.bindings) {
      if (binding.family === "both" || binding.family === this.#family) rules.push(...this.#jumps(binding));
    }
    return {
      family: this.#family,
      sets: this.#sets.sets,
      chains: [...this.#chains.values(), { name: entry, rules, otherwise: { kind: "return" } }],
      entry,
    };
  }

  #validate({ id, line, family, check }: SourceValidation): readonly Rule[] {
    if (family !== this.#family) return [];
    if (check.kind === "strict") {
      this.#reader.refuse(id, "this target validates sources by a list");
      return [];
    }
    this.#checkInterface(line, id);
    const { allowed } = check;
    if (allowed.equals(all(family))) return [];
    const matches: RuleMatch[] = [{ kind: "interface", way: "in", among: { names: [line] } }];
    // A set of nobody is not written: whoever comes by the line is dropped.
    if (!allowed.isEmpty) matches.push(this.#addresses("source", { name: `sav-${line}`, addresses: allowed }, "not"));
    return [{ matches, counter: undefined, verdict: { kind: "drop" }, comment: id, line: 0 }];
  }

  #jumps({ filter: name, place, direction }: Binding): readonly Rule[] {
    const filter = this.#program.filters.find((each) => each.name === name);
    if (filter === undefined) throw new Error(`a binding names the filter ${name}, which is not there`);
    const { name: chain } = this.#chainOf(filter);
    if (place.kind === "everywhere") {
      if (direction !== "both") {
        const message = `filter ${name} is for packets going ${direction}, which the chain of forwarded packets cannot tell`;
        this.#reader.refuse(undefined, message, "name the interfaces, or choose the placement edge");
      }
      return [jump([], chain)];
    }
    this.#checkInterface(place.name, undefined);
    return (["in", "out"] as const)
      .filter((way) => direction === "both" || directionAt(way, place.kind) === direction)
      .map((way) => jump([{ kind: "interface", way, among: { names: [place.name] } }], chain));
  }

  #chainOf(filter: Filter): RegularChain {
    const known = this.#chains.get(filter);
    if (known !== undefined) return known;
    const rules = filter.terms.flatMap((term) => this.#rulesOf(term));
    const last = verdictOf(this.#reader.otherwise(filter));
    const chain = { name: this.#unusedName(filter.name), rules, otherwise: last };
    this.#chains.set(filter, chain);
    return chain;
  }

  #rulesOf(term: Term): readonly Rule[] {
    const read = this.#reader.inFamily(term, this.#family);
    if (read === undefined) return [];
    const matches = [...kindMatches(read), ...this.#addressMatches(read)];
    return [{ matches, counter: read.counter, verdict: verdictOf(read.action), comment: read.id, line: 0 }];
  }

  #addressMatches({ source, destination }: FamilyTerm): readonly RuleMatch[] {
    return [
      ...(source === undefined ? [] : [this.#addresses("source", source)]),
      ...(destination === undefined ? [] : [this.#addresses("destination", destination)]),
    ];
  }

  #addresses(end: "source" | "destination", set: UsedSet, not?: "not"): RuleMatch {
    const among = { set: this.#sets.nameOf(set) };
    return { kind: "address", family: this.#family, end, isNegated: not === "not", among };
  }

  #unusedName(wanted: string): string {
    for (let count = 1; ; count++) {
      const name = this.#spell(wanted, count);
      if (this.#chainNames.has(name)) continue;
      this.#chainNames.add(name);
      return name;
    }
  }

  #spell(wanted: string, count: number): string {
    const word = wanted.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, 40);
    return `sekimori-${word}-v${this.#family}-${this.#revision}${count === 1 ? "" : `-${count}`}`;
  }

  #checkInterface(name: string, rule: string | undefined): void {
    if (!this.#device.interfaces.test(name)) {
      this.#reader.refuse(rule, `${name} is no name of an interface on this device`);
    }
  }
}

function kindMatches({ protocol, sourcePorts, destinationPorts }: FamilyTerm): readonly RuleMatch[] {
  const matches: RuleMatch[] = [];
  for (const [end, ranges] of [
    ["source", sourcePorts],
    ["destination", destinationPorts],
  ] as const) {
    if (ranges !== undefined) matches.push({ kind: "ports", protocol, end, isNegated: false, ranges });
  }
  if (protocol !== undefined && matches.length === 0) {
    matches.push({ kind: "protocol", protocols: [protocol], isNegated: false });
  }
  return matches;
}

function verdictOf(action: FamilyAction): RegularChain["otherwise"] {
  switch (action) {
    case "pass":
      return { kind: "return" };
    case "accept":
    case "drop":
      return { kind: action };
    case "reset":
    case "admin-prohibited":
      return { kind: "reject", with: action };
  }
}

function jump(matches: readonly RuleMatch[], chain: string): Rule {
  const verdict: RuleVerdict = { kind: "jump", chain };
  return { matches, counter: undefined, verdict, comment: undefined, line: 0 };
}

/** Each family says the same of a term that is wrong in both. */
function distinct(errors: readonly CompileError[]): readonly CompileError[] {
  return [...new Map(errors.map((error) => [JSON.stringify(error), error])).values()];
}

// A program as a table of nft. Each filter is a regular chain, where passing is `return`, so that the next filter is asked
// as well; each binding is a jump from the forward hook. Conditions that all terms of a filter share stand on the jump:
// what is not TCP to port 25 touches no set. Source validation has a chain of its own in prerouting, before the routing.
//
// A term becomes one rule for each family in which both of its sets have members; one whose sets are empty, none.

import type { AddressSet } from "../../../base/address-set.ts";
import { none } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { familySet } from "../../ir.ts";
import type { Action, Binding, Filter, Match, NamedSet, Program, SourceValidation } from "../../ir.ts";
import { tcp } from "../../packet.ts";
import { chooseManner } from "../../target.ts";
import type { CompileError, RenderOptions } from "../../target.ts";
import { NameSpace } from "./names.ts";
import type { Rule, RuleMatch, RuleVerdict } from "../chains/rule.ts";
import type { Chain, SetDeclaration, Table } from "./tree.ts";
import { directionAt } from "../chains/rule.ts";

export const tableName = "sekimori";

const families: readonly Family[] = [4, 6];

export function buildTable(program: Program, options: RenderOptions): Result<Table, readonly CompileError[]> {
  const printer = new Printer(options);
  const table = printer.table(program);
  return printer.errors.length > 0 ? failure(printer.errors) : success(table);
}

class Printer {
  readonly errors: CompileError[] = [];
  readonly #options: RenderOptions;
  readonly #sets = new Map<string, SetDeclaration>();
  readonly #setNames = new NameSpace<NamedSet>("set");
  readonly #counters = new NameSpace<string>("count");
  readonly #chainNames = new NameSpace<Filter>("filter");

  constructor(options: RenderOptions) {
    this.#options = options;
  }

  table(program: Program): Table {
    const filters = new Map(program.filters.map((filter) => [filter.name, filter]));
    const forward: Rule[] = [];
    const chains: Chain[] = [];
    for (const binding of program.bindings) {
      const filter = filters.get(binding.filter);
      if (filter === undefined) throw new Error(`a binding names the filter ${binding.filter}, which is not there`);
      const name = this.#chainNames.nameOf(filter, filter.name);
      const shared = sharedMatch(filter);
      if (!chains.some((chain) => chain.name === name)) chains.push(this.#chain(name, filter, shared));
      forward.push(...this.#jumps(binding, shared, name));
    }
    const validation = this.#validation(program.validations);
    return {
      name: tableName,
      counters: this.#counters.names,
      sets: [...this.#sets.values()],
      chains: [
        baseChain("forward", "filter", forward),
        baseChain("prerouting", "raw", validation.length === 0 ? [] : [jump([], "validate_source")]),
        { name: "validate_source", hook: undefined, rules: validation },
        ...chains,
      ],
    };
  }

  #jumps(binding: Binding, shared: Match, chain: string): readonly Rule[] {
    const conditions = [...familyMatch(binding.family === "both" ? undefined : binding.family), ...kindMatches(shared)];
    const { place, direction } = binding;
    if (place.kind === "everywhere") {
      if (direction !== "both") {
        const message = `filter ${binding.filter} is for packets going ${direction}, which the forward hook cannot tell`;
        this.errors.push({ rule: undefined, message, hint: "name the interfaces, or choose the placement edge" });
      }
      return [jump(conditions, chain)];
    }
    this.#checkInterface(place.name, undefined);
    const ways = (["in", "out"] as const).filter(
      (way) => direction === "both" || directionAt(way, place.kind) === direction,
    );
    return ways.map((way) => jump([{ kind: "interface", way, among: { names: [place.name] } }, ...conditions], chain));
  }

  #chain(name: string, filter: Filter, shared: Match): Chain {
    const rules = filter.terms.flatMap((term): readonly Rule[] => {
      const { match, action, counter, id } = term;
      if (match.subscriber !== undefined) this.#refuse(id, "a filter of packets knows no subscribers");
      if (match.fragment !== undefined) this.#refuse(id, "this target does not tell fragments apart");
      if (match.sourcePorts?.length === 0 || match.destinationPorts?.length === 0) return [];
      const kind = kindMatches(without(match, shared));
      const verdict = this.#verdict(action, id, { ...shared, ...match });
      const counterName = counter === undefined ? undefined : this.#counters.nameOf(counter, counter);
      return this.#addressMatches(match).map((addresses) => ({
        matches: [...kind, ...addresses],
        counter: counterName,
        verdict,
        comment: commentOf(id),
        line: 0,
      }));
    });
    const last = this.#verdict(filter.otherwise, filter.name, shared);
    if (filter.otherwise.kind !== "pass") rules.push({ ...jump([], ""), verdict: last });
    return { name, hook: undefined, rules };
  }

  /** The conditions on addresses of each family in which the term can match. */
  #addressMatches({ family, source, destination }: Match): readonly (readonly RuleMatch[])[] {
    if (source === undefined && destination === undefined) return [familyMatch(family)];
    return families.flatMap((each) => {
      if (family !== undefined && family !== each) return [];
      const ends = [
        ["source", source],
        ["destination", destination],
      ] as const;
      if (ends.some(([, set]) => set !== undefined && familySet(set, each).isEmpty)) return [];
      return [
        ends.flatMap(([end, set]): readonly RuleMatch[] =>
          set === undefined
            ? []
            : [{ kind: "address", family: each, end, isNegated: false, among: { set: this.#setName(set, each) } }],
        ),
      ];
    });
  }

  #setName(set: NamedSet, family: Family): string {
    const timeouts = set.timeouts
      .map(({ addresses, until }) => ({
        addresses: familySet(addresses, family),
        remaining: until - this.#options.at,
      }))
      .filter(({ addresses }) => !addresses.isEmpty);
    // A set cannot change its flags, so those of a set with timeouts are in its name.
    const name = `${this.#setNames.nameOf(set, set.name)}_${timeouts.length > 0 ? "t" : ""}${family}`;
    if (!this.#sets.has(name)) {
      const addresses = familySet(set, family);
      const hasTimeouts = timeouts.length > 0;
      this.#sets.set(name, { name, elements: { kind: "addresses", addresses, hasTimeouts, timeouts } });
    }
    return name;
  }

  #verdict(action: Action, rule: string, match: Match): RuleVerdict {
    if (action.kind === "pass") return { kind: "return" };
    if (action.kind === "accept") return { kind: "accept" };
    const sayable =
      match.protocol === tcp
        ? (["reset", "admin-prohibited", "drop"] as const)
        : (["admin-prohibited", "drop"] as const);
    const manner = chooseManner(action.manners, sayable, rule, this.#options);
    if (!manner.ok) {
      this.errors.push(manner.error);
      return { kind: "drop" };
    }
    return manner.value === "drop" ? { kind: "drop" } : { kind: "reject", with: manner.value };
  }

  #validation(validations: readonly SourceValidation[]): readonly Rule[] {
    const rules: Rule[] = [];
    for (const family of families) {
      const own = validations.filter((validation) => validation.family === family);
      if (own.length === 0) continue;
      for (const { line, id } of own) this.#checkInterface(line, id);
      rules.push(...this.#validationOf(family, own));
    }
    return rules;
  }

  #validationOf(family: Family, validations: readonly SourceValidation[]): readonly Rule[] {
    const byInterface = new Map<string, AddressSet>();
    const strict: string[] = [];
    const list: string[] = [];
    for (const { line, check } of validations) {
      if (list.includes(line) || strict.includes(line)) {
        throw new Error(`line ${line} has two validations of one family: print.ts takes one`);
      }
      const listed = check.kind === "list" ? check.allowed : check.besides;
      (check.kind === "list" ? list : strict).push(line);
      if (!listed.isEmpty) byInterface.set(line, listed.union(byInterface.get(line) ?? none(family)));
    }
    const pairs = `validated_sources_${family}`;
    this.#sets.set(pairs, { name: pairs, elements: { kind: "pairs", family, byInterface } });
    const rules: Rule[] = [{ ...jump([{ kind: "pair", family, set: pairs }], ""), verdict: { kind: "return" } }];
    for (const [kind, lines] of [
      ["strict", strict],
      ["list", list],
    ] as const) {
      if (lines.length === 0) continue;
      const name = `${kind}_lines_${family}`;
      this.#sets.set(name, { name, elements: { kind: "interfaces", names: lines } });
      rules.push({
        matches: [
          { kind: "interface", way: "in", among: { set: name } },
          { kind: "family", family },
          ...(kind === "strict" ? [{ kind: "no-reverse-path" } as const] : []),
        ],
        counter: this.#counters.nameOf(`sav ${family}`, `sav_${family}`),
        verdict: { kind: "drop" },
        comment: `sav:${kind}`,
        line: 0,
      });
    }
    return rules;
  }

  #checkInterface(name: string, rule: string | undefined): void {
    if (/^[A-Za-z0-9_.:@/-]{1,15}$/.test(name)) return;
    this.errors.push({
      rule,
      message: `${name} is no name of a Linux interface`,
      hint: "at most 15 letters, digits and -_.:@/",
    });
  }

  #refuse(rule: string, message: string): void {
    this.errors.push({ rule, message });
  }
}

/** What all terms ask of a packet besides its family and addresses, if nothing else is blocked. */
function sharedMatch({ terms, otherwise }: Filter): Match {
  if (otherwise.kind !== "pass" || terms.length === 0) return {};
  const [first] = terms.map(({ match }) => match);
  const shared = kindOf(first!);
  return terms.every(({ match }) => JSON.stringify(kindOf(match)) === JSON.stringify(shared)) ? shared : {};
}

function kindOf({ protocol, sourcePorts, destinationPorts, flags }: Match): Match {
  return {
    ...(protocol === undefined ? {} : { protocol }),
    ...(sourcePorts === undefined ? {} : { sourcePorts }),
    ...(destinationPorts === undefined ? {} : { destinationPorts }),
    ...(flags === undefined ? {} : { flags }),
  };
}

function without(match: Match, shared: Match): Match {
  return Object.keys(shared).length === 0 ? match : {};
}

function kindMatches({ protocol, sourcePorts, destinationPorts, flags }: Match): readonly RuleMatch[] {
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
  if (flags !== undefined) matches.push({ kind: "flags", flags });
  return matches;
}

function familyMatch(family: Family | undefined): readonly RuleMatch[] {
  return family === undefined ? [] : [{ kind: "family", family }];
}

function jump(matches: readonly RuleMatch[], chain: string): Rule {
  return { matches, counter: undefined, verdict: { kind: "jump", chain }, comment: undefined, line: 0 };
}

function baseChain(name: string, priority: string, rules: readonly Rule[]): Chain {
  return { name, hook: { name, priority, policy: "accept" }, rules };
}

/** nft takes 128 bytes, and no quotes. */
function commentOf(id: string): string {
  return id.replaceAll(/[^\x20-\x7e]|"/g, "?").slice(0, 100);
}

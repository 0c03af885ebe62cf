// A table of nft as a program. The chain on the forward hook becomes filters bound in its order: each jump is one, and so is
// each run of rules that decide by themselves. `return` is passing, `accept` is passing all. Chains on prerouting are
// source validation (read-validation.ts). Other hooks, and chains that jump on, are refused: what this reads must be all
// that the table does to forwarded packets.

import { namedSet, pass } from "../../ir.ts";
import type { Action, Binding, Filter, Match, NamedSet, Place, Program, Term } from "../../ir.ts";
import { none } from "../../../base/address-set.ts";
import type { AddressSets } from "../../../base/address-set.ts";
import type { ReadContext } from "../../target.ts";
import { matchesOf } from "../chains/conditions.ts";
import { Unreadable } from "./lexer.ts";
import { readValidation } from "./read-validation.ts";
import { directionAt } from "../chains/rule.ts";
import type { Rule, RuleMatch, RuleVerdict } from "../chains/rule.ts";
import type { Chain, Table } from "./tree.ts";

/** Throws Unreadable. */
export function readTable(path: string, table: Table, context: ReadContext): Program {
  const reader = new Reader(path, table, context);
  return reader.program();
}

type InterfaceMatch = Extract<RuleMatch, { readonly kind: "interface" }>;

class Reader {
  readonly #path: string;
  readonly #table: Table;
  readonly #context: ReadContext;
  readonly #sets = new Map<string, NamedSet>();
  readonly #filters: Filter[] = [];
  readonly #bindings: Binding[] = [];

  constructor(path: string, table: Table, context: ReadContext) {
    this.#path = path;
    this.#table = table;
    this.#context = context;
    for (const { name, elements } of table.sets) {
      if (elements.kind !== "addresses") continue;
      const timeouts = elements.timeouts.map(({ addresses, remaining }) => ({
        addresses: ofFamily(addresses),
        until: context.at + remaining,
      }));
      this.#sets.set(name, namedSet(name, ofFamily(elements.addresses), timeouts));
    }
  }

  program(): Program {
    const bases = this.#table.chains.filter(({ hook }) => hook !== undefined);
    const other = bases.find(({ hook }) => hook!.name !== "forward" && hook!.name !== "prerouting");
    if (other !== undefined)
      this.#refuse(other.rules[0], `the hook ${other.hook!.name} of chain ${other.name} is not understood`);
    const forward = this.#only(bases, "forward");
    if (forward !== undefined) this.#readForward(forward);
    const prerouting = this.#only(bases, "prerouting");
    const validations =
      prerouting === undefined
        ? []
        : readValidation(this.#table, prerouting, this.#context, (rule, message) => this.#refuse(rule, message));
    return { filters: this.#filters, bindings: this.#bindings, validations };
  }

  #only(bases: readonly Chain[], name: string): Chain | undefined {
    const [first, second] = bases.filter(({ hook }) => hook!.name === name);
    if (second !== undefined) this.#refuse(second.rules[0], `two chains on the hook ${name} are not understood`);
    return first;
  }

  #readForward({ rules, hook }: Chain): void {
    let run: { readonly rules: Rule[]; readonly way: string } | undefined;
    const endRun = (): void => {
      if (run !== undefined) {
        const [places, terms] = [this.#places(run.rules[0]!), this.#termsOf(run.rules, [], "hook")];
        this.#bind(`forward-${run.rules[0]!.line}`, terms, places);
      }
      run = undefined;
    };
    for (const rule of rules) {
      if (rule.verdict?.kind === "jump") {
        endRun();
        const chain = this.#chainNamed(rule, rule.verdict.chain);
        const terms = this.#termsOf(chain.rules, withoutInterfaces(rule), "chain");
        this.#bind(`${chain.name}-${this.#filters.length}`, terms, this.#places(rule));
        continue;
      }
      const way = JSON.stringify(interfacesOf(rule));
      if (run?.way !== way) endRun();
      run ??= { rules: [], way };
      run.rules.push(rule);
    }
    endRun();
    if (hook?.policy === "drop") {
      this.#filters.push({ name: "policy drop", terms: [], otherwise: { kind: "block", manners: ["drop"] } });
      this.#bindings.push({ filter: "policy drop", ...everyPlace });
    }
  }

  #bind(name: string, terms: readonly Term[], places: readonly Omit<Binding, "filter">[]): void {
    this.#filters.push({ name, terms, otherwise: pass });
    for (const place of places) this.#bindings.push({ filter: name, ...place });
  }

  #termsOf(rules: readonly Rule[], shared: readonly RuleMatch[], level: "hook" | "chain"): readonly Term[] {
    return rules.flatMap((rule): readonly Term[] => {
      const action = this.#actionOf(rule, level);
      if (action === undefined) return [];
      if (level === "chain" && interfacesOf(rule).length > 0) {
        this.#refuse(rule, "conditions on interfaces are understood in the base chain only");
      }
      return this.#matchesOf(rule, [...shared, ...withoutInterfaces(rule)]).map((match) => ({
        id: rule.comment ?? `line ${rule.line}`,
        match,
        action,
        ...(rule.counter === undefined ? {} : { counter: rule.counter }),
      }));
    });
  }

  #matchesOf(rule: Rule, conditions: readonly RuleMatch[]): readonly Match[] {
    const odd = conditions.find(({ kind }) => kind === "pair" || kind === "no-reverse-path");
    if (odd !== undefined) this.#refuse(rule, "source validation is understood on the prerouting hook only");
    return matchesOf(
      conditions,
      (name) => this.#sets.get(name),
      (set) => this.#problem(rule, `there is no set of addresses ${set}`),
    );
  }

  /** undefined: it does not decide. */
  #actionOf(rule: Rule, level: "hook" | "chain"): Action | undefined {
    const verdict: RuleVerdict | undefined = rule.verdict;
    switch (verdict?.kind) {
      case undefined:
        return undefined;
      case "accept":
        return { kind: "accept" };
      case "return":
        return level === "hook" ? { kind: "accept" } : pass;
      case "drop":
        return { kind: "block", manners: ["drop"] };
      case "reject":
        return { kind: "block", manners: [verdict.with] };
      case "jump":
        return this.#refuse(rule, "a chain that jumps on is not understood");
    }
  }

  /** Where a rule of the base chain holds. Several conditions on interfaces at once are refused. */
  #places(rule: Rule): readonly Omit<Binding, "filter">[] {
    const [first, second] = interfacesOf(rule);
    if (second !== undefined) this.#refuse(rule, "two conditions on interfaces are not understood");
    if (first === undefined) return [everyPlace];
    return this.#namesOf(rule, first).map((name) => {
      const place = this.#placeNamed(rule, name);
      return { place, direction: directionAt(first.way, place.kind), family: "both" };
    });
  }

  #placeNamed(rule: Rule, name: string): Exclude<Place, { readonly kind: "everywhere" }> {
    const { customerInterfaces, upstreamInterfaces, scope } = this.#context;
    if (upstreamInterfaces.includes(name)) return { kind: "upstream", name };
    if (customerInterfaces.includes(name) || scope.lines.includes(name)) return { kind: "line", name };
    return this.#refuse(rule, `on which side the interface ${name} is, is not known`);
  }

  #namesOf(rule: Rule, { among }: InterfaceMatch): readonly string[] {
    if ("names" in among) return among.names;
    const set = this.#table.sets.find(({ name }) => name === among.set);
    if (set?.elements.kind !== "interfaces") return this.#refuse(rule, `there is no set of interfaces ${among.set}`);
    return set.elements.names;
  }

  #chainNamed(rule: Rule, name: string): Chain {
    return (
      this.#table.chains.find((chain) => chain.name === name && chain.hook === undefined) ??
      this.#refuse(rule, `there is no chain ${name} to jump to`)
    );
  }

  #problem(rule: Rule | undefined, message: string): Unreadable {
    return new Unreadable({ path: this.#path, line: rule?.line ?? 1, message });
  }

  #refuse(rule: Rule | undefined, message: string): never {
    throw this.#problem(rule, message);
  }
}

const everyPlace = { place: { kind: "everywhere" }, direction: "both", family: "both" } as const;

function interfacesOf(rule: Rule): readonly InterfaceMatch[] {
  return rule.matches.filter((match) => match.kind === "interface");
}

function withoutInterfaces(rule: Rule): readonly RuleMatch[] {
  return rule.matches.filter(({ kind }) => kind !== "interface");
}

function ofFamily(addresses: AddressSets["v4"]): AddressSets {
  return addresses.family === 4 ? { v4: addresses, v6: none(6) } : { v4: none(4), v6: addresses };
}

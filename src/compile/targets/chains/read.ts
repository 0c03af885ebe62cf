// Chains that were read as a program. From the chain of forwarded packets on, what jumps lead to is put in its order: a chain
// that only decides becomes a filter, bound where its jump holds; one that jumps on, or asks for interfaces, is taken
// apart as if its rules stood where the jump is. What no packet reaches is not looked at; of the rest, what is not
// understood is a problem.

import type { Family } from "../../../base/address.ts";
import { pass } from "../../ir.ts";
import type { Action, Binding, Filter, NamedSet, Place, Program, Term } from "../../ir.ts";
import type { ReadContext } from "../../target.ts";
import { matchesOf } from "./conditions.ts";
import { directionAt } from "./rule.ts";
import type { Rule, RuleMatch } from "./rule.ts";
import type { RegularChain } from "./ruleset.ts";

export interface ReadRule extends Rule {
  /** What is not understood of it. */
  readonly problem: string | undefined;
}

export interface ReadChain extends RegularChain {
  readonly rules: readonly ReadRule[];
}

export interface ReadRuleset {
  readonly family: Family;
  /** By the names that rules use. */
  readonly sets: ReadonlyMap<string, NamedSet>;
  readonly chains: ReadonlyMap<string, ReadChain>;
  /** The device's own chain of forwarded packets; it accepts or drops what no rule decides. */
  readonly forward: ReadChain;
}

/** `problem` makes what is thrown. */
export function readRulesets(
  rulesets: readonly ReadRuleset[],
  context: ReadContext,
  problem: (line: number, message: string) => Error,
): Omit<Program, "validations"> {
  const filters: Filter[] = [];
  const bindings: Binding[] = [];
  for (const ruleset of rulesets) {
    const reader = new Reader(ruleset, context, problem);
    reader.read();
    filters.push(...reader.filters);
    bindings.push(...reader.bindings);
  }
  return { filters, bindings };
}

type InterfaceMatch = Extract<RuleMatch, { readonly kind: "interface" }>;

/** Rules of the forward chain one after the other that hold at the same places. */
interface Run {
  readonly way: string;
  readonly places: readonly Pick<Binding, "place" | "direction">[];
  readonly terms: Term[];
}

class Reader {
  readonly filters: Filter[] = [];
  readonly bindings: Binding[] = [];
  readonly #ruleset: ReadRuleset;
  readonly #context: ReadContext;
  readonly #problem: (line: number, message: string) => Error;
  #run: Run | undefined;

  constructor(ruleset: ReadRuleset, context: ReadContext, problem: (line: number, message: string) => Error) {
    this.#ruleset = ruleset;
    this.#context = context;
    this.#problem = problem;
  }

  read(): void {
    this.#visit(this.#ruleset.forward, [], []);
    this.#endRun();
  }

  /** Whether all packets that come here are decided, or go back for good. */
  #visit(chain: ReadChain, shared: readonly RuleMatch[], above: readonly string[]): "decided" | "open" {
    const trail = [...above, chain.name];
    for (const rule of chain.rules) {
      if (rule.problem !== undefined) this.#refuse(rule.line, rule.problem);
      const conditions = [...shared, ...rule.matches];
      const { verdict } = rule;
      switch (verdict?.kind) {
        case undefined:
          break;
        case "jump": {
          const target = this.#ruleset.chains.get(verdict.chain);
          if (target === undefined) return this.#refuse(rule.line, `there is no chain ${verdict.chain} to jump to`);
          if (trail.includes(target.name)) this.#refuse(rule.line, `the chain ${target.name} leads to itself`);
          if (!isPlain(target)) {
            if (this.#visit(target, conditions, trail) === "decided" && rule.matches.length === 0) return "decided";
          } else this.#bindChain(target, conditions, rule.line);
          break;
        }
        case "return":
          // Of the forward chain: what no rule decides.
          if (rule.matches.length > 0 && (above.length > 0 || chain.otherwise.kind !== "accept")) {
            this.#refuse(rule.line, "a return under conditions is understood in chains that do not jump on");
          }
          if (rule.matches.length === 0) return above.length > 0 ? "open" : this.#end(chain, shared, rule.line);
          this.#decide({ kind: "accept" }, conditions, rule);
          break;
        case "accept":
        case "drop":
        case "reject":
          this.#decide(actionOf(verdict), conditions, rule);
          if (rule.matches.length === 0) return "decided";
      }
    }
    return this.#end(chain, shared, chain.rules.at(-1)?.line ?? 1);
  }

  #end(chain: ReadChain, shared: readonly RuleMatch[], line: number): "decided" | "open" {
    const { otherwise } = chain;
    if (otherwise.kind === "return") return "open";
    this.#decide(actionOf(otherwise), shared, { line, comment: `${chain.name} otherwise` });
    return "decided";
  }

  #decide(action: Action, conditions: readonly RuleMatch[], rule: Pick<Rule, "line" | "comment">): void {
    const interfaces = conditions.filter(isInterface);
    const way = JSON.stringify(interfaces);
    if (this.#run?.way !== way) {
      this.#endRun();
      this.#run = { way, places: this.#placesOf(interfaces, rule.line), terms: [] };
    }
    this.#run.terms.push(...this.#termsOf(action, conditions, rule));
  }

  #endRun(): void {
    if (this.#run !== undefined) this.#bind("forward", this.#run.terms, this.#run.places);
    this.#run = undefined;
  }

  #bindChain(chain: ReadChain, conditions: readonly RuleMatch[], line: number): void {
    this.#endRun();
    const terms = chain.rules.flatMap((rule): readonly Term[] => {
      if (rule.problem !== undefined) return this.#refuse(rule.line, rule.problem);
      const { verdict } = rule;
      if (verdict === undefined || verdict.kind === "jump") return [];
      return this.#termsOf(actionOf(verdict), [...conditions, ...rule.matches], rule);
    });
    const { otherwise } = chain;
    if (otherwise.kind !== "return") {
      terms.push(...this.#termsOf(actionOf(otherwise), conditions, { line, comment: `${chain.name} otherwise` }));
    }
    this.#bind(chain.name, terms, this.#placesOf(conditions.filter(isInterface), line));
  }

  #bind(wanted: string, terms: readonly Term[], places: Run["places"]): void {
    const { family } = this.#ruleset;
    const name = `${wanted}-${family}-${this.filters.length}`;
    this.filters.push({ name, terms, otherwise: pass });
    for (const place of places) this.bindings.push({ filter: name, family, ...place });
  }

  #termsOf(
    action: Action,
    conditions: readonly RuleMatch[],
    { line, comment }: Pick<Rule, "line" | "comment">,
  ): readonly Term[] {
    const { family, sets } = this.#ruleset;
    const asked: RuleMatch[] = [{ kind: "family", family }, ...conditions.filter((match) => !isInterface(match))];
    const missing = (set: string): Error => this.#problem(line, `there is no set of addresses ${set}`);
    const matches = matchesOf(asked, (name) => sets.get(name), missing);
    return matches.map((match) => ({ id: comment ?? `line ${line}`, match, action }));
  }

  #placesOf([first, ...others]: readonly InterfaceMatch[], line: number): Run["places"] {
    if (first === undefined) return [{ place: { kind: "everywhere" }, direction: "both" }];
    if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first))) {
      this.#refuse(line, "two conditions on interfaces are not understood");
    }
    if ("set" in first.among) return this.#refuse(line, "a group of interfaces is not understood here");
    return first.among.names.map((name) => {
      const place = this.#placeNamed(name, line);
      return { place, direction: directionAt(first.way, place.kind) };
    });
  }

  #placeNamed(name: string, line: number): Exclude<Place, { readonly kind: "everywhere" }> {
    const { customerInterfaces, upstreamInterfaces, scope } = this.#context;
    if (upstreamInterfaces.includes(name)) return { kind: "upstream", name };
    if (customerInterfaces.includes(name) || scope.lines.includes(name)) return { kind: "line", name };
    return this.#refuse(line, `on which side the interface ${name} is, is not known`);
  }

  #refuse(line: number, message: string): never {
    throw this.#problem(line, message);
  }
}

/** It decides or goes back, wherever the packet came by. */
function isPlain({ rules }: ReadChain): boolean {
  return rules.every(({ verdict, matches }) => verdict?.kind !== "jump" && !matches.some(isInterface));
}

function isInterface(match: RuleMatch): match is InterfaceMatch {
  return match.kind === "interface";
}

function actionOf(verdict: RegularChain["otherwise"]): Action {
  switch (verdict.kind) {
    case "return":
      return pass;
    case "accept":
      return { kind: "accept" };
    case "drop":
      return { kind: "block", manners: ["drop"] };
    case "reject":
      return { kind: "block", manners: [verdict.with] };
  }
}

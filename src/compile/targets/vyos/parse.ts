// VyOS configuration to a program: commands (`show configuration commands`, scripts with `delete`) and the form with braces.
// Of the firewall, what acts on forwarded packets before or beside the forward filter is refused (prerouting, zones, states
// for all), so that what this reads is all that the device does to them; input, output and bridges are passed over.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { neverSpoofed } from "../../../policy/network/evaluate.ts";
import { familySet, namedSet } from "../../ir.ts";
import type { NamedSet, Program, SourceValidation } from "../../ir.ts";
import type { ParseProblem, ReadContext, TextFile } from "../../target.ts";
import { readRulesets } from "../chains/read.ts";
import type { ReadChain, ReadRule, ReadRuleset } from "../chains/read.ts";
import type { RuleVerdict } from "../chains/rule.ts";
import { addMember } from "../members.ts";
import { families } from "../places.ts";
import { statementsOf, Unreadable } from "../statements.ts";
import type { Statement } from "../statements.ts";
import { readRule, verdictOf } from "./rule.ts";
import type { Leaf } from "./rule.ts";

export function parseCommands(files: readonly TextFile[], context: ReadContext): Result<Program, ParseProblem> {
  const [file, second] = files;
  if (file === undefined || second !== undefined) {
    return failure({ path: second?.path ?? "", line: 1, message: "a configuration is one text" });
  }
  try {
    const reader = new Reader();
    for (const statement of carriedOut(file.text)) reader.read(statement);
    return success(reader.program(context));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path: file.path, line: error.line, message: error.message });
    throw error;
  }
}

/** What is there after all commands, in their order. */
function carriedOut(text: string): readonly Statement[] {
  let left: Statement[] = [];
  for (const statement of statementsOf(text)) {
    const [verb, ...rest] = statement.path;
    if (verb === "set") left.push({ ...statement, path: rest });
    else if (verb === "delete") left = left.filter((one) => !rest.every((word, index) => one.path[index] === word));
    else if (verb === "commit" || verb === "save" || verb === "configure" || verb === "exit") continue;
    else left.push(statement);
  }
  return left;
}

interface MutableChain {
  readonly name: string;
  readonly line: number;
  otherwise: RuleVerdict["kind"] | undefined;
  readonly rules: Map<number, Leaf[]>;
}

class Reader {
  readonly #groups = new Map<string, AddressSetBuilder>();
  readonly #interfaceGroups = new Map<string, string[]>();
  readonly #portGroups = new Map<string, string[]>();
  readonly #forward = new Map<Family, MutableChain>();
  readonly #chains = { 4: new Map<string, MutableChain>(), 6: new Map<string, MutableChain>() } as const;
  readonly #strict: { readonly at: string | undefined; readonly family: Family }[] = [];

  read(statement: Statement): void {
    const { path, line } = statement;
    const [first, second, ...rest] = path;
    if (first === "interfaces") this.#readInterface(path);
    else if (first === "policy" && path.at(-2) === "action" && path.at(-1) === "drop" && second?.startsWith("route")) {
      throw new Unreadable(line, "policy routes that drop are not understood");
    } else if (first === "firewall") this.#readFirewall(second, rest, statement);
  }

  #readFirewall(part: string | undefined, rest: readonly string[], statement: Statement): void {
    const { line } = statement;
    switch (part) {
      case "group":
        return this.#readGroup(rest, line);
      case "ipv4":
      case "ipv6":
        return this.#readFamily(part === "ipv4" ? 4 : 6, rest, statement);
      case "global-options":
        return this.#readOption(rest, line);
      case undefined:
      case "bridge":
      case "flowtable":
        return;
      case "zone":
        throw new Unreadable(line, "zones are not understood: they filter what the forward filter accepted");
      default:
        throw new Unreadable(line, `firewall ${part} is not understood (VyOS before 1.4 had another form)`);
    }
  }

  #readGroup([kind, name, word, value]: readonly string[], line: number): void {
    if (name === undefined) return;
    switch (kind) {
      case "network-group":
      case "address-group":
      case "ipv6-network-group":
      case "ipv6-address-group": {
        const key = `${kind.startsWith("ipv6") ? 6 : 4} ${kind.includes("network") ? "network" : "address"} ${name}`;
        let builder = this.#groups.get(key);
        if (builder === undefined) this.#groups.set(key, (builder = new AddressSetBuilder()));
        if (word === undefined || word === "description" || value === undefined) return;
        if (word !== "network" && word !== "address")
          throw new Unreadable(line, `${word} of a group is not understood`);
        const wrong = addMember(builder, value);
        if (wrong !== undefined) throw new Unreadable(line, `${value} ${wrong}`);
        return;
      }
      case "interface-group":
      case "port-group": {
        const groups = kind === "port-group" ? this.#portGroups : this.#interfaceGroups;
        const members = groups.get(name) ?? [];
        groups.set(name, members);
        if (value === undefined || word === "description") return;
        if (word !== "interface" && word !== "port") throw new Unreadable(line, `${word} of a group is not understood`);
        members.push(value);
        return;
      }
      // A rule that names one of another kind is the problem, not that there is one.
      case undefined:
      default:
        return;
    }
  }

  #readFamily(family: Family, [hook, name, ...rest]: readonly string[], { kind, line }: Statement): void {
    switch (hook) {
      case "forward":
        if (name === undefined) return;
        if (name !== "filter") throw new Unreadable(line, `forward ${name} is not understood`);
        return readChain(kept(this.#forward, family, "forward", line), rest, kind, line);
      case "name":
        if (name === undefined) return;
        return readChain(kept(this.#chains[family], name, name, line), rest, kind, line);
      case "prerouting":
        if (rest.includes("rule")) throw new Unreadable(line, "rules of prerouting are not understood");
        return;
      case undefined:
      case "input":
      case "output":
        return;
      default:
        throw new Unreadable(line, `${hook} is not understood`);
    }
  }

  #readOption([option, value]: readonly string[], line: number): void {
    if (option === "state-policy") {
      throw new Unreadable(line, "state-policy is not understood: it decides before the rules do");
    }
    if (option === "source-validation" && value === "strict") this.#strict.push({ at: undefined, family: 4 });
    if (option === "ipv6-source-validation" && value === "strict") this.#strict.push({ at: undefined, family: 6 });
  }

  /** `interfaces ethernet eth0 [vif 7] ip source-validation strict`. */
  #readInterface([, , name, ...rest]: readonly string[]): void {
    const at = rest.indexOf("source-validation");
    if (name === undefined || at < 1 || rest[at + 1] !== "strict") return;
    const units = rest.slice(0, at - 1).filter((word) => /^\d+$/.test(word));
    this.#strict.push({ at: [name, ...units].join("."), family: rest[at - 1] === "ipv6" ? 6 : 4 });
  }

  program(context: ReadContext): Program {
    const rulesets = families.map((family) => this.#rulesetOf(family));
    const { filters, bindings } = readRulesets(rulesets, context, (line, message) => new Unreadable(line, message));
    return { filters, bindings, validations: this.#validations(context) };
  }

  #rulesetOf(family: Family): ReadRuleset {
    const sets = new Map<string, NamedSet>();
    for (const [key, builder] of this.#groups) {
      if (key.startsWith(`${family} `)) sets.set(key.slice(2), namedSet(key.split(" ")[2]!, builder.build()));
    }
    const groups = { family, interfaces: this.#interfaceGroups, ports: this.#portGroups };
    const built = (chain: MutableChain, usual: "accept" | "drop"): ReadChain => ({
      name: chain.name,
      otherwise: { kind: otherwiseOf(chain, usual) },
      rules: [...chain.rules]
        .toSorted(([left], [right]) => left - right)
        .flatMap(([number, leaves]): ReadRule | readonly ReadRule[] => readRule(number, leaves, groups) ?? []),
    });
    const forward = this.#forward.get(family) ?? kept(this.#forward, family, "forward", 1);
    return {
      family,
      sets,
      chains: new Map([...this.#chains[family]].map(([name, chain]) => [name, built(chain, "drop")])),
      forward: built(forward, "accept"),
    };
  }

  #validations({ customerInterfaces, scope }: ReadContext): readonly SourceValidation[] {
    const customers = new Set([...customerInterfaces, ...scope.lines.flatMap((line) => line ?? [])]);
    return [...customers].flatMap((line) =>
      families
        .filter((family) => this.#strict.some((one) => one.family === family && (one.at ?? line) === line))
        .map((family): SourceValidation => ({
          id: `sav:${line}`,
          line,
          family,
          check: { kind: "strict", routes: undefined, besides: familySet(neverSpoofed, family) },
          manners: ["drop"],
        })),
    );
  }
}

function kept<Key>(chains: Map<Key, MutableChain>, key: Key, name: string, line: number): MutableChain {
  const known = chains.get(key);
  if (known !== undefined) return known;
  const made: MutableChain = { name, line, otherwise: undefined, rules: new Map() };
  chains.set(key, made);
  return made;
}

function readChain(
  chain: MutableChain,
  [word, value, ...leaf]: readonly string[],
  kind: Statement["kind"],
  line: number,
): void {
  switch (word) {
    case undefined:
    case "description":
    case "default-log":
    case "enable-default-log":
    case "disable-conntrack":
      return;
    case "default-action":
      chain.otherwise = verdictOf(value) ?? fail(line, `default-action ${value} is not understood`);
      if (chain.otherwise === "jump") fail(line, "a default-action that jumps is not understood");
      return;
    case "rule": {
      if (value === undefined || !/^\d{1,6}$/.test(value)) fail(line, "a rule has no number");
      const number = Number(value);
      const leaves = chain.rules.get(number) ?? [];
      chain.rules.set(number, leaves);
      leaves.push({ words: kind === "leaf" ? leaf : [], line });
      return;
    }
    default:
      fail(line, `${word} of a chain is not understood`);
  }
}

function otherwiseOf({ otherwise }: MutableChain, usual: "accept" | "drop"): "accept" | "drop" | "return" {
  // What is rejected in the end is blocked.
  return otherwise === "accept" || otherwise === "return" ? otherwise : otherwise === undefined ? usual : "drop";
}

function fail(line: number, message: string): never {
  throw new Unreadable(line, message);
}

// The chain on the prerouting hook as validations of lines: for each line and family, which sources come through. Rules
// that let sources pass come before those that drop the rest of a line, or what has no route back.

import { all, none } from "../../../base/address-set.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import type { SourceValidation } from "../../ir.ts";
import type { ReadContext } from "../../target.ts";
import type { Rule, RuleMatch } from "../chains/rule.ts";
import type { Chain, Elements, Table } from "./tree.ts";

type Refuse = (rule: Rule, message: string) => never;

export function readValidation(
  table: Table,
  chain: Chain,
  { scope, customerInterfaces }: ReadContext,
  refuse: Refuse,
): readonly SourceValidation[] {
  if (chain.hook?.policy === "drop")
    refuse(chain.rules[0] ?? noRule, "a prerouting chain that drops the rest is not understood");
  const elements = new Map(table.sets.map((set) => [set.name, set.elements]));
  const groups = groupsOf(table, chain, refuse);
  const lines = new Set([...customerInterfaces, ...scope.lines.flatMap((line) => line ?? [])]);
  for (const group of groups)
    for (const rule of group) for (const name of namesIn(rule, elements, refuse)) lines.add(name);
  return groups.flatMap((group) =>
    [...lines].flatMap((line) =>
      ([4, 6] as const).flatMap((family) => validationsOf(group, line, family, elements, refuse)),
    ),
  );
}

const noRule: Rule = { matches: [], counter: undefined, verdict: undefined, comment: undefined, line: 1 };

/** Rules that are asked one after the other until one decides; a packet meets all groups. */
function groupsOf(table: Table, { rules }: Chain, refuse: Refuse): readonly (readonly Rule[])[] {
  const groups: Rule[][] = [];
  let direct: Rule[] | undefined;
  for (const rule of rules) {
    const verdict = rule.verdict;
    if (verdict?.kind !== "jump") {
      if (direct === undefined) groups.push((direct = []));
      direct.push(rule);
      continue;
    }
    direct = undefined;
    const target = table.chains.find(({ name, hook }) => name === verdict.chain && hook === undefined);
    if (target === undefined) refuse(rule, `there is no chain ${verdict.chain} to jump to`);
    groups.push(target.rules.map((one) => ({ ...one, matches: [...rule.matches, ...one.matches] })));
  }
  const early = groups
    .slice(0, -1)
    .flat()
    .find(({ verdict }) => verdict?.kind === "accept");
  if (early !== undefined) refuse(early, "accept before other chains of prerouting is not understood: write return");
  return groups;
}

function namesIn(rule: Rule, elements: ReadonlyMap<string, Elements>, refuse: Refuse): readonly string[] {
  return rule.matches.flatMap((match) => {
    if (match.kind === "pair") return [...pairsOf(rule, match.set, elements, refuse).keys()];
    if (match.kind !== "interface") return [];
    return "names" in match.among ? match.among.names : interfacesIn(rule, match.among.set, elements, refuse);
  });
}

function validationsOf(
  rules: readonly Rule[],
  line: string,
  family: Family,
  elements: ReadonlyMap<string, Elements>,
  refuse: Refuse,
): readonly SourceValidation[] {
  let allowed = none(family);
  let blocked = none(family);
  const found: SourceValidation[] = [];
  const id = `sav:${line}`;
  for (const rule of rules) {
    if (rule.verdict === undefined) continue;
    const asked = sourcesOf(rule, line, family, elements, refuse);
    if (asked === undefined) continue;
    switch (rule.verdict.kind) {
      case "accept":
      case "return":
        if (rule.matches.some(({ kind }) => kind === "no-reverse-path"))
          refuse(rule, "a rule that lets pass what has no route back is not understood");
        allowed = allowed.union(asked.difference(blocked));
        break;
      case "drop":
      case "reject":
        if (!rule.matches.some(({ kind }) => kind === "interface")) {
          refuse(rule, "a rule that drops on prerouting must say by which interfaces");
        }
        if (rule.matches.some(({ kind }) => kind === "no-reverse-path")) {
          if (!asked.equals(all(family))) refuse(rule, "a reverse path check of some sources only is not understood");
          const check = { kind: "strict", routes: undefined, besides: allowed } as const;
          found.push({ id, line, family, check, manners: ["drop"] });
        } else blocked = blocked.union(asked.difference(allowed));
        break;
      case "jump":
        refuse(rule, "a chain that jumps on is not understood");
    }
  }
  if (!blocked.isEmpty) {
    found.push({ id, line, family, check: { kind: "list", allowed: blocked.complement() }, manners: ["drop"] });
  }
  return found;
}

/** undefined: the rule is not about this line and family. */
function sourcesOf(
  rule: Rule,
  line: string,
  family: Family,
  elements: ReadonlyMap<string, Elements>,
  refuse: Refuse,
): AddressSet | undefined {
  let sources = all(family);
  for (const match of rule.matches) {
    const narrower = sourcesFor(rule, match, line, family, elements, refuse);
    if (narrower === undefined) return undefined;
    sources = sources.intersection(narrower);
  }
  return sources;
}

function sourcesFor(
  rule: Rule,
  match: RuleMatch,
  line: string,
  family: Family,
  elements: ReadonlyMap<string, Elements>,
  refuse: Refuse,
): AddressSet | undefined {
  switch (match.kind) {
    case "family":
      return match.family === family ? all(family) : undefined;
    case "interface": {
      if (match.way === "out") return refuse(rule, "on prerouting it is not known where a packet leaves");
      const { among } = match;
      const names = "names" in among ? among.names : interfacesIn(rule, among.set, elements, refuse);
      return names.includes(line) ? all(family) : undefined;
    }
    case "pair":
      return match.family === family ? pairsOf(rule, match.set, elements, refuse).get(line) : undefined;
    case "address": {
      if (match.end !== "source") return refuse(rule, "source validation that asks for destinations is not understood");
      if (match.family !== family) return undefined;
      const found = "set" in match.among ? elements.get(match.among.set) : undefined;
      const addresses =
        "set" in match.among ? (found?.kind === "addresses" ? found.addresses : undefined) : match.among.addresses;
      if (addresses === undefined) return refuse(rule, "there is no such set of addresses");
      return match.isNegated ? addresses.complement() : addresses;
    }
    case "no-reverse-path":
      return all(family);
    case "protocol":
    case "ports":
    case "flags":
      return refuse(rule, "source validation that asks for more than addresses is not understood");
  }
}

function interfacesIn(
  rule: Rule,
  set: string,
  elements: ReadonlyMap<string, Elements>,
  refuse: Refuse,
): readonly string[] {
  const found = elements.get(set);
  return found?.kind === "interfaces" ? found.names : refuse(rule, `there is no set of interfaces ${set}`);
}

function pairsOf(
  rule: Rule,
  set: string,
  elements: ReadonlyMap<string, Elements>,
  refuse: Refuse,
): ReadonlyMap<string, AddressSet> {
  const found = elements.get(set);
  return found?.kind === "pairs"
    ? found.byInterface
    : refuse(rule, `there is no set of interfaces and addresses ${set}`);
}

// A RouterOS export, or a script in its manner, to a program: the chains that packets take from `forward` on. Raw rules that
// drop are refused, since packets meet them first; what no packet reaches, and other menus, are passed over.

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
import { addMember } from "../members.ts";
import { families } from "../places.ts";
import { Unreadable } from "../statements.ts";
import { readRule } from "./rule.ts";
import type { InterfaceLists } from "./rule.ts";
import { carryOut } from "./script.ts";
import type { Row, Tables } from "./script.ts";

export function parseScript(files: readonly TextFile[], context: ReadContext): Result<Program, ParseProblem> {
  const [file, second] = files;
  if (file === undefined || second !== undefined) {
    return failure({ path: second?.path ?? "", line: 1, message: "a script is one text" });
  }
  try {
    return success(programOf(carryOut(file.text), context));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path: file.path, line: error.line, message: error.message });
    throw error;
  }
}

function programOf(tables: Tables, context: ReadContext): Program {
  const lists = new Map<string, string[]>();
  for (const { values } of rowsOf(tables, "interface list member")) {
    const list = values.get("list") ?? "";
    lists.set(list, [...(lists.get(list) ?? []), values.get("interface") ?? ""]);
  }
  const rulesets = families.map((family) => rulesetOf(tables, family, lists));
  const { filters, bindings } = readRulesets(rulesets, context, (line, message) => new Unreadable(line, message));
  return { filters, bindings, validations: validationsOf(tables, context) };
}

function rulesetOf(tables: Tables, family: Family, lists: InterfaceLists): ReadRuleset {
  const menu = family === 4 ? "ip firewall" : "ipv6 firewall";
  const raw = rowsOf(tables, `${menu} raw`).find(({ values }) => values.get("action") === "drop");
  if (raw !== undefined) throw new Unreadable(raw.line, "raw rules that drop are not understood");
  const chains = new Map<string, ReadRule[]>();
  for (const row of tables.get(`${menu} filter`) ?? []) {
    const name = row.values.get("chain") ?? "";
    const rules = chains.get(name) ?? [];
    // A chain of which all rules are switched off is still there.
    chains.set(name, rules);
    if (!isOff(row)) rules.push(readRule(row, family, lists));
  }
  const built = new Map(
    [...chains].map(([name, rules]): [string, ReadChain] => [name, { name, rules, otherwise: { kind: "return" } }]),
  );
  return {
    family,
    sets: setsOf(rowsOf(tables, `${menu} address-list`)),
    chains: built,
    forward: { name: "forward", rules: chains.get("forward") ?? [], otherwise: { kind: "accept" } },
  };
}

/** A list with a member that is not understood is none: the rule that names it says so. */
function setsOf(rows: readonly Row[]): ReadonlyMap<string, NamedSet> {
  const builders = new Map<string, AddressSetBuilder>();
  for (const { values, line } of rows) {
    const name = values.get("list") ?? "";
    const builder = builders.get(name) ?? new AddressSetBuilder();
    builders.set(name, builder);
    const address = values.get("address") ?? "";
    const wrong = values.has("timeout") ? "ends by itself, which is not understood" : addMember(builder, address);
    if (wrong !== undefined) throw new Unreadable(line, `${address} of the list ${name} ${wrong}`);
  }
  return new Map([...builders].map(([name, builder]) => [name, namedSet(name, builder.build())]));
}

function rowsOf(tables: Tables, menu: string): readonly Row[] {
  return (tables.get(menu) ?? []).filter((row) => !isOff(row));
}

function isOff({ values }: Row): boolean {
  return values.get("disabled") === "yes";
}

/** `rp-filter` holds for all interfaces, and for IPv4 only. */
function validationsOf(tables: Tables, { customerInterfaces, scope }: ReadContext): readonly SourceValidation[] {
  const last = rowsOf(tables, "ip settings").findLast(({ values }) => values.has("rp-filter"));
  if (last?.values.get("rp-filter") !== "strict") return [];
  const lines = new Set([...customerInterfaces, ...scope.lines.flatMap((line) => line ?? [])]);
  return [...lines].map((line) => ({
    id: `sav:${line}`,
    line,
    family: 4,
    check: { kind: "strict", routes: undefined, besides: familySet(neverSpoofed, 4) },
    manners: ["drop"],
  }));
}

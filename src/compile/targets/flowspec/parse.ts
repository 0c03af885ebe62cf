// Texts for ExaBGP, BIRD and GoBGP back into a program: the rules, whatever their order, in the order of the NLRI. Of
// several texts each must have the same rules. What else stands in a configuration (neighbors, sessions) is passed over;
// what a rule says and is not understood is a problem.

import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { pass } from "../../ir.ts";
import type { Action, Filter, Program } from "../../ir.ts";
import { FilterBuilder } from "../../merge.ts";
import type { LineAddress } from "../../merge.ts";
import type { ParseProblem, TextFile } from "../../target.ts";
import { readBird, readExabgp } from "./read-blocks.ts";
import { readGobgp } from "./read-commands.ts";
import { compareRules, keyOf } from "./rule.ts";
import type { FlowPrefix, FlowRule } from "./rule.ts";
import { Unreadable } from "./statement.ts";

export function parseFiles(files: readonly TextFile[]): Result<Program, ParseProblem> {
  let path = files[0]?.path ?? "";
  try {
    const [first, ...others] = files;
    if (first === undefined) throw new Unreadable(1, "there is no text");
    const rules = readRules(first.text);
    const known = keysOf(rules);
    for (const file of others) {
      path = file.path;
      if (keysOf(readRules(file.text)) !== known) throw new Unreadable(1, `it has other rules than ${first.path}`);
    }
    return success(programOf(rules));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path, line: error.line, message: error.message });
    throw error;
  }
}

function readRules(text: string): readonly FlowRule[] {
  const plain = text.replaceAll(/^\s*#.*$/gm, "");
  const read = /^\s*gobgp\s/m.test(plain)
    ? readGobgp
    : /\bflow[46]\s+table\b|\bprotocol\s+static\b/.test(plain)
      ? readBird
      : readExabgp;
  // Announced again, a rule is what it was last.
  const rules = new Map(read(text).map((rule) => [keyOf(rule), rule]));
  return [...rules.values()].toSorted(compareRules);
}

function keysOf(rules: readonly FlowRule[]): string {
  return rules.map((rule) => `${rule.action} ${keyOf(rule)}\n`).join("");
}

function programOf(rules: readonly FlowRule[]): Program {
  const filters = ([4, 6] as const).map((family): Filter => {
    const builder = new FilterBuilder(`ipv${family}`);
    const endOf = (prefix: FlowPrefix | undefined): LineAddress =>
      prefix === undefined ? undefined : { ...prefix, family };
    const matches = new Map<string, Parameters<FilterBuilder["add"]>[0]>();
    for (const rule of rules) {
      if (rule.family !== family) continue;
      const { protocol, sourcePorts, destinationPorts } = rule;
      const key = JSON.stringify([protocol, sourcePorts, destinationPorts]);
      const match = matches.get(key) ?? {
        family,
        ...(protocol === undefined ? {} : { protocol }),
        ...(sourcePorts === undefined ? {} : { sourcePorts }),
        ...(destinationPorts === undefined ? {} : { destinationPorts }),
      };
      matches.set(key, match);
      builder.add(
        match,
        endOf(rule.source),
        endOf(rule.destination),
        rule.action === "discard" ? discard : pass,
        rule.rule,
      );
    }
    return builder.build(pass);
  });
  return {
    filters,
    bindings: filters.map(({ name }, index) => ({
      filter: name,
      place: { kind: "everywhere" },
      direction: "both",
      family: index === 0 ? 4 : 6,
    })),
    validations: [],
  };
}

const discard: Action = { kind: "block", manners: ["drop"] };

// Files for FreeRADIUS 3 back into a program. The first one is a users file as the server reads it: entries in order, of
// which the first that a name matches is taken. Lists for CoA must say the same. Entries with conditions, and attributes
// that may filter in ways of their own, are not understood and not passed over.

import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { Action, Binding, NamedSet, Program } from "../../ir.ts";
import { namedSet, pass } from "../../ir.ts";
import { FilterBuilder } from "../../merge.ts";
import type { ParseProblem, ReadContext, TextFile } from "../../target.ts";
import { readFilters, readMessages, readUsers, Unreadable } from "./read.ts";
import type { ReadList } from "./read.ts";
import { readRule } from "./rules.ts";
import type { ReadRule } from "./rules.ts";

export function parseFiles(files: readonly TextFile[], context: ReadContext): Result<Program, ParseProblem> {
  let path = files[0]?.path ?? "";
  try {
    const [users, ...others] = files;
    if (users === undefined) throw new Unreadable(1, "there is no users file");
    const ofKind = (folder: string): readonly TextFile[] => others.filter((file) => file.path.startsWith(`${folder}/`));
    const definitions = new Map<string, readonly (readonly [string, number])[]>();
    for (const file of ofKind("filters")) {
      path = file.path;
      for (const [name, rules] of readFilters(file.text)) definitions.set(name, rules);
    }
    path = users.path;
    const lists = firstOfEach(readUsers(users.text));
    const program = programOf(lists, definitions, context);
    for (const file of ofKind("coa")) {
      path = file.path;
      checkMessages(readMessages(file.text), lists);
    }
    return success(program);
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path, line: error.line, message: error.message });
    throw error;
  }
}

/** What comes after an entry for everybody, or after one for the same name, is never asked. */
function firstOfEach(lists: readonly ReadList[]): readonly ReadList[] {
  const last = lists.findIndex(({ subscriber }) => subscriber === undefined);
  const asked = last < 0 ? lists : lists.slice(0, last + 1);
  return asked.filter(({ subscriber }, index) => asked.findIndex((other) => other.subscriber === subscriber) === index);
}

/** A message for CoA that says other than new sessions get would make the two differ. */
function checkMessages(messages: readonly ReadList[], lists: readonly ReadList[]): void {
  for (const message of messages) {
    const list =
      lists.find(({ subscriber }) => subscriber === message.subscriber) ??
      lists.find(({ subscriber }) => subscriber === undefined);
    if (told(message) !== told(list)) {
      const whose = message.subscriber ?? "all others";
      throw new Unreadable(message.line, `the message for ${whose} says other than the users file`);
    }
  }
}

function told(list: ReadList | undefined): string {
  return JSON.stringify([list?.rules.map(([rule]) => rule), list?.filters.map(([name]) => name)]);
}

function programOf(
  lists: readonly ReadList[],
  definitions: ReadonlyMap<string, readonly (readonly [string, number])[]>,
  { scope, settings }: ReadContext,
): Program {
  const nas = settings?.nas;
  const assigned = namedSet("assigned", scope.sources);
  const directions = nas?.directions === "in" ? (["in"] as const) : (["in", "out"] as const);
  const builders = { in: new FilterBuilder("in"), out: new FilterBuilder("out") };
  for (const list of lists) {
    const rules = [
      ...list.rules,
      ...list.filters.flatMap(([name, line]) => {
        const rulesOfName = definitions.get(name);
        if (rulesOfName === undefined) throw new Unreadable(line, `what the filter ${name} does is not in these files`);
        return rulesOfName;
      }),
    ].map(([text, line]) => ruleAt(text, line, assigned));
    for (const { rule, line } of rules) {
      if (!directions.some((direction) => direction === rule.direction)) {
        throw new Unreadable(line, "the access server filters only what subscribers send");
      }
      if (nas?.families === "ipv4" && rule.match.family === 6) {
        throw new Unreadable(line, "the access server has no rules of IPv6");
      }
    }
    for (const direction of directions) {
      const own = rules.filter(({ rule }) => rule.direction === direction);
      const whose = list.subscriber === undefined ? {} : { subscriber: list.subscriber };
      const add = (rule: Pick<ReadRule, "action" | "match" | "source" | "destination">, line: number): void => {
        const action = rule.action === "permit" ? pass : deny;
        const match = { ...rule.match, ...whose };
        const wrong = builders[direction].add(match, rule.source, rule.destination, action, `line ${line}`);
        if (wrong !== undefined) throw new Unreadable(line, wrong);
      };
      // A session without any rule is not filtered. Rules for the other direction alone may mean that too, or its opposite.
      if (rules.length > 0 && own.length === 0) {
        throw new Unreadable(list.line, `there are no rules for "${direction}": devices differ in what that means`);
      }
      for (const { rule, line } of own) add(rule, line);
      const rest = own.length === 0 ? ("permit" as const) : ("deny" as const);
      add({ action: rest, match: {}, source: undefined, destination: undefined }, list.line);
    }
  }
  const bindings = directions.map((direction): Binding => ({
    filter: direction,
    place: { kind: "everywhere" },
    direction: direction === "in" ? "up" : "down",
    family: nas?.families === "ipv4" ? 4 : "both",
  }));
  // Whom no entry matches gets no rules.
  return { filters: directions.map((direction) => builders[direction].build(pass)), bindings, validations: [] };
}

const deny: Action = { kind: "block", manners: ["drop"] };

function ruleAt(text: string, line: number, assigned: NamedSet): { readonly rule: ReadRule; readonly line: number } {
  const rule = readRule(text, assigned);
  if (typeof rule === "string") throw new Unreadable(line, rule);
  return { rule, line };
}

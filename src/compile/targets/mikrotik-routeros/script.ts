// A RouterOS script carried out on a device without a firewall: rows of the tables that matter here, in their order. It reads
// exports and the scripts that people write in their manner: `add`, `set`, `remove`, `enable` and `disable` with `find`,
// `place-before`, and `:if` about how many rows there are. Other menus are passed over.

import { Unreadable } from "../statements.ts";
import { scan } from "./scanner.ts";
import type { Command, Group, Item } from "./scanner.ts";

export interface Row {
  /** By the names of properties; a value that is a command is not here. */
  readonly values: Map<string, string>;
  readonly line: number;
}

/** By menu, its words apart by blanks: "ip firewall filter". */
export type Tables = ReadonlyMap<string, readonly Row[]>;

const watched = new Set([
  "ip firewall filter",
  "ipv6 firewall filter",
  "ip firewall address-list",
  "ipv6 firewall address-list",
  "ip firewall raw",
  "ipv6 firewall raw",
  "interface list member",
  "ip settings",
]);

const verbs = new Set([
  "add",
  "set",
  "remove",
  "enable",
  "disable",
  "move",
  "print",
  "export",
  "find",
  "reset-counters",
]);

export function carryOut(text: string): Tables {
  const device = new Device();
  device.run(scan(text));
  return device.tables;
}

class Device {
  readonly tables = new Map<string, Row[]>();
  #menu = "";

  run(commands: readonly Command[]): void {
    for (const command of commands) {
      const [first] = command.items;
      if (first?.text.startsWith(":") === true) this.#control(command);
      else this.#inMenu(command);
    }
  }

  #control({ items, line }: Command): void {
    const [word, first, ...rest] = items;
    switch (word!.text) {
      case ":if": {
        const [yes, no] = ["do=", "else="].map((name) => rest.find(({ text }) => text === name)?.group);
        if (first?.group?.sign !== "(" || yes === undefined) throw new Unreadable(line, "this :if is not understood");
        const branch = this.#holds(first.group, line) ? yes : no;
        if (branch !== undefined) this.run(branch.commands);
        return;
      }
      case ":do":
        if (first?.group === undefined) throw new Unreadable(line, "this :do is not understood");
        return this.run(first.group.commands);
      case ":put":
      case ":log":
      case ":delay":
        return;
      default:
        throw new Unreadable(line, `${word!.text} is not understood`);
    }
  }

  #inMenu({ items, line }: Command): void {
    const { path, verb, rest } = pathOf(items, this.#menu);
    if (verb === undefined) {
      this.#menu = path;
      return;
    }
    if (!watched.has(path)) return;
    const rows = this.tables.get(path) ?? [];
    this.tables.set(path, rows);
    switch (verb) {
      case "add":
        return this.#add(rows, rest, line);
      case "set": {
        const [which, ...changes] = rest;
        if (path === "ip settings") {
          rows.push({ values: valuesOf(rest), line });
          return;
        }
        for (const row of this.#found(which?.group, rows, line)) {
          for (const [name, value] of valuesOf(changes)) row.values.set(name, value);
        }
        return;
      }
      case "enable":
      case "disable":
        for (const row of this.#found(rest[0]?.group, rows, line)) {
          row.values.set("disabled", verb === "disable" ? "yes" : "no");
        }
        return;
      case "remove": {
        const gone = new Set(this.#found(rest[0]?.group, rows, line));
        this.tables.set(
          path,
          rows.filter((row) => !gone.has(row)),
        );
        return;
      }
      case "print":
      case "export":
      case "find":
      case "reset-counters":
        return;
      default:
        throw new Unreadable(line, `${verb} is not understood in ${path}`);
    }
  }

  #add(rows: Row[], items: readonly Item[], line: number): void {
    const row: Row = { values: valuesOf(items), line };
    const place = items.find(({ text }) => text.startsWith("place-before="));
    row.values.delete("place-before");
    if (place === undefined) {
      rows.push(row);
      return;
    }
    const before = place.group === undefined ? rows[0] : this.#picked(place.group, rows, line);
    if ((place.group === undefined && place.text !== "place-before=0") || before === undefined) {
      throw new Unreadable(line, "place-before names no row that is there");
    }
    rows.splice(rows.indexOf(before), 0, row);
  }

  /** The first row of a `find`, also by `:pick … 0`. */
  #picked(group: Group, rows: readonly Row[], line: number): Row | undefined {
    const [word, inner, index] = group.commands[0]?.items ?? [];
    if (word?.text === ":pick" && inner?.group !== undefined && index?.text === "0") {
      return this.#found(inner.group, rows, line)[0];
    }
    return this.#found(group, rows, line)[0];
  }

  /** `([:len [find …]] = 0)`. */
  #holds({ commands }: Group, line: number): boolean {
    const [command, more] = commands;
    const [length, ...others] = command?.items ?? [];
    const [word, inner] = length?.group?.commands[0]?.items ?? [];
    const compared = /^(=|!=|>|<|>=|<=)(\d+)$/.exec([length?.text, ...others.map(({ text }) => text)].join(""));
    if (more !== undefined || word?.text !== ":len" || inner?.group === undefined || compared === null) {
      throw new Unreadable(line, "only the number of rows that a find finds is understood in an :if");
    }
    const { path } = pathOf(inner.group.commands[0]?.items ?? [], this.#menu);
    const count = this.#found(inner.group, this.tables.get(path) ?? [], line).length;
    const other = Number(compared[2]);
    switch (compared[1]) {
      case "=":
        return count === other;
      case "!=":
        return count !== other;
      case ">":
        return count > other;
      case "<":
        return count < other;
      case ">=":
        return count >= other;
      case "<=":
      case undefined:
      default:
        return count <= other;
    }
  }

  #found(group: Group | undefined, rows: readonly Row[], line: number): readonly Row[] {
    const [command, more] = group?.commands ?? [];
    if (group?.sign !== "[" || command === undefined || more !== undefined) {
      throw new Unreadable(line, "rows are named by [find …] only");
    }
    const { verb, rest } = pathOf(command.items, this.#menu);
    if (verb !== "find") throw new Unreadable(line, "rows are named by [find …] only");
    const conditions = rest
      .filter(({ text }) => text !== "where" && text !== "and")
      .map((condition) => conditionOf(condition, line));
    return rows.filter((row) => conditions.every((isMet) => isMet(row)));
  }
}

/** Menu, verb and the rest of a command. */
function pathOf(
  items: readonly Item[],
  menu: string,
): { readonly path: string; readonly verb: string | undefined; readonly rest: readonly Item[] } {
  const isAbsolute = items[0]?.text.startsWith("/") === true;
  const words: string[] = isAbsolute || menu === "" ? [] : menu.split(" ");
  for (const [index, { text, group }] of items.entries()) {
    if (group !== undefined || text.includes("="))
      return { path: words.join(" "), verb: undefined, rest: items.slice(index) };
    for (const word of text.split("/")) {
      if (word === "") continue;
      if (verbs.has(word)) return { path: words.join(" "), verb: word, rest: items.slice(index + 1) };
      words.push(word);
    }
  }
  return { path: words.join(" "), verb: undefined, rest: [] };
}

function valuesOf(items: readonly Item[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { text } of items) {
    const at = text.indexOf("=");
    if (at > 0) values.set(text.slice(0, at), text.slice(at + 1));
  }
  return values;
}

function conditionOf({ text, group }: Item, line: number): (row: Row) => boolean {
  const compared = /^([a-z0-9-]+)(!=|=|~)([^]*)$/.exec(text);
  if (compared !== null && group === undefined) {
    const [, name, sign, wanted] = compared;
    const isWanted = sign === "~" ? patternOf(wanted!, line) : (value: string): boolean => value === wanted;
    return ({ values }) => isWanted(values.get(name!) ?? "") === (sign !== "!=");
  }
  // What a script makes is never dynamic.
  if (text === "dynamic" || text === "!dynamic") return () => text === "!dynamic";
  if (text === "disabled" || text === "!disabled") {
    return ({ values }) => (values.get("disabled") === "yes") === (text === "disabled");
  }
  throw new Unreadable(line, `the condition ${text} of a find is not understood`);
}

function patternOf(text: string, line: number): (value: string) => boolean {
  try {
    const pattern = new RegExp(text);
    return (value) => pattern.test(value);
  } catch {
    throw new Unreadable(line, `${text} is no regular expression`);
  }
}

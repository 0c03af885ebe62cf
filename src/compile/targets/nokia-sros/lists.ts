// Match lists that filters name: prefixes, with exclusions, and ports. What is wrong with one matters to who names it.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import { namedSet } from "../../ir.ts";
import type { NamedSet, PortRange } from "../../ir.ts";
import { Unreadable } from "../statements.ts";
import { portOf } from "../words.ts";

interface ReadList {
  readonly prefixes: AddressSetBuilder;
  readonly excluded: AddressSetBuilder;
  problem: { readonly line: number; readonly message: string } | undefined;
}

export class MatchLists {
  readonly #prefixes = new Map<string, ReadList>();
  readonly #ports = new Map<string, PortRange[]>();
  readonly #built = new Map<string, NamedSet>();

  read([kind, name, ...rest]: readonly string[], line: number): void {
    if (name === undefined) return;
    if (kind === "port-list") this.#readPorts(name, rest, line);
    if (kind === "ip-prefix-list" || kind === "ipv6-prefix-list") this.#readPrefix(`${kind} ${name}`, rest, line);
  }

  #readPrefix(key: string, [word, value]: readonly string[], line: number): void {
    const list = this.#prefixes.get(key) ?? {
      prefixes: new AddressSetBuilder(),
      excluded: new AddressSetBuilder(),
      problem: undefined,
    };
    this.#prefixes.set(key, list);
    if (word === undefined || word === "description") return;
    const builder = word === "prefix" ? list.prefixes : word === "prefix-exclude" ? list.excluded : undefined;
    const wrong =
      builder === undefined ? `${word} of a list is not understood` : value === undefined ? "" : builder.addText(value);
    if (wrong !== undefined && wrong !== "") list.problem ??= { line, message: `${value} ${wrong}` };
  }

  #readPorts(name: string, [word, ...rest]: readonly string[], line: number): void {
    const list = this.#ports.get(name) ?? [];
    this.#ports.set(name, list);
    if (word === undefined || word === "description" || rest.length === 0) return;
    const [first, last] = word === "port" ? [rest[0], rest[0]] : word === "range" ? [rest[1], rest[3]] : [];
    const [from, to] = [portOf(first ?? ""), portOf(last ?? "")];
    if (from === undefined || to === undefined) throw new Unreadable(line, `${word} ${rest.join(" ")} is no port`);
    list.push({ first: from, last: to });
  }

  /** `kind` is the word of lists of the family. */
  prefixesOf(kind: string, name: string, line: number): NamedSet {
    const key = `${kind} ${name}`;
    const known = this.#built.get(key);
    if (known !== undefined) return known;
    const list = this.#prefixes.get(key);
    if (list === undefined) throw new Unreadable(line, `there is no ${key}`);
    if (list.problem !== undefined) throw new Unreadable(list.problem.line, list.problem.message);
    const [prefixes, excluded] = [list.prefixes.build(), list.excluded.build()];
    const built = namedSet(name, {
      v4: prefixes.v4.difference(excluded.v4),
      v6: prefixes.v6.difference(excluded.v6),
    });
    if (built.v4.isEmpty && built.v6.isEmpty) throw new Unreadable(line, `${key} is empty`);
    this.#built.set(key, built);
    return built;
  }

  portsOf(name: string, line: number): readonly PortRange[] {
    const ports = this.#ports.get(name);
    if (ports === undefined || ports.length === 0) throw new Unreadable(line, `there is no port-list ${name}`);
    return ports;
  }
}

// MD-CLI configuration to a program: with braces as `info` and `admin show configuration` show it, and flat with a path on each
// line, from the root or from within `configure`. Filters that are applied somewhere must be understood as a whole; of
// others, and of the rest of the configuration, nothing is asked.

import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import type { Family } from "../../../base/address.ts";
import { neverSpoofed } from "../../../policy/network/evaluate.ts";
import { familySet } from "../../ir.ts";
import type { Binding, Filter, Program, SourceValidation } from "../../ir.ts";
import type { ParseProblem, ReadContext, TextFile } from "../../target.ts";
import { families } from "../places.ts";
import { statementsOf, Unreadable } from "../statements.ts";
import type { Statement } from "../statements.ts";
import { FilterReader } from "./filter.ts";
import { MatchLists } from "./lists.ts";

export function parseConfiguration(files: readonly TextFile[], context: ReadContext): Result<Program, ParseProblem> {
  const [file, second] = files;
  if (file === undefined || second !== undefined) {
    return failure({ path: second?.path ?? "", line: 1, message: "a configuration is one text" });
  }
  try {
    const reader = new Reader();
    for (const statement of statementsOf(file.text)) reader.read(statement);
    return success(reader.program(context));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path: file.path, line: error.line, message: error.message });
    throw error;
  }
}

interface Use {
  readonly filter: string;
  readonly family: Family;
  readonly direction: "in" | "out";
  readonly at: string;
  readonly line: number;
}

class Reader {
  readonly #lists = new MatchLists();
  readonly #filters = new Map<string, FilterReader>();
  readonly #uses = new Map<string, Use>();
  /** Interfaces that take some of their configuration from groups. */
  readonly #grouped = new Map<string, number>();
  readonly #strict = new Map<string, { readonly at: string; readonly family: Family }>();

  read({ kind, path, line }: Statement): void {
    const [first, ...rest] = path;
    const words = first === "configure" || first === "/configure" ? rest : path;
    const [part, name] = words;
    if (part === "filter" && name === "match-list") this.#lists.read(words.slice(2), line);
    else if (part === "filter" && (name === "ip-filter" || name === "ipv6-filter")) {
      this.#readFilter(name === "ip-filter" ? 4 : 6, words.slice(2), kind, line);
    } else if (part === "router") {
      const at = name === "interface" ? words.slice(1) : name === "Base" ? words.slice(2) : [];
      if (at[0] === "interface" && at[1] !== undefined) this.#readInterface(at[1], at.slice(2), line);
    } else if (part === "service" && (name === "ies" || name === "vprn")) this.#readService(name, words.slice(2), line);
  }

  #readFilter(family: Family, [name, ...rest]: readonly string[], kind: Statement["kind"], line: number): void {
    if (name === undefined) return;
    const key = `${family} ${name}`;
    const filter = this.#filters.get(key) ?? new FilterReader(key.replace(" ", "-"), family);
    this.#filters.set(key, filter);
    filter.read(rest, kind, line);
  }

  #readService(type: string, [service, word, name, ...rest]: readonly string[], line: number): void {
    if (word !== "interface" || name === undefined) return;
    const at = `${type}:${service}:${name}`;
    if (rest[0] === "sap") this.#readInterface(`${at}:${rest[1]}`, rest.slice(2), line);
    else if (rest[0] === "ipv4" || rest[0] === "ipv6") this.#readInterface(at, rest, line);
  }

  #readInterface(at: string, [word, part, ...rest]: readonly string[], line: number): void {
    if (word === "apply-groups") this.#grouped.set(at, line);
    if ((word === "ipv4" || word === "ipv6") && part === "urpf-check") {
      const family = word === "ipv4" ? 4 : 6;
      const mode = rest[rest.indexOf("mode") + 1];
      if (rest.includes("mode") && mode === "loose") this.#strict.delete(`${at} ${family}`);
      else this.#strict.set(`${at} ${family}`, { at, family });
      return;
    }
    if ((word !== "ingress" && word !== "egress") || part !== "filter") return;
    const direction = word === "ingress" ? "in" : "out";
    for (let index = 0; index + 1 < rest.length; index += 2) {
      const [kind, filter] = [rest[index], rest[index + 1]!];
      if (kind !== "ip" && kind !== "ipv6") throw new Unreadable(line, `filter ${kind} is not understood`);
      const family = kind === "ip" ? 4 : 6;
      this.#uses.set(`${at} ${direction} ${family}`, { filter, family, direction, at, line });
    }
  }

  program({ scope, customerInterfaces, upstreamInterfaces }: ReadContext): Program {
    const customers = new Set([...customerInterfaces, ...scope.lines.flatMap((line) => line ?? [])]);
    const upstreams = new Set([...upstreamInterfaces, ...scope.upstreams.flatMap((upstream) => upstream ?? [])]);
    for (const [at, line] of this.#grouped) {
      if (!customers.has(at) && !upstreams.has(at)) continue;
      throw new Unreadable(line, "apply-groups is not understood: show the interface with `info inheritance`");
    }
    const built = new Map<string, Filter>();
    const filterNamed = (family: Family, name: string, line: number): Filter => {
      const key = `${family} ${name}`;
      const reader = this.#filters.get(key);
      if (reader === undefined) throw new Unreadable(line, `there is no filter ${name} of IPv${family}`);
      const filter = built.get(key) ?? reader.build(this.#lists);
      built.set(key, filter);
      return filter;
    };
    const bindings = [...this.#uses.values()].map(({ filter, family, direction, at, line }): Binding => {
      const isCustomer = customers.has(at);
      if (!isCustomer && !upstreams.has(at)) {
        throw new Unreadable(line, `interface ${at} is neither a customer's nor one towards the rest`);
      }
      return {
        filter: filterNamed(family, filter, line).name,
        place: { kind: isCustomer ? "line" : "upstream", name: at },
        direction: isCustomer === (direction === "in") ? "up" : "down",
        family,
      };
    });
    const alone = this.#uses.size > 0 ? [] : this.#alone(filterNamed);
    return {
      filters: [...built.values()],
      bindings: [...bindings, ...alone],
      validations: this.#validations(customers),
    };
  }

  /** Filters alone, as other generators print them: with one of a family it is clear what is meant. */
  #alone(filterNamed: (family: Family, name: string, line: number) => Filter): readonly Binding[] {
    return families.flatMap((family): readonly Binding[] => {
      const [name, second] = [...this.#filters.keys()].filter((key) => key.startsWith(`${family} `));
      if (name === undefined || second !== undefined) return [];
      const filter = filterNamed(family, name.slice(2), 1).name;
      return [{ filter, place: { kind: "everywhere" }, direction: "both", family }];
    });
  }

  /** The check of a service's interface holds for each access point of it. */
  #validations(customers: ReadonlySet<string>): readonly SourceValidation[] {
    return [...this.#strict.values()].flatMap(({ at, family }) =>
      [...customers]
        .filter((line) => line === at || (at.includes(":") && line.startsWith(`${at}:`)))
        .map((line): SourceValidation => ({
          id: `sav:${line}`,
          line,
          family,
          check: { kind: "strict", routes: undefined, besides: familySet(neverSpoofed, family) },
          manners: ["drop"],
        })),
    );
  }
}

// Statements to a program: prefix lists, filters and where they are applied. Of a filter whatever is not understood is a
// problem; the rest of the configuration is passed over.

import { AddressSetBuilder, nowhere } from "../../../base/address-set.ts";
import type { AddressSets } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { neverSpoofed } from "../../../policy/network/evaluate.ts";
import { familySet, namedSet, pass } from "../../ir.ts";
import type { Action, Binding, Filter, Match, NamedSet, PortRange, Program, SourceValidation, Term } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { Flags } from "../../packet.ts";
import type { ParseProblem, ReadContext, TextFile } from "../../target.ts";
import { forEachStatement, Unreadable } from "./statements.ts";

/** A name without a unit stands for unit 0. */
function nameOf(names: Iterable<string | undefined>, at: string): string | undefined {
  for (const name of names) if (name === at || (name !== undefined && at === `${name}.0`)) return name;
  return undefined;
}

/** One address of a `from`: of a list, or written there. */
interface Member {
  readonly list: string | undefined;
  readonly prefix: string | undefined;
  readonly isExcept: boolean;
}

interface ReadTerm {
  readonly name: string;
  readonly line: number;
  readonly source: Member[];
  readonly destination: Member[];
  readonly protocols: number[];
  readonly sourcePorts: PortRange[];
  readonly destinationPorts: PortRange[];
  flags: Flags | undefined;
  action: Action | "next" | undefined;
}

interface ReadFilter {
  readonly name: string;
  readonly family: Family;
  readonly terms: Map<string, ReadTerm>;
}

const drop: Action = { kind: "block", manners: ["drop"] };

export function parseConfiguration(files: readonly TextFile[], context: ReadContext): Result<Program, ParseProblem> {
  const [file, second] = files;
  if (file === undefined || second !== undefined) {
    return failure({ path: second?.path ?? "", line: 1, message: "a configuration is one text" });
  }
  try {
    const reader = new Reader();
    forEachStatement(file.text, (path, line) => reader.read(path, line));
    return success(reader.program(context));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path: file.path, line: error.line, message: error.message });
    throw error;
  }
}

class Reader {
  readonly #lists = new Map<string, AddressSetBuilder>();
  readonly #filters = new Map<string, ReadFilter>();
  readonly #uses: { filter: string; family: Family; direction: "input" | "output"; at: string; line: number }[] = [];
  readonly #strict = new Map<string, { readonly at: string; readonly family: Family }>();
  /** Read once, whatever number of terms name them. */
  readonly #built = new Map<string, AddressSets>();
  readonly #sets = new Map<string, NamedSet>();

  read(path: readonly string[], line: number): void {
    const [first, second, third] = path;
    if (first === "policy-options" && second === "prefix-list") this.#readPrefix(third ?? "", path[3], line);
    else if (first === "firewall" && second === "family") this.#readFilter(path.slice(2), line);
    else if (first === "firewall" && second === "filter") this.#readFilter(["inet", ...path.slice(1)], line);
    else if (first === "interfaces") this.#readInterface(path, line);
  }

  #readPrefix(list: string, prefix: string | undefined, line: number): void {
    let builder = this.#lists.get(list);
    if (builder === undefined) this.#lists.set(list, (builder = new AddressSetBuilder()));
    if (prefix === undefined) return;
    if (prefix === "apply-path") throw new Unreadable(line, "apply-path is not understood");
    const wrong = builder.addText(prefix);
    if (wrong !== undefined) throw new Unreadable(line, `${prefix} ${wrong}`);
  }

  #readFilter([family, word, name, kind, term, part, ...rest]: readonly string[], line: number): void {
    if ((family !== "inet" && family !== "inet6") || word !== "filter" || name === undefined) return;
    const key = `${family} ${name}`;
    const filter = this.#filters.get(key) ?? {
      name,
      family: family === "inet" ? 4 : 6,
      terms: new Map<string, ReadTerm>(),
    };
    this.#filters.set(key, filter);
    if (kind !== "term") {
      if (kind === "interface-specific" || kind === "physical-interface-filter" || kind === undefined) return;
      throw new Unreadable(line, `${kind} is not understood in a filter`);
    }
    if (term === undefined) throw new Unreadable(line, "a term has no name");
    let read = filter.terms.get(term);
    if (read === undefined) {
      read = {
        name: term,
        line,
        source: [],
        destination: [],
        protocols: [],
        sourcePorts: [],
        destinationPorts: [],
        flags: undefined,
        action: undefined,
      };
      filter.terms.set(term, read);
    }
    if (part === "from") this.#readCondition(read, rest, line);
    else if (part === "then") this.#readAction(read, rest, line);
    else if (part !== undefined) throw new Unreadable(line, `${part} is not understood in a term`);
  }

  #readCondition(term: ReadTerm, [kind, value, option]: readonly string[], line: number): void {
    const fail = (message: string): never => {
      throw new Unreadable(line, message);
    };
    const end = kind?.startsWith("source-") ? term.source : term.destination;
    switch (kind) {
      case "source-address":
      case "destination-address":
      case "source-prefix-list":
      case "destination-prefix-list": {
        if (value === undefined || (option !== undefined && option !== "except"))
          return fail(`${kind} has no value that is understood`);
        const isList = kind.endsWith("prefix-list");
        end.push({
          list: isList ? value : undefined,
          prefix: isList ? undefined : value,
          isExcept: option === "except",
        });
        return;
      }
      case "protocol":
      case "next-header":
      case "payload-protocol":
        term.protocols.push(protocolOf(value) ?? fail(`${value} is no protocol`));
        return;
      case "source-port":
        term.sourcePorts.push(portsOf(value) ?? fail(`${value} is no port`));
        return;
      case "destination-port":
        term.destinationPorts.push(portsOf(value) ?? fail(`${value} is no port`));
        return;
      case "tcp-initial":
        term.flags = "syn";
        return;
      case "tcp-flags":
        term.flags = flagsOf(value) ?? fail(`tcp-flags ${value} is not understood`);
        return;
      case undefined:
      default:
        return fail(`${kind} is not understood in a from`);
    }
  }

  #readAction(term: ReadTerm, [kind, value]: readonly string[], line: number): void {
    switch (kind) {
      case "accept":
        term.action = pass;
        return;
      case "discard":
        term.action = drop;
        return;
      case "reject":
        term.action = { kind: "block", manners: [value === "tcp-reset" ? "reset" : "admin-prohibited"] };
        return;
      case "next":
        if (value !== "term") throw new Unreadable(line, `next ${value} is not understood`);
        term.action = "next";
        return;
      case "count":
      case "log":
      case "syslog":
      case "sample":
        return;
      case undefined:
      default:
        throw new Unreadable(line, `${kind} is not understood in a then`);
    }
  }

  #readInterface([, device, unitWord, unit, familyWord, family, kind, ...rest]: readonly string[], line: number): void {
    if (unitWord !== "unit" || familyWord !== "family" || (family !== "inet" && family !== "inet6")) return;
    const at = `${device}.${unit}`;
    const of: Family = family === "inet" ? 4 : 6;
    if (kind === "rpf-check") {
      const key = `${at} ${of}`;
      if (rest.join(" ") === "mode loose") this.#strict.delete(key);
      else if (rest.length === 0) this.#strict.set(key, { at, family: of });
      else throw new Unreadable(line, `rpf-check ${rest.join(" ")} is not understood`);
      return;
    }
    if (kind !== "filter") return;
    const [direction, filter] = rest;
    if ((direction !== "input" && direction !== "output") || filter === undefined) {
      throw new Unreadable(line, `filter ${rest.join(" ")} is not understood: one for input and one for output is`);
    }
    this.#uses.push({ filter, family: of, direction, at, line });
  }

  program({ scope, customerInterfaces, upstreamInterfaces }: ReadContext): Program {
    const filters = new Map([...this.#filters].map(([key, filter]) => [key, this.#build(key, filter)]));
    const customers = [...customerInterfaces, ...scope.lines];
    const bindings = this.#uses.map(({ filter, family, direction, at, line }): Binding => {
      const bound = filters.get(`${family === 4 ? "inet" : "inet6"} ${filter}`);
      if (bound === undefined) throw new Unreadable(line, `there is no filter ${filter} of this family`);
      const customer = nameOf(customers, at);
      const upstream = nameOf([...upstreamInterfaces, ...scope.upstreams], at);
      const name = customer ?? upstream;
      if (name === undefined)
        throw new Unreadable(line, `interface ${at} is neither a customer's nor one towards the rest`);
      return {
        filter: bound.name,
        place: { kind: customer === undefined ? "upstream" : "line", name },
        direction: (customer !== undefined) === (direction === "input") ? "up" : "down",
        family,
      };
    });
    const validations = [...this.#strict.values()].flatMap(({ at, family }): readonly SourceValidation[] => {
      const line = nameOf(customers, at);
      if (line === undefined) return [];
      const besides = familySet(neverSpoofed, family);
      return [
        { id: `sav:${line}`, line, family, check: { kind: "strict", routes: undefined, besides }, manners: ["drop"] },
      ];
    });
    const all = [...filters.values()];
    // Filters alone, as other generators print them: with one of a family it is clear what is meant.
    const alone = [...this.#filters].filter(
      ([, { family }]) => [...this.#filters.values()].filter((each) => each.family === family).length === 1,
    );
    const unbound = alone.map(([key, { family }]): Binding => ({
      filter: filters.get(key)!.name,
      place: { kind: "everywhere" },
      direction: "both",
      family,
    }));
    return { filters: all, bindings: bindings.length > 0 ? bindings : unbound, validations };
  }

  #build(key: string, { family, terms }: ReadFilter): Filter {
    const name = key.replace(" ", "-");
    return {
      name,
      terms: [...terms.values()].flatMap((term) => this.#termsOf(term, family)),
      // What no term matched is discarded.
      otherwise: drop,
    };
  }

  #termsOf(term: ReadTerm, family: Family): readonly Term[] {
    const { action, protocols, sourcePorts, destinationPorts, flags } = term;
    if (action === "next") return [];
    const source = this.#end(term.source, family, term.line);
    const destination = this.#end(term.destination, family, term.line);
    const hasPorts = sourcePorts.length > 0 || destinationPorts.length > 0;
    if (hasPorts && (protocols.length === 0 || protocols.some((each) => each !== tcp && each !== udp))) {
      throw new Unreadable(term.line, "ports without protocol tcp or udp match what looks like a port in anything");
    }
    if (flags !== undefined && (protocols.length !== 1 || protocols[0] !== tcp)) {
      throw new Unreadable(term.line, "tcp flags without protocol tcp match what looks like flags in anything");
    }
    const match: Match = {
      family,
      ...(source === undefined ? {} : { source }),
      ...(destination === undefined ? {} : { destination }),
      ...(sourcePorts.length === 0 ? {} : { sourcePorts }),
      ...(destinationPorts.length === 0 ? {} : { destinationPorts }),
      ...(flags === undefined ? {} : { flags }),
    };
    // A term without an action accepts what it matches.
    const said = { id: term.name, action: action ?? pass };
    return protocols.length === 0
      ? [{ ...said, match }]
      : protocols.map((protocol) => ({ ...said, match: { ...match, protocol } }));
  }

  /** Of several prefixes that hold an address the longest decides (longest match, as the device does it). */
  #end(members: readonly Member[], family: Family, line: number): NamedSet | undefined {
    if (members.length === 0) return undefined;
    const key = `${family} ${members.map(({ list, prefix, isExcept }) => `${list ?? prefix}${isExcept ? "!" : ""}`).join(" ")}`;
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = namedSet(
        members.map(({ list, prefix }) => list ?? prefix).join("-"),
        this.#addressesOf(members, family, line),
      );
      this.#sets.set(key, set);
    }
    return set;
  }

  #addressesOf(members: readonly Member[], family: Family, line: number): AddressSets {
    const partOf = (isExcept: boolean): AddressSets => {
      const builder = new AddressSetBuilder();
      for (const member of members.filter((each) => each.isExcept === isExcept)) {
        if (member.list === undefined) {
          const wrong = builder.addText(member.prefix!);
          if (wrong !== undefined) throw new Unreadable(line, `${member.prefix} ${wrong}`);
        } else {
          builder.addSets(this.#listOf(member.list, line));
        }
      }
      const { v4, v6 } = builder.build();
      return family === 4 ? { v4, v6: nowhere.v6 } : { v4: nowhere.v4, v6 };
    };
    const matched = partOf(false);
    if (!members.some(({ isExcept }) => isExcept)) return matched;
    const except = partOf(true);
    // Exceptions within what matches, and not the other way round: then order of length and subtraction are the same.
    const outside = except.v4.difference(matched.v4).isEmpty && except.v6.difference(matched.v6).isEmpty;
    if (!outside) throw new Unreadable(line, "an exception that is not within what matches is not understood");
    return { v4: matched.v4.difference(except.v4), v6: matched.v6.difference(except.v6) };
  }

  #listOf(name: string, line: number): AddressSets {
    const known = this.#built.get(name);
    if (known !== undefined) return known;
    const builder = this.#lists.get(name);
    if (builder === undefined) throw new Unreadable(line, `there is no prefix-list ${name}`);
    const built = builder.build();
    if (built.v4.isEmpty && built.v6.isEmpty) throw new Unreadable(line, `the prefix-list ${name} is empty`);
    this.#built.set(name, built);
    return built;
  }
}

const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp,
  udp,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  icmpv6: 58,
  ospf: 89,
  pim: 103,
  sctp: 132,
};

function protocolOf(word: string | undefined): number | undefined {
  if (word === undefined) return undefined;
  if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return Number(word);
  return protocols[word];
}

const portNames: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  http: 80,
  pop3: 110,
  imap: 143,
  bgp: 179,
  https: 443,
};

function portsOf(word: string | undefined): PortRange | undefined {
  const [first, last = first, more] = word?.split("-") ?? [];
  if (more !== undefined) return undefined;
  const [from, to] = [portOf(first), portOf(last)];
  return from === undefined || to === undefined || from > to ? undefined : { first: from, last: to };
}

function portOf(word: string | undefined): number | undefined {
  if (word === undefined) return undefined;
  if (/^\d{1,5}$/.test(word)) return Number(word) <= 65_535 ? Number(word) : undefined;
  return portNames[word];
}

function flagsOf(text: string | undefined): Flags | undefined {
  switch (text?.replaceAll(/[\s()]/g, "")) {
    case "syn&!ack":
      return "syn";
    case "!syn|ack":
      return "other";
    case undefined:
    default:
      return undefined;
  }
}

// One filter from its statements. Entries are asked in the order of their numbers; one without an action is inactive. What is
// not understood is kept with its line, and is a problem when the filter is built, that is, applied somewhere.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { familySet, namedSet, pass } from "../../ir.ts";
import type { Action, Filter, Match, NamedSet, PortRange, Term } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import { Unreadable } from "../statements.ts";
import type { Statement } from "../statements.ts";
import { portOf, protocolOf } from "../words.ts";
import type { MatchLists } from "./lists.ts";

interface ReadEntry {
  readonly line: number;
  description: string | undefined;
  action: "accept" | "drop" | "ignore-match" | undefined;
  /** Statements within `match`. */
  readonly match: { readonly words: readonly string[]; readonly line: number }[];
}

const drop: Action = { kind: "block", manners: ["drop"] };

/** Of an entry or a filter, what changes nothing for the packet; each has a value. */
const harmless = new Set([
  "description",
  "filter-id",
  "scope",
  "type",
  "log",
  "collect-stats",
  "filter-sample",
  "interface-sample",
  "sample-profile",
]);

export class FilterReader {
  readonly #name: string;
  readonly #family: Family;
  readonly #entries = new Map<number, ReadEntry>();
  #defaultAction: "accept" | "drop" = "drop";
  #problem: Unreadable | undefined;

  constructor(name: string, family: Family) {
    this.#name = name;
    this.#family = family;
  }

  /** The words behind the name; a line may say several things. */
  read(words: readonly string[], kind: Statement["kind"], line: number): void {
    const [word, value, ...rest] = words;
    if (word === undefined) return;
    if (word === "entry") {
      const number = Number(value);
      if (!Number.isInteger(number) || number < 1) return this.#refuse(line, `${value} is no number of an entry`);
      const entry = this.#entries.get(number) ?? { line, description: undefined, action: undefined, match: [] };
      this.#entries.set(number, entry);
      return this.#readEntry(entry, rest, kind, line);
    }
    if (word === "default-action") {
      if (value !== "accept" && value !== "drop")
        return this.#refuse(line, `default-action ${value} is not understood`);
      this.#defaultAction = value;
      return this.read(rest, kind, line);
    }
    if (harmless.has(word) || (word === "chain-to-system-filter" && value === "false"))
      return this.read(rest, kind, line);
    this.#refuse(line, `${word} of a filter is not understood`);
  }

  #readEntry(entry: ReadEntry, words: readonly string[], kind: Statement["kind"], line: number): void {
    const [word, value, ...rest] = words;
    switch (word) {
      case undefined:
        return;
      case "match":
        if (kind === "leaf") entry.match.push({ words: words.slice(1), line });
        return;
      case "action":
        if (value === undefined) return;
        if ((value !== "accept" && value !== "drop" && value !== "ignore-match") || rest.length > 0) {
          return this.#refuse(line, `action ${[value, ...rest].join(" ")} is not understood`);
        }
        entry.action = value;
        return;
      case "description":
        entry.description = value;
        return this.#readEntry(entry, rest, kind, line);
      default:
        if (!harmless.has(word)) return this.#refuse(line, `${word} of an entry is not understood`);
        this.#readEntry(entry, rest, kind, line);
    }
  }

  #refuse(line: number, message: string): void {
    this.#problem ??= new Unreadable(line, message);
  }

  build(lists: MatchLists): Filter {
    if (this.#problem !== undefined) throw this.#problem;
    const terms = [...this.#entries]
      .toSorted(([left], [right]) => left - right)
      .flatMap(([number, entry]): Term | readonly Term[] => {
        if (entry.action === undefined || entry.action === "ignore-match") return [];
        const match = new MatchReader(this.#family, lists);
        for (const { words, line } of entry.match) match.read(words, line);
        const id = entry.description ?? `entry ${number}`;
        return { id, match: match.build(entry.line), action: entry.action === "accept" ? pass : drop };
      });
    return { name: this.#name, terms, otherwise: this.#defaultAction === "accept" ? pass : drop };
  }
}

class MatchReader {
  readonly #family: Family;
  readonly #lists: MatchLists;
  readonly #ends: Record<"src" | "dst", { addresses: NamedSet | undefined; ports: readonly PortRange[] | undefined }> =
    {
      src: { addresses: undefined, ports: undefined },
      dst: { addresses: undefined, ports: undefined },
    };
  #protocol: number | undefined;
  readonly #flags = new Map<string, string>();
  /** Of a range in two statements. */
  readonly #starts = new Map<string, number>();

  constructor(family: Family, lists: MatchLists) {
    this.#family = family;
    this.#lists = lists;
  }

  read([word, first, second, ...rest]: readonly string[], line: number): void {
    switch (word) {
      case undefined:
        return;
      case "protocol":
      case "next-header":
        this.#protocol = protocolOf(first ?? "") ?? fail(line, `${first} is no protocol`);
        if (second !== undefined) this.read([second, ...rest], line);
        return;
      case "src-ip":
      case "dst-ip":
        this.#ends[endOf(word)].addresses = this.#addresses(first, second, line);
        if (rest.length > 0) this.read(rest, line);
        return;
      case "src-port":
      case "dst-port": {
        const left = this.#ports(endOf(word), first, second, rest, line);
        if (left.length > 0) this.read(left, line);
        return;
      }
      case "tcp-flags": {
        const words = [first, second, ...rest];
        for (let at = 0; at + 1 < words.length; at += 2) this.#flags.set(words[at]!, words[at + 1]!);
        return;
      }
      default:
        fail(line, `${word} is not understood in a match`);
    }
  }

  #addresses(kind: string | undefined, value: string | undefined, line: number): NamedSet {
    const family = this.#family;
    const listWord = family === 4 ? "ip-prefix-list" : "ipv6-prefix-list";
    if (kind === listWord && value !== undefined) return this.#lists.prefixesOf(kind, value, line);
    const text = kind === "address" ? value : kind;
    if (text === undefined || (kind !== "address" && value !== undefined)) {
      return fail(line, `${kind} ${value ?? ""} is not understood as an address`);
    }
    const builder = new AddressSetBuilder();
    const wrong = builder.addText(text);
    if (wrong !== undefined) fail(line, `${text} ${wrong}`);
    const addresses = builder.build();
    if (familySet(addresses, family).isEmpty) fail(line, `${text} is no address of IPv${family}`);
    return namedSet(text, addresses);
  }

  /** The words that are left behind them. */
  #ports(
    end: "src" | "dst",
    kind: string | undefined,
    value: string | undefined,
    rest: readonly string[],
    line: number,
  ): readonly string[] {
    const port = (word: string | undefined): number => portOf(word ?? "") ?? fail(line, `${word} is no port`);
    const set = (first: number, last: number): void => {
      this.#ends[end].ports = [{ first, last }];
    };
    switch (kind) {
      case "eq":
        set(port(value), port(value));
        return rest;
      case "lt":
        set(0, port(value) - 1);
        return rest;
      case "gt":
        set(port(value) + 1, 65_535);
        return rest;
      case "port-list":
        this.#ends[end].ports = this.#lists.portsOf(value ?? "", line);
        return rest;
      case "range": {
        if (value !== "start" && value !== "end") return fail(line, "a range of ports has a start and an end");
        const both = [value, ...rest];
        const [start, stop] = [both.indexOf("start"), both.indexOf("end")];
        if (start >= 0) this.#starts.set(end, port(both[start + 1]));
        if (stop >= 0) set(this.#starts.get(end) ?? fail(line, "a range of ports has no start"), port(both[stop + 1]));
        return both.slice(Math.max(start, stop) + 2);
      }
      case undefined:
      default:
        return fail(line, `${kind} is not understood of ports`);
    }
  }

  build(line: number): Match {
    const { src, dst } = this.#ends;
    const protocol = this.#protocol;
    if ((src.ports !== undefined || dst.ports !== undefined) && protocol !== tcp && protocol !== udp) {
      fail(line, "ports go with tcp or udp");
    }
    const isSyn = this.#flags.size === 2 && this.#flags.get("syn") === "true" && this.#flags.get("ack") === "false";
    if (this.#flags.size > 0 && (!isSyn || protocol !== tcp))
      fail(line, "only tcp-flags syn true ack false are understood");
    return {
      family: this.#family,
      ...(protocol === undefined ? {} : { protocol }),
      ...(src.addresses === undefined ? {} : { source: src.addresses }),
      ...(dst.addresses === undefined ? {} : { destination: dst.addresses }),
      ...(src.ports === undefined ? {} : { sourcePorts: src.ports }),
      ...(dst.ports === undefined ? {} : { destinationPorts: dst.ports }),
      ...(isSyn ? { flags: "syn" as const } : {}),
    };
  }
}

function endOf(word: string): "src" | "dst" {
  return word.startsWith("src") ? "src" : "dst";
}

function fail(line: number, message: string): never {
  throw new Unreadable(line, message);
}

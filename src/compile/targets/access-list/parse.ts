// Text of access lists to a program: our own, a device's configuration, what `show` makes of it (renumbered lines, names of
// ports, counts of matches, sequence numbers at the end), and other generators'. Of a configuration everything that is not
// about access lists, groups, and interfaces that carry them is passed over; a line within those that is not understood
// is a problem.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import { formatAddress, parseAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { neverSpoofed } from "../../../policy/network/evaluate.ts";
import { FilterBuilder } from "../../merge.ts";
import type { LineAddress, LineMatch } from "../../merge.ts";
import { familySet, namedSet, pass } from "../../ir.ts";
import type { Action, Binding, Filter, NamedSet, PortRange, Program, SourceValidation } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { ParseProblem, ReadContext, TextFile } from "../../target.ts";

const deny: Action = { kind: "block", manners: ["drop"] };

class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

interface ReadList {
  readonly name: string;
  readonly family: Family;
  readonly builder: FilterBuilder;
  lines: number;
}

interface Use {
  readonly list: string;
  readonly family: Family;
  readonly direction: "in" | "out";
  readonly at: string;
  readonly line: number;
}

export function parseListing(files: readonly TextFile[], context: ReadContext): Result<Program, ParseProblem> {
  const [file, second] = files;
  if (file === undefined || second !== undefined) {
    return failure({ path: second?.path ?? "", line: 1, message: "a configuration is one text" });
  }
  const reader = new Reader();
  try {
    reader.read(file.text);
    return success(reader.program(context));
  } catch (error) {
    if (error instanceof Unreadable) return failure({ path: file.path, line: error.line, message: error.message });
    throw error;
  }
}

type Section =
  | { readonly kind: "other" }
  | { readonly kind: "list"; readonly list: ReadList }
  | { readonly kind: "group"; readonly family: Family; readonly name: string; readonly builder: AddressSetBuilder }
  | { readonly kind: "interface"; readonly name: string };

class Reader {
  readonly #lists = new Map<string, ReadList>();
  readonly #groups = new Map<string, NamedSet>();
  readonly #uses: Use[] = [];
  readonly #strict: { readonly at: string; readonly family: Family }[] = [];
  #section: Section = { kind: "other" };
  #line = 0;
  /** One object for each kind of line, so that merging does not compare texts. */
  readonly #matches = new Map<string, LineMatch>();

  read(text: string): void {
    for (const raw of text.split("\n")) {
      this.#line++;
      const content = raw.replace(/\r$/, "");
      const trimmed = content.trim();
      if (trimmed === "" || trimmed.startsWith("!") || trimmed.startsWith("#")) continue;
      const begun = /^\s/.test(content) && this.#section.kind !== "other" ? undefined : sectionOf(trimmed);
      if (begun !== undefined) this.#begin(begun);
      else if (this.#section.kind === "list") this.#readEntry(this.#section.list, trimmed);
      else if (this.#section.kind === "group") this.#readMember(this.#section, trimmed);
      else if (this.#section.kind === "interface") this.#readInterface(this.#section.name, trimmed);
    }
    this.#end();
  }

  #begin(begun: Begun): void {
    this.#end();
    switch (begun.kind) {
      case "list": {
        const key = `${begun.family} ${begun.name}`;
        // Entered again, a list goes on.
        const list = this.#lists.get(key) ?? { ...begun, builder: new FilterBuilder(key.replace(" ", "-")), lines: 0 };
        this.#lists.set(key, list);
        this.#section = { kind: "list", list };
        return;
      }
      case "group":
        this.#section = { ...begun, builder: new AddressSetBuilder() };
        return;
      case "no-list":
        this.#lists.delete(`${begun.family} ${begun.name}`);
        this.#section = { kind: "other" };
        return;
      case "interface":
      case "other":
        this.#section = begun;
    }
  }

  #end(): void {
    const section = this.#section;
    if (section.kind !== "group") return;
    this.#groups.set(section.name, namedSet(section.name, section.builder.build()));
    this.#section = { kind: "other" };
  }

  #readMember({ family, builder }: Extract<Section, { kind: "group" }>, text: string): void {
    const words = text.replace(/^\d+\s+/, "").split(/\s+/);
    if (words[0] === "description" || words[0] === "exit") return;
    const [end, rest] = this.#endOf(words, family, "mask");
    if (rest.length > 0 || typeof end !== "string") this.#fail(`no member of a group: ${text}`);
    const wrong = builder.addText(end);
    if (wrong !== undefined) this.#fail(`${end} ${wrong}`);
  }

  #readInterface(name: string, text: string): void {
    const bound = /^(ip|ipv4|ipv6) (?:access-group|traffic-filter)(?: name)? (\S+) (in|out|ingress|egress)\b/.exec(
      text,
    );
    if (bound !== null) {
      const direction = bound[3]!.startsWith("in") ? "in" : "out";
      this.#uses.push({ list: bound[2]!, family: familyOf(bound[1]!), direction, at: name, line: this.#line });
      return;
    }
    const strict = /^(ip|ipv4|ipv6) verify unicast source reachable-via (rx|any)\b/.exec(text);
    // `any` is the loose check: no defence, and nothing that the policy asks for.
    if (strict !== null && strict[2] === "rx") this.#strict.push({ at: name, family: familyOf(strict[1]!) });
  }

  #readEntry(list: ReadList, text: string): void {
    let words = text.replace(/\s*\(.*$/, "").split(/\s+/);
    if (words[0] === "sequence") words = words.slice(2);
    else if (/^\d+$/.test(words[0]!)) words = words.slice(1);
    const at = words.indexOf("sequence");
    if (at > 0) words = words.toSpliced(at, 2);
    const [verb, protocolWord, ...ends] = words;
    if (verb === "remark" || verb === "statistics" || verb === "counters" || verb === "exit") return;
    if (verb !== "permit" && verb !== "deny") this.#fail(`no line of an access list: ${text}`);
    const protocol = this.#protocolOf(protocolWord ?? "", list.family);
    const [source, afterSource] = this.#endOf(ends, list.family, "wildcard");
    const [sourcePorts, beforeDestination] = this.#portsOf(afterSource);
    const [destination, afterDestination] = this.#endOf(beforeDestination, list.family, "wildcard");
    const [destinationPorts, rest] = this.#portsOf(afterDestination);
    const unknown = rest.find((word) => word !== "log" && word !== "log-input");
    if (unknown !== undefined) this.#fail(`${unknown} is not understood in a line of an access list`);
    if ((sourcePorts !== undefined || destinationPorts !== undefined) && protocol !== tcp && protocol !== udp) {
      this.#fail("ports go with tcp or udp");
    }
    const match = this.#matchOf(list.family, protocol, sourcePorts, destinationPorts);
    list.lines++;
    const wrong = list.builder.add(match, source, destination, verb === "permit" ? pass : deny, `line ${this.#line}`);
    if (wrong !== undefined) this.#fail(wrong);
  }

  #matchOf(
    family: Family,
    protocol: number | undefined,
    sourcePorts: readonly PortRange[] | undefined,
    destinationPorts: readonly PortRange[] | undefined,
  ): LineMatch {
    const key = JSON.stringify([family, protocol, sourcePorts, destinationPorts]);
    const known = this.#matches.get(key);
    if (known !== undefined) return known;
    const made: LineMatch = {
      family,
      ...(protocol === undefined ? {} : { protocol }),
      ...(sourcePorts === undefined ? {} : { sourcePorts }),
      ...(destinationPorts === undefined ? {} : { destinationPorts }),
    };
    this.#matches.set(key, made);
    return made;
  }

  #protocolOf(word: string, family: Family): number | undefined {
    if (word === "ip" || word === "ipv4" || word === "ipv6" || word === "any") return undefined;
    const known = word === "icmp" && family === 6 ? 58 : protocols[word];
    if (known !== undefined) return known;
    if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return Number(word);
    return this.#fail(`${word} is no protocol`);
  }

  /** One end of a line, and the words behind it. Words after an address are bits to pass over, or of a mask in groups. */
  #endOf(
    words: readonly string[],
    family: Family,
    bits: "wildcard" | "mask",
  ): readonly [LineAddress, readonly string[]] {
    const [first = "", second = ""] = words;
    switch (first) {
      case "any":
      case "any4":
      case "any6":
        return [undefined, words.slice(1)];
      case "host":
        return [this.#addressOf(second, family), words.slice(2)];
      case "object-group":
      case "net-group":
      case "addrgroup": {
        const group = this.#groups.get(second);
        if (group === undefined) this.#fail(`there is no group ${second} above this line`);
        return [group, words.slice(2)];
      }
      default:
        if (first.includes("/")) return [this.#prefixOf(first, family), words.slice(1)];
        if (family === 6) return [this.#addressOf(first, family), words.slice(1)];
        if (!second.includes(".")) return [this.#addressOf(first, family), words.slice(1)];
        return [this.#masked(first, second, bits), words.slice(2)];
    }
  }

  #addressOf(text: string, family: Family): string {
    const address = parseAddress(text);
    if (address === undefined || (address.length === 1 ? 4 : 6) !== family)
      this.#fail(`${text} is no IPv${family} address`);
    return formatAddress(address, family);
  }

  #prefixOf(text: string, family: Family): string {
    const [address = "", length = ""] = text.split("/");
    return `${this.#addressOf(address, family)}/${length}`;
  }

  /** Bits of the address that the mask leaves open are taken as zero, as devices do. */
  #masked(text: string, bits: string, kind: "wildcard" | "mask"): string {
    const address = parseAddress(this.#addressOf(text, 4))![0]!;
    const written = parseAddress(bits);
    if (written?.length !== 1) this.#fail(`${bits} is no mask`);
    const open = kind === "wildcard" ? written[0]! : ~written[0]! >>> 0;
    if ((open & (open + 1)) !== 0) this.#fail(`${bits} has holes, which is not understood`);
    const network = (address & ~open) >>> 0;
    return `${formatAddress(Uint32Array.of(network), 4)}/${Math.clz32(open)}`;
  }

  #portsOf(words: readonly string[]): readonly [readonly PortRange[] | undefined, readonly string[]] {
    const [operator, first = "", second = ""] = words;
    switch (operator) {
      case "eq": {
        // IOS takes several ports behind one eq.
        const last = words.findIndex((word, index) => index > 0 && portOf(word) === undefined);
        const ports = words.slice(1, last < 0 ? undefined : last);
        if (ports.length === 0) this.#fail(`${first} is no port`);
        return [ports.map((word) => ({ first: portOf(word)!, last: portOf(word)! })), words.slice(1 + ports.length)];
      }
      case "range":
        return [[{ first: this.#port(first), last: this.#port(second) }], words.slice(3)];
      case "lt":
        return [[{ first: 0, last: this.#port(first) - 1 }], words.slice(2)];
      case "gt":
        return [[{ first: this.#port(first) + 1, last: 65_535 }], words.slice(2)];
      case "neq": {
        const port = this.#port(first);
        const ranges = [
          { first: 0, last: port - 1 },
          { first: port + 1, last: 65_535 },
        ];
        return [ranges.filter((range) => range.first <= range.last), words.slice(2)];
      }
      case undefined:
      default:
        return [undefined, words];
    }
  }

  #port(word: string): number {
    return portOf(word) ?? this.#fail(`${word} is no port`);
  }

  #fail(message: string): never {
    throw new Unreadable(this.#line, message);
  }

  program(context: ReadContext): Program {
    const filters = new Map<string, Filter>();
    for (const [key, list] of this.#lists) {
      if (list.lines === 0) throw new Unreadable(1, `${list.name} has no lines: devices differ in what that means`);
      filters.set(key, list.builder.build(deny));
    }
    const customers = new Set([...context.customerInterfaces, ...context.scope.lines]);
    const upstreams = new Set([...context.upstreamInterfaces, ...context.scope.upstreams]);
    const bindings = this.#uses.map(({ list, family, direction, at, line }): Binding => {
      const filter = filters.get(`${family} ${list}`);
      if (filter === undefined) throw new Unreadable(line, `there is no access list ${list} of IPv${family}`);
      const isCustomer = customers.has(at);
      if (!isCustomer && !upstreams.has(at)) {
        throw new Unreadable(line, `interface ${at} is neither a customer's nor one towards the rest`);
      }
      return {
        filter: filter.name,
        place: { kind: isCustomer ? "line" : "upstream", name: at },
        direction: isCustomer === (direction === "in") ? "up" : "down",
        family,
      };
    });
    const validations = this.#strict
      .filter(({ at }) => customers.has(at))
      .map(({ at, family }): SourceValidation => ({
        id: `sav:${at}`,
        line: at,
        family,
        check: { kind: "strict", routes: undefined, besides: familySet(neverSpoofed, family) },
        manners: ["drop"],
      }));
    const all = [...filters.values()];
    return { filters: all, bindings: bindings.length > 0 ? bindings : unbound(this.#lists, filters), validations };
  }
}

/** Lists alone, as other generators print them: with one of a family it is clear what is meant, it sees all packets. */
function unbound(lists: ReadonlyMap<string, ReadList>, filters: ReadonlyMap<string, Filter>): readonly Binding[] {
  const keys = [...lists].map(([key, { family }]) => ({ key, family }));
  return keys
    .filter(({ family }) => keys.filter((each) => each.family === family).length === 1)
    .map(({ key, family }) => ({
      filter: filters.get(key)!.name,
      place: { kind: "everywhere" },
      direction: "both",
      family,
    }));
}

type Begun =
  | { readonly kind: "list" | "no-list"; readonly family: Family; readonly name: string }
  | { readonly kind: "group"; readonly family: Family; readonly name: string }
  | { readonly kind: "interface"; readonly name: string }
  | { readonly kind: "other" };

/** The first line of a section, in configurations and in what `show` prints; undefined for a line that begins none. */
function sectionOf(text: string): Begun | undefined {
  const list =
    /^(no )?(ip|ipv4|ipv6) access-list (?:extended |standard )?(\S+)$/.exec(text) ??
    /^()(?:Extended |Standard )?(IP|IPv4|IPv6) access list (\S+)$/i.exec(text);
  if (list !== null) {
    const kind = list[1] === undefined || list[1] === "" ? "list" : "no-list";
    return { kind, family: familyOf(list[2]!.toLowerCase()), name: list[3]! };
  }
  const group = /^object-group (network ipv4|network ipv6|network|v6-network) (\S+)$/.exec(text);
  if (group !== null) return { kind: "group", family: group[1]!.includes("6") ? 6 : 4, name: group[2]! };
  const place = /^interface (\S.*)$/.exec(text);
  if (place !== null) return { kind: "interface", name: place[1]! };
  return /^(?:\d|permit|deny|remark|sequence|host|description|statistics|counters)/.test(text)
    ? undefined
    : { kind: "other" };
}

function familyOf(word: string): Family {
  return word === "ipv6" ? 6 : 4;
}

const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp,
  udp,
  gre: 47,
  esp: 50,
  ahp: 51,
  icmpv6: 58,
  ospf: 89,
  pim: 103,
  sctp: 132,
};

/** Names that devices print for ports of this trade and its neighbours. */
const ports: Readonly<Record<string, number>> = {
  "ftp-data": 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  www: 80,
  http: 80,
  pop3: 110,
  nntp: 119,
  imap: 143,
  imap4: 143,
  bgp: 179,
  https: 443,
  smtps: 465,
  submission: 587,
  imaps: 993,
  pop3s: 995,
};

function portOf(word: string): number | undefined {
  if (/^\d{1,5}$/.test(word)) return Number(word) <= 65_535 ? Number(word) : undefined;
  return ports[word];
}

// Text of access lists to a program: our own, a device's configuration, what `show` makes of it (renumbered lines, names of
// ports, counts of matches, sequence numbers at the end), and other generators'. Of a configuration everything that is not
// about access lists, groups, and interfaces that carry them is passed over; a line within those that is not understood
// is a problem.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import { readAddress, readPrefix } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import { failure, success } from "../../../base/result.ts";
import type { Result } from "../../../base/result.ts";
import { neverSpoofed } from "../../../policy/network/evaluate.ts";
import { FilterBuilder } from "../../merge.ts";
import type { LineAddress, LineMatch, LinePrefix } from "../../merge.ts";
import { familySet, namedSet, pass } from "../../ir.ts";
import type { Action, Binding, Filter, NamedSet, PortRange, Program, SourceValidation } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { ParseProblem, ReadContext, TextFile } from "../../target.ts";
import { inOrder, step } from "./order.ts";
import type { Ordered } from "./order.ts";
import { familyOf, portNames, protocolNamed, sectionOf } from "./vocabulary.ts";
import type { Begun } from "./vocabulary.ts";
import { Words } from "./words.ts";

const deny: Action = { kind: "block", manners: ["drop"] };

class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** A list has a number that is not above the one before it. */
class OutOfOrder extends Error {}

interface ReadList {
  readonly name: string;
  readonly family: Family;
  readonly builder: FilterBuilder;
  lines: number;
  /** Of the last line; a device gives one to lines that come without. */
  number: number;
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
  return parseText(file, context, undefined);
}

/** `ordered`: the text of the file in the order of its numbers, once it was seen that they are not in order. */
function parseText(file: TextFile, context: ReadContext, ordered: Ordered | undefined): Result<Program, ParseProblem> {
  const reader = new Reader(ordered?.text ?? file.text, ordered?.lines);
  const problem = (line: number, message: string): Result<Program, ParseProblem> =>
    failure({ path: file.path, line, message });
  try {
    reader.read();
    return success(reader.program(context));
  } catch (error) {
    if (error instanceof Unreadable) return problem(error.line, error.message);
    if (!(error instanceof OutOfOrder) || ordered !== undefined) throw error;
    const sorted = inOrder(file.text);
    if ("again" in sorted) return problem(sorted.again, "this number is that of another line of the list already");
    return parseText(file, context, sorted);
  }
}

const dot = 46;
const slash = 47;

/** Of one end of a line; the next line has the same object. */
class ReadPrefix implements LinePrefix {
  family: Family = 4;
  readonly address = new Uint32Array(4);
  length = 32;

  set(family: Family, length: number): void {
    this.family = family;
    this.length = length;
  }
}

type Section =
  | { readonly kind: "other" }
  | { readonly kind: "list"; readonly list: ReadList }
  | { readonly kind: "group"; readonly family: Family; readonly name: string; readonly builder: AddressSetBuilder }
  | { readonly kind: "ports"; readonly ports: PortRange[] }
  | { readonly kind: "interface"; readonly name: string };

class Reader {
  readonly #words: Words;
  /** For each line of the text: where it stands in the file, if not there. */
  readonly #lines: readonly number[] | undefined;
  readonly #lists = new Map<string, ReadList>();
  /** By family and name: both may have one of the same name. */
  readonly #groups = new Map<string, NamedSet>();
  readonly #portGroups = new Map<string, PortRange[]>();
  readonly #uses: Use[] = [];
  readonly #strict: { readonly at: string; readonly family: Family }[] = [];
  #section: Section = { kind: "other" };
  /** One object for each kind of line, so that merging does not compare texts. */
  readonly #matches = new Map<string, LineMatch>();
  #lastMatch: LineMatch | undefined;
  readonly #ports = new Map<number, readonly PortRange[]>();
  /** Both ends of the line that is being read. */
  readonly #ends = [new ReadPrefix(), new ReadPrefix()] as const;
  readonly #mask = new Uint32Array(4);

  constructor(text: string, lines: readonly number[] | undefined) {
    this.#words = new Words(text);
    this.#lines = lines;
  }

  /** Where the current line stands in the file. */
  get #line(): number {
    const { line } = this.#words;
    return this.#lines?.[line - 1] ?? line;
  }

  read(): void {
    const words = this.#words;
    while (words.nextLine()) {
      const begun = words.isIndented && this.#section.kind !== "other" ? undefined : sectionOf(words.content);
      if (begun !== undefined) this.#begin(begun);
      else if (this.#section.kind === "list") this.#readEntry(this.#section.list);
      else if (this.#section.kind === "group") this.#readMember(this.#section);
      else if (this.#section.kind === "ports") this.#readPortMember(this.#section.ports);
      else if (this.#section.kind === "interface") this.#readInterface(this.#section.name, words.content);
    }
    this.#end();
  }

  #begin(begun: Begun): void {
    this.#end();
    switch (begun.kind) {
      case "list": {
        const key = `${begun.family} ${begun.name}`;
        // Entered again, a list goes on.
        const list = this.#lists.get(key) ?? {
          ...begun,
          builder: new FilterBuilder(key.replace(" ", "-")),
          lines: 0,
          number: 0,
        };
        this.#lists.set(key, list);
        this.#section = { kind: "list", list };
        return;
      }
      case "group":
        this.#section = { ...begun, builder: new AddressSetBuilder() };
        return;
      case "ports": {
        const ports: PortRange[] = [];
        this.#portGroups.set(begun.name, ports);
        this.#section = { kind: "ports", ports };
        return;
      }
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
    const { family, name, builder } = section;
    const key = `${family} ${name}`;
    const group = namedSet(name, builder.build());
    const known = this.#groups.get(key);
    if (known !== undefined && !familySet(known, family).equals(familySet(group, family))) {
      this.#fail(`the group ${name} is written twice above this line, and not the same`);
    }
    this.#groups.set(key, known ?? group);
    this.#section = { kind: "other" };
  }

  #readMember({ family, builder }: Extract<Section, { kind: "group" }>): void {
    const words = this.#words;
    if (words.number !== undefined) words.next();
    if (words.is("description") || words.is("exit")) return;
    const end = this.#readEnd(family, "mask", this.#ends[0]);
    if (!words.isOver || !(end instanceof ReadPrefix)) this.#fail(`no member of a group: ${words.content}`);
    builder.addPrefix(end.family, end.address, end.length);
  }

  #readPortMember(ports: PortRange[]): void {
    const words = this.#words;
    if (words.number !== undefined) words.next();
    if (words.is("description") || words.is("exit")) return;
    const read = this.#readPorts();
    if (read === undefined || !words.isOver) this.#fail(`no member of a group of ports: ${words.content}`);
    ports.push(...read);
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

  #readEntry(list: ReadList): void {
    const words = this.#words;
    const { family } = list;
    words.took("sequence");
    const begins = words.number;
    if (begins !== undefined) words.next();
    const isPermit = words.is("permit");
    if (!isPermit && !words.is("deny")) {
      if (["remark", "statistics", "counters", "exit"].some((word) => words.is(word))) return;
      this.#fail(`no line of an access list: ${words.content}`);
    }
    words.next();
    let number = begins;
    const protocol = this.#readProtocol(family);
    const source = this.#readEnd(family, "wildcard", this.#ends[0]);
    const sourcePorts = this.#readPorts();
    const destination = this.#readEnd(family, "wildcard", this.#ends[1]);
    const destinationPorts = this.#readPorts();
    while (!words.isOver) {
      if (words.took("sequence")) {
        number ??= words.number;
        words.next();
      } else if (!words.took("log") && !words.took("log-input")) {
        this.#fail(`${words.value} is not understood in a line of an access list`);
      }
    }
    if ((sourcePorts !== undefined || destinationPorts !== undefined) && protocol !== tcp && protocol !== udp) {
      this.#fail("ports go with tcp or udp");
    }
    const match = this.#matchOf(family, protocol, sourcePorts, destinationPorts);
    // A device keeps lines by number, whatever their order in the text; one without a number goes to the end.
    if (number !== undefined && number <= list.number) throw new OutOfOrder();
    list.number = number ?? list.number + step;
    list.lines++;
    const wrong = list.builder.add(match, source, destination, isPermit ? pass : deny, `line ${this.#line}`);
    if (wrong !== undefined) this.#fail(wrong);
  }

  /** Like lines follow each other; equal ports are one object (readPorts). */
  #matchOf(
    family: Family,
    protocol: number | undefined,
    sourcePorts: readonly PortRange[] | undefined,
    destinationPorts: readonly PortRange[] | undefined,
  ): LineMatch {
    const last = this.#lastMatch;
    const isLast =
      last?.family === family &&
      last.protocol === protocol &&
      last.sourcePorts === sourcePorts &&
      last.destinationPorts === destinationPorts;
    if (isLast) return last;
    const key = JSON.stringify([family, protocol, sourcePorts, destinationPorts]);
    const match: LineMatch = this.#matches.get(key) ?? {
      family,
      ...(protocol === undefined ? {} : { protocol }),
      ...(sourcePorts === undefined ? {} : { sourcePorts }),
      ...(destinationPorts === undefined ? {} : { destinationPorts }),
    };
    this.#matches.set(key, match);
    this.#lastMatch = match;
    return match;
  }

  #readProtocol(family: Family): number | undefined {
    const words = this.#words;
    if (words.took("tcp")) return tcp;
    const word = words.value;
    words.next();
    if (word === "ip" || word === "ipv4" || word === "ipv6" || word === "any") return undefined;
    const known = protocolNamed(word, family);
    if (known !== undefined) return known;
    if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return Number(word);
    return this.#fail(`${word} is no protocol`);
  }

  /** A prefix is read into `into`. Words after an address are bits to pass over, or of a mask in groups. */
  #readEnd(family: Family, bits: "wildcard" | "mask", into: ReadPrefix): LineAddress {
    const words = this.#words;
    if (words.took("any") || words.took("any4") || words.took("any6")) return undefined;
    if (words.took("object-group") || words.took("net-group") || words.took("addrgroup")) {
      const group = this.#groups.get(`${family} ${words.value}`);
      if (group === undefined) this.#fail(`there is no group ${words.value} above this line`);
      words.next();
      return group;
    }
    const isHost = words.took("host");
    if (!isHost && words.has(slash)) {
      const read = readPrefix(words.text, words.start, words.end, into.address);
      if (!read.ok) this.#fail(`${words.value} ${read.error}`);
      if (read.value.family !== family) this.#fail(`${words.value} is of no IPv${family} list`);
      into.set(family, read.value.length);
      words.next();
      return into;
    }
    if (readAddress(words.text, words.start, words.end, into.address) !== family) {
      this.#fail(`${words.value} is no IPv${family} address`);
    }
    into.set(family, family === 4 ? 32 : 128);
    words.next();
    if (!isHost && family === 4 && words.has(dot)) this.#readBits(bits, into);
    return into;
  }

  /** Bits of the address that the mask leaves open are taken as zero, as devices do. */
  #readBits(kind: "wildcard" | "mask", into: ReadPrefix): void {
    const words = this.#words;
    if (readAddress(words.text, words.start, words.end, this.#mask) !== 4) this.#fail(`${words.value} is no mask`);
    const open = kind === "wildcard" ? this.#mask[0]! : ~this.#mask[0]! >>> 0;
    if ((open & (open + 1)) !== 0) this.#fail(`${words.value} has holes, which is not understood`);
    into.address[0] = into.address[0]! & ~open;
    into.set(4, Math.clz32(open));
    words.next();
  }

  #readPorts(): readonly PortRange[] | undefined {
    const words = this.#words;
    if (words.took("eq")) {
      const first = this.#readPort();
      const one = this.#onePort(first);
      if (this.#portHere() === undefined) return one;
      // IOS takes several ports behind one eq.
      const ranges = [...one];
      for (let port = this.#portHere(); port !== undefined; port = this.#portHere()) {
        ranges.push({ first: port, last: port });
        words.next();
      }
      return ranges;
    }
    if (words.took("range")) return [{ first: this.#readPort(), last: this.#readPort() }];
    if (words.took("lt")) return [{ first: 0, last: this.#readPort() - 1 }];
    if (words.took("gt")) return [{ first: this.#readPort() + 1, last: 65_535 }];
    if (words.took("port-group")) {
      const group = this.#portGroups.get(words.value);
      if (group === undefined) this.#fail(`there is no group of ports ${words.value} above this line`);
      words.next();
      return group;
    }
    if (!words.took("neq")) return undefined;
    const port = this.#readPort();
    const ranges = [
      { first: 0, last: port - 1 },
      { first: port + 1, last: 65_535 },
    ];
    return ranges.filter((range) => range.first <= range.last);
  }

  #onePort(port: number): readonly PortRange[] {
    const known = this.#ports.get(port);
    if (known !== undefined) return known;
    const made = [{ first: port, last: port }];
    this.#ports.set(port, made);
    return made;
  }

  #readPort(): number {
    const port = this.#portHere() ?? this.#fail(`${this.#words.value} is no port`);
    this.#words.next();
    return port;
  }

  #portHere(): number | undefined {
    const { number } = this.#words;
    if (number !== undefined) return number <= 65_535 ? number : undefined;
    return this.#words.isOver ? undefined : portNames.get(this.#words.value);
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

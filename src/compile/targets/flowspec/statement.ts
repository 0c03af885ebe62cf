// One rule as it is read, condition by condition, whatever the words for the conditions are.

import { familyOf, hasHostBits, parseAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import { protocolNumbers } from "./numbers.ts";
import type { NumberReader } from "./numbers.ts";
import type { FlowPrefix, FlowRule } from "./rule.ts";

export class Unreadable extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

export type Condition = "destination" | "source" | "protocol" | "destination-port" | "source-port";

export class Statement {
  readonly #line: number;
  readonly #numberReader: NumberReader;
  readonly #found = new Map<Condition, string>();

  constructor(line: number, numbers: NumberReader) {
    this.#line = line;
    this.#numberReader = numbers;
  }

  add(condition: Condition, text: string): void {
    if (this.#found.has(condition)) throw new Unreadable(this.#line, `a rule has one ${condition}`);
    this.#found.set(condition, text);
  }

  /** The family is that of the prefixes, where the text does not say it. */
  rule(action: FlowRule["action"], family: Family | undefined): FlowRule {
    const destination = this.#prefix("destination");
    const source = this.#prefix("source");
    const families = new Set([family, destination?.family, source?.family].filter((one) => one !== undefined));
    const [one] = families;
    if (one === undefined) throw new Unreadable(this.#line, "which family the rule is of is not said");
    if (families.size > 1) throw new Unreadable(this.#line, "the rule is of two families");
    if (this.#found.size === 0) throw new Unreadable(this.#line, "a rule has one condition at least");
    const protocols = this.#numbers("protocol", 255);
    const [protocol] = protocols ?? [];
    if (protocols !== undefined && (protocols.length > 1 || protocol!.first !== protocol!.last)) {
      throw new Unreadable(this.#line, "several protocols in one rule are not understood");
    }
    const [destinationPorts, sourcePorts] = [
      this.#numbers("destination-port", 65_535),
      this.#numbers("source-port", 65_535),
    ];
    const hasPorts = destinationPorts !== undefined || sourcePorts !== undefined;
    if (hasPorts && protocol?.first !== tcp && protocol?.first !== udp) {
      throw new Unreadable(this.#line, "ports go with TCP or UDP");
    }
    return {
      family: one,
      destination,
      source,
      protocol: protocol?.first,
      destinationPorts,
      sourcePorts,
      action,
      rule: `line ${this.#line}`,
    };
  }

  #prefix(condition: "destination" | "source"): (FlowPrefix & { readonly family: Family }) | undefined {
    const text = this.#found.get(condition);
    if (text === undefined) return undefined;
    const [written = "", length, offset] = text.split("/");
    const address = parseAddress(written);
    if (address === undefined) throw new Unreadable(this.#line, `${text} is no prefix`);
    const family = familyOf(address);
    const bits = family === 4 ? 32 : 128;
    const long = length === undefined ? bits : Number(length);
    if (!Number.isInteger(long) || long < 0 || long > bits) throw new Unreadable(this.#line, `${text} is no prefix`);
    if (offset !== undefined && offset !== "0")
      throw new Unreadable(this.#line, "parts of addresses are not understood");
    if (hasHostBits(address, family, long)) throw new Unreadable(this.#line, `${text} has bits beyond its length`);
    return { address, length: long, family };
  }

  #numbers(condition: Condition, most: number): readonly PortRange[] | undefined {
    const text = this.#found.get(condition);
    if (text === undefined) return undefined;
    const ranges = this.#numberReader.read(text, most, condition === "protocol" ? protocolNumbers : {});
    if (ranges === undefined) throw new Unreadable(this.#line, `not understood as ${condition}: ${text}`);
    return ranges;
  }
}

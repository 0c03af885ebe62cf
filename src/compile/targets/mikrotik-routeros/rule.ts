// One rule of a RouterOS chain from its row. What is not understood becomes the rule's problem, which matters where packets
// reach it.

import type { Family } from "../../../base/address.ts";
import { familySet } from "../../ir.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { ReadRule } from "../chains/read.ts";
import type { RuleMatch, RuleVerdict } from "../chains/rule.ts";
import { addressesOf } from "../members.ts";
import { portsOf, protocolOf } from "../words.ts";
import type { Row } from "./script.ts";

/** Members of lists of interfaces. */
export type InterfaceLists = ReadonlyMap<string, readonly string[]>;

export function readRule({ values, line }: Row, family: Family, lists: InterfaceLists): ReadRule {
  const reader = new RowReader(values, family, lists);
  const problem = reader.problem();
  const comment = values.get("comment");
  return {
    matches: reader.matches,
    counter: undefined,
    verdict: reader.verdict,
    comment: comment === undefined || comment === "" ? `line ${line}` : comment,
    line,
    problem,
  };
}

class RowReader {
  readonly matches: RuleMatch[] = [];
  verdict: RuleVerdict | undefined;
  readonly #values: ReadonlyMap<string, string>;
  readonly #family: Family;
  readonly #lists: InterfaceLists;
  #protocol: number | undefined;

  constructor(values: ReadonlyMap<string, string>, family: Family, lists: InterfaceLists) {
    this.#values = values;
    this.#family = family;
    this.#lists = lists;
  }

  problem(): string | undefined {
    const protocol = this.#values.get("protocol");
    const wrong = protocol === undefined ? undefined : this.#readProtocol(protocol);
    if (wrong !== undefined) return wrong;
    for (const [name, value] of this.#values) {
      const odd = this.#property(name, value);
      if (odd !== undefined) return odd;
    }
    return this.#action();
  }

  #action(): string | undefined {
    const action = this.#values.get("action") ?? "accept";
    switch (action) {
      case "accept":
      case "drop":
      case "return":
        this.verdict = { kind: action };
        return undefined;
      case "reject":
        this.verdict = {
          kind: "reject",
          with: this.#values.get("reject-with") === "tcp-reset" ? "reset" : "admin-prohibited",
        };
        return undefined;
      case "jump": {
        const chain = this.#values.get("jump-target");
        if (chain === undefined) return "a jump has no target";
        this.verdict = { kind: "jump", chain };
        return undefined;
      }
      case "passthrough":
      case "log":
        return undefined;
      case "fasttrack-connection":
        return "fasttrack-connection is not understood: what it tracks passes by the filter";
      default:
        return `the action ${action} is not understood`;
    }
  }

  #property(name: string, value: string): string | undefined {
    switch (name) {
      case "chain":
      case "action":
      case "comment":
      case "disabled":
      case "jump-target":
      case "log":
      case "log-prefix":
      case "protocol":
      case "reject-with":
        return undefined;
      case "src-address":
      case "dst-address":
        return this.#address(name, value);
      case "src-address-list":
      case "dst-address-list": {
        const [isNegated, set] = negated(value);
        this.matches.push({ kind: "address", family: this.#family, end: endOf(name), isNegated, among: { set } });
        return undefined;
      }
      case "src-port":
      case "dst-port":
        return this.#ports(name, value);
      case "in-interface":
      case "out-interface":
        return this.#interface(name, value, [value]);
      case "in-interface-list":
      case "out-interface-list":
        return this.#interface(name, value, this.#lists.get(value));
      case "tcp-flags":
        if (this.#protocol !== tcp || value.split(",").toSorted().join() !== "!ack,syn") {
          return "only the flags syn,!ack are understood";
        }
        this.matches.push({ kind: "flags", flags: "syn" });
        return undefined;
      default:
        return `${name} is not understood in a rule`;
    }
  }

  #readProtocol(value: string): string | undefined {
    const [isNegated, word] = negated(value);
    const protocol = protocolOf(word);
    if (protocol === undefined) return `${word} is no protocol`;
    if (!isNegated) this.#protocol = protocol;
    this.matches.push({ kind: "protocol", protocols: [protocol], isNegated });
    return undefined;
  }

  #ports(name: string, value: string): string | undefined {
    const protocol = this.#protocol;
    if (protocol !== tcp && protocol !== udp) return "ports go with tcp or udp";
    const [isNegated, words] = negated(value);
    const ranges: PortRange[] = [];
    for (const word of words.split(",")) {
      const range = portsOf(word);
      if (range === undefined) return `${word} is no port`;
      ranges.push(range);
    }
    this.matches.push({ kind: "ports", protocol, end: endOf(name), isNegated, ranges });
    return undefined;
  }

  #address(name: string, value: string): string | undefined {
    const [isNegated, text] = negated(value);
    const read = addressesOf(text);
    if (!read.ok) return `${text} ${read.error}`;
    const family = this.#family;
    const addresses = familySet(read.value, family);
    if (addresses.isEmpty) return `${text} is no address of IPv${family}`;
    this.matches.push({ kind: "address", family, end: endOf(name), isNegated, among: { addresses } });
    return undefined;
  }

  #interface(name: string, value: string, names: readonly string[] | undefined): string | undefined {
    if (value.startsWith("!")) return `${name}=${value} stands for several interfaces, which is not understood`;
    if (names === undefined) return `there is no interface list ${value}`;
    this.matches.push({ kind: "interface", way: name.startsWith("in") ? "in" : "out", among: { names } });
    return undefined;
  }
}

function negated(value: string): readonly [boolean, string] {
  return value.startsWith("!") ? [true, value.slice(1)] : [false, value];
}

function endOf(name: string): "source" | "destination" {
  return name.startsWith("src") ? "source" : "destination";
}

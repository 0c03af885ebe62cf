// One rule of a VyOS chain, from its leaves. The last leaf of a kind counts, as on the device. A rule that is switched off is
// none; what is not understood becomes the rule's problem, which matters where packets reach it.

import type { Family } from "../../../base/address.ts";
import { familySet } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { ReadRule } from "../chains/read.ts";
import type { RuleMatch, RuleVerdict } from "../chains/rule.ts";
import { addressesOf } from "../members.ts";
import { portsOf, protocolOf } from "../words.ts";

/** A leaf of a rule, as the words behind its number; none where a block of the rule opens. */
export interface Leaf {
  readonly words: readonly string[];
  readonly line: number;
}

export interface Groups {
  readonly family: Family;
  readonly interfaces: ReadonlyMap<string, readonly string[]>;
  readonly ports: ReadonlyMap<string, readonly string[]>;
}

const verdicts = ["accept", "return", "drop", "reject", "jump"] as const;

export function verdictOf(word: string | undefined): RuleVerdict["kind"] | undefined {
  return verdicts.find((each) => each === word);
}

/** undefined: it is switched off. */
export function readRule(number: number, leaves: readonly Leaf[], groups: Groups): ReadRule | undefined {
  const said = new Map<string, string>();
  let line = leaves[0]?.line ?? 1;
  for (const { words, line: at } of leaves) {
    if (words.length === 0) continue;
    line = Math.min(line, at);
    const isValueless = words.length === 1 || valueless.has(words.join(" "));
    said.set(isValueless ? words.join(" ") : words.slice(0, -1).join(" "), isValueless ? "" : words.at(-1)!);
  }
  if (said.has("disable")) return undefined;
  const reader = new RuleReader(said, groups);
  const problem = reader.problem();
  return {
    matches: reader.matches,
    counter: undefined,
    verdict: reader.verdict,
    comment: said.get("description") ?? `rule ${number}`,
    line,
    problem,
  };
}

const valueless = new Set(["tcp flags syn", "tcp flags ack", "tcp flags not syn", "tcp flags not ack"]);

class RuleReader {
  readonly matches: RuleMatch[] = [];
  verdict: RuleVerdict | undefined;
  readonly #said: ReadonlyMap<string, string>;
  readonly #groups: Groups;
  #protocols: readonly number[] | undefined;

  constructor(said: ReadonlyMap<string, string>, groups: Groups) {
    this.#said = said;
    this.#groups = groups;
  }

  problem(): string | undefined {
    const protocol = this.#said.get("protocol");
    const wrong = protocol === undefined ? undefined : this.#protocol(protocol);
    if (wrong !== undefined) return wrong;
    const flags = [...this.#said.keys()].filter((key) => key.startsWith("tcp flags"));
    if (flags.length > 0) {
      if (flags.toSorted().join() !== "tcp flags not ack,tcp flags syn")
        return "only the flags syn and not ack are understood";
      this.matches.push({ kind: "flags", flags: "syn" });
    }
    for (const [key, value] of this.#said) {
      if (key === "protocol" || key === "action" || key.startsWith("tcp flags")) continue;
      const odd = this.#leaf(key, value);
      if (odd !== undefined) return odd;
    }
    return this.#action(this.#said.get("action"));
  }

  #action(word: string | undefined): string | undefined {
    const target = this.#said.get("jump-target");
    switch (word) {
      case "accept":
      case "return":
      case "drop":
        this.verdict = { kind: word };
        return undefined;
      case "reject":
        this.verdict = { kind: "reject", with: "admin-prohibited" };
        return undefined;
      case "continue":
        return undefined;
      case "jump":
        if (target === undefined) return "a jump has no target";
        this.verdict = { kind: "jump", chain: target };
        return undefined;
      case undefined:
        return "a rule has no action";
      default:
        return `the action ${word} is not understood`;
    }
  }

  #leaf(key: string, value: string): string | undefined {
    switch (key) {
      case "description":
      case "log":
      case "jump-target":
        return undefined;
      case "source address":
      case "destination address":
        return this.#address(endOf(key), value);
      case "source group network-group":
      case "destination group network-group":
      case "source group address-group":
      case "destination group address-group": {
        const isNegated = value.startsWith("!");
        const kind = key.includes("network-group") ? "network" : "address";
        const among = { set: `${kind} ${isNegated ? value.slice(1) : value}` };
        this.matches.push({ kind: "address", family: this.#groups.family, end: endOf(key), isNegated, among });
        return undefined;
      }
      case "source port":
      case "destination port":
        return this.#ports(endOf(key), value.split(","));
      case "source group port-group":
      case "destination group port-group": {
        const members = this.#groups.ports.get(value);
        return members === undefined ? `there is no port-group ${value}` : this.#ports(endOf(key), members);
      }
      case "inbound-interface name":
      case "inbound-interface interface-name":
      case "outbound-interface name":
      case "outbound-interface interface-name":
        return this.#interface(key, [value]);
      case "inbound-interface group":
      case "outbound-interface group": {
        const members = this.#groups.interfaces.get(value);
        return members === undefined ? `there is no interface-group ${value}` : this.#interface(key, members);
      }
      default:
        return key.startsWith("log-options ") ? undefined : `${key} is not understood in a rule`;
    }
  }

  #protocol(word: string): string | undefined {
    if (word === "all") return undefined;
    const isNegated = word.startsWith("!");
    const name = isNegated ? word.slice(1) : word;
    const protocols = name === "tcp_udp" ? [tcp, udp] : name.split(",").map((one) => protocolOf(one));
    if (protocols.some((one) => one === undefined)) return `${word} is no protocol`;
    const known = protocols.flatMap((one) => one ?? []);
    if (!isNegated) this.#protocols = known;
    this.matches.push({ kind: "protocol", protocols: known, isNegated });
    return undefined;
  }

  #ports(end: "source" | "destination", words: readonly string[]): string | undefined {
    const protocols = this.#protocols;
    if (protocols === undefined || protocols.some((one) => one !== tcp && one !== udp))
      return "ports go with tcp or udp";
    const negated = words.filter((word) => word.startsWith("!"));
    if (negated.length > 0 && negated.length < words.length) return "ports that are partly negated are not understood";
    const ranges = words.map((word) => portsOf(word.replace("!", "")));
    if (ranges.some((range) => range === undefined)) return `${words.join(",")} is no port`;
    const protocol = protocols.length === 1 ? protocols[0] : undefined;
    const known = ranges.flatMap((range) => range ?? []);
    this.matches.push({ kind: "ports", protocol, end, isNegated: negated.length > 0, ranges: known });
    return undefined;
  }

  #address(end: "source" | "destination", value: string): string | undefined {
    const isNegated = value.startsWith("!");
    const text = isNegated ? value.slice(1) : value;
    const read = addressesOf(text);
    if (!read.ok) return `${text} ${read.error}`;
    const { family } = this.#groups;
    const addresses = familySet(read.value, family);
    if (addresses.isEmpty) return `${text} is no address of IPv${family}`;
    this.matches.push({ kind: "address", family, end, isNegated, among: { addresses } });
    return undefined;
  }

  #interface(key: string, names: readonly string[]): string | undefined {
    const odd = names.find((name) => name.startsWith("!") || name.includes("*"));
    if (odd !== undefined) return `${odd} stands for several interfaces, which is not understood`;
    this.matches.push({ kind: "interface", way: key.startsWith("inbound") ? "in" : "out", among: { names } });
    return undefined;
  }
}

function endOf(key: string): "source" | "destination" {
  return key.startsWith("source") ? "source" : "destination";
}

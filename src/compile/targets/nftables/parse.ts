// Text to tree: what write.ts writes, what people write in its manner, and what `nft list ruleset` shows of it, where rules
// come back normalised, counters have counts, elements another order and permits their remaining time. A file is a
// transaction: its statements are carried out in order on an empty ruleset. Tables other than ours are passed over; in
// ours, what is not understood is a problem.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import type { AddressSet } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { familySet } from "../../ir.ts";
import { Lexer } from "./lexer.ts";
import { readRange } from "./ranges.ts";
import { parseRule } from "./parse-rule.ts";
import type { Rule } from "../chains/rule.ts";
import type { Chain, Elements, ElementTimeout, Hook, Table } from "./tree.ts";

interface MutableChain {
  hook: Hook | undefined;
  rules: Rule[];
}

class MutableSet {
  readonly type: "interfaces" | "pairs" | Family;
  readonly family: Family;
  readonly hasTimeouts: boolean;
  builder = new AddressSetBuilder();
  /** By milliseconds that remain. */
  timeouts = new Map<number, AddressSetBuilder>();
  names: string[] = [];
  pairs = new Map<string, AddressSetBuilder>();

  constructor(type: MutableSet["type"], family: Family, hasTimeouts: boolean) {
    this.type = type;
    this.family = family;
    this.hasTimeouts = hasTimeouts;
  }

  clear(): void {
    this.builder = new AddressSetBuilder();
    this.timeouts = new Map();
    this.names = [];
    this.pairs = new Map();
  }

  elements(): Elements {
    const { family } = this;
    const built = (builder: AddressSetBuilder): AddressSet => familySet(builder.build(), family);
    if (this.type === "interfaces") return { kind: "interfaces", names: this.names };
    if (this.type === "pairs") {
      const byInterface = new Map([...this.pairs].map(([name, builder]) => [name, built(builder)]));
      return { kind: "pairs", family, byInterface };
    }
    const timeouts = [...this.timeouts].map(([remaining, builder]): ElementTimeout => ({
      addresses: built(builder),
      remaining,
    }));
    for (const { addresses } of timeouts) this.builder.addSet(addresses);
    return { kind: "addresses", addresses: built(this.builder), hasTimeouts: this.hasTimeouts, timeouts };
  }
}

/** Throws Unreadable. */
export function parseTable(path: string, text: string, name: string): Table {
  const parser = new Parser(path, text, name);
  return parser.table();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #name: string;
  readonly #counters = new Set<string>();
  readonly #sets = new Map<string, MutableSet>();
  readonly #chains = new Map<string, MutableChain>();
  readonly #first = new Uint32Array(4);
  readonly #last = new Uint32Array(4);

  constructor(path: string, text: string, name: string) {
    this.#lexer = new Lexer(path, text);
    this.#name = name;
  }

  table(): Table {
    const lexer = this.#lexer;
    for (lexer.skipSeparators(); lexer.kind !== "end"; lexer.skipSeparators()) this.#statement();
    const chains = [...this.#chains].map(([name, { hook, rules }]): Chain => ({ name, hook, rules }));
    const sets = [...this.#sets].map(([name, set]) => ({ name, elements: set.elements() }));
    return { name: this.#name, counters: [...this.#counters], sets, chains };
  }

  #statement(): void {
    const lexer = this.#lexer;
    if (lexer.tookWord("table")) {
      if (!this.#isOurs()) return this.#skipBlock();
      lexer.skipNewlines();
      return lexer.isSign("{") ? this.#tableBlock() : undefined;
    }
    const verb = lexer.takeName("a statement");
    if (verb === "flush" && lexer.tookWord("ruleset")) return this.#forget();
    const object = lexer.takeName("what it is about");
    if (!this.#isOurs()) return this.#skipStatement();
    switch (`${verb} ${object}`) {
      case "add table":
        return;
      case "delete table":
      case "destroy table":
        return this.#forget();
      case "flush table":
        for (const chain of this.#chains.values()) chain.rules = [];
        return;
      case "flush chain":
        this.#chainNamed(lexer.takeName("a chain")).rules = [];
        return;
      case "flush set":
        this.#setNamed(lexer.takeName("a set")).clear();
        return;
      case "add element":
        return this.#elements(this.#setNamed(lexer.takeName("a set")));
      case "add rule":
        return this.#rule(this.#chainNamed(lexer.takeName("a chain")));
      default:
        lexer.refuse(`"${verb} ${object}" is not understood here`);
    }
  }

  #forget(): void {
    this.#counters.clear();
    this.#sets.clear();
    this.#chains.clear();
  }

  /** Reads family and table. Without a family nft means ip. */
  #isOurs(): boolean {
    const lexer = this.#lexer;
    const families = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];
    const family = families.find((one) => lexer.tookWord(one)) ?? "ip";
    const name = lexer.takeName("a table");
    return family === "inet" && name === this.#name;
  }

  #skipBlock(): void {
    this.#lexer.skipNewlines();
    if (!this.#lexer.isSign("{")) return;
    let depth = 0;
    do {
      if (this.#lexer.kind === "end") this.#lexer.refuseToken('"}"');
      if (this.#lexer.isSign("{")) depth++;
      if (this.#lexer.isSign("}")) depth--;
      this.#lexer.next();
    } while (depth > 0);
  }

  #skipStatement(): void {
    const lexer = this.#lexer;
    while (lexer.kind !== "end" && lexer.kind !== "newline" && !lexer.isSign(";")) {
      if (lexer.isSign("{")) this.#skipBlock();
      else lexer.next();
    }
  }

  #tableBlock(): void {
    const lexer = this.#lexer;
    lexer.takeSign("{");
    for (lexer.skipSeparators(); !lexer.isSign("}"); lexer.skipSeparators()) {
      if (lexer.tookWord("counter")) {
        this.#counters.add(lexer.takeName("a counter"));
        this.#skipBlock();
      } else if (lexer.tookWord("set")) this.#setBlock();
      else if (lexer.tookWord("chain")) this.#chainBlock();
      else if (lexer.tookWord("comment")) lexer.takeName("a comment");
      else lexer.refuseToken("a set, a counter or a chain");
    }
    lexer.next();
  }

  #setBlock(): void {
    const lexer = this.#lexer;
    const name = lexer.takeName("a set");
    lexer.skipNewlines();
    lexer.takeSign("{");
    let type: MutableSet["type"] | undefined;
    let family: Family = 4;
    let hasTimeouts = false;
    let set = this.#sets.get(name);
    for (lexer.skipSeparators(); !lexer.isSign("}"); lexer.skipSeparators()) {
      if (lexer.tookWord("type") || lexer.tookWord("typeof")) {
        [type, family] = this.#setType();
      } else if (lexer.tookWord("flags")) {
        do {
          const flag = lexer.takeName("a flag");
          if (flag === "timeout") hasTimeouts = true;
          else if (flag !== "interval" && flag !== "constant")
            lexer.refuse(`sets with the flag ${flag} are not understood`);
        } while (lexer.tookSign(","));
      } else if (lexer.tookWord("elements")) {
        lexer.takeSign("=");
        set ??= this.#newSet(name, type, family, hasTimeouts);
        this.#elements(set);
      } else if (
        lexer.tookWord("size") ||
        lexer.tookWord("gc-interval") ||
        lexer.tookWord("comment") ||
        lexer.tookWord("policy")
      ) {
        lexer.takeName("a value");
      } else if (!lexer.tookWord("auto-merge")) lexer.refuseToken("a property of the set");
    }
    lexer.next();
    if (set === undefined) this.#newSet(name, type, family, hasTimeouts);
  }

  #newSet(name: string, type: MutableSet["type"] | undefined, family: Family, hasTimeouts: boolean): MutableSet {
    if (type === undefined) this.#lexer.refuse(`set ${name} has no type`);
    const set = new MutableSet(type, family, hasTimeouts);
    this.#sets.set(name, set);
    return set;
  }

  #setType(): [MutableSet["type"], Family] {
    const lexer = this.#lexer;
    let words = "";
    for (; lexer.kind === "word"; lexer.next()) words += ` ${lexer.value}`;
    switch (words.trim()) {
      case "ipv4_addr":
      case "ip saddr":
      case "ip daddr":
        return [4, 4];
      case "ipv6_addr":
      case "ip6 saddr":
      case "ip6 daddr":
        return [6, 6];
      case "ifname":
      case "iifname":
      case "oifname":
        return ["interfaces", 4];
      case "ifname . ipv4_addr":
      case "iifname . ip saddr":
        return ["pairs", 4];
      case "ifname . ipv6_addr":
      case "iifname . ip6 saddr":
        return ["pairs", 6];
      default:
        return lexer.refuse(`sets of type${words} are not understood`);
    }
  }

  #chainBlock(): void {
    const lexer = this.#lexer;
    const name = lexer.takeName("a chain");
    const chain = this.#chains.get(name) ?? { hook: undefined, rules: [] };
    this.#chains.set(name, chain);
    lexer.skipNewlines();
    lexer.takeSign("{");
    for (lexer.skipSeparators(); !lexer.isSign("}"); lexer.skipSeparators()) {
      if (lexer.tookWord("type")) chain.hook = this.#hook();
      else if (lexer.tookWord("policy")) {
        const policy = this.#policy();
        if (chain.hook !== undefined) chain.hook = { ...chain.hook, policy };
      } else if (lexer.tookWord("comment")) lexer.takeName("a comment");
      else this.#rule(chain);
    }
    lexer.next();
  }

  #hook(): Hook {
    const lexer = this.#lexer;
    const type = lexer.takeName("a type of chain");
    if (type !== "filter") lexer.refuse(`chains of type ${type} are not understood`);
    lexer.takeWord("hook");
    const name = lexer.takeName("a hook");
    lexer.takeWord("priority");
    let priority = lexer.takeName("a priority");
    while (lexer.kind === "word" || lexer.isSign("+")) {
      priority += ` ${lexer.value}`;
      lexer.next();
    }
    return { name, priority, policy: "accept" };
  }

  #policy(): "accept" | "drop" {
    const policy = this.#lexer.takeName("a policy");
    if (policy !== "accept" && policy !== "drop") this.#lexer.refuse(`the policy ${policy} is not understood`);
    return policy;
  }

  #chainNamed(name: string): MutableChain {
    return this.#chains.get(name) ?? this.#lexer.refuse(`there is no chain ${name}`);
  }

  #setNamed(name: string): MutableSet {
    return this.#sets.get(name) ?? this.#lexer.refuse(`there is no set ${name}`);
  }

  #rule(chain: MutableChain): void {
    chain.rules.push(parseRule(this.#lexer));
  }

  #elements(set: MutableSet): void {
    const lexer = this.#lexer;
    lexer.skipNewlines();
    lexer.takeSign("{");
    for (;;) {
      lexer.skipNewlines();
      if (lexer.tookSign("}")) return;
      this.#element(set);
      lexer.skipNewlines();
      if (lexer.tookSign("}")) return;
      lexer.takeSign(",");
    }
  }

  #element(set: MutableSet): void {
    const lexer = this.#lexer;
    if (set.type === "interfaces") {
      set.names.push(lexer.takeName("an interface"));
      return;
    }
    if (set.type === "pairs") {
      const name = lexer.takeName("an interface");
      lexer.takeWord(".");
      const builder = set.pairs.get(name) ?? new AddressSetBuilder();
      set.pairs.set(name, builder);
      this.#addAddress(set.family, builder);
      return;
    }
    this.#readAddress(set.family);
    const remaining = this.#remaining();
    let builder = set.builder;
    if (remaining !== undefined) {
      builder = set.timeouts.get(remaining) ?? new AddressSetBuilder();
      set.timeouts.set(remaining, builder);
    }
    builder.addRange(set.family, this.#first, this.#last);
  }

  #addAddress(family: Family, builder: AddressSetBuilder): void {
    this.#readAddress(family);
    builder.addRange(family, this.#first, this.#last);
  }

  /** A prefix or a range, into #first and #last. */
  #readAddress(family: Family): void {
    const lexer = this.#lexer;
    if (lexer.kind !== "word") lexer.refuseToken("an address");
    readRange(lexer, family, this.#first, this.#last);
    lexer.next();
  }

  #remaining(): number | undefined {
    const lexer = this.#lexer;
    let timeout: number | undefined;
    let expires: number | undefined;
    for (;;) {
      if (lexer.tookWord("timeout")) timeout = this.#duration();
      else if (lexer.tookWord("expires")) expires = this.#duration();
      else if (lexer.tookWord("comment")) lexer.takeName("a comment");
      else return expires ?? timeout;
    }
  }

  #duration(): number {
    const text = this.#lexer.takeName("a time");
    const units = new Map([
      ["d", 86_400_000],
      ["h", 3_600_000],
      ["m", 60_000],
      ["s", 1000],
      ["ms", 1],
    ]);
    const parts = [...text.matchAll(/(\d+)(ms|[dhms])/g)];
    if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) this.#lexer.refuse(`${text} is no time`);
    return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units.get(unit ?? "")!, 0);
  }
}

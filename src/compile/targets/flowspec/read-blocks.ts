// Rules in configurations of braces and semicolons: ExaBGP's `flow { route … }` and BIRD's `route flow4|flow6 { … }`.

import type { Family } from "../../../base/address.ts";
import { NumberReader } from "./numbers.ts";
import type { FlowRule } from "./rule.ts";
import { Statement, Unreadable } from "./statement.ts";
import type { Condition } from "./statement.ts";

interface Node {
  readonly words: readonly string[];
  /** undefined: it ends in a semicolon. */
  readonly children: readonly Node[] | undefined;
  readonly line: number;
}

export function readExabgp(text: string): readonly FlowRule[] {
  const rules: FlowRule[] = [];
  const numbers = new NumberReader();
  for (const flow of findAll(parseBlocks(text), (node) => node.words[0] === "flow" && node.children !== undefined)) {
    for (const { words, children, line } of flow.children!) {
      if (words[0] !== "route" || children === undefined)
        throw new Unreadable(line, `not understood in flow: ${words.join(" ")}`);
      rules.push(exabgpRule(children, line, numbers));
    }
  }
  return rules;
}

const exabgpConditions: Readonly<Record<string, Condition>> = {
  destination: "destination",
  source: "source",
  protocol: "protocol",
  "next-header": "protocol",
  "destination-port": "destination-port",
  "source-port": "source-port",
};

function exabgpRule(children: readonly Node[], line: number, numbers: NumberReader): FlowRule {
  const statement = new Statement(line, numbers);
  const actions: FlowRule["action"][] = [];
  for (const part of children) {
    const [kind = ""] = part.words;
    if (kind === "match") {
      for (const { words, line: at } of part.children ?? []) {
        const condition = exabgpConditions[words[0] ?? ""];
        if (condition === undefined) throw new Unreadable(at, `not understood in match: ${words.join(" ")}`);
        statement.add(condition, words.slice(1).join(" "));
      }
    } else if (kind === "then") {
      for (const { words, line: at } of part.children ?? []) actions.push(exabgpAction(words.join(" "), at));
    } else throw new Unreadable(part.line, `not understood in a route: ${kind}`);
  }
  if (actions.length > 1) throw new Unreadable(line, "a rule does one thing");
  return statement.rule(actions[0] ?? "accept", undefined);
}

function exabgpAction(text: string, line: number): FlowRule["action"] {
  if (text === "accept") return "accept";
  if (text === "discard" || text === "rate-limit 0") return "discard";
  throw new Unreadable(line, `not understood as an action: ${text}`);
}

export function readBird(text: string): readonly FlowRule[] {
  const rules: FlowRule[] = [];
  const numbers = new NumberReader();
  for (const found of findAll(parseBlocks(text), ({ words }) => words[0] === "protocol" && words[1] === "static")) {
    for (const [index, { words, children, line }] of found.children!.entries()) {
      if (words[0] !== "route") continue;
      const family = /^flow([46])$/.exec(words[1] ?? "")?.[1];
      if (family === undefined) continue;
      // What BIRD calls the route's attributes is a block of its own behind the first one.
      const next = found.children![index + 1];
      const attributes = next?.words.length === 0 ? (next.children ?? []) : [];
      rules.push(birdRule(children ?? [], attributes, family === "4" ? 4 : 6, line, numbers));
    }
  }
  return rules;
}

const birdConditions: readonly (readonly [RegExp, Condition])[] = [
  [/^dst\s+/, "destination"],
  [/^src\s+/, "source"],
  [/^(?:proto|next header)\s*(?=[=\d])/, "protocol"],
  [/^dport\s*(?=[=<>!\d])/, "destination-port"],
  [/^sport\s*(?=[=<>!\d])/, "source-port"],
];

function birdRule(
  children: readonly Node[],
  attributes: readonly Node[],
  family: Family,
  line: number,
  numbers: NumberReader,
): FlowRule {
  const statement = new Statement(line, numbers);
  for (const { words, line: at } of children) {
    const text = words.join(" ");
    const known = birdConditions.find(([pattern]) => pattern.test(text));
    if (known === undefined) throw new Unreadable(at, `not understood in a flow: ${text}`);
    statement.add(known[1], text.replace(known[0], ""));
  }
  let action: FlowRule["action"] = "accept";
  for (const { words, line: at } of attributes) {
    const text = words.join(" ").replaceAll(/\s/g, "");
    if (text === "") continue;
    // Of the eight octets, after the type the number of an AS, and the rate as a float.
    if (!/^bgp_ext_community\.add\(\(generic,0x8006[0-9a-f]{4},0x0+\)\)$/i.test(text)) {
      throw new Unreadable(at, `not understood as an action: ${words.join(" ")}`);
    }
    action = "discard";
  }
  return statement.rule(action, family);
}

function* findAll(nodes: readonly Node[], isWanted: (node: Node) => boolean): Generator<Node> {
  for (const node of nodes) {
    if (node.children === undefined) continue;
    if (isWanted(node)) yield node;
    else yield* findAll(node.children, isWanted);
  }
}

function parseBlocks(text: string): readonly Node[] {
  const root: Node[] = [];
  const open: { readonly children: Node[]; readonly words: readonly string[]; readonly line: number }[] = [];
  let words: string[] = [];
  let begun = 1;
  let line = 1;
  const into = (): Node[] => open.at(-1)?.children ?? root;
  for (const [token] of text.matchAll(/\n|#[^\n]*|[{};]|"[^"\n]*"|[^\s{};#"]+|./g)) {
    if (token === "\n") line++;
    else if (token === "{") {
      open.push({ words, children: [], line: words.length === 0 ? line : begun });
      words = [];
    } else if (token === "}") {
      // ExaBGP takes a last statement without a semicolon too.
      if (words.length > 0) into().push({ words, children: undefined, line: begun });
      words = [];
      const block = open.pop();
      if (block === undefined) throw new Unreadable(line, "a brace closes nothing");
      into().push(block);
    } else if (token === ";") {
      if (words.length > 0) into().push({ words, children: undefined, line: begun });
      words = [];
    } else if (!token.startsWith("#") && token.trim() !== "") {
      if (words.length === 0) begun = line;
      words.push(token);
    }
  }
  if (open.length > 0) throw new Unreadable(open.at(-1)!.line, "a brace is not closed");
  return root;
}

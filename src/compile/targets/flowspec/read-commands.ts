// Rules as commands for GoBGP: `gobgp global rib add -a ipv4-flowspec match … then …`, one on a line.

import { NumberReader } from "./numbers.ts";
import type { FlowRule } from "./rule.ts";
import { Statement, Unreadable } from "./statement.ts";
import type { Condition } from "./statement.ts";

const conditions: Readonly<Record<string, Condition>> = {
  destination: "destination",
  source: "source",
  protocol: "protocol",
  "destination-port": "destination-port",
  "source-port": "source-port",
};

export function readGobgp(text: string): readonly FlowRule[] {
  const rules: FlowRule[] = [];
  const numbers = new NumberReader();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === "" || content.startsWith("#") || content === "set -e") continue;
    rules.push(readCommand(wordsOf(content, line), line, numbers));
  }
  return rules;
}

function readCommand(words: readonly string[], line: number, numbers: NumberReader): FlowRule {
  const family = words.flatMap((word, at) => {
    const value = word === "-a" || word === "--address-family" ? words[at + 1] : undefined;
    return /^ipv([46])-flowspec$/.exec(value ?? "")?.[1] ?? [];
  })[0];
  const command = words.filter((word, at) => !isOption(word) && !isOption(words[at - 1] ?? ""));
  if (family === undefined || !/^(?:\S*\/)?gobgp global rib add match /.test(command.join(" "))) {
    throw new Unreadable(line, `no command that adds a rule: ${words.join(" ")}`);
  }
  const then = command.indexOf("then");
  const statement = new Statement(line, numbers);
  let condition: Condition | undefined;
  let values: string[] = [];
  const end = (): void => {
    if (condition !== undefined) statement.add(condition, values.join(" "));
    values = [];
  };
  for (const word of command.slice(5, then < 0 ? undefined : then)) {
    const next = conditions[word];
    if (next !== undefined) {
      end();
      condition = next;
    } else if (condition === undefined || /^[a-z]+(?:-[a-z]+)+$|^(?:fragment|port|dscp|label)$/.test(word)) {
      throw new Unreadable(line, `not understood in match: ${word}`);
    } else values.push(word);
  }
  end();
  const action = then < 0 ? "accept" : command.slice(then + 1).join(" ");
  if (action !== "accept" && action !== "discard" && action !== "rate-limit 0") {
    throw new Unreadable(line, `not understood as an action: ${action}`);
  }
  return statement.rule(action === "accept" ? "accept" : "discard", family === "4" ? 4 : 6);
}

function isOption(word: string): boolean {
  return word === "-a" || word === "--address-family";
}

function wordsOf(text: string, line: number): readonly string[] {
  const words: string[] = [];
  for (const [token] of text.matchAll(/'[^']*'|"[^"]*"|[^\s'"]+|['"]/g)) {
    if (token === "'" || token === '"') throw new Unreadable(line, "a quote is not closed");
    if (/[;|&`$\\]/.test(token) && !/^['"]/.test(token)) throw new Unreadable(line, `not understood: ${token}`);
    words.push(/^['"]/.test(token) ? token.slice(1, -1) : token);
  }
  return words;
}

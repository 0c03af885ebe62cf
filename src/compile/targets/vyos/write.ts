// Rulesets as VyOS commands (1.4 and later), in the form of `show configuration commands`. Groups and chains have new names
// with each revision; the rule of the forward filter is the one line that changes over, and all of it is one commit.

import { formatAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { Rule, RuleMatch, RuleVerdict } from "../chains/rule.ts";
import type { RegularChain, Ruleset } from "../chains/ruleset.ts";

/** Of the rule in the forward filter that leads to us. */
const forwardRule = 25;
const step = 10;

export function writeCommands(rulesets: readonly Ruleset[], header: readonly string[]): string {
  const lines = header.map((line) => `# ${line}`);
  for (const { family, sets } of rulesets) {
    for (const { name, addresses } of sets) {
      addresses.forEachPrefix((address, length) => {
        lines.push(
          `set firewall group ${groupWord(family)} ${name} network '${formatAddress(address, family)}/${length}'`,
        );
      });
    }
  }
  for (const { family, chains, entry } of rulesets) {
    for (const chain of chains) writeChain(chain, family, lines);
    const forward = `set firewall ${familyWord(family)} forward filter`;
    lines.push(
      `${forward} rule ${forwardRule} action 'jump'`,
      `${forward} rule ${forwardRule} jump-target '${entry}'`,
      `${forward} default-action 'accept'`,
    );
  }
  return `${lines.join("\n")}\n`;
}

function writeChain({ name, rules, otherwise }: RegularChain, family: Family, lines: string[]): void {
  const chain = `set firewall ${familyWord(family)} name ${name}`;
  lines.push(`${chain} default-action '${verdictWord(otherwise)}'`);
  let number = 0;
  for (const rule of rules) {
    number += rules.length * step > 999_999 ? 1 : step;
    // Both ports of a rule bring the protocol with them.
    for (const leaf of new Set(leavesOf(rule))) lines.push(`${chain} rule ${number} ${leaf}`);
  }
}

function* leavesOf({ matches, verdict, comment }: Rule): Generator<string> {
  if (verdict !== undefined) yield `action '${verdictWord(verdict)}'`;
  if (verdict?.kind === "jump") yield `jump-target '${verdict.chain}'`;
  if (comment !== undefined) yield `description '${comment.replaceAll(/[^\x20-\x7e]|['"\\]/g, "?").slice(0, 255)}'`;
  for (const match of matches) yield* matchLeaves(match);
}

function* matchLeaves(match: RuleMatch): Generator<string> {
  switch (match.kind) {
    case "protocol":
      yield `protocol '${match.protocols.map(protocolWord).join(",")}'`;
      return;
    case "ports":
      // Ports are only taken with their protocol.
      yield `protocol '${match.protocol === undefined ? "tcp_udp" : protocolWord(match.protocol)}'`;
      yield `${match.end} port '${match.ranges.map(portText).join(",")}'`;
      return;
    case "address":
      if ("set" in match.among) {
        yield `${match.end} group network-group '${match.isNegated ? "!" : ""}${match.among.set}'`;
        return;
      }
      throw new Error("build.ts names its sets");
    case "interface":
      if (!("names" in match.among) || match.among.names.length !== 1) throw new Error("build.ts names one interface");
      yield `${match.way === "in" ? "inbound" : "outbound"}-interface name '${match.among.names[0]}'`;
      return;
    case "family":
    case "flags":
    case "pair":
    case "no-reverse-path":
      throw new Error(`build.ts makes no condition of kind ${match.kind}`);
  }
}

function verdictWord(verdict: RuleVerdict): string {
  return verdict.kind;
}

function portText({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function protocolWord(protocol: number): string {
  return protocol === tcp ? "tcp" : protocol === udp ? "udp" : String(protocol);
}

function familyWord(family: Family): string {
  return family === 4 ? "ipv4" : "ipv6";
}

function groupWord(family: Family): string {
  return family === 4 ? "network-group" : "ipv6-network-group";
}

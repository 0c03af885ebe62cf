// Rulesets as a script for `/import` on RouterOS 7. Lists and chains have new names with each revision and stand before the
// rule that leads to them; that rule is made once, in front of the forward chain, and later changes its target: one command,
// and no packet without a filter. A text that is there already stops at its first list, and nothing has changed.

import { formatAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { Rule, RuleMatch, RuleVerdict } from "../chains/rule.ts";
import type { RegularChain, Ruleset } from "../chains/ruleset.ts";

/** Comments by which the two rules of ours in the forward chain are found again. */
const leads = "sekimori";
const rest = "sekimori: the rest";

export function writeScript(rulesets: readonly Ruleset[], header: readonly string[]): string {
  const lines = header.map((line) => `# ${line}`);
  for (const { family, sets, chains } of rulesets) {
    lines.push(`/${menuWord(family)} firewall address-list`);
    for (const { name, addresses } of sets) {
      addresses.forEachPrefix((address, length) => {
        lines.push(`add list=${name} address=${formatAddress(address, family)}/${length}`);
      });
    }
    lines.push(`/${menuWord(family)} firewall filter`);
    for (const chain of chains) writeChain(chain, lines);
  }
  for (const { family, entry } of rulesets) lines.push(...changeOver(`/${menuWord(family)} firewall filter`, entry));
  return `${lines.join("\n")}\n`;
}

function changeOver(menu: string, entry: string): readonly string[] {
  const others = `${menu} find where chain=forward and !dynamic`;
  const jump = `${menu} add chain=forward action=jump jump-target=${entry} comment="${leads}"`;
  return [
    `:if ([:len [${menu} find where comment="${leads}"]] = 0) do={`,
    `    :if ([:len [${others}]] = 0) do={`,
    `        ${jump}`,
    "    } else={",
    `        ${jump} place-before=[:pick [${others}] 0]`,
    "    }",
    `    ${menu} add chain=forward action=accept comment="${rest}"`,
    "} else={",
    `    ${menu} set [find where comment="${leads}"] jump-target=${entry}`,
    "}",
  ];
}

function writeChain({ name, rules, otherwise }: RegularChain, lines: string[]): void {
  for (const rule of rules) lines.push(ruleText(name, rule));
  lines.push(`add chain=${name} ${verdictText(otherwise)}`);
}

function ruleText(chain: string, { matches, verdict, comment }: Rule): string {
  const words = [`add chain=${chain}`];
  if (verdict !== undefined) words.push(verdictText(verdict));
  // Both ports of a rule bring the protocol with them.
  words.push(...new Set(matches.flatMap(matchTexts)));
  if (comment !== undefined) words.push(`comment="${comment.replaceAll(/[^\x20-\x7e]|["\\$]/g, "?")}"`);
  return words.join(" ");
}

function verdictText(verdict: RuleVerdict): string {
  switch (verdict.kind) {
    case "accept":
    case "drop":
    case "return":
      return `action=${verdict.kind}`;
    case "reject":
      return `action=reject reject-with=${verdict.with === "reset" ? "tcp-reset" : "icmp-admin-prohibited"}`;
    case "jump":
      return `action=jump jump-target=${verdict.chain}`;
  }
}

function matchTexts(match: RuleMatch): readonly string[] {
  switch (match.kind) {
    case "protocol":
      return [`protocol=${protocolWord(match.protocols[0]!)}`];
    case "ports":
      return [
        `protocol=${protocolWord(match.protocol!)}`,
        `${match.end === "source" ? "src" : "dst"}-port=${match.ranges.map(portText).join(",")}`,
      ];
    case "address": {
      if (!("set" in match.among)) throw new Error("build.ts names its sets");
      const end = match.end === "source" ? "src" : "dst";
      return [`${end}-address-list=${match.isNegated ? "!" : ""}${match.among.set}`];
    }
    case "interface":
      if (!("names" in match.among) || match.among.names.length !== 1) throw new Error("build.ts names one interface");
      return [`${match.way}-interface="${match.among.names[0]}"`];
    case "family":
    case "flags":
    case "pair":
    case "no-reverse-path":
      throw new Error(`build.ts makes no condition of kind ${match.kind}`);
  }
}

function portText({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function protocolWord(protocol: number): string {
  return protocol === tcp ? "tcp" : protocol === udp ? "udp" : String(protocol);
}

function menuWord(family: Family): string {
  return family === 4 ? "ip" : "ipv6";
}

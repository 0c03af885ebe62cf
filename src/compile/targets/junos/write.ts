// The tree as configuration for `load merge`. Lists and filters have new names with each revision, so that the interfaces
// change over in one commit; `commit confirmed 5` takes a mistake back.

import { formatAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { Configuration, End, JunosFilter, JunosInterface, JunosTerm, PrefixList } from "./tree.ts";

export function writeConfiguration({ lists, filters, interfaces }: Configuration, header: readonly string[]): string {
  const lines = header.map((line) => `# ${line}`);
  if (lists.length > 0) {
    lines.push("policy-options {");
    for (const list of lists) writeList(list, lines);
    lines.push("}");
  }
  if (filters.length > 0) {
    lines.push("firewall {");
    for (const family of [4, 6] as const) {
      const own = filters.filter((filter) => filter.family === family);
      if (own.length === 0) continue;
      lines.push(`    family ${familyName(family)} {`);
      for (const filter of own) writeFilter(filter, lines);
      lines.push("    }");
    }
    lines.push("}");
  }
  if (interfaces.length > 0) {
    lines.push("interfaces {");
    for (const one of interfaces) writeInterface(one, lines);
    lines.push("}");
  }
  return `${lines.join("\n")}\n`;
}

function writeList({ name, addresses }: PrefixList, lines: string[]): void {
  lines.push(`    prefix-list ${name} {`);
  addresses.forEachPrefix((address, length) => {
    lines.push(`        ${formatAddress(address, addresses.family)}/${length};`);
  });
  lines.push("    }");
}

function writeFilter({ name, family, terms }: JunosFilter, lines: string[]): void {
  // Counters of each interface and direction apart.
  lines.push(`        filter ${name} {`, "            interface-specific;");
  for (const term of terms) {
    lines.push(`            term ${term.name} {`);
    const conditions = conditionsOf(term, family);
    if (conditions.length > 0)
      lines.push(
        "                from {",
        ...conditions.map((line) => `                    ${line}`),
        "                }",
      );
    lines.push("                then {");
    if (term.count !== undefined)
      lines.push(`                    count ${term.count.replaceAll(/[^A-Za-z0-9-]/g, "-")};`);
    lines.push(`                    ${actionText(term.action)};`, "                }", "            }");
  }
  lines.push("        }");
}

function conditionsOf(term: JunosTerm, family: Family): readonly string[] {
  const lines = [...endText("source", term.source, family), ...endText("destination", term.destination, family)];
  // Behind the extension headers, where `next-header` does not look.
  if (term.protocol !== undefined)
    lines.push(`${family === 4 ? "protocol" : "payload-protocol"} ${protocolName(term.protocol, family)};`);
  if (term.sourcePorts !== undefined) lines.push(`source-port ${portsText(term.sourcePorts)};`);
  if (term.destinationPorts !== undefined) lines.push(`destination-port ${portsText(term.destinationPorts)};`);
  if (term.flags !== undefined) lines.push(term.flags === "syn" ? "tcp-initial;" : 'tcp-flags "(!syn | ack)";');
  return lines;
}

function endText(end: "source" | "destination", condition: End | undefined, family: Family): readonly string[] {
  if (condition === undefined) return [];
  const { list, isExcept } = condition;
  if (!isExcept) return [`${end}-prefix-list {`, `    ${list};`, "}"];
  // Of several prefixes the longest decides, so everything but the list matches.
  return [
    `${end}-address {`,
    `    ${family === 4 ? "0.0.0.0/0" : "::/0"};`,
    "}",
    `${end}-prefix-list {`,
    `    ${list} except;`,
    "}",
  ];
}

function writeInterface({ name, filters, strict }: JunosInterface, lines: string[]): void {
  const [device, unit = "0"] = name.split(".");
  lines.push(`    ${device} {`, `        unit ${unit} {`);
  for (const family of [4, 6] as const) {
    const own = filters.filter((each) => each.family === family);
    if (own.length === 0 && !strict.includes(family)) continue;
    lines.push(`            family ${familyName(family)} {`);
    if (own.length > 0) {
      lines.push("                filter {");
      for (const { filter, direction } of own) lines.push(`                    ${direction} ${filter};`);
      lines.push("                }");
    }
    if (strict.includes(family)) lines.push("                rpf-check;");
    lines.push("            }");
  }
  lines.push("        }", "    }");
}

function familyName(family: Family): string {
  return family === 4 ? "inet" : "inet6";
}

function actionText(action: JunosTerm["action"]): string {
  switch (action) {
    case "accept":
      return "accept";
    case "next":
      return "next term";
    case "drop":
      return "discard";
    case "reset":
      return "reject tcp-reset";
    case "admin-prohibited":
      return "reject administratively-prohibited";
  }
}

function portsText(ports: readonly PortRange[]): string {
  const texts = ports.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
  return texts.length === 1 ? texts[0]! : `[ ${texts.join(" ")} ]`;
}

function protocolName(protocol: number, family: Family): string {
  if (protocol === tcp) return "tcp";
  if (protocol === udp) return "udp";
  if (protocol === (family === 4 ? 1 : 58)) return family === 4 ? "icmp" : "icmp6";
  return String(protocol);
}

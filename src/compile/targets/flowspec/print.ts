// The rules as texts for three BGP speakers, in the order in which routers try them (the order of a text has no meaning).
// Each has both families. Discarding is traffic-rate 0 (RFC 8955 §7.1), accepting is a rule without an action.

import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import { headerLines } from "../../target.ts";
import type { RenderOptions, TextFile } from "../../target.ts";
import { writePrefix } from "./rule.ts";
import type { FlowRule } from "./rule.ts";

export function printFiles(rules: readonly FlowRule[], options: RenderOptions): readonly TextFile[] {
  const counts = ([4, 6] as const).map(
    (family) => `${rules.filter((rule) => rule.family === family).length} IPv${family}`,
  );
  const head = [
    ...headerLines("flowspec", options),
    `${counts.join(" and ")} rules`,
    "Validation (RFC 8955 section 6) must be off for AFI 1 and 2, SAFI 133, on every session that hands these rules on, from this",
    "speaker to the last router: rules for a source fail it, and are ignored where they fail.",
  ]
    .map((line) => `# ${line}\n`)
    .join("");
  return [
    { path: "exabgp.conf", text: `${head}${exabgp(rules, options.revision)}` },
    { path: "bird.conf", text: `${head}${bird(rules)}` },
    { path: "gobgp.sh", text: `#!/bin/sh -e\n${head}${gobgp(rules)}` },
  ];
}

/** A neighbor takes the rules over with `inherit`. */
function exabgp(rules: readonly FlowRule[], revision: string): string {
  const routes = rules.map((rule, index) => {
    const match = [
      ...(rule.destination === undefined ? [] : [`destination ${writePrefix(rule.destination, rule.family)}`]),
      ...(rule.source === undefined ? [] : [`source ${writePrefix(rule.source, rule.family)}`]),
      ...(rule.protocol === undefined
        ? []
        : [`${rule.family === 4 ? "protocol" : "next-header"} ${protocolName(rule.protocol, "=")}`]),
      ...(rule.destinationPorts === undefined ? [] : [`destination-port ${exabgpPorts(rule.destinationPorts)}`]),
      ...(rule.sourcePorts === undefined ? [] : [`source-port ${exabgpPorts(rule.sourcePorts)}`]),
    ];
    const body = match.map((each) => `${each}; `).join("");
    return `\t\t\troute ${revision}-${index + 1} { match { ${body}} then { ${rule.action}; } }\n`;
  });
  return [
    "# neighbor ADDRESS { inherit sekimori; peer-as NUMBER; ... }\n",
    "template {\n\tneighbor sekimori {\n\t\tfamily {\n\t\t\tipv4 flow;\n\t\t\tipv6 flow;\n\t\t}\n\t\tflow {\n",
    ...routes,
    "\t\t}\n\t}\n}\n",
  ].join("");
}

function exabgpPorts(ports: readonly PortRange[]): string {
  const texts = ports.map(({ first, last }) => (first === last ? `=${first}` : `>=${first}&<=${last}`));
  return texts.length === 1 ? texts[0]! : `[ ${texts.join(" ")} ]`;
}

/** A protocol of BGP takes the tables with `flow4 { table sekimori_flow4; export all; };`. */
function bird(rules: readonly FlowRule[]): string {
  const ofFamily = (family: Family): string => {
    const routes = rules
      .filter((rule) => rule.family === family)
      .map((rule) => {
        const match = [
          ...(rule.destination === undefined ? [] : [`dst ${writePrefix(rule.destination, family)}`]),
          ...(rule.source === undefined ? [] : [`src ${writePrefix(rule.source, family)}`]),
          ...(rule.protocol === undefined ? [] : [`${family === 4 ? "proto" : "next header"} = ${rule.protocol}`]),
          ...(rule.destinationPorts === undefined ? [] : [`dport ${birdPorts(rule.destinationPorts)}`]),
          ...(rule.sourcePorts === undefined ? [] : [`sport ${birdPorts(rule.sourcePorts)}`]),
        ];
        const then = rule.action === "accept" ? "" : " { bgp_ext_community.add((generic, 0x80060000, 0x0)); }";
        return `\troute flow${family} { ${match.map((each) => `${each}; `).join("")}}${then};\n`;
      });
    const table = `sekimori_flow${family}`;
    return `flow${family} table ${table};\nprotocol static {\n\tflow${family} { table ${table}; };\n${routes.join("")}}\n`;
  };
  return `# protocol bgp NAME { ... flow4 { table sekimori_flow4; export all; }; flow6 { table sekimori_flow6; export all; }; }\n${ofFamily(4)}${ofFamily(6)}`;
}

function birdPorts(ports: readonly PortRange[]): string {
  return ports.map(({ first, last }) => (first === last ? `= ${first}` : `>= ${first} && <= ${last}`)).join(" || ");
}

function gobgp(rules: readonly FlowRule[]): string {
  return rules
    .map((rule) => {
      const words = [
        ...(rule.destination === undefined ? [] : [`destination ${writePrefix(rule.destination, rule.family)}`]),
        ...(rule.source === undefined ? [] : [`source ${writePrefix(rule.source, rule.family)}`]),
        ...(rule.protocol === undefined ? [] : [`protocol ${protocolName(rule.protocol, "==")}`]),
        ...(rule.destinationPorts === undefined ? [] : [`destination-port ${gobgpPorts(rule.destinationPorts)}`]),
        ...(rule.sourcePorts === undefined ? [] : [`source-port ${gobgpPorts(rule.sourcePorts)}`]),
      ];
      return `gobgp global rib add -a ipv${rule.family}-flowspec match ${words.join(" ")} then ${rule.action}\n`;
    })
    .join("");
}

function gobgpPorts(ports: readonly PortRange[]): string {
  return `'${ports.map(({ first, last }) => (first === last ? `==${first}` : `>=${first}&<=${last}`)).join(" ")}'`;
}

function protocolName(protocol: number, equals: string): string {
  if (protocol === tcp) return "tcp";
  return protocol === udp ? "udp" : equals === "==" ? `'==${protocol}'` : `=${protocol}`;
}

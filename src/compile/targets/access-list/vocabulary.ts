// What lists and their parts begin with, and the names that devices print for protocols and ports.

import type { Family } from "../../../base/address.ts";
import { tcp, udp } from "../../packet.ts";

export type Begun =
  | { readonly kind: "list" | "no-list"; readonly family: Family; readonly name: string }
  | { readonly kind: "group"; readonly family: Family; readonly name: string }
  | { readonly kind: "ports"; readonly name: string }
  | { readonly kind: "interface"; readonly name: string }
  | { readonly kind: "other" };

/** The first line of a section, in configurations and in what `show` prints; undefined for a line that begins none. */
export function sectionOf(text: string): Begun | undefined {
  const list =
    /^(no )?(ip|ipv4|ipv6) access-list (?:extended |standard )?(\S+)$/.exec(text) ??
    /^()(?:Extended |Standard )?(IP|IPv4|IPv6) access list (\S+)$/i.exec(text);
  if (list !== null) {
    const kind = list[1] === undefined || list[1] === "" ? "list" : "no-list";
    return { kind, family: familyOf(list[2]!.toLowerCase()), name: list[3]! };
  }
  const group = /^object-group (network ipv4|network ipv6|network|v6-network) (\S+)$/.exec(text);
  if (group !== null) return { kind: "group", family: group[1]!.includes("6") ? 6 : 4, name: group[2]! };
  const ports = /^object-group port (\S+)$/.exec(text);
  if (ports !== null) return { kind: "ports", name: ports[1]! };
  const place = /^interface (\S.*)$/.exec(text);
  if (place !== null) return { kind: "interface", name: place[1]! };
  return /^(?:\d|permit|deny|remark|sequence|host|description|statistics|counters)/.test(text)
    ? undefined
    : { kind: "other" };
}

export function familyOf(word: string): Family {
  return word === "ipv6" ? 6 : 4;
}

const protocols: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["igmp", 2],
  ["tcp", tcp],
  ["udp", udp],
  ["gre", 47],
  ["esp", 50],
  ["ahp", 51],
  ["icmpv6", 58],
  ["ospf", 89],
  ["pim", 103],
  ["sctp", 132],
]);

/** By its name in a list of the family. */
export function protocolNamed(word: string, family: Family): number | undefined {
  return word === "icmp" && family === 6 ? 58 : protocols.get(word);
}

/** Ports of this trade and its neighbours by name. */
export const portNames: ReadonlyMap<string, number> = new Map([
  ["ftp-data", 20],
  ["ftp", 21],
  ["ssh", 22],
  ["telnet", 23],
  ["smtp", 25],
  ["domain", 53],
  ["www", 80],
  ["http", 80],
  ["pop3", 110],
  ["nntp", 119],
  ["imap", 143],
  ["imap4", 143],
  ["bgp", 179],
  ["https", 443],
  ["smtps", 465],
  ["submission", 587],
  ["imaps", 993],
  ["pop3s", 995],
]);

// The tree as configuration text. Lists and groups have new names with each revision and are written before they are bound,
// so a device changes over with one line for each interface and direction, and never stands without a filter.

import { formatAddress } from "../../../base/address.ts";
import type { Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { Dialect } from "./dialect.ts";
import type { AccessList, End, Entry, Group, Interface, Listing } from "./tree.ts";

const step = 10;

export function writeListing(
  { groups, lists, interfaces }: Listing,
  dialect: Dialect,
  header: readonly string[],
): string {
  const lines = header.map((line) => `! ${line}`);
  for (const group of groups) writeGroup(group, dialect, lines);
  for (const list of lists) writeList(list, dialect, lines);
  for (const one of interfaces) writeInterface(one, dialect, lines);
  lines.push("!", "end", "");
  return lines.join("\n");
}

/** Entries that the hardware holds: groups are spelled out there. */
export function countLines({ entries }: AccessList, groups: readonly Group[]): number {
  const members = new Map(groups.map(({ name, addresses }) => [name, prefixesOf(addresses)]));
  const size = (end: End): number =>
    end.kind === "any" ? 1 : end.kind === "each" ? prefixesOf(end.addresses) : (members.get(end.name) ?? 1);
  return entries.reduce(
    (sum, { source, destination, sourcePorts, destinationPorts }) =>
      sum + size(source) * size(destination) * (sourcePorts?.length ?? 1) * (destinationPorts?.length ?? 1),
    0,
  );
}

function prefixesOf(addresses: Group["addresses"]): number {
  let count = 0;
  addresses.forEachPrefix(() => count++);
  return count;
}

function writeGroup({ name, family, addresses }: Group, { groups, prefixes }: Dialect, lines: string[]): void {
  lines.push("!", `${groups!.head[family]} ${name}`);
  addresses.forEachPrefix((address, length) => {
    const text = formatAddress(address, family);
    const isOne = length === (family === 4 ? 32 : 128);
    if (isOne) lines.push(` host ${text}`);
    // Groups of IOS-XE take masks, not wildcards.
    else if (family === 4 && prefixes === "wildcard") lines.push(` ${text} ${formatAddress(maskOf(length), 4)}`);
    else lines.push(` ${text}/${length}`);
  });
}

function writeList({ name, family, entries }: AccessList, dialect: Dialect, lines: string[]): void {
  lines.push("!", `${dialect.head[family]} ${name}`);
  let number = 0;
  const numbered = (text: string): void => void lines.push(` ${dialect.numbered[family]}${(number += step)} ${text}`);
  let rule: string | undefined;
  for (const entry of entries) {
    // Without a number, which remarks of IPv6 lists do not take.
    if (entry.rule !== rule) lines.push(` remark ${entry.rule}`);
    rule = entry.rule;
    writeEntry(entry, family, dialect, numbered);
  }
}

function writeEntry(entry: Entry, family: Family, dialect: Dialect, write: (text: string) => void): void {
  const { action, protocol } = entry;
  const begin = `${action} ${protocol === undefined ? dialect.anything[family] : protocolName(protocol, family)}`;
  const sourcePorts = entry.sourcePorts?.map(portText) ?? [""];
  const destinationPorts = entry.destinationPorts?.map(portText) ?? [""];
  forEachEnd(entry.source, family, dialect, (source) => {
    forEachEnd(entry.destination, family, dialect, (destination) => {
      for (const from of sourcePorts)
        for (const to of destinationPorts) write(`${begin} ${source}${from} ${destination}${to}`);
    });
  });
}

function forEachEnd(end: End, family: Family, { prefixes, groups }: Dialect, visit: (text: string) => void): void {
  switch (end.kind) {
    case "any":
      return visit("any");
    case "group":
      return visit(`${groups!.use} ${end.name}`);
    case "each":
      end.addresses.forEachPrefix((address, length) => {
        const text = formatAddress(address, family);
        if (length === (family === 4 ? 32 : 128)) visit(`host ${text}`);
        else if (family === 4 && prefixes === "wildcard") visit(`${text} ${formatAddress(wildcardOf(length), 4)}`);
        else visit(`${text}/${length}`);
      });
  }
}

function writeInterface({ name, lists, strict }: Interface, dialect: Dialect, lines: string[]): void {
  lines.push("!", `interface ${name}`);
  for (const { list, family, direction } of lists) {
    lines.push(` ${dialect.bind[family]} ${list} ${dialect.directions[direction]}`);
  }
  for (const family of strict) lines.push(` ${dialect.strict[family]}`);
}

function portText({ first, last }: PortRange): string {
  return first === last ? ` eq ${first}` : ` range ${first} ${last}`;
}

function protocolName(protocol: number, family: Family): string {
  if (protocol === tcp) return "tcp";
  if (protocol === udp) return "udp";
  if (protocol === (family === 4 ? 1 : 58)) return "icmp";
  return String(protocol);
}

/** Length 0 and 32 do not occur: they are "any" and "host". */
function wildcardOf(length: number): Uint32Array {
  return Uint32Array.of(0xffff_ffff >>> length);
}

function maskOf(length: number): Uint32Array {
  const mask = wildcardOf(length);
  mask[0] = ~mask[0]! >>> 0;
  return mask;
}

// The tree as configuration text. Lists and groups have new names with each revision and are written before they are bound,
// so a device changes over with one line for each interface and direction, and never stands without a filter.

import { formatAddress } from "../../../base/address.ts";
import type { Address, Family } from "../../../base/address.ts";
import { TextWriter } from "../../../base/text-writer.ts";
import type { PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { Dialect } from "./dialect.ts";
import { step } from "./order.ts";
import type { AccessList, End, Entry, Group, Interface, Listing } from "./tree.ts";

export function writeListing(
  { groups, lists, interfaces }: Listing,
  dialect: Dialect,
  header: readonly string[],
): string {
  const out = new TextWriter();
  for (const line of header) out.text(`! ${line}\n`);
  for (const group of groups) writeGroup(group, dialect, out);
  for (const list of lists) writeList(list, dialect, out);
  for (const one of interfaces) writeInterface(one, dialect, out);
  return out.text("!\nend\n").finish();
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

function writeGroup({ name, family, addresses }: Group, { groups, prefixes }: Dialect, out: TextWriter): void {
  out.text(`!\n${groups!.head[family]} ${name}\n`);
  addresses.forEachPrefix((address, length) => {
    if (length === (family === 4 ? 32 : 128)) out.text(" host ").address(address, family);
    // Groups of IOS-XE take masks, not wildcards.
    else if (family === 4 && prefixes === "wildcard") out.text(" ").address(address, 4).text(` ${masks[length]!}`);
    else out.text(" ").address(address, family).text("/").number(length);
    out.text("\n");
  });
}

function writeList({ name, family, entries }: AccessList, dialect: Dialect, out: TextWriter): void {
  out.text(`!\n${dialect.head[family]} ${name}\n`);
  let number = 0;
  let rule: string | undefined;
  for (const entry of entries) {
    // Without a number, which remarks of IPv6 lists do not take.
    if (entry.rule !== rule) out.text(` remark ${entry.rule}\n`);
    rule = entry.rule;
    number = writeEntry(entry, family, dialect, number, out);
  }
}

/** Returns the number of its last line. */
function writeEntry(entry: Entry, family: Family, dialect: Dialect, after: number, out: TextWriter): number {
  const { action, protocol, source, destination } = entry;
  const begin = ` ${dialect.numbered[family]}`;
  const what = ` ${action} ${protocol === undefined ? dialect.anything[family] : protocolName(protocol, family)} `;
  const sourcePorts = entry.sourcePorts?.map(portText) ?? [""];
  const destinationPorts = entry.destinationPorts?.map(portText) ?? [""];
  let number = after;
  forEachMember(source, (from, fromLength) => {
    forEachMember(destination, (to, toLength) => {
      for (const fromPort of sourcePorts) {
        for (const toPort of destinationPorts) {
          out
            .text(begin)
            .number((number += step))
            .text(what);
          writeEnd(source, from, fromLength, family, dialect, out);
          out.text(fromPort).text(" ");
          writeEnd(destination, to, toLength, family, dialect, out);
          out.text(toPort).text("\n");
        }
      }
    });
  });
  return number;
}

/** Each prefix of an end that is spelled out; once for others. */
function forEachMember(end: End, visit: (address: Address, length: number) => void): void {
  if (end.kind === "each") end.addresses.forEachPrefix(visit);
  else visit(none, 0);
}

const none: Address = new Uint32Array();

function writeEnd(
  end: End,
  address: Address,
  length: number,
  family: Family,
  { prefixes, groups }: Dialect,
  out: TextWriter,
): void {
  switch (end.kind) {
    case "any":
      out.text("any");
      return;
    case "group":
      out.text(`${groups!.use} ${end.name}`);
      return;
    case "each":
      if (length === (family === 4 ? 32 : 128)) out.text("host ").address(address, family);
      else if (family === 4 && prefixes === "wildcard") out.address(address, 4).text(` ${wildcards[length]!}`);
      else out.address(address, family).text("/").number(length);
  }
}

function writeInterface({ name, lists, strict }: Interface, dialect: Dialect, out: TextWriter): void {
  out.text(`!\ninterface ${name}\n`);
  for (const { list, family, direction } of lists) {
    out.text(` ${dialect.bind[family]} ${list} ${dialect.directions[direction]}\n`);
  }
  for (const family of strict) out.text(` ${dialect.strict[family]}\n`);
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

/** By length; 0 and 32 do not occur: they are "any" and "host". */
const wildcards = Array.from({ length: 33 }, (_, length) => formatAddress(Uint32Array.of(openBits(length)), 4));
const masks = Array.from({ length: 33 }, (_, length) => formatAddress(Uint32Array.of(~openBits(length)), 4));

function openBits(length: number): number {
  return length === 32 ? 0 : 0xffff_ffff >>> length;
}

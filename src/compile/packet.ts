// A packet as far as filters can tell packets apart: the policy's, with the interface on the far side.

import { formatAddress } from "../base/address.ts";
import type { Address, Family } from "../base/address.ts";
import { tcp } from "../policy/network/packet.ts";
import type { Packet } from "../policy/network/packet.ts";

export { tcp };
export const udp = 17;

export type Direction = Packet["direction"];
export type Fragment = Packet["fragment"];
export type Flags = Packet["flags"];

export interface FilteredPacket extends Packet {
  /** Customer interface by which it came up, or goes down, where the filter knows it. */
  readonly line: string | undefined;
  /** Interface towards the rest by which it leaves or came, where the filter knows it. */
  readonly upstream: string | undefined;
}

/** For people: "up: TCP 192.0.2.1 port 1024 → 198.51.100.2 port 25 on line ge-0/0/1, syn". */
export function describePacket(packet: FilteredPacket): string {
  const protocol = packet.protocol === tcp ? "TCP" : packet.protocol === udp ? "UDP" : `protocol ${packet.protocol}`;
  const ends = [
    describeEnd(packet.source, packet.family, packet.sourcePort),
    describeEnd(packet.destination, packet.family, packet.destinationPort),
  ];
  const more = [
    packet.line === undefined ? "" : ` on line ${packet.line}`,
    packet.upstream === undefined ? "" : ` through ${packet.upstream}`,
    packet.subscriber === undefined ? "" : ` of subscriber ${packet.subscriber}`,
    packet.protocol === tcp && packet.flags === "syn" ? ", syn" : "",
    packet.fragment === "whole" ? "" : packet.fragment === "first" ? ", first fragment" : ", later fragment",
  ];
  return `${packet.direction}: ${protocol} ${ends.join(" → ")}${more.join("")}`;
}

function describeEnd(address: Address, family: Family, port: number | undefined): string {
  return formatAddress(address, family) + (port === undefined ? "" : ` port ${port}`);
}

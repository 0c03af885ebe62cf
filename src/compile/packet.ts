// A packet as far as filters can tell packets apart.

import { formatAddress } from "../base/address.ts";
import type { Address, Family } from "../base/address.ts";

export const tcp = 6;
export const udp = 17;

export type Direction = "up" | "down";
export type Fragment = "whole" | "first" | "rest";
export type Flags = "syn" | "other";

export interface FilteredPacket {
  readonly family: Family;
  readonly source: Address;
  readonly destination: Address;
  /** Number of the protocol above IP; for IPv6 the one after all extension headers. */
  readonly protocol: number;
  /** TCP and UDP only, and not in later fragments. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** TCP: the first segment of a connection, or any other. */
  readonly flags: Flags;
  /** `rest` is every fragment but the first; it carries no ports. */
  readonly fragment: Fragment;
  /** `up` comes from customers, `down` goes to them. */
  readonly direction: Direction;
  /** Customer interface by which it came up, or goes down, where the filter knows it. */
  readonly line: string | undefined;
  /** Interface towards the rest by which it leaves or came, where the filter knows it. */
  readonly upstream: string | undefined;
  /** Subscriber of the session, where the filter knows it. */
  readonly subscriber: string | undefined;
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

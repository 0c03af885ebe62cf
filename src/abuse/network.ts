// The network of an address, as far as one customer or one access point has it: /24, or /48 of IPv6 (RFC 6177 §2).

import { formatIp, parseIp, unmapIp } from "../base/ip.ts";

/** What is no address stays as it is. */
export function networkOf(address: string): string {
  const parsed = parseIp(address);
  if (parsed === undefined) return address;
  const octets = unmapIp(parsed).slice();
  const bits = octets.length === 4 ? 24 : 48;
  octets.fill(0, bits / 8);
  return `${formatIp(octets)}/${bits}`;
}

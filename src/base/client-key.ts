// What counts as one client: an IPv4 address; in IPv6 the /64, for a customer has at least that (RFC 6177), so an address of its
// own for every connection gains nothing. And the network around it, which one guesser may well have: /24 and /48.

import { formatIp, parseIp, unmapIp } from "./ip.ts";

/** What is no address (a socket that is gone) is one client. */
export function clientKey(address: string): string {
  // Sockets and PROXY headers give IPv4 in one spelling only.
  return address.includes(":") ? cut(address, 32, 64) : address;
}

export function clientNetwork(address: string): string {
  return cut(address, 24, 48);
}

function cut(address: string, bits4: number, bits6: number): string {
  const octets = parseIp(address);
  if (octets === undefined) return "";
  const plain = unmapIp(octets);
  const bits = plain.length === 4 ? bits4 : bits6;
  if (bits === 32) return formatIp(plain);
  return `${formatIp(plain.map((octet, index) => (index < bits / 8 ? octet : 0)))}/${bits}`;
}

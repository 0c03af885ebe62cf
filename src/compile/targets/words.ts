// Names of protocols and ports that devices print for their numbers, as far as this trade and its neighbours need them.

import type { PortRange } from "../ir.ts";
import { tcp, udp } from "../packet.ts";

const protocols: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp,
  udp,
  gre: 47,
  esp: 50,
  "ipsec-esp": 50,
  ah: 51,
  ahp: 51,
  "ipsec-ah": 51,
  icmp6: 58,
  icmpv6: 58,
  "icmp-v6": 58,
  "ipv6-icmp": 58,
  ospf: 89,
  pim: 103,
  sctp: 132,
};

export function protocolOf(word: string): number | undefined {
  if (/^\d{1,3}$/.test(word)) return Number(word) <= 255 ? Number(word) : undefined;
  return Object.hasOwn(protocols, word) ? protocols[word] : undefined;
}

const ports: Readonly<Record<string, number>> = {
  "ftp-data": 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  www: 80,
  http: 80,
  pop3: 110,
  nntp: 119,
  imap: 143,
  imap2: 143,
  imap4: 143,
  bgp: 179,
  https: 443,
  smtps: 465,
  submissions: 465,
  submission: 587,
  imaps: 993,
  pop3s: 995,
};

export function portOf(word: string): number | undefined {
  if (/^\d{1,5}$/.test(word)) return Number(word) <= 65_535 ? Number(word) : undefined;
  return Object.hasOwn(ports, word) ? ports[word] : undefined;
}

/** "25", "smtp", "25-587". */
export function portsOf(word: string): PortRange | undefined {
  const [first = "", last = first, more] = word.split("-");
  const [from, to] = [portOf(first), portOf(last)];
  return more !== undefined || from === undefined || to === undefined || from > to
    ? undefined
    : { first: from, last: to };
}

// The network of the lab, as data: the edge of an ISP with dynamic and static customers and its own servers, another
// ISP with a static line of the attacker, and the rest of the world. Everything is dual stack. Addresses are those
// reserved for documentation (RFC 5737, RFC 3849).
//
//   bot, subb  dynamic lines ─┐
//   biz        static line   ─┤                    ┌─ msab    MSA of an ISP that lives on our backbone (model B)
//   msa, mta   own servers   ─┼─ edge ──── ix ─────┼─ mx      a stranger's mail exchanger
//   attacker   dynamic line  ─┤            │       ├─ mobile  a mobile carrier's mail server
//   attacker   static line   ─┘            │       └─ third   a provider with submission and mail server
//   attacker   static line ─────── edgec ──┘
//
// Every link between a host and its router is a veth pair with host routes; the router's side is called `v-` and the
// name of the link. No interface is called `dyn`, which `ip` reads as a keyword.

export interface LabLink {
  readonly router: LabRouter;
  readonly host: LabHost;
  /** Interface on the host. */
  readonly device: string;
  /** Interface on the router. */
  readonly line: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

export const labRouters = ["edge", "edgec", "ix"] as const;
export type LabRouter = (typeof labRouters)[number];

export const labHosts = ["bot", "subb", "biz", "attacker", "msa", "mta", "msab", "mx", "mobile", "third"] as const;
export type LabHost = (typeof labHosts)[number];

/** The first link of a host carries its default route. */
export const labLinks: readonly LabLink[] = [
  link("edge", "bot", "eth0", "v-bot", "198.51.100.10", "2001:db8:a:d010::10"),
  link("edge", "subb", "eth0", "v-subb", "198.51.100.138", "2001:db8:a:db38::138"),
  link("edge", "biz", "eth0", "v-biz", "198.51.100.200", "2001:db8:a:5200::200"),
  link("edge", "msa", "eth0", "v-msa", "192.0.2.5", "2001:db8:a:1::5"),
  link("edge", "mta", "eth0", "v-mta", "192.0.2.6", "2001:db8:a:1::6"),
  link("edge", "attacker", "eth0", "v-att", "198.51.100.66", "2001:db8:a:d066::66"),
  link("edge", "attacker", "eth1", "v-atts", "198.51.100.201", "2001:db8:a:5201::201"),
  link("edgec", "attacker", "eth2", "v-attc", "192.0.2.200", "2001:db8:c:200::200"),
  link("ix", "msab", "eth0", "v-msab", "192.0.2.130", "2001:db8:b:1::130"),
  link("ix", "mx", "eth0", "v-mx", "203.0.113.25", "2001:db8:25:1::25"),
  link("ix", "mobile", "eth0", "v-mobile", "203.0.113.129", "2001:db8:f:1::129"),
  link("ix", "third", "eth0", "v-third", "203.0.113.70", "2001:db8:7:1::70"),
];

/** What the routers know of each other; numbers make the addresses of the trunks. */
export const labTrunks: readonly {
  readonly customer: LabRouter;
  readonly upstream: LabRouter;
  readonly number: number;
  /** Networks behind the customer's router. */
  readonly networks: readonly string[];
}[] = [
  {
    customer: "edge",
    upstream: "ix",
    number: 1,
    networks: ["198.51.100.0/24", "192.0.2.0/27", "2001:db8:a::/48"],
  },
  { customer: "edgec", upstream: "ix", number: 2, networks: ["192.0.2.192/27", "2001:db8:c::/48"] },
];

/** Who listens where besides the real server (servers.ts). The port of the web stands for all that is not mail. */
export const labServices: readonly { readonly host: LabHost; readonly ports: readonly number[] }[] = [
  { host: "msa", ports: [25] },
  { host: "mta", ports: [25] },
  { host: "msab", ports: [25, 587] },
  { host: "mx", ports: [80] },
  { host: "mobile", ports: [25] },
  { host: "third", ports: [25, 587] },
  { host: "biz", ports: [25] },
  { host: "bot", ports: [25] },
];

export function addressOf(host: LabHost, family: 4 | 6): string {
  const first = labLinks.find((each) => each.host === host)!;
  return family === 4 ? first.ipv4 : first.ipv6;
}

function link(router: LabRouter, host: LabHost, device: string, line: string, ipv4: string, ipv6: string): LabLink {
  return { router, host, device, line, ipv4, ipv6 };
}

// The part of the schema about the network side, `[network]`: who may speak to port 25, and when. It is part of the one
// table in ../schema.ts. What the values mean together is the policy's (policy/network), what is wrong with them check.ts's.

import type { Checked, Keys } from "../types.ts";
import { platformMeanings } from "../../policy/network/platforms.ts";

const ipv4 = { kind: "list", of: { kind: "prefix", family: 4 }, minimum: 0 } as const;
const ipv6 = { kind: "list", of: { kind: "prefix", family: 6 }, minimum: 0 } as const;
const files = { kind: "list", of: { kind: "path" }, minimum: 0 } as const;

/** Addresses written where they are used. */
const inline = {
  ipv4: { type: ipv4, default: [], meaning: "IPv4 prefixes or addresses.", example: ["192.0.2.0/24"] },
  ipv6: { type: ipv6, default: [], meaning: "IPv6 prefixes or addresses.", example: ["2001:db8:a::/48"] },
} as const satisfies Keys;

const addresses = {
  ...inline,
  "ipv4-files": {
    type: files,
    default: [],
    meaning: "Files of IPv4 prefixes, one a line; `#` begins a comment. A million lines are fine.",
    example: ["pools/residential.ipv4"],
  },
  "ipv6-files": {
    type: files,
    default: [],
    meaning: "Files of IPv6 prefixes, one a line.",
    example: ["pools/residential.ipv6"],
  },
} as const satisfies Keys;

const name = (meaning: string, example: string) =>
  ({ type: { kind: "name" }, required: true, meaning, example }) as const;

const begin = { kind: "date", edge: "begin" } as const;
const end = { kind: "date", edge: "end" } as const;

const from = {
  type: begin,
  otherwise: "at once",
  meaning: "When it begins: the beginning of a day, or an instant.",
  example: "2027-01-15",
} as const;

const until = (meaning: string) => ({ type: end, meaning, example: "2027-12-31" }) as const;

const period = {
  from: { type: begin, required: true, meaning: "When it begins.", example: "2027-04-01" },
  until: { type: end, otherwise: "it goes on", meaning: "The last day of it, or the instant at which it is over." },
} as const satisfies Keys;

const stage = {
  begin: { type: begin, required: true, meaning: "When the stage begins.", example: "2027-01-15" },
  stage: {
    type: {
      kind: "choice",
      values: {
        off: "nothing is done",
        observe: "everything passes and is counted: who still speaks to port 25",
        "mobile-only": "only port 25 of the mobile carriers' mail servers is blocked",
        full: "port 25 is blocked, but for what is permitted",
      },
    },
    required: true,
    meaning: "What happens to port 25 from here on.",
    example: "observe",
  },
} as const satisfies Keys;

const line = {
  name: {
    type: { kind: "text" },
    required: true,
    meaning: "The customer interface, as the device calls it. The same one may stand in several pools.",
    example: "ge-0/0/1.100",
  },
  "single-homed": {
    type: { kind: "boolean" },
    default: false,
    meaning: "Whether all that its customers may use as source also leads back to it. Only then `strict` is right.",
  },
  sav: {
    type: {
      kind: "choice",
      values: {
        list: "a list of the prefixes that may stand as source",
        strict: "the device's strict reverse path check; for lines that are single-homed",
        loose: "the loose reverse path check. Refused: it lets every source pass that is routed anywhere",
      },
    },
    default: "list",
    meaning: "How sources are validated, once `sav` of the pool has begun (BCP 38, BCP 84).",
  },
  ...inline,
} as const satisfies Keys;

const pool = {
  name: name("What the pool is called; part of names on devices.", "residential"),
  kind: {
    type: {
      kind: "choice",
      values: {
        dynamic: "addresses that change hands; port 25 can be blocked",
        static: "addresses that belong to a customer; never blocked, but a line of them can be validated",
      },
    },
    required: true,
    meaning: "Whose the addresses are.",
    example: "dynamic",
  },
  ...addresses,
  cgn: {
    type: {
      kind: "choice",
      values: {
        none: "no carrier-grade NAT",
        internal: "addresses on the subscribers' side of a carrier-grade NAT (RFC 6888); filters stand before it",
        external: "addresses that a carrier-grade NAT shares between subscribers; filters stand behind it",
      },
    },
    default: "none",
    meaning: "Which side of a carrier-grade NAT the addresses are seen on.",
  },
  "radius-profile": {
    type: { kind: "text" },
    meaning: "Name of the RADIUS profile of the pool's subscribers.",
    example: "residential-op25b",
  },
  stage: {
    type: { kind: "list", of: { kind: "table", keys: stage }, minimum: 0 },
    default: [],
    meaning: "What happens to port 25, in order of time. Before the first stage: off. A later `off` takes it back.",
  },
  "inbound-25": {
    type: { kind: "table", keys: period },
    otherwise: "packets from port 25 reach the pool",
    meaning:
      "Block packets from port 25 towards the pool (IP25B), so that answers to spoofed packets that left elsewhere do not arrive. Never wider " +
      "than what is blocked outbound.",
  },
  sav: {
    type: { kind: "table", keys: period },
    otherwise: "sources are not validated",
    meaning: "Validate sources on the lines of the pool (SAV). The other half of the defence.",
  },
  line: {
    type: { kind: "list", of: { kind: "table", keys: line }, minimum: 0 },
    default: [],
    meaning: "Customer interfaces of the pool. Without prefixes of its own a line has those of the pool.",
  },
} as const satisfies Keys;

const server = {
  name: name("What the server is called.", "msa"),
  role: {
    type: {
      kind: "choice",
      values: {
        mta: "sends mail to the world",
        msa25: "takes submissions on port 25, from pools that have not moved yet: the designated MSA",
        msa587: "takes submissions on 587 and 465",
        mx: "takes mail from the world",
      },
    },
    required: true,
    meaning: "What it does. As a source every own server passes; as a destination from a dynamic pool only msa25.",
    example: "msa587",
  },
  ...inline,
} as const satisfies Keys;

const migration = {
  state: {
    type: {
      kind: "choice",
      values: {
        planned: "nobody has been told yet",
        announced: "the users know",
        moving: "users are changing their settings",
        done: "nobody submits on port 25 any more",
      },
    },
    default: "planned",
    meaning: "How far the own users are from port 25 to port 587.",
  },
  announced: { type: begin, meaning: "When the users were told.", example: "2026-10-01" },
  moved: {
    type: { kind: "integer", minimum: 0, maximum: 100 },
    meaning: "Percent of the users that submit on 587 or 465.",
    example: 80,
  },
} as const satisfies Keys;

const partner = {
  name: name("What the partner is called.", "isp-b"),
  relation: {
    type: {
      kind: "choice",
      values: {
        gives: "model A: the partner's users are on our backbone, and its MSA stays reachable for a while",
        depends: "model B: our users are on the partner's backbone, which blocks port 25",
      },
    },
    required: true,
    meaning: "Who gives backbone to whom.",
    example: "gives",
  },
  ...inline,
  domains: {
    type: { kind: "list", of: { kind: "domain" }, minimum: 0 },
    default: [],
    meaning: "Mail domains of the partner. `net refresh` pins their exchangers, so that no permit contains one.",
    example: ["isp-b.example"],
  },
  from,
  until: until(
    "The last day on which port 25 of the partner's MSA is reachable; the permit ends by itself. Needed for `gives`.",
  ),
  reason: {
    type: { kind: "text" },
    meaning: "Why the permit is longer than 400 days, shorter than /24 or /48, or contains somebody's MX.",
  },
  request: {
    type: { kind: "path" },
    meaning: "The request of model B, as both sides keep it. Its prefixes are permitted with those that stand here.",
    example: "requests/isp-b.toml",
  },
  migration: {
    type: { kind: "table", keys: migration },
    default: {},
    meaning: "For `depends`: where the own users are.",
  },
} as const satisfies Keys;

const carrier = {
  name: name("What the mobile carrier is called.", "mobile-x"),
  ...addresses,
  domains: {
    type: { kind: "list", of: { kind: "domain" }, minimum: 0 },
    default: [],
    meaning: "Mail domains of the carrier. `net refresh` looks up their exchangers and pins the addresses.",
    example: ["mobile.example"],
  },
} as const satisfies Keys;

const thirdParty = {
  name: name("What the server is called.", "club-mail"),
  ...inline,
  reason: {
    type: { kind: "text" },
    meaning: "Why a submission service for the sender (substitute MSA) is no answer.",
  },
  from,
  until: until("The last day of the exception. Needed."),
} as const satisfies Keys;

const exemption = {
  id: {
    type: { kind: "name" },
    otherwise: "its number in the file",
    meaning: "What `net exempt renew` and `revoke` call it.",
    example: "customer-42",
  },
  addresses: {
    type: { kind: "list", of: { kind: "prefix" }, minimum: 1, alone: true },
    meaning: "Whose port 25 is not blocked: a prefix or several, of both families. Either this or `subscriber`.",
    example: "198.51.100.200",
  },
  subscriber: {
    type: { kind: "text" },
    meaning:
      "A subscriber as RADIUS knows him. Only RADIUS targets can say it; addresses would pass on to the next customer.",
    example: "user42@isp.example",
  },
  owner: { type: { kind: "text" }, meaning: "Who asked for it. Needed.", example: "Example Trading Ltd." },
  reason: { type: { kind: "text" }, meaning: "Why. Needed.", example: "runs a mail server with rDNS and SPF" },
  ticket: { type: { kind: "text" }, meaning: "Where it was decided. Needed.", example: "T-2041" },
  from,
  until: until("The last day of the exemption. Needed."),
} as const satisfies Keys;

const manners = {
  kind: "list",
  of: {
    kind: "choice",
    values: {
      reset: "a TCP reset: the program says so at once",
      "admin-prohibited": "ICMP, administratively prohibited",
      drop: "nothing: the program waits",
    },
  },
  minimum: 1,
} as const;

const verdict = {
  outbound: {
    type: manners,
    default: ["reset", "admin-prohibited", "drop"],
    meaning: "How OP25B blocks: each device does the first of these that it can. Users must be able to see it.",
  },
  inbound: {
    type: manners,
    default: ["drop"],
    meaning: "How IP25B blocks. The far end gets an answer it asked for by nobody we know.",
  },
  "strict-manner": {
    type: { kind: "boolean" },
    default: false,
    meaning: "Refuse a device that cannot do the first one.",
  },
} as const satisfies Keys;

const justification = {
  purpose: {
    type: { kind: "text" },
    meaning: "What the blocking is for.",
    example: "to keep spam from bots off the network",
  },
  necessity: { type: { kind: "text" }, meaning: "Why less does not do." },
  scope: { type: { kind: "text" }, meaning: "What it is limited to.", example: "TCP port 25 from dynamic addresses" },
  alternative: { type: { kind: "text" }, meaning: "What users have instead.", example: "submission on 587 and 465" },
  terms: { type: { kind: "text" }, meaning: "The clause of the terms of service.", example: "terms of service, §12" },
  notice: { type: begin, meaning: "When the users were told: before the stage begins.", example: "2026-11-01" },
} as const satisfies Keys;

const nas = {
  directions: {
    type: { kind: "choice", values: { both: "both directions", in: "only what the subscriber sends" } },
    default: "both",
    meaning: "In which directions the access server applies rules from RADIUS.",
  },
  families: {
    type: { kind: "choice", values: { both: "IPv4 and IPv6", ipv4: "IPv4 only" } },
    default: "both",
    meaning: "Of which families.",
  },
  apply: {
    type: {
      kind: "choice",
      values: {
        rules: "the rules themselves, as NAS-Filter-Rule (RFC 4849)",
        "filter-id": "names of filters that it has, as Filter-Id (RFC 2865)",
      },
    },
    default: "rules",
    meaning: "What it is sent for a session.",
  },
  rules: {
    type: { kind: "integer", minimum: 1, maximum: 10_000 },
    otherwise: "what fits into a packet of 4096 octets (RFC 2865 §3)",
    meaning: "Most rules that it takes in one message.",
    example: 10,
  },
} as const satisfies Keys;

const target = {
  kind: {
    type: {
      kind: "choice",
      values: {
        nftables: "a Linux edge",
        "cisco-ios-xe": "Cisco IOS-XE",
        "cisco-ios-xr": "Cisco IOS-XR",
        junos: "Juniper Junos",
        "arista-eos": "Arista EOS",
        "nokia-sros": "Nokia SR OS, MD-CLI",
        vyos: "VyOS",
        "mikrotik-routeros": "MikroTik RouterOS",
        flowspec: "BGP FlowSpec (RFC 8955), for ExaBGP, GoBGP or BIRD",
        radius: "RADIUS attributes",
        json: "the filters as data",
        dnsbl: "a DNS list of the dynamic ranges (RFC 5782)",
      },
    },
    otherwise: "the name of the target",
    meaning: "What the text is for.",
    example: "junos",
  },
  placement: {
    type: {
      kind: "choice",
      values: {
        edge: "sees all that is forwarded, in both directions",
        interfaces: "bound to interfaces: customers' packets one way, answers the other",
        "edge-out": "sees only what leaves",
        "edge-in": "sees only what enters",
        line: "a subscriber's session, of one pool",
        "line-out": "only what the subscriber of such a session sends",
      },
    },
    otherwise: "as usual for the kind",
    meaning: "Where the filter stands.",
    example: "interfaces",
  },
  pool: {
    type: { kind: "name" },
    meaning: 'The pool of `placement = "line"` or `"line-out"`.',
    example: "residential",
  },
  "customer-interfaces": {
    type: { kind: "list", of: { kind: "text" }, minimum: 0 },
    default: [],
    meaning: "Interfaces towards customers that get the filters.",
    example: ["ge-0/0/1"],
  },
  "upstream-interfaces": {
    type: { kind: "list", of: { kind: "text" }, minimum: 0 },
    default: [],
    meaning: "Interfaces towards the rest that get them.",
    example: ["xe-1/0/0"],
  },
  budget: {
    type: { kind: "integer", minimum: 1, maximum: 10_000_000 },
    otherwise: "as known for the platform or the kind",
    meaning: "Most lines or rules that the device has room for.",
  },
  platform: {
    type: { kind: "choice", values: platformMeanings },
    otherwise: "no limits of hardware are known",
    meaning: "Hardware whose limits are known: what does not fit is an error. `budget` comes first.",
    example: "juniper-qfx5120",
  },
  nas: { type: { kind: "table", keys: nas }, default: {}, meaning: "What the access server can do." },
  "validation-off": {
    type: { kind: "boolean" },
    default: false,
    meaning:
      "For flowspec: you have switched validation off where these rules are received (RFC 8955 §6), or they are ignored there.",
  },
  zone: {
    type: { kind: "domain" },
    meaning: "For dnsbl: the name of the list.",
    example: "dynamic.isp.example",
  },
  "name-servers": {
    type: { kind: "list", of: { kind: "domain" }, minimum: 0 },
    default: [],
    meaning: "For dnsbl: who serves the zone. Without them the text has no SOA and no NS, for a zone that includes it.",
    example: ["ns1.isp.example"],
  },
  "ptr-domain": {
    type: { kind: "domain" },
    meaning: "For dnsbl: what the names of dynamic addresses in the reverse zone end in. Without it none are printed.",
    example: "dyn.isp.example",
  },
} as const satisfies Keys;

const port = { kind: "integer", minimum: 1, maximum: 65_535 } as const;

export const network = {
  operator: {
    type: {
      kind: "choice",
      values: {
        carrier: "a telecommunications carrier: blocking must be justified in writing",
        hosting: "a hosting provider",
        enterprise: "a company or a university",
        home: "a home or small office behind somebody else's filters",
      },
    },
    required: true,
    meaning: "Who runs the network.",
    example: "carrier",
  },
  "utc-offset": {
    type: { kind: "offset" },
    default: "+00:00",
    meaning: "Where days begin and end that are written without a time.",
    example: "+09:00",
  },
  "own-mx": {
    type: {
      kind: "choice",
      values: {
        blocked: "dynamic pools submit; the own MX is not for them",
        permitted: "dynamic pools may reach the own MX on port 25: bots there can send to the own domains",
      },
    },
    default: "blocked",
    meaning: "Whether dynamic pools reach the own MX.",
  },
  "block-ports": {
    type: { kind: "list", of: port, minimum: 1 },
    default: [25],
    meaning: "TCP ports that are blocked: 25 and no other (RFC 5068 §3.1 for 587).",
  },
  "count-ports": {
    type: { kind: "list", of: port, minimum: 0 },
    default: [],
    meaning: "TCP ports from dynamic pools that pass and are counted, to see what moves to submission.",
    example: [465, 587],
  },
  "lock-file": {
    type: { kind: "path" },
    otherwise: "`network.lock.json` beside the file that says `operator`",
    meaning: "What `net refresh` found in DNS; written by it alone.",
  },
  "exemptions-file": {
    type: { kind: "path" },
    otherwise: "`network.exemptions.toml` beside the file that says `operator`",
    meaning: "Exemptions that `net exempt` adds; written by it alone. It may be missing.",
  },
  pool: {
    type: { kind: "list", of: { kind: "table", keys: pool }, minimum: 0 },
    default: [],
    meaning: "Address pools of the customers.",
  },
  server: {
    type: { kind: "list", of: { kind: "table", keys: server }, minimum: 0 },
    default: [],
    meaning: "Own mail servers.",
  },
  partner: {
    type: { kind: "list", of: { kind: "table", keys: partner }, minimum: 0 },
    default: [],
    meaning: "Providers with whom backbone is shared.",
  },
  carrier: {
    type: { kind: "list", of: { kind: "table", keys: carrier }, minimum: 0 },
    default: [],
    meaning: "Mobile carriers, for the stage `mobile-only`.",
  },
  "third-party": {
    type: { kind: "list", of: { kind: "table", keys: thirdParty }, minimum: 0 },
    default: [],
    meaning: "Servers of others that stay reachable on port 25: exceptions, host by host.",
  },
  exemption: {
    type: { kind: "list", of: { kind: "table", keys: exemption }, minimum: 0 },
    default: [],
    meaning: "Customers whose port 25 is not blocked.",
  },
  verdict: { type: { kind: "table", keys: verdict }, default: {}, meaning: "How packets are blocked." },
  justification: {
    type: { kind: "table", keys: justification },
    default: {},
    meaning: "Why blocking is lawful; printed in reports.",
  },
  targets: {
    type: { kind: "map", key: "name", of: { kind: "table", keys: target } },
    default: {},
    meaning: "Devices, or kinds of devices, that get a text.",
  },
} as const satisfies Keys;

/** What B asks of A: a file of its own (`request` of a partner). */
export const partnerRequest = {
  version: {
    type: { kind: "integer", minimum: 1, maximum: 1 },
    required: true,
    meaning: "Version of the format.",
    example: 1,
  },
  from: { type: { kind: "text" }, required: true, meaning: "Who asks.", example: "ISP B" },
  to: { type: { kind: "text" }, required: true, meaning: "Who is asked.", example: "ISP A" },
  contact: {
    type: { kind: "address" },
    required: true,
    meaning: "Who answers questions.",
    example: "noc@isp-b.example",
  },
  ...inline,
  begins: { type: begin, required: true, meaning: "When the other side begins to block.", example: "2027-03-01" },
  until: {
    type: end,
    required: true,
    meaning: "The last day on which the MSA is to be reachable.",
    example: "2028-02-28",
  },
  "signed-off": {
    type: {
      kind: "table",
      keys: {
        by: { type: { kind: "text" }, required: true, meaning: "Who agreed.", example: "network operations of ISP A" },
        on: { type: begin, required: true, meaning: "When.", example: "2026-12-01" },
      },
    },
    otherwise: "nobody has agreed yet",
    meaning: "The agreement of the side that is asked.",
  },
} as const satisfies Keys;

/** `[network]`, checked and with defaults; keys as they are written there. */
export type NetworkTables = Checked<{ kind: "table"; keys: typeof network }>;
export type RequestTables = Checked<{ kind: "table"; keys: typeof partnerRequest }>;

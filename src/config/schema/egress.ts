// How mail leaves: retries, routes, source addresses, what a destination can bear, names.

import type { Keys } from "../types.ts";

const port = { kind: "integer", minimum: 1, maximum: 65_535 } as const;

const targetTls = {
  kind: "choice",
  values: {
    opportunistic: "STARTTLS when the server offers it, without looking at its certificate (RFC 7435)",
    required: "no mail without TLS",
    never: "always in clear",
  },
} as const;

const target = {
  host: {
    type: { kind: "host" },
    required: true,
    meaning: "Host name or IP address of the next hop. A name is looked up as A and AAAA; MX records are not asked.",
    example: "smtp.example.net",
  },
  port: {
    type: port,
    otherwise: "25, 587 with a user name, 24 with LMTP",
    meaning: "Port of the next hop.",
    example: 587,
  },
  protocol: {
    type: {
      kind: "choice",
      values: {
        smtp: "another mail server (RFC 5321)",
        lmtp: "a mailbox store that answers for each recipient (RFC 2033), Dovecot for instance; not on port 25",
      },
    },
    default: "smtp",
    meaning: "What the next hop speaks.",
  },
  tls: {
    type: targetTls,
    otherwise: "opportunistic, or required with a user name",
    meaning: "Whether the connection is encrypted. A password is only ever sent inside TLS.",
    example: "required",
  },
  username: {
    type: { kind: "text" },
    meaning: "User name for AUTH. Needs `password`.",
    example: "relay@example.jp",
  },
  password: {
    type: { kind: "secret" },
    meaning: "Password for AUTH: where it is kept, never the password itself.",
    example: { file: "/etc/sekimori/smarthost.password" },
  },
  mechanism: {
    type: {
      kind: "choice",
      values: {
        strongest:
          "the best that is offered of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN and LOGIN. When it is refused nothing weaker is tried: whoever stands in between could refuse it to be given the password",
        plain: "PLAIN, else LOGIN, whatever is offered besides: for an account of which the server has no SCRAM keys",
      },
    },
    default: "strongest",
    meaning: "How the login is said.",
    example: "plain",
  },
  egress: {
    type: { kind: "text" },
    otherwise: "the sender's domain and the class of the mail decide, see `[[egress]]`",
    meaning: "Name of the `[[egress]]` from which connections to this next hop begin.",
    example: "bulk",
  },
} as const satisfies Keys;

export const delivery = {
  smarthost: {
    type: { kind: "table", keys: target },
    otherwise: "mail goes to the MX of its domain",
    meaning: "Hand everything that is not local to one server, unless a `[[route]]` says otherwise.",
  },
  retry: {
    type: { kind: "list", of: { kind: "duration", minimum: "1s", maximum: "1d" }, minimum: 1 },
    default: ["5m", "15m", "30m", "1h", "2h", "4h"],
    meaning:
      "Waits between attempts; the last one repeats. RFC 5321 §4.5.4.1 wants 30 minutes, or less at first: a greylisting server says " +
      "yes after five.",
  },
  "give-up": {
    type: { kind: "duration", minimum: "1s", maximum: "30d" },
    default: "5d",
    meaning: "Age at which a message is given up and its sender told. RFC 5321 §4.5.4.1: at least four or five days.",
  },
  "delay-notice": {
    type: { kind: "duration", minimum: "1s", maximum: "30d" },
    default: "4h",
    meaning:
      "Age at which the sender is told, once, that a message waits, unless NOTIFY says otherwise (RFC 3461). The default is the one " +
      "that RFC 5321 servers usually have; not below the first waits, or greylisting alone causes notices.",
  },
  paused: {
    type: { kind: "boolean" },
    default: false,
    meaning: "Take mail and keep it, deliver nothing: for work on the mailboxes or the network.",
  },
  "messages-per-connection": {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    default: 500,
    meaning:
      "Messages on one connection; then QUIT, and the next goes over another. Servers that want fewer say 421, which is understood.",
  },
  "connections-per-destination": {
    type: { kind: "integer", minimum: 1, maximum: 10_000 },
    default: 20,
    meaning: "Connections to one destination at once. The default is Postfix's smtp_destination_concurrency_limit.",
  },
  connections: {
    type: { kind: "integer", minimum: 1, maximum: 100_000 },
    default: 200,
    meaning: "Connections for delivery in all. At least `connections-per-destination`.",
  },
  tls: {
    type: {
      kind: "choice",
      values: {
        opportunistic: "STARTTLS when the exchanger offers it, without looking at its certificate (RFC 7435)",
        never: "always in clear",
      },
    },
    default: "opportunistic",
    meaning: "Whether connections to mail exchangers are encrypted.",
  },
  port: { type: port, default: 25, meaning: "Port of remote mail exchangers. Anything but 25 is for laboratories." },
} as const satisfies Keys;

export const route = {
  domain: {
    type: { kind: "domain" },
    required: true,
    meaning: "Domain of the recipients. Not one that is local.",
    example: "example.org",
  },
  ...target,
} as const satisfies Keys;

export const egress = {
  name: {
    type: { kind: "text" },
    required: true,
    meaning: "What the log, `sekimori queue destinations` and other keys call it.",
    example: "bulk",
  },
  addresses: {
    type: { kind: "list", of: { kind: "ip" }, minimum: 1, alone: true },
    required: true,
    meaning:
      "Addresses of this host from which connections begin; several of a family take turns. Without an IPv6 address no IPv6 address of a " +
      "destination is tried, and likewise IPv4.",
    example: ["192.0.2.26", "2001:db8::26"],
  },
  hostname: {
    type: { kind: "domain" },
    otherwise: "`hostname`",
    meaning: "What EHLO says on these connections. The name that the addresses have in reverse DNS.",
    example: "bulk.example.jp",
  },
  senders: {
    type: { kind: "list", of: { kind: "domain" }, minimum: 0, alone: true },
    default: [],
    meaning: "Mail whose envelope sender is in one of these domains goes out from here.",
    example: ["news.example.jp"],
  },
  bulk: {
    type: { kind: "boolean" },
    default: false,
    meaning:
      "Mail that says of itself that it goes to many (Precedence, List-Id, List-Unsubscribe) goes out from here, unless its sender's domain decides.",
  },
  connections: {
    type: { kind: "integer", minimum: 1, maximum: 100_000 },
    default: 200,
    meaning: "Connections from here in all, beside those of `[delivery]`: no other egress waits for one of them.",
  },
} as const satisfies Keys;

export const destination = {
  domains: {
    type: { kind: "list", of: { kind: "domain" }, minimum: 0, alone: true },
    default: [],
    meaning:
      "Domains of recipients. Each of them is a destination of its own, even if it shares its mail exchangers with others.",
    example: ["example.org"],
  },
  exchangers: {
    type: { kind: "list", of: { kind: "domain" }, minimum: 0, alone: true },
    default: [],
    meaning:
      "Mail exchangers or next hops: hosts of these names and below them. Holds for each set of exchangers on its own, whatever domains use it. " +
      "A rule for the domain of the recipient comes first.",
    example: ["mail.example.net"],
  },
  connections: {
    type: { kind: "integer", minimum: 1, maximum: 10_000 },
    otherwise: "`connections-per-destination` of `[delivery]`",
    meaning: "Connections at once.",
    example: 4,
  },
  "messages-per-connection": {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    otherwise: "`messages-per-connection` of `[delivery]`",
    meaning: "Messages on one connection.",
    example: 20,
  },
  rate: {
    type: { kind: "list", of: { kind: "window" }, minimum: 0, alone: true },
    default: [],
    meaning:
      "Messages that may be begun, as number/interval, over all connections; every window must have room. What is beyond waits, and no " +
      "attempt is counted. The counts begin anew after a restart and when `[delivery]` changes.",
    example: ["10/1m", "300/1h"],
  },
} as const satisfies Keys;

export const dns = {
  servers: {
    type: { kind: "list", of: { kind: "endpoint", port: 53 }, minimum: 0 },
    default: [],
    meaning: "Resolvers to ask, in order. Empty: those of the system. A resolver on the same host is worth having.",
    example: ["127.0.0.1", "[::1]:5353"],
  },
  timeout: {
    type: { kind: "duration", minimum: "100ms", maximum: "2m" },
    default: "10s",
    meaning: "How long one question may take, retries included. Then the answer is unknown, which never means no.",
  },
} as const satisfies Keys;

// The schema of sekimori.toml, as data: every key, its type, bounds, default, meaning and example. Validation,
// defaults, the JSON Schema for editors, the reference page and the display of effective values are all made
// from this one table. Rules that involve more than one value are in references.ts.

import { network } from "./network-schema.ts";
import type { Checked, Draft, Keys, ValueType } from "./types.ts";

/** The format that this program reads. A new number only for a change that old files do not survive. */
export const formatVersion = 1;

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

const log = {
  level: {
    type: {
      kind: "choice",
      values: {
        debug: "every session and every command that matters",
        info: "every message and every refusal",
        warn: "what somebody should look at",
        error: "what stops mail",
      },
    },
    default: "info",
    meaning: "The least important event that is still written.",
  },
  directory: {
    type: { kind: "path" },
    otherwise: "`log` in the state directory",
    meaning: "Where the log goes: JSON lines, one file a day. `sekimori trace` reads them.",
    example: "/var/log/sekimori",
  },
  stdout: {
    type: { kind: "boolean" },
    default: false,
    meaning: "Copy every line to standard output as well, for containers and the journal.",
  },
} as const satisfies Keys;

const retention = {
  log: {
    type: { kind: "duration", minimum: "1d", maximum: "3650d" },
    default: "180d",
    meaning:
      "How long days of the log are kept; then their files are deleted. They say who wrote to whom and when: as long as operating, " +
      "billing and complaints need, and no longer than the law on the secrecy of communications allows. `sekimori retention show` lists everything kept.",
  },
  correspondents: {
    type: { kind: "duration", minimum: "7d", maximum: "3650d" },
    default: "180d",
    meaning:
      "How long after an account last wrote to somebody it is remembered that it did, where `new-recipients` is limited. Kept are keyed hashes, " +
      "not addresses.",
  },
} as const satisfies Keys;

const abuse = {
  act: {
    type: {
      kind: "choice",
      values: {
        none: "nothing is observed",
        notice: "the event `account.suspected` tells, with the evidence",
        suspend: "and at the last step the account is suspended and its queued mail is held, until somebody has looked",
      },
    },
    default: "notice",
    meaning:
      "What is done when the traffic of an account is not like its own history: unknown networks, wrong passwords before, recipients that do not " +
      "exist, more mail than ever. Traffic data only, never content. `sekimori account show` has the evidence, `account resume` ends it.",
  },
  countries: {
    type: { kind: "path" },
    otherwise: "countries are not looked at",
    meaning:
      "A database of countries in MaxMind's format (GeoLite2 Country, DB-IP Lite): a login from a country where the account was never used " +
      "weighs more. Read at the start and at every reload.",
    example: "/var/lib/GeoIP/GeoLite2-Country.mmdb",
  },
} as const satisfies Keys;

const processKeys = {
  user: {
    type: { kind: "text" },
    otherwise: "the process stays who started it",
    meaning:
      "Started as root, the server becomes this user for its files at once, binds its ports, and gives up root for good. The state and log " +
      "directories must belong to the user. Not needed where systemd or a container starts it as that user.",
    example: "sekimori",
  },
  group: {
    type: { kind: "text" },
    otherwise: "the group that is named like the user",
    meaning: "Group of the process. Needs `user`.",
    example: "sekimori",
  },
  "mail-threads": {
    type: { kind: "integer", minimum: 1, maximum: 32 },
    otherwise: "one less than the machine has cores, at least 1, and not more than the smallest limit below",
    meaning:
      "Threads that take and deliver mail. Limits hold for all of them together. More of them than cores, or two on two cores, make it slower. " +
      "The number may differ from one start to the next. Each has its part of what [delivery], [[egress]] and [[destination]] allow in " +
      "`connections`, `connections-per-destination` and `rate`, so it is at most the smallest of these.",
    example: 3,
  },
} as const satisfies Keys;

const token = {
  name: {
    type: { kind: "text" },
    required: true,
    meaning: "Who presents it, in the log: letters, digits, `.`, `_` and `-`, at most 64.",
    example: "monitoring",
  },
  secret: {
    type: { kind: "secret" },
    required: true,
    meaning:
      "The token: where it is kept, never the token itself. At least 20 characters that may stand in a header (RFC 6750 §2.1); " +
      "`openssl rand -hex 32` makes a good one.",
    example: { file: "/etc/sekimori/monitoring.token" },
  },
  rights: {
    type: {
      kind: "choice",
      values: { read: "may look", change: "may look and change" },
    },
    default: "read",
    meaning: "What it opens. Every look into the log and every change is written down with the name.",
  },
} as const satisfies Keys;

const http = {
  listen: {
    type: { kind: "list", of: { kind: "endpoint" }, minimum: 0 },
    default: ["127.0.0.1:2080"],
    meaning:
      "Where health, metrics and the API answer. Anywhere but on loopback it needs `tls` or `clear-text`. Empty for none.",
  },
  tls: {
    type: {
      kind: "choice",
      values: { none: "HTTP", implicit: "HTTPS, with the certificate of `[tls]`" },
    },
    default: "none",
    meaning: "Whether it is HTTPS.",
  },
  "clear-text": {
    type: { kind: "boolean" },
    default: false,
    meaning:
      "Say true when `listen` has other addresses than loopback, no `tls`, and something else protects the way: a reverse proxy " +
      "with TLS on a network of your own, or a tunnel. Tokens, addresses and passwords of new accounts pass there.",
  },
  names: {
    type: { kind: "list", of: { kind: "host" }, minimum: 0 },
    default: [],
    meaning:
      "Further names in the Host header under which the API may be asked, for instance that of a reverse proxy. IP addresses, " +
      "localhost and `hostname` always work; any other name is refused, so that no web page reaches it by rebinding its own name.",
    example: ["admin.example.jp"],
  },
  token: {
    type: { kind: "list", of: { kind: "table", keys: token }, minimum: 0 },
    default: [],
    meaning:
      "Who may ask the API over the network. Without any there is one token with all rights, made at the first start and kept in " +
      "`api-token` in the state directory (`sekimori token show`).",
  },
} as const satisfies Keys;

const web = {
  listen: {
    type: { kind: "list", of: { kind: "endpoint" }, minimum: 0 },
    default: [],
    meaning:
      "Where the pages for users answer: autoconfiguration of mail programs, MTA-STS, how to set up. For everybody, so usually port " +
      "443 of all addresses. Empty for none.",
    example: ["0.0.0.0:443", "[::]:443"],
  },
  tls: {
    type: {
      kind: "choice",
      values: {
        implicit: "HTTPS, with the certificate of `[tls]`",
        none: "HTTP, for a reverse proxy that does HTTPS",
      },
    },
    default: "implicit",
    meaning: "Whether it is HTTPS. Senders ask for the policy of MTA-STS by HTTPS only (RFC 8461 §3.3).",
  },
  "outside-hosts": {
    type: { kind: "list", of: { kind: "host" }, minimum: 0 },
    default: [],
    meaning:
      "Mail servers outside of this network, of somebody who agreed, that the port test for customers tries on port 25: a line with " +
      "OP25B does not reach them.",
    example: ["mx.example.net"],
  },
  "mta-sts": {
    type: {
      kind: "choice",
      values: {
        none: "none: senders forget a policy that they had",
        testing: "senders report what would have failed, and deliver",
        enforce: "senders deliver over TLS with a good certificate, or not at all",
      },
    },
    default: "testing",
    meaning: "The mode of the MTA-STS policy of the domains (RFC 8461 §5).",
  },
} as const satisfies Keys;

const tls = {
  certificate: {
    type: { kind: "path" },
    otherwise: "a self-signed certificate, made at start and kept in `tls` in the state directory",
    meaning: "Certificate chain in PEM, the server's own certificate first. Needs `key`.",
    example: "/etc/letsencrypt/live/mx.example.jp/fullchain.pem",
  },
  key: {
    type: { kind: "path" },
    meaning: "Private key in PEM. Nobody but its owner and group may read it.",
    example: "/etc/letsencrypt/live/mx.example.jp/privkey.pem",
  },
  "next-key": {
    type: { kind: "path" },
    meaning:
      "Private key in PEM that the next certificate will be for. Nothing is encrypted with it; `sekimori dns` also prints its TLSA record, " +
      "which must be in DNS for some days before the change (RFC 7671 §8.1).",
    example: "/etc/sekimori/tls/next.key",
  },
} as const satisfies Keys;

const dkim = {
  selector: {
    type: { kind: "selector" },
    required: true,
    meaning: "Name under which the public key stands in DNS: `selector._domainkey.domain` (RFC 6376 §3.6.2.1).",
    example: "s2026",
  },
  key: {
    type: { kind: "path" },
    otherwise: "`dkim/DOMAIN.SELECTOR.pem` in the state directory",
    meaning:
      "Private key in PEM: RSA of at least 1024 bits or Ed25519. Made at the first start when the file does not exist.",
    example: "dkim/example.jp.pem",
  },
} as const satisfies Keys;

const mailboxStore = {
  lmtp: {
    type: { kind: "socket", port: 24 },
    required: true,
    meaning:
      "Where the store listens for LMTP (RFC 2033): an address, or a UNIX socket. On this host or a network that nobody else is on.",
    example: "/run/dovecot/lmtp",
  },
  imap: {
    type: { kind: "host" },
    meaning:
      "Where the users of the domain read their mail: a host that takes IMAP on port 993, with TLS from the first octet (RFC 8314). " +
      "For what mail programs are told (`[web]`, `sekimori dns`); this server does not connect to it.",
    example: "imap.example.jp",
  },
  "answer-within": {
    type: { kind: "duration", minimum: "0s", maximum: "4m" },
    default: "30s",
    meaning:
      "How long another server waits after its message for what the store says to it. In this time a refusal is passed on; " +
      "after it the answer is 250, for the message is safe on disk, and a later refusal becomes a notice to the sender. RFC 5321 §4.5.3.2.6 " +
      "lets the other server wait ten minutes.",
  },
} as const satisfies Keys;

const domain = {
  name: {
    type: { kind: "domain" },
    required: true,
    meaning:
      "A domain whose mail is delivered here. Japanese and other non-ASCII names are written as they are or as A-labels.",
    example: "example.jp",
  },
  postmaster: {
    type: { kind: "address" },
    required: true,
    meaning:
      "Who reads postmaster@, abuse@ and hostmaster@ (RFC 5321 §4.5.1, RFC 2142). A mailbox in a domain of this file.",
    example: "alice@example.jp",
  },
  aliases: {
    type: { kind: "map", key: "local-part", of: { kind: "list", of: { kind: "address" }, minimum: 1, alone: true } },
    default: {},
    meaning: "Further local parts and where they lead: one address or several, all in domains of this file.",
    example: { info: "alice@example.jp", sales: ["alice@example.jp", "bob@example.jp"] },
  },
  mailboxes: {
    type: { kind: "table", keys: mailboxStore },
    otherwise: "Maildirs in `mail` in the state directory",
    meaning:
      "Mail of the domain is stored by another program that speaks LMTP, Dovecot for instance. It is asked at RCPT whether a mailbox " +
      "exists and has room, and its answer is passed on; when it does not answer, that is 451.",
    example: { lmtp: "127.0.0.1:24" },
  },
  dkim: {
    type: { kind: "table", keys: dkim },
    otherwise: "mail of the domain is not signed",
    meaning: "Sign what accounts of the domain send (RFC 6376).",
  },
} as const satisfies Keys;

const popBeforeSmtp = {
  networks: {
    type: { kind: "list", of: { kind: "prefix" }, minimum: 1, alone: true },
    required: true,
    meaning: "Of customers whose programs cannot log in to send. From nowhere else does it count.",
    example: ["198.51.100.0/24"],
  },
  for: {
    type: { kind: "duration", minimum: "1m", maximum: "1h" },
    default: "15m",
    meaning: "How long after a login over POP3 its address may send.",
  },
  shared: {
    type: { kind: "list", of: { kind: "prefix" }, minimum: 0, alone: true },
    default: [],
    meaning:
      "Addresses behind which are many people (carrier NAT, proxies): they never open, whoever logs in from there. 100.64.0.0/10 (RFC 6598) " +
      "is always one of them.",
    example: ["198.51.100.7"],
  },
  ipv6: {
    type: {
      kind: "choice",
      values: { address: "the address alone", network: "its /64, for hosts that change theirs (RFC 8981)" },
    },
    default: "address",
    meaning: "What an IPv6 login opens.",
  },
} as const satisfies Keys;

const listener = {
  role: {
    type: {
      kind: "choice",
      values: {
        submission: "takes mail from accounts, after AUTH inside TLS (RFC 6409)",
        legacy:
          "as submission, for programs that still send on port 25, until a date; see `until` and `pop-before-smtp`",
        mx: "takes mail for local domains from other servers",
        pop3: "hands out mailboxes (RFC 1939)",
      },
    },
    required: true,
    meaning: "What the listener is for.",
    example: "submission",
  },
  listen: {
    type: { kind: "list", of: { kind: "endpoint" }, minimum: 1 },
    required: true,
    meaning:
      "Addresses and ports. Port 0 lets the system choose one, for tests. `[::]` is IPv6 only; add `0.0.0.0` for IPv4.",
    example: ["0.0.0.0:587", "[::]:587"],
  },
  tls: {
    type: {
      kind: "choice",
      values: {
        none: "in clear",
        starttls: "in clear at first, then TLS on STARTTLS or STLS (RFC 3207, RFC 2595)",
        implicit: "TLS from the first octet (RFC 8314)",
      },
    },
    otherwise: "starttls, and implicit for pop3",
    meaning: "How TLS begins.",
    example: "starttls",
  },
  proxy: {
    type: { kind: "list", of: { kind: "prefix" }, minimum: 0, alone: true },
    default: [],
    meaning:
      "Load balancers in front of this listener. Connections from these addresses must begin with a PROXY header, version 1 or 2 (before TLS, if it " +
      "is implicit), and the client is whom it names; without one they are cut. From all other addresses no such header is taken.",
    example: ["192.0.2.0/28", "2001:db8:0:1::/64"],
  },
  until: {
    type: { kind: "date", edge: "end" },
    meaning:
      "Of a legacy listener: the last day on which it takes mail. After it every connection is told which port to use instead. A day without a " +
      "zone is one of UTC.",
    example: "2027-03-31",
  },
  "pop-before-smtp": {
    type: { kind: "table", keys: popBeforeSmtp },
    otherwise: "nobody sends without logging in to send",
    meaning:
      "Of a legacy listener: an address from which an account has just logged in over POP3, inside TLS, may send without AUTH, as that account. " +
      "The sender must belong to exactly one of the accounts that did. `sekimori report legacy` says who needs it.",
    example: { networks: ["198.51.100.0/24"] },
  },
} as const satisfies Keys;

const smtp = {
  "message-size": {
    type: { kind: "size", minimum: "64KiB", maximum: "1GiB" },
    default: "35MiB",
    meaning:
      "Largest message, announced as SIZE (RFC 1870). The default carries attachments of 25 MB, the usual limit of large mailbox " +
      "providers, after base64 has made them a third larger. At least 64 KiB (RFC 5321 §4.5.3.1.7).",
  },
  recipients: {
    type: { kind: "integer", minimum: 1, maximum: 50_000 },
    default: 1000,
    meaning:
      "Recipients in one transaction. With an mx listener at least 100 (RFC 5321 §4.5.3.1.8). The default is Postfix's.",
  },
  errors: {
    type: { kind: "integer", minimum: 1, maximum: 10_000 },
    default: 20,
    meaning:
      "Commands that may fail in one session; then 421 and the end. The default is Postfix's smtpd_hard_error_limit.",
  },
  "auth-failures": {
    type: { kind: "integer", minimum: 3, maximum: 100 },
    default: 3,
    meaning: "Failed logins in one session; then 421 and the end. Not before three (RFC 4954 §4).",
  },
  messages: {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    default: 1000,
    meaning: "Transactions in one session; then 421, and the client connects again.",
  },
  timeout: {
    type: { kind: "duration", minimum: "1s", maximum: "1h" },
    default: "5m",
    meaning:
      "How long a client may be silent; then 421. RFC 5321 §4.5.3.2.7 wants at least five minutes; less is for laboratories.",
  },
  sessions: {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    default: 10_000,
    meaning:
      "Sessions open at once, all listeners together; one more is answered 421. The process needs as many file descriptors.",
  },
  "content-memory": {
    type: { kind: "size", minimum: "1MiB", maximum: "1TiB" },
    default: "256MiB",
    meaning:
      "Message content held in memory, all sessions together; beyond it DATA is answered 452. At least `message-size`.",
  },
  "free-space": {
    type: { kind: "size", minimum: "1MiB", maximum: "1PiB" },
    default: "256MiB",
    meaning: "Space that must stay free where the state lives; below it MAIL is answered 452.",
  },
  "spool-size": {
    type: { kind: "size", minimum: "64MiB", maximum: "1PiB" },
    otherwise: "only `free-space` bounds the spool",
    meaning:
      "Mail that may wait for delivery, in octets on disk; above it MAIL is answered 452 until some has gone. Messages that have " +
      "ended count until their segment of 64 MiB is given back.",
    example: "50GiB",
  },
} as const satisfies Keys;

const mailbox = {
  quota: {
    type: { kind: "size", minimum: "64KiB", maximum: "1PiB" },
    otherwise: "a mailbox may grow as large as the disk",
    meaning:
      "What one mailbox may hold. A full one is answered 452 at RCPT; a message larger than the room that is left waits. Mail to " +
      "postmaster, abuse and hostmaster is stored all the same.",
    example: "1GiB",
  },
} as const satisfies Keys;

/** A key that another table has a value for when it is left out. */
function optional<T extends ValueType>({ type, meaning }: { readonly type: T; readonly meaning: string }) {
  return { type, meaning, otherwise: "as in `[limits.account]`" } as const;
}

const accountLimits = {
  recipients: {
    type: { kind: "list", of: { kind: "window" }, minimum: 1 },
    default: ["200/1h", "1000/1d"],
    meaning:
      "Recipients of accepted messages that one account may reach, as number/interval; every window must have room. A person at work " +
      "stays below the default; large mailbox providers allow 500 to 2000 a day.",
    example: ["200/1h", "1000/1d"],
  },
  attempts: {
    type: { kind: "list", of: { kind: "window" }, minimum: 1 },
    otherwise: "twice `recipients`, over the same intervals",
    meaning:
      "RCPT commands that one account may send, accepted or not. Never given back, so an address list cannot be tried out for nothing.",
    example: ["400/1h", "2000/1d"],
  },
  messages: {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: [],
    meaning: "Messages of one account that are accepted, however many recipients each has. Empty: no limit.",
    example: ["60/1m", "500/1d"],
  },
  "new-recipients": {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: [],
    meaning:
      "Recipients of accepted messages to whom the account had not written before. People write to few strangers in a day; who took over " +
      "their account writes to nobody else. While there is such a limit, keyed hashes of an account's recipients are kept (`[retention] " +
      "correspondents`); on the first day everybody is new. Empty: no limit, and nothing is kept.",
    example: ["20/1h", "100/1d"],
  },
  bytes: {
    type: { kind: "list", of: { kind: "window", size: true }, minimum: 0 },
    default: [],
    meaning:
      "Size of all accepted messages together, each counted once however many recipients it has. Empty: no limit.",
    example: ["500MB/1h", "2GB/1d"],
  },
  "recipients-per-message": {
    type: { kind: "integer", minimum: 1, maximum: 50_000 },
    otherwise: "`[smtp] recipients`",
    meaning:
      "Recipients in one message of an account; one more is answered 452 4.5.3 and belongs into the next message.",
    example: 100,
  },
  over: {
    type: {
      kind: "choice",
      values: {
        defer: "450: the client's queue tries again, and its user may not notice",
        reject: "550: the user is told at once",
        hold: "250: what is beyond it is accepted and held until an operator releases or returns it; it counts as used",
      },
    },
    default: "defer",
    meaning:
      "How a limit is answered that is used up. The text says which, how much is used, and when there is room again.",
  },
  "foreign-sender": {
    type: {
      kind: "choice",
      values: {
        refuse: "550: every sender and author must be the account's own, or allowed by `sekimori account sender`",
        tag: "authors of others pass, with a Sender field that names the account; the envelope sender must be its own",
        rewrite: "as `tag`, and an envelope sender of others becomes the account's address",
      },
    },
    default: "refuse",
    meaning:
      "What is done when MAIL FROM, From, Sender or a Resent- field names a mailbox that is not the account's. A header whose authors " +
      "cannot be read is refused whatever stands here.",
  },
  "new-for": {
    type: { kind: "duration", minimum: "0s", maximum: "365d" },
    default: "0s",
    meaning:
      "How long an account counts as new, from when it was made. Its limits grow in ten steps from `new-share` to all of them: " +
      "an account that was opened to send spam is worth little on its first day.",
    example: "14d",
  },
  "new-share": {
    type: { kind: "integer", minimum: 1, maximum: 100 },
    default: 20,
    meaning: "What a new account has of its limits at first, per cent.",
  },
} as const satisfies Keys;

const domainLimits = {
  recipients: {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: [],
    meaning: "Recipients that all accounts of one local domain may reach together. Empty: no limit.",
    example: ["20000/1d"],
  },
} as const satisfies Keys;

/** The same as for all accounts; what is left out is as there. */
const planLimits = {
  name: {
    type: { kind: "name" },
    required: true,
    meaning: "Name of the plan, for `sekimori account plan`.",
    example: "office",
  },
  recipients: { ...optional(accountLimits.recipients) },
  attempts: { ...optional(accountLimits.attempts), otherwise: "twice its `recipients`, or as `[limits.account]`" },
  messages: { ...optional(accountLimits.messages) },
  "new-recipients": { ...optional(accountLimits["new-recipients"]) },
  bytes: { ...optional(accountLimits.bytes) },
  "recipients-per-message": { ...optional(accountLimits["recipients-per-message"]) },
  over: { ...optional(accountLimits.over) },
  "foreign-sender": { ...optional(accountLimits["foreign-sender"]) },
  "new-for": { ...optional(accountLimits["new-for"]) },
  "new-share": { ...optional(accountLimits["new-share"]) },
} as const satisfies Keys;

const clientLimits = {
  connections: {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    default: 50,
    meaning:
      "Connections of one client at once, SMTP and POP3 together; one more is answered 421, or -ERR. The default is Postfix's.",
  },
  "connection-rate": {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: [],
    meaning:
      "Connections that one client may begin, SMTP and POP3 together, as number/interval; beyond it 421, or -ERR. Empty: no limit, as with Postfix.",
    example: ["120/1m"],
  },
  messages: {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: [],
    meaning:
      "MAIL commands of one client, as number/interval; beyond it 450. Large senders deliver from few addresses.",
    example: ["300/1m"],
  },
  recipients: {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: [],
    meaning: "RCPT commands of one client, as number/interval; beyond it 450.",
    example: ["1000/1m"],
  },
  "auth-failures": {
    type: { kind: "list", of: { kind: "window" }, minimum: 0 },
    default: ["100/1h"],
    meaning:
      "Failed logins of one client, SMTP and POP3 together, as number/interval; beyond it new connections are answered 421, or -ERR, until there " +
      "is room again. An office " +
      "behind one address may have many people with an old password; a guesser needs thousands.",
    example: ["100/1h"],
  },
  fail: {
    type: {
      kind: "choice",
      values: {
        closed: "421 or 450, as for one who is over a limit: nobody is served uncounted",
        open: "as if there was room; the log says so (`limit.uncounted`)",
      },
    },
    default: "closed",
    meaning:
      "What happens when the counts of clients cannot be asked, which is a bug or a host that stands still. Limits of accounts and domains have no " +
      "choice: they answer 451.",
  },
  exempt: {
    type: { kind: "list", of: { kind: "prefix" }, minimum: 0 },
    default: ["127.0.0.0/8", "::1"],
    meaning: "Clients that are not counted: the own hosts, webmail, monitoring.",
    example: ["127.0.0.0/8", "::1", "192.0.2.0/28"],
  },
} as const satisfies Keys;

const limits = {
  client: {
    type: { kind: "table", keys: clientLimits },
    default: {},
    meaning: "What one client may do on the SMTP listeners: an IPv4 address, or the /64 of an IPv6 address.",
  },
  account: {
    type: { kind: "table", keys: accountLimits },
    default: {},
    meaning: "What one account may do, unless it has a `[[plan]]`.",
  },
  domain: {
    type: { kind: "table", keys: domainLimits },
    default: {},
    meaning: "What the accounts of one domain may do together.",
  },
} as const satisfies Keys;

const delivery = {
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

const route = {
  domain: {
    type: { kind: "domain" },
    required: true,
    meaning: "Domain of the recipients. Not one that is local.",
    example: "example.org",
  },
  ...target,
} as const satisfies Keys;

const egress = {
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

const destination = {
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

const dns = {
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

export const schema = {
  kind: "table",
  keys: {
    version: {
      type: { kind: "integer", minimum: formatVersion, maximum: formatVersion },
      required: true,
      meaning: "Version of the file format. Also allowed in included files.",
      example: 1,
    },
    hostname: {
      type: { kind: "domain" },
      required: true,
      meaning:
        "The name this host gives itself in greetings, Received and Message-ID (RFC 5321 §4.1.1.1). Fully qualified.",
      example: "mx.example.jp",
    },
    "state-directory": {
      type: { kind: "path" },
      default: "/var/lib/sekimori",
      meaning: "Everything that must survive a restart: spool, index, mailboxes, keys that were made. On a local disk.",
    },
    include: {
      type: { kind: "list", of: { kind: "pattern" }, minimum: 0 },
      default: [],
      meaning:
        "Further files, read in this order. `*` and `?` work in the last part of a path and may match nothing. Lists of tables " +
        "(`[[domain]]`) are joined; any other value may be set in one file only.",
      example: ["conf.d/*.toml"],
    },
    process: {
      type: { kind: "table", keys: processKeys },
      default: {},
      meaning: "Who the server is to the kernel, and how much of it there is.",
    },
    log: { type: { kind: "table", keys: log }, default: {}, meaning: "What is written down." },
    retention: { type: { kind: "table", keys: retention }, default: {}, meaning: "How long traffic data is kept." },
    http: { type: { kind: "table", keys: http }, default: {}, meaning: "Health, metrics and the API." },
    web: { type: { kind: "table", keys: web }, default: {}, meaning: "Pages that lead users and their mail programs." },
    tls: { type: { kind: "table", keys: tls }, default: {}, meaning: "The certificate that clients see." },
    domain: {
      type: { kind: "list", of: { kind: "table", keys: domain }, minimum: 1 },
      required: true,
      meaning: "Local domains.",
    },
    listener: {
      type: { kind: "list", of: { kind: "table", keys: listener }, minimum: 1 },
      required: true,
      meaning: "Where clients connect, and in which role.",
    },
    smtp: {
      type: { kind: "table", keys: smtp },
      default: {},
      meaning: "Bounds of a session, on submission and mx alike.",
    },
    mailbox: { type: { kind: "table", keys: mailbox }, default: {}, meaning: "Mailboxes of the accounts." },
    limits: { type: { kind: "table", keys: limits }, default: {}, meaning: "How much mail is too much." },
    abuse: { type: { kind: "table", keys: abuse }, default: {}, meaning: "Accounts that somebody else uses." },
    plan: {
      type: { kind: "list", of: { kind: "table", keys: planLimits }, minimum: 0 },
      default: [],
      meaning:
        "Limits for accounts of one kind, in place of those in `[limits.account]`; `sekimori account plan` gives an account its plan.",
    },
    delivery: { type: { kind: "table", keys: delivery }, default: {}, meaning: "How mail leaves." },
    route: {
      type: { kind: "list", of: { kind: "table", keys: route }, minimum: 0 },
      default: [],
      meaning: "Where mail for a domain goes, whatever DNS says.",
    },
    egress: {
      type: { kind: "list", of: { kind: "table", keys: egress }, minimum: 0 },
      default: [],
      meaning:
        "Source addresses for mail that leaves, each with connections of its own. What no `[[egress]]` is meant for leaves from the address that " +
        "the system chooses.",
    },
    destination: {
      type: { kind: "list", of: { kind: "table", keys: destination }, minimum: 0 },
      default: [],
      meaning: "What a destination can bear, where that is less or more than `[delivery]` says.",
    },
    dns: { type: { kind: "table", keys: dns }, default: {}, meaning: "Who is asked for names." },
    network: {
      type: { kind: "table", keys: network },
      otherwise: "there is no network side",
      meaning:
        "The network side: who may speak to port 25, and when. The `sekimori net` commands read it. A file with `[network]` may " +
        "leave out the mail side, which is `hostname`, `[[domain]]` and `[[listener]]` together.",
    },
  },
} as const satisfies { readonly kind: "table"; readonly keys: Keys };

/** The whole file, checked and with defaults; keys as they are written there. */
export type Configuration = Checked<typeof schema>;
export type ConfigurationDraft = Draft<Configuration>;

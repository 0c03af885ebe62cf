// Where clients connect, in which role, and the bounds of a session.

import type { Keys } from "../types.ts";

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
    meaning: "How long after a login its address may send.",
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

export const listener = {
  role: {
    type: {
      kind: "choice",
      values: {
        submission: "takes mail from accounts, after AUTH inside TLS (RFC 6409)",
        legacy:
          "as submission, for programs that still send on port 25, until a date; see `until` and `pop-before-smtp`",
        substitute:
          "takes mail from accounts that send with an address of theirs at a provider without a submission service, until a date; see `[substitute]`",
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
  mechanisms: {
    type: {
      kind: "list",
      of: {
        kind: "choice",
        values: {
          "scram-sha-256": "SCRAM-SHA-256 (RFC 7677), and SCRAM-SHA-256-PLUS bound to the connection",
          plain: "PLAIN (RFC 4616)",
          login: "LOGIN, for programs that know nothing else",
          "cram-md5": "CRAM-MD5 (RFC 2195), for programs that know nothing else",
        },
      },
      minimum: 1,
    },
    otherwise: 'mechanisms = ["scram-sha-256", "plain", "login"]',
    meaning:
      "What AUTH offers, inside TLS; not for mx listeners, which never offer it. POP3 has USER besides. While any listener has `cram-md5`, " +
      "every password that is set is also kept as the MD5 states that CRAM-MD5 needs: whoever steals those logs in with them as with the password, " +
      "and finds the password by trying as fast as MD5 runs. Accounts whose password was set before cannot use it. Once no listener has it, those states " +
      "are deleted; `sekimori retention show` says how many that will be.",
    example: ["scram-sha-256", "plain", "login", "cram-md5"],
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
      "Of a legacy or substitute listener: the last day on which it takes mail. After it every connection is told what to use instead. A substitute " +
      "listener must have one. A day without a zone is one of UTC.",
    example: "2027-03-31",
  },
  "pop-before-smtp": {
    type: { kind: "table", keys: popBeforeSmtp },
    otherwise: "nobody sends without logging in to send",
    meaning:
      "Of a legacy listener: an address from which an account has just logged in over POP3, inside TLS, here or at Dovecot (`[dovecot]`), may send " +
      "without AUTH, as that account. " +
      "The sender must belong to exactly one of the accounts that did. `sekimori report legacy` says who needs it.",
    example: { networks: ["198.51.100.0/24"] },
  },
  sessions: {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    otherwise: "the part of its role, see `[smtp] sessions`",
    meaning:
      "Sessions that this listener may have, all its addresses together. They are its own out of `[smtp] sessions`: no other listener takes them. " +
      "Not for pop3.",
    example: 2000,
  },
  "content-memory": {
    type: { kind: "size", minimum: "64KiB", maximum: "1TiB" },
    otherwise: "the part of its role, see `[smtp] content-memory`",
    meaning:
      "Message content that the sessions of this listener may hold in memory, its own out of `[smtp] content-memory`. At least `message-size`. Not for pop3.",
    example: "64MiB",
  },
} as const satisfies Keys;

export const smtp = {
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
  "content-rate": {
    type: { kind: "integer", minimum: 0, maximum: 1_000_000 },
    default: 500,
    meaning:
      "Octets a second at which a message must come, by DATA or BDAT, after `content-time`; one that comes more slowly is answered 421, for it is in " +
      "memory meanwhile. 0 asks for no rate. The default is Postfix's smtpd_min_data_rate.",
  },
  "content-time": {
    type: { kind: "duration", minimum: "1s", maximum: "1d" },
    default: "10m",
    meaning:
      "What a message has in store when it begins to come. It passes with the time, and grows by a second for every `content-rate` octets, to no more " +
      "than it was. RFC 5321 §4.5.3.2.5 lets a client pause for three minutes after a block; less than that is for laboratories.",
  },
  sessions: {
    type: { kind: "integer", minimum: 1, maximum: 1_000_000 },
    default: 10_000,
    meaning:
      "Sessions open at once, all listeners together; one more is answered 421. The process needs as many file descriptors. Every role for which " +
      "there are listeners has an equal part, so that strangers on the MX never take the last session from those who send, nor the other way round. " +
      "A listener with `sessions` of its own has those, and the others share the rest.",
  },
  "content-memory": {
    type: { kind: "size", minimum: "1MiB", maximum: "1TiB" },
    default: "256MiB",
    meaning:
      "Message content held in memory, all sessions together; beyond it DATA is answered 452. Every role for which there are listeners has an equal " +
      "part, as of `sessions`, and needs at least `message-size`. A client that announces no size may go on to twice that part.",
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

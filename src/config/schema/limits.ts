// How much mail is too much: of an account, a domain, a plan, a client; and when an account looks like somebody else's.

import type { Keys, ValueType } from "../types.ts";

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
        hold: "250: what is beyond it is accepted and held until an operator releases or returns it; it counts as used. Needs `bytes`, of which as much again is held, and what is beyond that is answered 450",
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
  "content-checks": {
    type: { kind: "boolean" },
    default: false,
    meaning:
      "Whether the content of what the account sends may be looked at, beside traffic data, to find out that somebody else uses it (`[abuse]`): the " +
      "same text in many messages, and files that are programs. Kept are keyed fingerprints of the day and endings of file names, never content. " +
      "Only with the account holder's consent: for a carrier, looking at content by itself breaks the secrecy of communications.",
  },
  "identity-header": {
    type: {
      kind: "choice",
      values: {
        none: "it tells nobody",
        plain: "the account's address, as Postfix writes it with smtpd_sasl_authenticated_header",
        "keyed-hash":
          "an id that is always the same for the account; `sekimori account show ID` finds it, and nobody else can",
      },
    },
    default: "none",
    meaning:
      "Whether the Received field of submitted mail names the account: `(Authenticated sender: …)`. Who gets the mail reads it. An abuse desk " +
      "finds the account of a message by its queue id as well, as long as the log is kept.",
    example: "keyed-hash",
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
  "new-for": {
    type: { kind: "duration", minimum: "0s", maximum: "365d" },
    default: "0s",
    meaning:
      "How long a domain counts as new, from its `since` in `[[domain]]`. Its limits grow in ten steps from `new-share` to all of them: a contract " +
      "that was made to send spam brings as many accounts as it likes, and together they reach little. A domain without `since` is not new.",
    example: "30d",
  },
  "new-share": {
    type: { kind: "integer", minimum: 1, maximum: 100 },
    default: 20,
    meaning: "What a new domain has of its limits at first, per cent.",
  },
} as const satisfies Keys;

/** The same as for all accounts; what is left out is as there. */
export const planLimits = {
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
  "content-checks": { ...optional(accountLimits["content-checks"]) },
  "identity-header": { ...optional(accountLimits["identity-header"]) },
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
      "Failed logins of one client, SMTP and POP3 together, as number/interval. Beyond it, until there is room again, only those log in from there " +
      "who did before, and app passwords: everybody else's session ends at AUTH, unlooked at, with 421, or -ERR; an MX listener answers 421 at " +
      "once. An office behind one address may have many people with an old password; a guesser needs thousands.",
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

export const limits = {
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

export const abuse = {
  act: {
    type: {
      kind: "choice",
      values: {
        none: "nothing is observed",
        notice: "the event `account.suspected` tells, with the evidence",
        slow: "and the account reaches one recipient in two minutes, until a day after the last sign or until somebody has looked",
        hold: "and further on its new mail is accepted and held, until somebody has looked",
        suspend:
          "and at the last step the account is suspended, its sessions end and its queued mail is held, until somebody has looked",
      },
    },
    default: "notice",
    meaning:
      "What is done, at most, when the traffic of an account is not like its own history: unknown networks, wrong passwords before, recipients that " +
      "do not exist, more mail than ever. Traffic data only; content where its plan has `content-checks`. `sekimori abuse show` has the evidence, " +
      "`abuse clear` ends it.",
  },
  clause: {
    type: { kind: "text" },
    otherwise: "none is cited",
    meaning:
      "The clause of the terms of use on which a step rests. It stands in the event, in `sekimori abuse` and in the API, beside the evidence.",
    example: "Terms of use, article 12 (misuse by others)",
  },
  help: {
    type: { kind: "text" },
    otherwise: "the postmaster's address alone",
    meaning:
      "Whom a customer can ask besides the postmaster, in one line: a telephone number, a page. It stands in the mail that tells of a step and of its " +
      "end; whoever is suspended cannot write from the account.",
    example: "Helpdesk 0120-000-000, 9:00-17:00",
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

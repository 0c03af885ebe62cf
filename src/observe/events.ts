// Every event there is: its name, its fields, its level and what it counts. Log, metrics, trace and the
// reference page are made from this table; nothing reports by any other way. Message content, passwords and
// SASL payloads never appear in a field.

export type EventLevel = "debug" | "info" | "warn" | "error";

/** Where a session comes from; part of most events (RFC 6302: with the source port). */
export interface Peer {
  readonly session: string;
  readonly listener: string;
  readonly client: string;
  readonly port: number;
}

interface Decision {
  /** Id in verdict/reasons.ts. */
  readonly reason: string;
  /** The reply the client saw, first line. */
  readonly reply: string;
  /** What the rule saw, for a person to read. */
  readonly evidence?: string;
}

interface LimitNotice {
  readonly account: string;
  readonly layer: string;
  readonly window: string;
  readonly used: number;
  readonly limit: number;
}

export interface EventFields {
  "server.started": { readonly version: string; readonly hostname: string };
  "server.ready": { readonly milliseconds: number };
  "server.privileged": { readonly hint: string };
  "privileges.dropped": { readonly user: string; readonly group: string };
  "server.stopping": { readonly signal: string };
  "server.stopped": { readonly milliseconds: number };
  "server.failed": { readonly cause: string };
  "listener.opened": { readonly listener: string; readonly address: string; readonly port: number };
  "proxy.refused": {
    readonly listener: string;
    /** The proxy, or who is at its address. */
    readonly client: string;
    readonly port: number;
    readonly cause: string;
  };
  "listener.closed": { readonly listener: string; readonly address: string; readonly port: number };
  "config.reloaded": { readonly by: string; readonly changed: readonly string[]; readonly restart: readonly string[] };
  "config.refused": { readonly by: string; readonly problems: readonly string[] };
  "retention.purged": { readonly what: string; readonly items: number; readonly by: string };
  "trace.asked": { readonly question: string; readonly by: string };
  "token.changed": { readonly by: string };
  "api.answered": {
    /** Who asked. */
    readonly by: string;
    readonly method: string;
    readonly path: string;
    readonly status: number;
    readonly milliseconds: number;
  };
  "api.refused": {
    /** Address and port. */
    readonly client: string;
    readonly port: number;
    readonly method: string;
    readonly path: string;
    /** Code of the problem: no-token, wrong-token, rights, host, origin. */
    readonly cause: string;
    /** Who asked, where that is known. */
    readonly by?: string;
  };
  "session.opened": Peer;
  "session.closed": Peer & {
    readonly commands: number;
    readonly messages: number;
    /** Commands that were refused as such, where there were any. */
    readonly errors?: number;
    readonly cause: string;
  };
  "session.secured": Peer & { readonly protocol: string; readonly cipher: string };
  "session.refused": Peer & Decision;
  "auth.succeeded": Peer & {
    readonly account: string;
    readonly mechanism: string;
    /** Name of the app password, where it was one. */
    readonly appPassword?: string;
  };
  "auth.failed": Peer & Decision & { readonly account: string; readonly mechanism: string };
  "sender.accepted": Peer & { readonly sender: string; readonly account?: string };
  "sender.refused": Peer & Decision & { readonly sender: string; readonly account?: string };
  "recipient.accepted": Peer & Decision & { readonly sender: string; readonly recipient: string };
  "recipient.refused": Peer &
    Decision & { readonly sender: string; readonly recipient: string; readonly account?: string };
  "message.refused": Peer &
    Decision & { readonly message: string; readonly sender: string; readonly recipients: readonly string[] };
  "message.accepted": Peer & {
    readonly message: string;
    readonly messageId: string;
    readonly sender: string;
    readonly recipients: readonly string[];
    /** So many the account had not written to before; known where a limit counts them. */
    readonly newRecipients?: number;
    /** Whose message it says it is; of an account only, and no more than a hundred. */
    readonly authors?: readonly string[];
    readonly size: number;
    readonly account?: string;
    readonly tls?: string;
    readonly facts: readonly string[];
  };
  "message.created": {
    readonly message: string;
    readonly messageId: string;
    readonly recipients: readonly string[];
    readonly about: string;
  };
  "message.recovered": { readonly message: string; readonly recipients: readonly string[] };
  "message.returned": { readonly message: string; readonly by: string };
  "message.held": {
    readonly message: string;
    readonly account?: string;
    readonly recipients: readonly string[];
    /** Id of the reason, and numbers. */
    readonly why: string;
  };
  "message.deleted": { readonly message: string; readonly by: string };
  "delivery.started": { readonly message: string; readonly attempt: number; readonly destination: string };
  "delivery.delivered": {
    readonly message: string;
    readonly recipients: readonly string[];
    readonly destination: string;
    readonly reply: string;
    readonly milliseconds: number;
    readonly tls?: string;
  };
  "delivery.converted": { readonly message: string; readonly brokenSignatures: number };
  "delivery.deferred": {
    readonly message: string;
    readonly recipients: readonly string[];
    readonly destination: string;
    readonly reply: string;
    readonly next: string;
  };
  "delivery.failed": {
    readonly message: string;
    readonly recipients: readonly string[];
    readonly destination: string;
    readonly reply: string;
    readonly status: string;
  };
  "bounce.dropped": { readonly message: string; readonly recipients: readonly string[]; readonly reply: string };
  "mailbox.opened": Peer & { readonly account: string; readonly messages: number; readonly octets: number };
  "mailbox.read": Peer & { readonly account: string; readonly file: string };
  "mailbox.deleted": Peer & { readonly account: string; readonly messages: number };
  "limit.near": LimitNotice;
  "limit.reached": LimitNotice;
  /** `what`: a client's connection, message or recipient. */
  "limit.uncounted": Peer & { readonly what: string; readonly cause: string };
  "account.suspected": {
    readonly account: string;
    /** What the score asks for: notice, slow, hold, suspend. */
    readonly step: string;
    readonly score: number;
    /** What speaks for it, in words, the weightiest first. */
    readonly evidence: readonly string[];
    /** What was done: "told", "slowed", "held", or "suspended" with its queued mail held. */
    readonly done: string;
    /** The clause of the terms of use that it rests on, where one is configured. */
    readonly clause?: string;
  };
  "account.cleared": {
    readonly account: string;
    /** What had been done about it: none, slow, hold, suspend. */
    readonly step: string;
    readonly reason: string;
    /** What became of its mail that was held for it: kept, released, returned; and how much it was. */
    readonly mail: string;
    readonly recipients: number;
    readonly by: string;
  };
  /** `step`: slow, hold, suspend or ended; `to`: account or contact; `most`: in a day. */
  "notice.withheld": {
    readonly account: string;
    readonly step: string;
    readonly to: string;
    readonly most: number;
  };
  "accounts.exported": { readonly accounts: number; readonly by: string };
  "dovecot.kicked": { readonly account: string };
  "dovecot.failed": {
    /** The first of them. */
    readonly accounts: readonly string[];
    /** All of them. */
    readonly count: number;
    readonly cause: string;
    /** What to do. */
    readonly hint: string;
  };
  "account.changed": {
    readonly account: string;
    readonly change: string;
    readonly by: string;
    /** The address at a third party that it is about. */
    readonly what?: string;
  };
  "enrolment.refused": {
    readonly account: string;
    readonly address: string;
    /** wrong, expired, or tries: too many wrong ones. */
    readonly cause: string;
    readonly by: string;
  };
  /** Over the page for customers. */
  "code.accepted": {
    readonly account: string;
    readonly address: string;
    readonly client: string;
    readonly port: number;
  };
  "code.refused": {
    readonly client: string;
    /** 0 where a proxy stands before it. */
    readonly port: number;
    /** login, code, rate, held, unavailable, foreign, malformed or unnamed. */
    readonly cause: string;
    /** Where the login was right. */
    readonly account?: string;
  };
  "substitute.judged": {
    readonly domain: string;
    /** passes, tolerated, fails or unknown. */
    readonly fit: string;
    readonly words: string;
    /** Of the reading before. */
    readonly before?: string;
  };
  "queue.changed": {
    readonly change: string;
    /** Empty when more than one was meant. */
    readonly message: string;
    /** What was meant, in words. */
    readonly selection?: string;
    readonly recipients?: number;
    readonly by: string;
  };
  "spool.recovered": {
    readonly messages: number;
    readonly segments: number;
    readonly tornBytes: number;
    /** Places where synced bytes no longer hold: a person has to look. */
    readonly damaged: number;
    readonly milliseconds: number;
  };
  "spool.failed": { readonly cause: string };
  "internal.failed": { readonly where: string; readonly cause: string };
}

export type EventName = keyof EventFields;

export interface EventDescription {
  readonly level: EventLevel;
  /** One sentence for the reference page. */
  readonly meaning: string;
  /** Field whose values are few and become a metric label. */
  readonly label?: string;
}

export const events: { readonly [Name in EventName]: EventDescription } = {
  "server.started": { level: "info", meaning: "The process has read its configuration and begins to open its parts." },
  "server.ready": { level: "info", meaning: "Every listener is open and the spool is recovered." },
  "server.privileged": { level: "warn", meaning: "The server runs as root, which it need not." },
  "privileges.dropped": {
    level: "info",
    meaning: "Every port is bound; the process is a user without privileges now.",
  },
  "server.stopping": { level: "info", meaning: "A signal asked for the end: no new sessions, open ones drain." },
  "server.stopped": { level: "info", meaning: "Everything is on disk; the process ends." },
  "server.failed": { level: "error", meaning: "The server cannot go on and ends; the cause says why." },
  "listener.opened": { level: "info", meaning: "A listener accepts connections." },
  "proxy.refused": {
    level: "warn",
    meaning: "A connection from an address of `proxy` was cut: no PROXY header, or a bad one.",
    label: "listener",
  },
  "listener.closed": {
    level: "info",
    meaning: "A listener takes no new connections since a reload; its sessions go on.",
  },
  "config.reloaded": {
    level: "warn",
    meaning: "The configuration was read again and is in effect, but for what needs a restart.",
  },
  "config.refused": { level: "error", meaning: "The configuration was read again and is wrong: nothing has changed." },
  "retention.purged": { level: "info", meaning: "Traffic data came to the end of its time and was deleted." },
  "trace.asked": {
    level: "warn",
    meaning:
      "Somebody looked into the log with `sekimori trace` or through the API; `by` is the account on this host, or the token.",
  },
  "token.changed": { level: "warn", meaning: "The API's own token was made anew; the old one is worth nothing." },
  "api.answered": { level: "debug", meaning: "The API answered a question; `by` is who asked." },
  "api.refused": {
    level: "warn",
    meaning:
      "The API refused a question: no token, a wrong one, one without the rights, or a foreign Host or Origin. Or `[dovecot]` did: no token, or a " +
      "wrong one.",
    label: "cause",
  },
  "session.opened": { level: "debug", meaning: "A client connected.", label: "listener" },
  "session.closed": { level: "debug", meaning: "A session ended.", label: "cause" },
  "session.secured": { level: "debug", meaning: "TLS is up in a session.", label: "protocol" },
  "session.refused": { level: "info", meaning: "A session was refused or ended by a rule.", label: "reason" },
  "auth.succeeded": { level: "info", meaning: "A client proved who it is.", label: "mechanism" },
  "auth.failed": { level: "warn", meaning: "A login was refused.", label: "reason" },
  "sender.accepted": { level: "debug", meaning: "MAIL FROM was accepted." },
  "sender.refused": { level: "info", meaning: "MAIL FROM was refused.", label: "reason" },
  "recipient.accepted": { level: "debug", meaning: "RCPT TO was accepted.", label: "reason" },
  "recipient.refused": { level: "info", meaning: "RCPT TO was refused.", label: "reason" },
  "message.refused": { level: "info", meaning: "A message was refused at DATA or after its end.", label: "reason" },
  "message.accepted": { level: "info", meaning: "A message is durable and was answered 250.", label: "listener" },
  "message.created": { level: "info", meaning: "The server itself made a message: a delivery status notification." },
  "message.recovered": { level: "info", meaning: "A message found unfinished in the spool at start is queued again." },
  "message.returned": { level: "warn", meaning: "An operator ended a waiting message; its sender gets it back." },
  "message.held": {
    level: "warn",
    meaning:
      "Recipients of an accepted message are beyond a limit of its account, or somebody else may be using that, and wait for an operator: " +
      "`queue list --state held`.",
  },
  "message.deleted": { level: "warn", meaning: "An operator deleted a queued message; `by` is who." },
  "delivery.started": { level: "debug", meaning: "An attempt begins; it was recorded before it was dialled." },
  "delivery.delivered": { level: "info", meaning: "The next hop or the mailbox has taken the message." },
  "delivery.converted": {
    level: "info",
    meaning: "Content was made 7-bit for the next hop; DKIM signatures that others had put on it do not hold any more.",
  },
  "delivery.deferred": { level: "info", meaning: "An attempt failed for now and will be repeated." },
  "delivery.failed": {
    level: "warn",
    meaning: "Delivery failed for good. What the sender is told is `message.created` or `bounce.dropped`.",
  },
  "bounce.dropped": {
    level: "warn",
    meaning: "Delivery failed and nobody is told: the message came from <>, or NOTIFY wants no report.",
  },
  "mailbox.opened": { level: "info", meaning: "A POP3 session locked a mailbox." },
  "mailbox.read": { level: "debug", meaning: "A POP3 session fetched a message." },
  "mailbox.deleted": { level: "info", meaning: "A POP3 session ended and its deletions were made." },
  "limit.near": {
    level: "info",
    meaning: "An account, or its domain, has used 80 % of a limit; told once in that limit's interval.",
    label: "layer",
  },
  "limit.reached": {
    level: "warn",
    meaning: "An account, or its domain, has used up a limit; told once in that limit's interval.",
    label: "layer",
  },
  "limit.uncounted": {
    level: "warn",
    meaning:
      'The counts of clients could not be asked, and [limits.client] fail = "open" let it through. The host stands still, or this is a bug.',
    label: "what",
  },
  "account.suspected": {
    level: "warn",
    meaning:
      "Somebody else may be using an account: its traffic is not like its own history. Told once for each step, with what was done.",
    label: "step",
  },
  "account.cleared": {
    level: "warn",
    meaning:
      "Somebody has looked at an account that was suspect: what spoke against it and what was done about it is over.",
    label: "step",
  },
  "notice.withheld": {
    level: "warn",
    meaning:
      "A customer was not told by mail what was done about his account: so many notices in a day are enough. Look at why it goes to and fro.",
    label: "step",
  },
  "accounts.exported": {
    level: "warn",
    meaning: "Somebody took a copy of the accounts with their password hashes (`account export`).",
  },
  "dovecot.kicked": {
    level: "info",
    meaning: "Connections of an account at Dovecot were cut: it is suspended or gone, or has another password.",
  },
  "dovecot.failed": {
    level: "error",
    meaning:
      "Dovecot could not be told whose connections to cut, or could not cut them, and was asked several times: what these accounts had open there may be open " +
      "still. The accounts are suspended, gone or changed all the same.",
  },
  "account.changed": { level: "warn", meaning: "An account was added or changed.", label: "change" },
  "enrolment.refused": {
    level: "warn",
    meaning: "A code for an address at a third party was wrong or too old.",
    label: "cause",
  },
  "code.accepted": {
    level: "info",
    meaning: "A customer entered the code for an address at a third party on the page for it, and it was right.",
  },
  "code.refused": {
    level: "warn",
    meaning:
      "An entry on the page for codes was refused. `login`: account or password; `code`: with a right login, see `enrolment.refused`; `rate`: too many " +
      "from one client; `held`: nothing was looked at, as somebody is guessing; `unavailable`: nobody could look; `foreign`: another site's form; " +
      "`malformed`: no form of ours; `unnamed`: the reverse proxy, whose address it has, did not give the client's in X-Forwarded-For.",
    label: "cause",
  },
  "substitute.judged": {
    level: "info",
    meaning:
      "SPF and DMARC of a third party were read: whether receivers would take its mail from here; `before` is what the reading before said.",
    label: "fit",
  },
  "queue.changed": { level: "warn", meaning: "An operator changed the queue.", label: "change" },
  "spool.recovered": { level: "info", meaning: "The spool was read at start." },
  "spool.failed": { level: "error", meaning: "The spool could not be written: mail is answered 4xx until it can." },
  "internal.failed": { level: "error", meaning: "A bug or a broken machine: something threw that should not." },
};

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
export const eventNames = Object.keys(events) as readonly EventName[];

/** Takes what happened. Never throws, never blocks. */
export interface Observer {
  emit<Name extends EventName>(name: Name, fields: EventFields[Name]): void;
}

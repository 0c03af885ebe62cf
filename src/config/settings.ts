// What a checked sekimori.toml becomes: the only form of the configuration that the rest of the house sees.
// Durations are milliseconds, sizes are octets, secrets are resolved, defaults are filled in, references hold.

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { Prefix } from "../base/prefix.ts";
import type { NetworkTables } from "./schema/network.ts";

export interface Settings {
  readonly version: 1;
  /** The name this host gives itself in greetings, Received and Message-ID (RFC 5321 §4.1.1.1). */
  readonly hostname: Domain;
  /** Directory of everything that must survive a restart: spool, index, mailboxes. */
  readonly state: string;
  /** Whom the process becomes once its ports are bound; undefined: it stays who started it. */
  readonly process: { readonly user: string; readonly group: string } | undefined;
  /** undefined: as many as the machine has use for (main/shares.ts). */
  readonly mailThreads: number | undefined;
  readonly log: LogSettings;
  /** How long traffic data is kept, ms. */
  readonly retention: { readonly log: number; readonly correspondents: number };
  readonly http: HttpSettings;
  readonly web: WebSettings;
  readonly dovecot: DovecotSettings;
  readonly tls: TlsSettings;
  readonly domains: readonly DomainSettings[];
  readonly listeners: readonly ListenerSettings[];
  readonly smtp: SmtpSettings;
  readonly mailbox: MailboxSettings;
  readonly limits: LimitSettings;
  /** What is done about accounts that somebody else may be using. */
  readonly abuse: AbuseSettings;
  readonly delivery: DeliverySettings;
  readonly substitute: SubstituteSettings;
  readonly dns: DnsSettings;
  /** The network side as it is written; network.ts makes a policy of it. The mail service does not look at it. */
  readonly network: NetworkTables | undefined;
}

export interface Endpoint {
  /** An IP address, never a name. */
  readonly address: string;
  readonly port: number;
}

/** An instant as it is written: a day without a time of day lies where the zone of the file says. */
export interface Moment {
  readonly written: string;
  /** Milliseconds since 1970, as if the zone of the file were UTC. The last day of a period: where the next one begins. */
  readonly at: number;
  readonly zoned: boolean;
}

/** Where a server listens: an address, or a UNIX socket by its absolute path. */
export type SocketPlace = Endpoint | { readonly path: string };

export interface HttpSettings {
  readonly listen: readonly Endpoint[];
  readonly tls: "none" | "implicit";
  /** Said: in clear anywhere else than on loopback as well. */
  readonly clearText: boolean;
  /** Further names in the Host header. */
  readonly names: readonly string[];
  /** Empty: the one in the state directory. */
  readonly tokens: readonly TokenSettings[];
}

/** Pages that lead users and their mail programs. */
export interface WebSettings {
  readonly listen: readonly Endpoint[];
  readonly tls: "none" | "implicit";
  /** Reverse proxies, which say who the client is. */
  readonly forwardedBy: readonly Prefix[];
  /** Mail servers elsewhere, for the port test of customers. */
  readonly outsideHosts: readonly string[];
  readonly mtaSts: "none" | "testing" | "enforce";
}

/** Where Dovecot tells of its logins. */
export interface DovecotSettings {
  readonly listen: readonly Endpoint[];
  readonly tls: "none" | "implicit";
  readonly clearText: boolean;
  /** undefined only where nothing listens. */
  readonly token: string | undefined;
  /** The passwd-file that is kept as the accounts are. */
  readonly users: string | undefined;
  /** Where Dovecot is told whose connections end. */
  readonly doveadm: DoveadmSettings | undefined;
}

export interface DoveadmSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: "none" | "implicit";
  /** Certificates that are believed in place of the system's. */
  readonly ca: string | undefined;
  readonly key: string;
}

export interface TokenSettings {
  readonly name: string;
  readonly secret: string;
  readonly rights: "read" | "change";
}

export interface LogSettings {
  readonly level: "debug" | "info" | "warn" | "error";
  /** Where the JSON lines go; one file a day. `trace` reads them. */
  readonly directory: string;
  /** Copy every line to standard output as well (containers, journald). */
  readonly stdout: boolean;
}

/** Where the server's certificate comes from. Self-signed is enough to start, not to run. */
export type TlsSettings =
  | { readonly kind: "self-signed"; readonly directory: string }
  | {
      readonly kind: "files";
      readonly certificate: string;
      readonly key: string;
      /** Of the next certificate: published before it is used. */
      readonly nextKey: string | undefined;
    };

export interface DomainSettings {
  readonly name: Domain;
  /** Who reads postmaster@, abuse@ and hostmaster@ (RFC 2142). Always deliverable. */
  readonly postmaster: Address;
  /** First day of its contract; undefined: it is not new. */
  readonly since?: Moment;
  /** Further local parts and where they lead. Targets are local addresses. */
  readonly aliases: ReadonlyMap<string, readonly Address[]>;
  readonly dkim: DkimSettings | undefined;
  /** Who stores the mail of the domain; undefined: our own Maildirs. */
  readonly store: StoreSettings | undefined;
}

/** A mailbox store behind LMTP (RFC 2033). It knows which mailboxes exist, and is asked. */
export interface StoreSettings {
  readonly target: RouteTarget;
  /** Who hands the mail out, on port 993; undefined: nobody said. */
  readonly imap: string | undefined;
  /** How long a sending server waits for what the store says to its message, ms. */
  readonly answerWithin: number;
}

export interface DkimSettings {
  readonly selector: string;
  /** PEM, PKCS#8 (RSA ≥ 1024 bits or Ed25519). Made at first start when the file does not exist. */
  readonly keyFile: string;
}

export type ListenerRole = "submission" | "legacy" | "substitute" | "mx" | "pop3";
/** Of proto/sasl/mechanism.ts. */
type Mechanism = "scram-sha-256" | "plain" | "login" | "cram-md5";
export type ListenerTls = "none" | "starttls" | "implicit";

export interface ListenerSettings {
  readonly role: ListenerRole;
  readonly endpoints: readonly Endpoint[];
  readonly tls: ListenerTls;
  /** What AUTH offers. Empty for role "mx". */
  readonly mechanisms: readonly Mechanism[];
  /** Load balancers: connections from there begin with a PROXY header, and must. */
  readonly proxies: readonly Prefix[];
  /** Of its own, out of `[smtp] sessions` and `content-memory`; left out: its role's part (budgets.ts). */
  readonly sessions?: number;
  readonly contentMemory?: number;
  /** Of role "legacy". */
  readonly legacy?: LegacySettings;
  /** Of role "substitute". */
  readonly substitute?: { readonly until: Moment };
}

/** Sending with an address at a third party. */
export interface SubstituteSettings {
  /** Where others see our mail come from. */
  readonly sendsFrom: readonly string[];
  /** ms. */
  readonly codeLife: number;
  /** Customers may enter codes on a page. */
  readonly codePage: boolean;
  /** Of one account, and to one address. */
  readonly codes: readonly WindowSettings[];
  /** How long a proof holds, and how long before its end that is told, ms. */
  readonly renewal: number;
  readonly remind: number;
  /** Time between two readings of SPF and DMARC, and how long the last one counts, ms. */
  readonly reread: number;
  readonly keepVerdict: number;
  readonly providers: readonly ProviderSettings[];
}

export interface ProviderSettings {
  readonly domains: readonly Domain[];
  /** Takes mail of its customers from us; never with a password. */
  readonly relay: RouteTarget | undefined;
  readonly until: Moment | undefined;
}

/** A way to submit that ends. */
export interface LegacySettings {
  /** undefined: nobody said when. */
  readonly until: Moment | undefined;
  /** POP-before-SMTP. */
  readonly visits: VisitSettings | undefined;
}

export interface VisitSettings {
  readonly networks: readonly Prefix[];
  /** ms. */
  readonly for: number;
  readonly shared: readonly Prefix[];
  readonly ipv6: "address" | "network";
}

export interface SmtpSettings {
  /** Largest message in octets, announced as SIZE (RFC 1870). */
  readonly messageSize: number;
  /** Recipients in one transaction. RFC 5321 §4.5.3.1.8 wants at least 100 on an MX. */
  readonly recipients: number;
  /** Commands that fail before the session is closed with 421. */
  readonly errors: number;
  /** Failed AUTH commands before the session is closed (RFC 4954 §4: not before three). */
  readonly authFailures: number;
  /** Transactions in one session. */
  readonly messages: number;
  /** Idle time until 421 (RFC 5321 §4.5.3.2.7: at least five minutes). */
  readonly timeout: number;
  /** Octets of content a second, 0: no bound; and how long it may come more slowly, ms (ingress/smtp/content-pace.ts). */
  readonly contentRate: number;
  readonly contentTime: number;
  /** Sessions open at once, all listeners together, each role with its part; one more gets 421. */
  readonly sessions: number;
  /** Octets of message content held in memory, all sessions together, each role with its part; beyond it DATA gets 452. */
  readonly contentMemory: number;
  /** Free space that must remain where the state lives; below it MAIL gets 452. */
  readonly freeSpace: number;
  /** Octets that the spool may hold; above it MAIL gets 452. Infinity when there is no such bound. */
  readonly spoolSize: number;
}

export interface MailboxSettings {
  /** Octets that one mailbox may hold. */
  readonly quota: number | undefined;
}

/** In any interval of its length at most `recipients` pass: recipients, messages or octets, as the list it stands in says. */
export interface WindowSettings {
  readonly name: string;
  readonly length: number;
  readonly recipients: number;
}

/** What is done about accounts that somebody else may be using. */
export interface AbuseSettings {
  /** The farthest step that is taken. */
  readonly act: "none" | "notice" | "slow" | "hold" | "suspend";
  /** Of the terms of use, cited with each step. */
  readonly clause: string | undefined;
  /** Whom customers can ask, besides the postmaster. */
  readonly help: string | undefined;
  /** Database of countries. */
  readonly countries: string | undefined;
}

export interface LimitSettings {
  /** Of accounts without a plan: [limits.account]. */
  readonly standard: PlanSettings;
  readonly plans: ReadonlyMap<string, PlanSettings>;
  /** Recipients that all accounts of one local domain may reach together. Empty: no limit. */
  readonly domain: readonly WindowSettings[];
  /** For so long after its first day, ms, a domain grows from this share of its limits, per cent, to all of them. */
  readonly domainRamp: { readonly length: number; readonly share: number };
  readonly client: ClientLimitSettings;
}

/** What one account of a kind may do. */
export interface PlanSettings {
  /** Recipients of accepted messages. */
  readonly recipients: readonly WindowSettings[];
  /** Every RCPT TO, never given back. */
  readonly attempts: readonly WindowSettings[];
  /** Accepted messages. Empty: no limit. */
  readonly messages: readonly WindowSettings[];
  /** Recipients of accepted messages that the account had not written to before. Empty: no limit, and nothing is remembered. */
  readonly newRecipients: readonly WindowSettings[];
  /** Octets of accepted messages. Empty: no limit. */
  readonly bytes: readonly WindowSettings[];
  /** In one message. */
  readonly recipientsPerMessage: number;
  /** What who is over a limit is told: come back later, or no; or his mail is taken and held. */
  readonly over: "defer" | "reject" | "hold";
  /** What is done about senders and authors that are not the account's. */
  readonly foreignSender: "refuse" | "tag" | "rewrite";
  /** Consent: content may be looked at for signs that somebody else uses the account. */
  readonly contentChecks: boolean;
  /** How the Received field names the account. */
  readonly identityHeader: "none" | "plain" | "keyed-hash";
  /** For so long after it was made, ms, an account grows from this share of its limits, per cent, to all of them. */
  readonly ramp: { readonly length: number; readonly share: number };
}

/** What one client address (IPv4) or /64 (IPv6) may do. Empty lists are no limit; windows count what their name says. */
export interface ClientLimitSettings {
  /** At once. */
  readonly connections: number;
  readonly connectionRate: readonly WindowSettings[];
  readonly messages: readonly WindowSettings[];
  readonly recipients: readonly WindowSettings[];
  readonly authFailures: readonly WindowSettings[];
  /** When the counts cannot be asked: nobody, or everybody. */
  readonly fail: "closed" | "open";
  readonly exempt: readonly Prefix[];
}

export interface DeliverySettings {
  /** Everything that is not local goes here, if set. */
  readonly smarthost: RouteTarget | undefined;
  /** Routes by recipient domain; they win over the smarthost and MX records. */
  readonly routes: ReadonlyMap<Domain, RouteTarget>;
  /** By the domain of a third party: its own server, for messages that are marked so. */
  readonly relays?: ReadonlyMap<Domain, RouteTarget>;
  /** Waits between attempts; the last one repeats (RFC 5321 §4.5.4.1). */
  readonly retry: readonly number[];
  /** Age at which a message is given up and a failure DSN is sent. */
  readonly giveUp: number;
  /** Age at which the sender is told, once, that the message waits. */
  readonly delayNotice: number;
  /** Take mail and keep it, deliver nothing. */
  readonly paused: boolean;
  /** Connections to one destination at once. */
  readonly connectionsPerDestination: number;
  readonly messagesPerConnection: number;
  /** Connections in all. */
  readonly connections: number;
  /** Use STARTTLS when offered, without checking the certificate (RFC 7435). */
  readonly tls: "opportunistic" | "never";
  /** Port of remote mail exchangers; anything but 25 is for laboratories. */
  readonly port: number;
  /** Where connections begin; names are unique. What none is meant for leaves from where the system chooses. */
  readonly sources: readonly EgressSource[];
  /** The first that fits decides, those with domains first. */
  readonly destinations: readonly DestinationRule[];
}

export interface EgressSource {
  readonly name: string;
  /** Of this host. Never empty. */
  readonly addresses: readonly string[];
  /** What EHLO says; undefined is the name of the house. */
  readonly hostname: Domain | undefined;
  readonly senders: readonly Domain[];
  readonly bulk: boolean;
  /** In all. */
  readonly connections: number;
}

export interface DestinationRule {
  /** Of recipients. */
  readonly domains: readonly Domain[];
  /** Hosts of these names and below. */
  readonly exchangers: readonly Domain[];
  readonly connections: number;
  readonly messagesPerConnection: number;
  /** Messages, in every window. */
  readonly rate: readonly WindowSettings[];
}

export interface RouteTarget {
  /** A host name (A/AAAA is looked up, no MX), an IP address, or the absolute path of a UNIX socket. */
  readonly host: string;
  /** Means nothing with a UNIX socket. */
  readonly port: number;
  /** LMTP (RFC 2033) where the next hop is a mailbox store. */
  readonly protocol: "smtp" | "lmtp";
  readonly tls: "opportunistic" | "required" | "never";
  readonly auth:
    | {
        readonly username: string;
        readonly password: string;
        /** Without it the strongest that is offered. */
        readonly mechanism?: "plain";
      }
    | undefined;
  /** Name of a source; undefined: the mail decides. */
  readonly egress?: string | undefined;
}

export interface DnsSettings {
  /** Resolvers as endpoints; empty means those of the system. */
  readonly servers: readonly Endpoint[];
  /** How long one question may take, retries included. */
  readonly timeout: number;
}

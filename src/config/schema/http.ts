// What is served by HTTP: to operators (`[http]`), to users and their mail programs (`[web]`), and to Dovecot (`[dovecot]`).

import type { Keys } from "../types.ts";

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

export const http = {
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

export const web = {
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
  "forwarded-by": {
    type: { kind: "list", of: { kind: "prefix" }, minimum: 0, alone: true },
    default: [],
    meaning:
      "Reverse proxies in front of `listen`: of what comes from there the client is the last address in X-Forwarded-For, which they must set. The page " +
      "for codes (`code-page` of `[substitute]`) needs it, as it counts entries by client and believes nobody else that the client came by HTTPS.",
    example: ["192.0.2.10"],
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

const doveadm = {
  host: {
    type: { kind: "host" },
    default: "127.0.0.1",
    meaning: "Host name or IP address. Under TLS its certificate must be for it.",
    example: "imap.example.jp",
  },
  port: {
    type: { kind: "integer", minimum: 1, maximum: 65_535 },
    required: true,
    meaning: "The port of the `inet_listener http` in Dovecot's `service doveadm`; it has none of its own.",
    example: 8080,
  },
  tls: {
    type: {
      kind: "choice",
      values: { none: "HTTP, on loopback only", implicit: "HTTPS (`ssl = yes` at Dovecot)" },
    },
    default: "none",
    meaning: "Whether it is HTTPS.",
  },
  ca: {
    type: { kind: "path" },
    otherwise: "those of the system",
    meaning:
      "File of certificates in PEM that are believed: an authority of your own, or Dovecot's own certificate where that is self-signed. It is read at " +
      "each question.",
    example: "/etc/sekimori/imap-ca.pem",
  },
  key: {
    type: { kind: "secret" },
    required: true,
    meaning:
      "Dovecot's `doveadm_api_key`: where it is kept, never the key itself. At least 20 characters that may stand in a header; `openssl rand -hex 32` " +
      "makes a good one. Whoever has it does at Dovecot what `doveadm_allowed_commands` lets him.",
    example: { file: "/etc/sekimori/doveadm.key" },
  },
} as const satisfies Keys;

export const dovecot = {
  listen: {
    type: { kind: "list", of: { kind: "endpoint" }, minimum: 0 },
    default: [],
    meaning:
      "Where Dovecot's login processes ask and report (its setting `auth_policy_server_url`). Anywhere but on loopback it needs `tls` or " +
      "`clear-text`. Empty for none.",
    example: ["127.0.0.1:2084"],
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
      "Say true when `listen` has other addresses than loopback, no `tls`, and something else protects the way: login names and the token pass there.",
  },
  token: {
    type: { kind: "secret" },
    otherwise: "nobody is answered, so `listen` must be empty",
    meaning:
      "What Dovecot shows (`auth_policy_server_api_header = Authorization: Bearer …`): where it is kept, never the token itself. Whoever has it " +
      "opens addresses for POP-before-SMTP. At least 20 characters that may stand in a header; `openssl rand -hex 32` makes a good one.",
    example: { file: "/etc/sekimori/dovecot.token" },
  },
  users: {
    type: { kind: "path" },
    otherwise: "only `sekimori account export` makes one",
    meaning:
      "A passwd-file of Dovecot that this server keeps as the accounts are: written at the start and after every change, with the password hashes. A new " +
      "file is for its owner alone; one that is there keeps its owner, group and mode, and is not written where everybody may read it.",
    example: "/var/lib/sekimori/dovecot/users",
  },
  doveadm: {
    type: { kind: "table", keys: doveadm },
    otherwise: "sessions that are open there stay open",
    meaning:
      "Dovecot's doveadm HTTP API. When an account is suspended or deleted or gets another password, what Dovecot remembers of its logins is emptied and its " +
      "connections there are cut, after `users` was written. What cannot be done is tried again three times within a quarter of a minute, then told " +
      "(`dovecot.failed`).",
    example: { port: 8080, key: { file: "/etc/sekimori/doveadm.key" } },
  },
} as const satisfies Keys;

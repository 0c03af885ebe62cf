// Local domains, the certificate that clients see, and where mail for a domain is kept.

import type { Keys } from "../types.ts";

export const tls = {
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

export const domain = {
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
  since: {
    type: { kind: "date", edge: "begin" },
    otherwise: "the domain is not new",
    meaning:
      "First day of the contract that the domain belongs to: from then on it counts as new for `[limits.domain] new-for`. A day without a zone is one of UTC.",
    example: "2027-04-01",
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

export const mailbox = {
  quota: {
    type: { kind: "size", minimum: "64KiB", maximum: "1PiB" },
    otherwise: "a mailbox may grow as large as the disk",
    meaning:
      "What one mailbox may hold. A full one is answered 452 at RCPT; a message larger than the room that is left waits. Mail to " +
      "postmaster, abuse and hostmaster is stored all the same.",
    example: "1GiB",
  },
} as const satisfies Keys;

// Customers whose mail provider has no submission service: who may send as an address there, and which way that mail goes.

import type { Keys } from "../types.ts";

const relay = {
  host: {
    type: { kind: "host" },
    required: true,
    meaning:
      "Host name or IP address of the provider's server. It lets this host relay, by its address: there is no password.",
    example: "relay.provider.example",
  },
  port: { type: { kind: "integer", minimum: 1, maximum: 65_535 }, default: 25, meaning: "Its port." },
  tls: {
    type: {
      kind: "choice",
      values: {
        opportunistic: "STARTTLS when the server offers it, without looking at its certificate (RFC 7435)",
        required: "no mail without TLS",
        never: "always in clear",
      },
    },
    default: "opportunistic",
    meaning: "Whether the connection is encrypted.",
  },
  egress: {
    type: { kind: "text" },
    otherwise: "the sender's domain and the class of the mail decide, see `[[egress]]`",
    meaning: "Name of the `[[egress]]` whose addresses the provider knows.",
    example: "partners",
  },
} as const satisfies Keys;

const provider = {
  domains: {
    type: { kind: "list", of: { kind: "domain" }, minimum: 1, alone: true },
    required: true,
    meaning: "Domains of the addresses there. Not local ones.",
    example: ["provider.example"],
  },
  relay: {
    type: { kind: "table", keys: relay },
    otherwise: "what receivers would refuse from here is refused to the customer as well",
    meaning:
      "The provider's server, which by agreement takes mail of its customers from this host. Mail goes that way where the provider's SPF and DMARC " +
      "would fail ours; recipients in local domains are served here all the same.",
    example: { host: "relay.provider.example" },
  },
  until: {
    type: { kind: "date", edge: "end" },
    otherwise: "as long as the listener",
    meaning: "The last day on which mail of these domains is carried. A day without a zone is one of UTC.",
    example: "2027-03-31",
  },
} as const satisfies Keys;

export const substitute = {
  "sends-from": {
    type: { kind: "list", of: { kind: "ip" }, minimum: 0, alone: true },
    otherwise: "all addresses of `[[egress]]`",
    meaning:
      "The addresses from which others see mail of this host come: those of the smarthost if there is one, the outer ones behind NAT. SPF of a " +
      "third party is judged for each of them, and the worst counts.",
    example: ["192.0.2.26", "2001:db8::26"],
  },
  "code-life": {
    type: { kind: "duration", minimum: "1s", maximum: "7d" },
    default: "1d",
    meaning: "How long a mailed code is good. Five wrong ones end it as well.",
  },
  "code-page": {
    type: { kind: "boolean" },
    default: false,
    meaning:
      "Whether a customer may enter the code himself, at `/code` of `[web]`, with his account and its password; the mail with the code then says where. " +
      "Only inside TLS, that of `[web]` or of a proxy in its `forwarded-by`.",
    example: true,
  },
  codes: {
    type: { kind: "list", of: { kind: "window" }, minimum: 1 },
    default: ["3/1h", "6/1d"],
    meaning:
      "Codes that one account may ask for, and that one address is sent, whichever account asks: nobody's mailbox is filled with them. What follows " +
      "a + in the local part does not make another address here.",
    example: ["3/1h", "6/1d"],
  },
  renewal: {
    type: { kind: "duration", minimum: "1s", maximum: "1000d" },
    default: "365d",
    meaning: "How long a proof holds. Then a new code is needed, as addresses change their owners.",
  },
  remind: {
    type: { kind: "duration", minimum: "1s", maximum: "90d" },
    default: "30d",
    meaning: "How long before the end of a proof its address is told so by mail, once. Less than `renewal`.",
  },
  reread: {
    type: { kind: "duration", minimum: "1s", maximum: "7d" },
    default: "1d",
    meaning: "How often SPF and DMARC of the third parties are read again.",
  },
  "keep-verdict": {
    type: { kind: "duration", minimum: "1s", maximum: "30d" },
    default: "7d",
    meaning:
      "How long the last reading counts while DNS does not answer; then mail is answered 451 until it does. At least twice `reread`.",
  },
  provider: {
    type: { kind: "list", of: { kind: "table", keys: provider }, minimum: 0 },
    default: [],
    meaning:
      "What is agreed with a third party. Addresses of other domains may be enrolled too; their mail goes out from here, or not at all.",
  },
} as const satisfies Keys;

// The schema of sekimori.toml, as data: every key, its type, bounds, default, meaning and example. Validation,
// defaults, the JSON Schema for editors, the reference page and the display of effective values are all made
// from this one table. Rules that involve more than one value are in references.ts.

import { domain, mailbox, tls } from "./schema/domain.ts";
import { delivery, destination, dns, egress, route } from "./schema/egress.ts";
import { dovecot, http, web } from "./schema/http.ts";
import { abuse, limits, planLimits } from "./schema/limits.ts";
import { listener, smtp } from "./schema/listener.ts";
import { network } from "./schema/network.ts";
import { log, processKeys, retention } from "./schema/process.ts";
import { substitute } from "./schema/substitute.ts";
import type { Checked, Draft, Keys } from "./types.ts";

/** The format that this program reads. A new number only for a change that old files do not survive. */
export const formatVersion = 1;

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
    dovecot: {
      type: { kind: "table", keys: dovecot },
      default: {},
      meaning:
        "Logins at a Dovecot that hands out mailboxes, as it tells of them (its authentication policy protocol).",
    },
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
    substitute: {
      type: { kind: "table", keys: substitute },
      default: {},
      meaning: "Listeners of role substitute: addresses at third parties, proved by a mailed code.",
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

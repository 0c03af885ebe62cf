// The values of the API as schemas: what is checked on the way in, what is promised on the way out. The use cases of
// control/ give exactly these; the compiler compares.

import { z } from "@hono/zod-openapi";

const time = z.string().openapi({ format: "date-time", example: "2026-11-22T09:30:00.000Z" });

const windowUse = z
  .object({
    window: z.string().openapi({ description: "The interval, as in the configuration.", example: "1h" }),
    used: z.number(),
    limit: z.number(),
  })
  .openapi("WindowUse");

const suspicion = z
  .object({
    score: z.number(),
    step: z.enum(["notice", "slow", "hold", "suspend"]).optional(),
    evidence: z.array(z.object({ at: time, sign: z.string(), text: z.string() })).readonly(),
  })
  .openapi({ description: "Why somebody else may be using it; absent where nothing says so." });

const restraint = z
  .object({
    step: z.enum(["slow", "hold", "suspend"]),
    since: time,
    until: time.optional().openapi({ description: "It ends by itself then, unless there are further signs." }),
    score: z.number(),
    evidence: z.array(z.string()).readonly(),
    clause: z.string().optional().openapi({ description: "Of the terms of use, as [abuse] has it." }),
  })
  .openapi({ description: "What was done about a suspicion, while it lasts, and what it rests on as of then." });

export const account = z
  .object({
    address: z.string().openapi({ example: "alice@example.jp" }),
    aliases: z.array(z.string()).readonly(),
    created: time,
    suspended: z.boolean().openapi({ description: "By an operator or, as `restraint` says, for a suspicion." }),
    scheme: z.string().optional().openapi({
      description:
        "How its password is stored. Imported ones become `argon2id` with the first login that shows the password.",
      example: "argon2id",
    }),
    cram: z.literal(true).optional().openapi({ description: "What CRAM-MD5 needs of its password is stored." }),
    senders: z
      .array(z.object({ sender: z.string().openapi({ example: "boss@example.jp" }), as: z.enum(["own", "delegate"]) }))
      .readonly()
      .optional()
      .openapi({ description: "Whom it may send as besides; `@example.jp` is a whole domain." }),
    plan: z.string().optional().openapi({ description: "Its [[plan]], where it has one.", example: "office" }),
    contact: z.string().optional().openapi({ description: "Told of limits besides the account's own mailbox." }),
    raise: z
      .object({ factor: z.number(), until: time, by: z.string(), reason: z.string() })
      .optional()
      .openapi({ description: "While its limits are raised." }),
    mailbox: z
      .object({ used: z.number(), quota: z.number().optional() })
      .optional()
      .openapi({ description: "Octets in its mailbox, and how many may be; absent where another program stores it." }),
    use: z
      .object({
        quota: z
          .array(
            windowUse
              .extend({ layer: z.enum(["recipients", "new-recipients", "messages", "bytes", "domain"]) })
              .openapi("LayerUse"),
          )
          .readonly(),
        attempts: z.array(windowUse).readonly(),
      })
      .optional()
      .openapi({ description: "What is used of its limits: recipients of accepted mail, and RCPT commands." }),
    suspicion: suspicion.optional(),
    restraint: restraint.optional(),
  })
  .openapi("Account");

/** An account that somebody else may be using. */
export const suspect = z
  .object({
    address: z.string().openapi({ example: "alice@example.jp" }),
    suspendedByOperator: z.boolean(),
    suspicion: suspicion.optional(),
    restraint: restraint.optional(),
    held: z.number().openapi({ description: "Messages of it that are held, for whatever reason." }),
  })
  .openapi("Suspect");

export const suspectList = z
  .object({ entries: z.array(suspect).readonly(), next: z.string().optional() })
  .openapi("SuspectList");

export const clearing = z
  .strictObject({
    reason: z.string().max(500).openapi({ example: "the owner travels; she called" }),
    mail: z.enum(["kept", "released", "returned"]).openapi({
      description:
        "What becomes of its mail that is held for the suspicion: it goes on waiting, goes out, or back to its sender.",
    }),
  })
  .openapi("Clearing");

export const appPassword = z
  .object({
    name: z.string().openapi({ example: "phone" }),
    scopes: z.array(z.enum(["submission", "pop3"])).readonly(),
    created: time,
    lastUse: z
      .object({ at: time, client: z.string() })
      .optional()
      .openapi({ description: "To the minute; absent: never." }),
  })
  .openapi("AppPassword");

export const substitute = z
  .object({
    address: z.string().openapi({ example: "alice@provider.example" }),
    state: z
      .enum(["proved", "expired", "unproved"])
      .openapi({ description: "`unproved`: a code was mailed, and not told yet." }),
    way: z.enum(["direct", "relay", "refused", "unknown"]).openapi({
      description: "Which way its mail goes now. `relay`: by the third party's server. `unknown`: it is answered 451.",
    }),
    until: time.optional().openapi({ description: "How long the proof holds, or held." }),
    code: time.optional().openapi({ description: "How long the code that was mailed is good." }),
    published: z.string().optional().openapi({ description: "What the third party publishes, in words." }),
    read: time.optional().openapi({ description: "When that was read." }),
    problem: z.string().optional().openapi({ description: "Why the last reading failed." }),
  })
  .openapi("Substitute");

export const accountList = z
  .object({ total: z.number(), entries: z.array(account).readonly(), next: z.string().optional() })
  .openapi("AccountList");

const attempt = z
  .object({
    at: time,
    remote: z.string().openapi({ example: "mx.example.org[192.0.2.25]:25" }),
    status: z.string().openapi({ example: "4.7.1" }),
    reply: z.string().openapi({ description: "The remote's words." }),
    tls: z.string().optional(),
    milliseconds: z.number(),
  })
  .openapi("Attempt");

const recipient = z
  .object({
    address: z.string(),
    state: z.enum(["in delivery", "waiting", "held"]),
    heldFor: z.enum(["limit", "suspicion", "suspension", "operator"]).optional().openapi({
      description:
        "`suspicion`: somebody else may be using the account. `suspension`: an operator suspended it, or deleted it.",
    }),
    why: z.string().optional().openapi({ description: "Which limit it is beyond, or which step was taken and when." }),
    attempts: z.number(),
    relay: z
      .object({
        domain: z.string().openapi({ description: "The provider's domain: that of the sender." }),
        site: z.string().optional().openapi({ description: "As in the list of destinations." }),
      })
      .optional()
      .openapi({
        description:
          "By the server of which provider it has to leave. Without `site` the configuration has none any more, and it waits.",
      }),
    next: time.optional().openapi({ description: "When the next attempt is due." }),
    status: z.string().optional(),
    reply: z.string().optional(),
    history: z
      .array(attempt)
      .readonly()
      .optional()
      .openapi({ description: "The last attempts, oldest first; only where one message is asked for." }),
  })
  .openapi("Recipient");

export const queueEntry = z
  .object({
    id: z.string().openapi({ example: "1m82a7kf70dxm4fx" }),
    received: time,
    origin: z.string(),
    sender: z.string().openapi({ description: "The reverse-path; empty for the null sender." }),
    size: z.number().openapi({ description: "Octets." }),
    messageId: z.string(),
    account: z.string().optional(),
    recipients: z.array(recipient).readonly(),
  })
  .openapi("QueueEntry");

export const queueList = z
  .object({ total: z.number(), entries: z.array(queueEntry).readonly(), next: z.string().optional() })
  .openapi("QueueList");

export const queueChange = z
  .strictObject({
    change: z.enum(["hold", "release", "flush", "requeue", "delete", "return"]),
    selector: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("message"), id: z.string().min(1).max(64) }),
        z.strictObject({ kind: z.literal("sender"), sender: z.string().max(320) }),
        z.strictObject({ kind: z.literal("domain"), domain: z.string().min(1).max(255) }),
        z.strictObject({ kind: z.literal("account"), account: z.string().min(1).max(320) }),
        z.strictObject({ kind: z.literal("suspected"), account: z.string().min(1).max(320) }),
        z.strictObject({ kind: z.literal("all") }),
      ])
      .openapi({
        description:
          'Which mail is meant. The sender `""` is the null sender; `suspected` is what of an account is held for a suspicion, or since it was suspended or deleted.',
      }),
  })
  .openapi("QueueChange");

export const queueCount = z.object({ messages: z.number(), recipients: z.number() }).openapi("QueueCount");

export const destinations = z
  .array(
    z.object({
      site: z.string().openapi({ description: "The mail exchangers, or the next hop." }),
      egress: z.string().openapi({ description: "Name of the source; empty: the system chooses." }),
      state: z.enum(["slow", "resting", "busy", "idle"]),
      waiting: z.number().openapi({ description: "Messages that wait for a connection." }),
      waited: z.number().openapi({ description: "How long the first of them has, ms." }),
      connections: z.object({ open: z.number(), busy: z.number(), dialling: z.number(), limit: z.number() }),
      rate: z.array(windowUse).readonly(),
      rests: z.number().openapi({ description: "Until the rate lets the next message go, ms." }),
      delivered: z.number(),
      deferred: z.number(),
      failed: z.number(),
      lastDelivery: time.optional(),
      answers: z
        .array(
          z.object({
            at: time,
            kind: z.enum(["deferred", "failed"]),
            status: z.string(),
            reply: z.string(),
            remote: z.string(),
          }),
        )
        .readonly()
        .openapi({ description: "The last that were not a delivery, oldest first." }),
    }),
  )
  .readonly()
  .openapi("Destinations");

export const trace = z
  .object({
    stories: z
      .array(
        z.object({
          subject: z.string().openapi({ description: "Queue id, or the session when there was no message." }),
          steps: z.array(z.object({ time, event: z.string(), text: z.string() })).readonly(),
        }),
      )
      .readonly(),
    more: z.boolean().openapi({ description: "Older stories were left out." }),
  })
  .openapi("Trace");

export const retention = z
  .array(
    z.object({
      what: z.string(),
      kept: z.string(),
      items: z.number().optional(),
      expired: z.number().optional(),
      oldest: z.string().optional(),
    }),
  )
  .readonly()
  .openapi("Retention");

export const reload = z
  .object({
    changed: z.array(z.string()).readonly(),
    restart: z.array(z.string()).readonly().openapi({ description: "What needs a restart to take effect." }),
  })
  .openapi("Reload");

export const findings = z
  .array(
    z.object({
      check: z.string(),
      result: z.enum(["ok", "warn", "fail"]),
      text: z.string(),
      advice: z.string().optional(),
    }),
  )
  .readonly()
  .openapi("Findings");

export const health = z
  .object({
    state: z.enum(["ready", "stopping"]),
    version: z.string(),
    hostname: z.string(),
    since: time,
    listeners: z.array(z.object({ name: z.string(), address: z.string(), port: z.number() })).readonly(),
  })
  .openapi("Health");

export const configuration = z
  .object({ toml: z.string().openapi({ description: "Every value in effect, secrets hidden." }) })
  .openapi("Configuration");

export const problem = z
  .object({
    type: z.string().openapi({ description: "Where the problem is explained.", example: "/api/problems/not-found" }),
    title: z.string(),
    status: z.number(),
    code: z.string().openapi({ description: "Stays the same between versions." }),
    detail: z.string().optional(),
    errors: z.array(z.object({ at: z.string(), detail: z.string() })).optional(),
  })
  .openapi("Problem");

/** A whole number in a query, without the liberties of JavaScript. */
function count(most: number): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^[1-9][0-9]{0,5}$/, `expected a number from 1 to ${most}`)
    .transform(Number)
    .refine((number) => number <= most, `expected a number from 1 to ${most}`)
    .openapi({ type: "integer", minimum: 1, maximum: most });
}

/** Parameters of every list. */
export const page = {
  limit: count(1000).optional().openapi({ description: "Entries in one answer; 100 when left out." }),
  after: z.string().min(1).max(320).optional().openapi({ description: "The `next` of the answer before." }),
};

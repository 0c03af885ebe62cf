// The law of the client: which reply is awaited, and what a reply of each class means there (RFC 5321 §4.3.2).
// client.ts does what the table says. Replies are awaited in the order of the commands (RFC 2920 §3.1); the first entry
// of that queue picks the row, the first digit of the reply the column. Three rules stand before the table:
//   1. A reply can only answer a command that was written before it came. One more is `violation`, except 421.
//   2. 421 ends the session wherever it comes (RFC 5321 §3.8); what it answers is deferred with it.
//   3. A reply that has begun before its command was written is `violation` too. With rule 1 this covers whatever follows
//      the 220 to STARTTLS in the clear (RFC 3207 §6: injection).

export type Awaiting =
  | "banner"
  | "ehlo"
  | "helo"
  | "lhlo"
  | "starttls"
  | "tls"
  | "auth"
  | "rset"
  | "mail"
  | "rcpt"
  | "data"
  | "content"
  | "quit";

export type Action =
  /** Say EHLO, or LHLO. */
  | "introduce"
  /** EHLO is not known here: say HELO. */
  | "introduce-plainly"
  /** Read the extensions; go on with STARTTLS, AUTH or readiness. */
  | "introduced"
  /** The same without extensions. */
  | "introduced-plainly"
  /** The session has no use: the reply is the reason. */
  | "session-refused"
  | "start-tls"
  | "tls-refused"
  | "authenticated"
  | "authenticate-further"
  | "auth-refused"
  | "reset"
  | "sender-accepted"
  | "sender-refused"
  | "recipient-accepted"
  | "recipient-refused"
  | "send-content"
  | "data-refused"
  | "content-accepted"
  | "content-refused"
  | "end"
  /** The peer does not speak SMTP: close, trust nothing that is open. */
  | "violation";

type Row = readonly [success: Action, intermediate: Action, transient: Action, permanent: Action];

const table: Readonly<Record<Awaiting, Row>> = {
  //           2yz                   3yz                     4yz                  5yz
  banner: ["introduce", "violation", "session-refused", "session-refused"],
  ehlo: ["introduced", "violation", "session-refused", "introduce-plainly"],
  helo: ["introduced-plainly", "violation", "session-refused", "session-refused"],
  // RFC 2033 §4.1: there is nothing to fall back to.
  lhlo: ["introduced", "violation", "session-refused", "session-refused"],
  starttls: ["start-tls", "violation", "tls-refused", "tls-refused"],
  // The handshake is running: nothing may come in the clear.
  tls: ["violation", "violation", "violation", "violation"],
  auth: ["authenticated", "authenticate-further", "auth-refused", "auth-refused"],
  rset: ["reset", "violation", "session-refused", "session-refused"],
  mail: ["sender-accepted", "violation", "sender-refused", "sender-refused"],
  rcpt: ["recipient-accepted", "violation", "recipient-refused", "recipient-refused"],
  data: ["violation", "send-content", "data-refused", "data-refused"],
  content: ["content-accepted", "violation", "content-refused", "content-refused"],
  quit: ["end", "end", "end", "end"],
};

export function actionFor(awaiting: Awaiting, code: number): Action {
  return table[awaiting][Math.floor(code / 100) - 2] ?? "violation";
}

/** How long the shell waits in each phase, milliseconds. */
export type ClientTimeouts = Readonly<Record<Awaiting | "block", number>>;

const minute = 60_000;

/** RFC 5321 §4.5.3.2 where it names a time; `block` is the time between two pieces of content that get away. */
export const standardTimeouts: ClientTimeouts = {
  banner: 5 * minute,
  ehlo: 5 * minute,
  helo: 5 * minute,
  lhlo: 5 * minute,
  starttls: 2 * minute,
  tls: minute,
  auth: 2 * minute,
  rset: minute,
  mail: 5 * minute,
  rcpt: 5 * minute,
  data: 2 * minute,
  block: 3 * minute,
  content: 10 * minute,
  // Nothing depends on the answer.
  quit: 5_000,
};

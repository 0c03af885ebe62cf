// Numbers of the sending side that are not configured, each with where it comes from. Times are milliseconds.

import { standardTimeouts, type ClientTimeouts } from "../proto/smtp-client/table.ts";

export interface EgressLimits {
  /** TCP connect. Postfix: smtp_connect_timeout = 30 s; the kernel alone would try for two minutes. */
  readonly connect: number;
  /** RFC 5321 §4.5.3.2. */
  readonly session: ClientTimeouts;
  /** A connection that waits this long for an answer counts as hanging when others wait for its slot. */
  readonly stalled: number;
  /**
   * The same for destinations that have not answered yet: many are slow to greet, so more time, but not RFC time. When one
   * waits of which nothing was ever heard, only some may have that much (turns.ts).
   */
  readonly crowded: number;
  /** An idle connection is kept for four times the gap between its last messages, within these bounds. */
  readonly idle: { readonly shortest: number; readonly longest: number };
  /** A destination whose last message took longer gets no second one on the same connection ahead of time. */
  readonly quick: number;
  /**
   * A destination that answers this fast is fed over few connections, the envelope of a message in one write with the
   * content before it: half of the system calls. Only what these cannot take at once goes to a further connection.
   */
  readonly brisk: { readonly within: number; readonly connections: number };
  /** Octets; larger messages wait in the spool, not in memory, until their turn. */
  readonly aheadSize: number;
  /**
   * Connections to a destination that has delivered nothing yet. One that hangs must not stop the probe that finds
   * it well again, so two; and each one more is a slot that a dead host takes from a living one.
   */
  readonly unprovenConnections: number;
  /** Addresses tried in one attempt, and sessions among them. Postfix: smtp_mx_address_limit, smtp_mx_session_limit. */
  readonly addresses: number;
  readonly sessions: number;
  /** How long an address that failed is tried after the others. */
  readonly badAddress: number;
  /** While a destination still has a connection, how long after a failed one no other is opened. */
  readonly redial: number;
  /** RFC 5321 §4.5.3.1.8: what every server takes in one transaction. */
  readonly recipients: number;
  /** Messages on one connection while others wait for a slot. */
  readonly turn: number;
  /** What is under way at the end gets this long. */
  readonly grace: number;
  /** How exact all of these are. */
  readonly tick: number;
}

export const standardLimits: EgressLimits = {
  connect: 30_000,
  session: standardTimeouts,
  stalled: 10_000,
  crowded: 60_000,
  idle: { shortest: 30, longest: 2_000 },
  quick: 1_000,
  brisk: { within: 50, connections: 8 },
  aheadSize: 256 * 1024,
  unprovenConnections: 2,
  addresses: 5,
  sessions: 2,
  badAddress: 5 * 60_000,
  redial: 10_000,
  recipients: 100,
  turn: 100,
  grace: 10_000,
  tick: 50,
};

// One site and what waits for it: its queue, its connections, what it can bear, what is known of its health. Pure
// bookkeeping; pool.ts decides.

import type { SlidingWindow } from "../counters/window.ts";
import type { Connection } from "./connection.ts";
import { PartQueue } from "./part.ts";
import type { SiteRecord } from "./site-log.ts";
import type { Slots, Standing } from "./slots.ts";
import type { Line } from "./turns.ts";
import type { Way } from "./ways.ts";

export class Destination {
  readonly way: Way;
  /** Messages begun, in every window of its rate. */
  readonly rate: readonly SlidingWindow[];
  readonly record: SiteRecord;
  readonly queue = new PartQueue();
  /** Open sessions that hold a slot. */
  readonly connections = new Set<Connection>();
  /** Attempts to open one more; each holds a slot. */
  dialling = 0;
  /** Monotonic: no further connection is opened before, while there is one. */
  redialAt = 0;
  /** Whether messages may travel ahead: not to a host that was seen to end sessions under them. */
  ahead: "allowed" | "harmful" = "allowed";
  /** Sessions that failed since the last answer to a message; a timeout counts double. */
  strikes = 0;
  /** Connections that wait for the records that closed ones have left behind. */
  readonly #heirs = new Set<Connection>();
  #left = 0;
  readonly #slots: Slots;
  #standing: Standing;

  constructor(way: Way, slots: Slots, rate: readonly SlidingWindow[], record: SiteRecord) {
    this.way = way;
    this.rate = rate;
    this.record = record;
    this.#slots = slots;
    // Who answered last is no stranger after a lull: the slots that dead sites leave to those that answer are open to it.
    this.#standing = record.heard === "answers" ? "proven" : "unproven";
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Where it stands when it waits for a slot. */
  get line(): Line {
    if (this.#standing === "proven") return "proven";
    return this.record.heard === "nothing" && this.slots === 0 ? "stranger" : "silent";
  }

  get slots(): number {
    return this.connections.size + this.dialling;
  }

  get deserted(): boolean {
    return this.queue.length === 0 && this.slots === 0 && this.#left === 0;
  }

  /** Messages that may be begun now. */
  budget(now: number): number {
    let budget = Number.POSITIVE_INFINITY;
    for (const window of this.rate) budget = Math.min(budget, window.limit - window.used(now));
    return budget;
  }

  /** Monotonic: when the next one may be begun. */
  opensAt(now: number): number {
    return Math.max(now, ...this.rate.map((window) => window.opensAt(1, now)));
  }

  /** Hands the next part to a connection; false when none waits or may be begun. */
  give(connection: Connection, now: number): boolean {
    if (this.rate.length > 0 && this.budget(now) < 1) return false;
    const part = this.queue.take();
    if (part === undefined) return false;
    for (const window of this.rate) window.take(1, now);
    connection.carry(part);
    return true;
  }

  /** It has carried what a connection to here may carry. */
  worn(connection: Connection): boolean {
    return connection.carried >= this.way.shape.messagesPerConnection;
  }

  judge(standing: Standing): void {
    if (standing === this.#standing) return;
    this.#standing = standing;
    this.#slots.move(this.slots, standing);
  }

  /** A session is open: it sends no final dot before what closed connections have delivered is recorded. */
  opened(connection: Connection): void {
    this.connections.add(connection);
    if (this.#left === 0) return;
    this.#heirs.add(connection);
    connection.hold();
  }

  /** False when it was no open session of this site. */
  closed(connection: Connection): boolean {
    this.#left += connection.unrecorded;
    if (this.#heirs.delete(connection)) this.#left--;
    return this.connections.delete(connection);
  }

  /** A message that a connection delivered is recorded; the connection may be closed by now. */
  recorded(connection: Connection): void {
    connection.recorded();
    if (!connection.closed || --this.#left > 0) return;
    for (const heir of this.#heirs) {
      this.#heirs.delete(heir);
      heir.recorded();
    }
  }

  /** The connection that was used last; the others may run out of their idle time. */
  idleConnection(): Connection | undefined {
    let best: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.idle && !this.worn(connection) && (best === undefined || connection.idleSince > best.idleSince))
        best = connection;
    }
    return best;
  }

  /** A connection that can take one more ahead of time, for the server answers quickly and nothing large is on its way. */
  quickConnection(within: number, octets: number): Connection | undefined {
    if (this.ahead === "harmful") return undefined;
    for (const connection of this.connections) {
      if (!connection.accepting || connection.lastTook > within || connection.octets > octets) continue;
      if (!this.worn(connection)) return connection;
    }
    return undefined;
  }

  /** Like quickConnection, among busy ones, once there are so many of them. */
  briskConnection(within: number, octets: number, enough: number): Connection | undefined {
    if (this.ahead === "harmful" || this.connections.size <= enough) return undefined;
    let busy = 0;
    let found: Connection | undefined;
    for (const connection of this.connections) {
      if (connection.idle) continue;
      busy++;
      if (found !== undefined || !connection.accepting || connection.lastTook > within) continue;
      if (connection.octets <= octets && !this.worn(connection)) found = connection;
    }
    return busy >= enough ? found : undefined;
  }
}

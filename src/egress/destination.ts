// One site and what waits for it: its queue, its connections, what is known of its health. Pure bookkeeping; pool.ts
// decides.

import type { Connection } from "./connection.ts";
import { PartQueue } from "./part.ts";
import type { HostRoute } from "./routing.ts";
import type { Slots, Standing } from "./slots.ts";

export class Destination {
  readonly route: HostRoute;
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
  #standing: Standing = "unproven";

  constructor(route: HostRoute, slots: Slots) {
    this.route = route;
    this.#slots = slots;
  }

  get standing(): Standing {
    return this.#standing;
  }

  get slots(): number {
    return this.connections.size + this.dialling;
  }

  get deserted(): boolean {
    return this.queue.length === 0 && this.slots === 0 && this.#left === 0;
  }

  /** Hands the next part to a connection; false when none waits. */
  give(connection: Connection): boolean {
    const part = this.queue.take();
    if (part !== undefined) connection.carry(part);
    return part !== undefined;
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
      if (connection.idle && (best === undefined || connection.idleSince > best.idleSince)) best = connection;
    }
    return best;
  }

  /** A busy connection that can take one more, for the server answers quickly. */
  quickConnection(within: number): Connection | undefined {
    if (this.ahead === "harmful") return undefined;
    for (const connection of this.connections) {
      if (connection.accepting && connection.lastTook <= within) return connection;
    }
    return undefined;
  }
}

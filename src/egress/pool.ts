// Connections to all sites. Promises: every part that `add` takes ends in one result for each of its recipients; a site
// that hangs holds up only its own mail (own queue, few slots until it has answered a message, half of all slots for
// such sites together); connections are used again while mail for them keeps coming.
//
// A site's connections grow by as many as there are: 1, 2, 4 … up to the limit. When nothing can be opened, messages go
// ahead on busy connections, the envelope of the next in one write with the content of the last.
//
// When all slots are taken and another site waits: idle connections end first; a connection ends after its turn if its
// site has others; and what hangs is given up as turns.ts says.

import { errorText } from "./error-text.ts";
import type { Connection, ConnectionOwner } from "./connection.ts";
import type { ConnectionFailure } from "./connection-failure.ts";
import { Destination } from "./destination.ts";
import { Dialler, type DiallerServices } from "./dialler.ts";
import { lostRecipients, partEndings } from "./endings.ts";
import { SlidingWindow } from "../counters/window.ts";
import type { Clock } from "../io/clock.ts";
import { endPart, endRecipient, type Ending, type Part } from "./part.ts";
import type { Outcome } from "../proto/smtp-client/transaction.ts";
import { note, SiteLog } from "./site-log.ts";
import { Slots, type Standing } from "./slots.ts";
import { statusOf, type DestinationStatus } from "./status.ts";
import { toGiveUp, Turns, type Hanging } from "./turns.ts";
import type { Way } from "./ways.ts";

export interface PoolServices extends DiallerServices {
  readonly clock: Clock;
  /** Connections in all. */
  readonly connections: number;
  /** A part was taken for a site: the attempt begins. */
  readonly started: (part: Part, site: string) => void;
  /** Something threw that should not. */
  readonly failed: (cause: string) => void;
}

export interface PoolStatus {
  readonly destinations: number;
  readonly connections: number;
  /** Of them, those to sites that have delivered nothing yet. */
  readonly unproven: number;
  /** Parts that wait for a connection. */
  readonly queued: number;
}

export interface Pool {
  add(way: Way, part: Part): void;
  status(): PoolStatus;
  /** What has waiting mail, connections or a past. */
  destinations(): readonly DestinationStatus[];
  /** Takes nothing more; what is under way may end within the grace, the rest is deferred. */
  close(): Promise<void>;
}

const shutdown: ConnectionFailure = { cause: "shutdown", status: "4.3.2", text: "this server is shutting down" };

export function createPool(services: PoolServices): Pool {
  const { limits, clock } = services;
  const slots = new Slots(services.connections);
  const dialler = new Dialler(services);
  const destinations = new Map<string, Destination>();
  /** Beyond the life of a destination: what it has had, and how it behaved. */
  const rates = new Map<string, readonly SlidingWindow[]>();
  const log = new SiteLog();
  /** Destinations that have used up their rate, until it has room again. */
  const resting = new Map<Destination, NodeJS.Timeout>();
  /** Every socket, with its destination: from the dial to the end of QUIT. */
  const sockets = new Map<Connection, Destination>();
  /** Sites that want a slot and got none. */
  const waiting = new Turns<Destination>();
  let timer: NodeJS.Timeout | undefined;
  let closing: { deadline: number; done: () => void } | undefined;

  function add(way: Way, part: Part): void {
    let destination = destinations.get(way.site);
    if (destination === undefined) {
      destination = new Destination(way, slots, rateOf(way), log.of(way.site));
      destinations.set(way.site, destination);
    }
    services.started(part, way.site);
    destination.queue.push(part);
    dispatch(destination);
  }

  function rateOf({ site, shape }: Way): readonly SlidingWindow[] {
    if (shape.rate.length === 0) return [];
    const known = rates.get(site);
    if (known !== undefined) return known;
    const now = clock.monotonic();
    for (const [other, windows] of rates) if (windows.every((each) => each.used(now) === 0)) rates.delete(other);
    const windows = shape.rate.map(({ length, recipients }) => new SlidingWindow(length, recipients));
    rates.set(site, windows);
    return windows;
  }

  function dispatch(destination: Destination): void {
    const { queue } = destination;
    if (closing !== undefined) return failQueue(destination, endingOf(shutdown, ""));
    if (queue.length === 0) return forget(destination);
    const now = clock.monotonic();
    for (;;) {
      const next = briskFor(destination) ?? destination.idleConnection();
      if (next === undefined || !destination.give(next, now)) break;
    }
    const budget = destination.budget(now);
    while (Math.min(queue.length, budget) > destination.dialling && mayOpen(destination)) open(destination);
    if (budget < 1 && queue.length > 0) return rest(destination, now);
    if (slots.contended(waiting)) return;
    // One part stays for each connection that is being opened. What was lost once travels first on a connection.
    while (queue.length > destination.dialling) {
      if (!mayGoAhead(queue.first())) return;
      const quick = destination.quickConnection(limits.quick, limits.aheadSize);
      if (quick === undefined) return;
      if (!destination.give(quick, now)) return;
    }
  }

  function mayGoAhead(part: Part | undefined): boolean {
    return part !== undefined && part.sending === "first" && part.job.message.size <= limits.aheadSize;
  }

  function briskFor(destination: Destination): Connection | undefined {
    const { within, connections } = limits.brisk;
    if (!mayGoAhead(destination.queue.first())) return undefined;
    return destination.briskConnection(within, limits.aheadSize, connections);
  }

  /** Its mail waits for the rate, not for a slot. */
  function rest(destination: Destination, now: number): void {
    forget(destination);
    if (resting.has(destination)) return;
    const goOn = (): void => {
      resting.delete(destination);
      dispatch(destination);
    };
    // A day at most: timers count in 31 bits of milliseconds.
    resting.set(destination, setTimeout(goOn, Math.min(86_400_000, Math.ceil(destination.opensAt(now) - now))));
  }

  function mayOpen(destination: Destination): boolean {
    const { standing, connections, dialling } = destination;
    if (dialling > connections.size) return false;
    if (connections.size > 0 && clock.monotonic() < destination.redialAt) return false;
    const most = destination.way.shape.connections;
    if (destination.slots >= (standing === "proven" ? most : Math.min(most, limits.unprovenConnections))) return false;
    if (!slots.free(standing)) evictIdle(destination);
    if (slots.take(standing)) {
      waiting.delete(destination);
      return true;
    }
    waiting.add(destination, destination.line);
    return false;
  }

  function open(destination: Destination): void {
    destination.dialling++;
    let handedOver = false;
    const owner: ConnectionOwner = {
      ...connectionOwner,
      ready: (connection) => {
        handedOver = true;
        destination.dialling--;
        destination.opened(connection);
      },
    };
    const watcher = {
      opened: (connection: Connection) => watch(connection, destination),
      dropped: unwatch,
      cancelled: () => closing !== undefined,
    };
    dialler.dial(destination.way.route, owner, watcher).then(
      (dialled) => {
        if (dialled.kind === "ready") return available(dialled.connection);
        if (handedOver) return;
        dialFailed(destination, dialled.ending);
      },
      (error: unknown) => {
        services.failed(errorText(error));
        if (!handedOver)
          dialFailed(destination, { kind: "deferred", status: "4.3.0", reply: "internal error", remote: "" });
      },
    );
  }

  function dialFailed(destination: Destination, ending: Ending): void {
    destination.dialling--;
    slots.give(destination.standing);
    destination.redialAt = clock.monotonic() + limits.redial;
    // The attempt was one for all that wait: each message dialling a dead host again would keep it busy for hours.
    if (destination.slots === 0) failQueue(destination, ending);
    wake();
  }

  function available(connection: Connection): void {
    const destination = sockets.get(connection);
    if (destination === undefined || !destination.connections.has(connection)) return;
    const isOver = closing !== undefined || destination.worn(connection) || mustYield(destination, connection);
    if (isOver && connection.quiet) retire(destination, connection);
    dispatch(destination);
  }

  function mustYield(destination: Destination, connection: Connection): boolean {
    if (!slots.contended(waiting)) return false;
    const { connections, queue } = destination;
    return queue.length === 0 || connections.size > 1 || connection.messages >= limits.turn;
  }

  /** QUIT needs no slot: it takes seconds at most, and others wait. */
  function retire(destination: Destination, connection: Connection): void {
    destination.connections.delete(connection);
    slots.give(destination.standing);
    connection.quit();
    prune(destination);
    wake();
  }

  function evictIdle(forWhom: Destination): void {
    for (const [connection, destination] of sockets) {
      const helps = slots.full || destination.standing === "unproven";
      if (destination === forWhom || !helps || !connection.quiet || !destination.connections.has(connection)) continue;
      if (destination.queue.length > 0 && destination.connections.size === 1) continue;
      destination.connections.delete(connection);
      slots.give(destination.standing);
      connection.quit();
      prune(destination);
      return;
    }
  }

  function wake(): void {
    for (const standing of ["proven", "unproven"] as const) {
      while (slots.free(standing)) {
        const destination = waiting.take(standing);
        if (destination === undefined) break;
        dispatch(destination);
      }
    }
  }

  const connectionOwner: Omit<ConnectionOwner, "ready"> = {
    available,
    returned: (connection, part) => sockets.get(connection)?.queue.push(part),
    refused: (connection, part, refusal) => {
      const kind = refusal.status.startsWith("5") ? "failed" : "deferred";
      const ending = { ...endingOf(refusal, connection.remote), kind } as const;
      const record = sockets.get(connection)?.record;
      if (record !== undefined) note(record, clock.wall(), ending);
      endPart(part, clock.monotonic(), ending);
    },
    finished: (connection, part, outcomes) => {
      const destination = sockets.get(connection);
      if (outcomes.some(({ kind }) => kind !== "lost") && destination !== undefined) {
        destination.strikes = 0;
        destination.record.heard = "answers";
        judge(destination, "proven");
        if (connection.messages === 1) dialler.markGood(connection.target);
      }
      // Once: a message that ends sessions must not go round for ever.
      const again = part.sending === "first" && closing === undefined ? lostRecipients(part, outcomes) : [];
      const now = clock.monotonic();
      const recorded = afterAll(outcomes, () => {
        if (destination === undefined) return connection.recorded();
        destination.recorded(connection);
        prune(destination);
      });
      for (const [recipient, ending] of partEndings(part, outcomes, connection)) {
        if (!again.includes(recipient)) {
          if (destination !== undefined) note(destination.record, clock.wall(), ending);
          endRecipient(part, recipient, now, ending, ending.kind === "delivered" ? recorded : undefined);
        }
      }
      if (again.length === 0 || destination === undefined) return;
      if (connection.messages > 0) destination.ahead = "harmful";
      destination.queue.push({ ...part, recipients: again, sending: "again" });
    },
    closed: (connection, failure) => {
      const destination = sockets.get(connection);
      unwatch(connection);
      if (destination === undefined || !destination.closed(connection)) return;
      slots.give(destination.standing);
      if (failure !== undefined) strike(destination, connection, failure);
      if (destination.strikes >= 2 && destination.slots === 0) {
        failQueue(destination, endingOf(failure ?? shutdown, connection.remote));
      }
      // Others first: they have waited.
      wake();
      dispatch(destination);
      prune(destination);
    },
  };

  function strike(destination: Destination, connection: Connection, failure: ConnectionFailure): void {
    if (failure.cause === "timeout") {
      destination.strikes += 2;
      destination.record.heard = "silence";
      judge(destination, "unproven");
    } else if (connection.messages === 0) {
      destination.strikes++;
    } else {
      return;
    }
    dialler.markBad(connection.target);
  }

  function judge(destination: Destination, standing: Standing): void {
    if (destination.standing === standing) return;
    waiting.delete(destination);
    destination.judge(standing);
    if (standing === "proven") wake();
  }

  function failQueue(destination: Destination, ending: Ending): void {
    const now = clock.monotonic();
    const { queue, record } = destination;
    if (queue.length > 0) note(record, clock.wall(), ending);
    if (closing === undefined) record.heard = "silence";
    if (ending.kind !== "delivered") record[ending.kind] += Math.max(0, queue.length - 1);
    for (let part = queue.take(); part !== undefined; part = queue.take()) endPart(part, now, ending);
    prune(destination);
  }

  function forget(destination: Destination): void {
    waiting.delete(destination);
  }

  function prune(destination: Destination): void {
    if (destination.queue.length === 0) forget(destination);
    if (!destination.deserted) return;
    clearTimeout(resting.get(destination));
    resting.delete(destination);
    if (destinations.get(destination.way.site) === destination) destinations.delete(destination.way.site);
  }

  function watch(connection: Connection, destination: Destination): void {
    sockets.set(connection, destination);
    timer ??= setInterval(tick, limits.tick);
  }

  function unwatch(connection: Connection): void {
    sockets.delete(connection);
    if (sockets.size > 0) return;
    clearInterval(timer);
    timer = undefined;
    closing?.done();
  }

  function tick(): void {
    const now = clock.monotonic();
    for (const [connection, destination] of sockets) {
      connection.tick(now);
      if (connection.expired(now) && destination.connections.has(connection)) retire(destination, connection);
    }
    if (waiting.waiting("proven") + waiting.waiting("unproven") > 0) giveUpHanging(now);
    if (closing !== undefined && now >= closing.deadline)
      for (const connection of sockets.keys()) connection.fail(shutdown);
  }

  function giveUpHanging(now: number): void {
    const hanging: Hanging<Connection>[] = [];
    for (const [connection, { standing }] of sockets) {
      hanging.push({ connection, standing, waited: connection.stalledFor(now) });
    }
    for (const connection of toGiveUp(hanging, slots, waiting, limits)) {
      connection.fail({ cause: "timeout", status: "4.4.2", text: "no answer, and others wait for the connection" });
    }
  }

  return {
    add,
    status: () => {
      let queued = 0;
      for (const { queue } of destinations.values()) queued += queue.length;
      return { destinations: destinations.size, connections: slots.total, unproven: slots.unproven, queued };
    },
    destinations: () => {
      const now = clock.monotonic();
      return [...log.entries()].map(([site, record]) => statusOf(site, record, destinations.get(site), now));
    },
    close: () =>
      new Promise((resolve) => {
        closing = { deadline: clock.monotonic() + limits.grace, done: resolve };
        for (const destination of destinations.values()) failQueue(destination, endingOf(shutdown, ""));
        for (const [connection, destination] of sockets) {
          if (!destination.connections.has(connection)) connection.fail(shutdown);
          else if (connection.quiet) retire(destination, connection);
        }
        if (sockets.size === 0) resolve();
      }),
  };
}

function endingOf(
  failure: { readonly status: string; readonly text?: string; readonly message?: string },
  remote: string,
): Ending {
  return { kind: "deferred", status: failure.status, reply: failure.text ?? failure.message ?? "", remote };
}

/** Calls `then` when the result has been called for each that is delivered. */
function afterAll(outcomes: readonly Outcome[], then: () => void): () => void {
  let open = 0;
  for (const { kind } of outcomes) if (kind === "delivered") open++;
  return () => {
    if (--open === 0) then();
  };
}

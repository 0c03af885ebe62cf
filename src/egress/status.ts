// One destination as an operator sees it.

import type { Destination } from "./destination.ts";
import type { Answer, SiteRecord } from "./site-log.ts";

export interface DestinationStatus {
  readonly site: string;
  /** Open sessions, those among them that are carrying something, and attempts to open one more. */
  readonly open: number;
  readonly busy: number;
  readonly dialling: number;
  /** Connections that it may have. */
  readonly limit: number;
  /** Messages that wait for a connection, and how long the first of them has, ms. */
  readonly waiting: number;
  readonly waited: number;
  /** `unproven`: it has answered nothing since it was last silent, or nothing yet. `idle`: no mail for it now. */
  readonly standing: "proven" | "unproven" | "idle";
  readonly rate: readonly { readonly length: number; readonly limit: number; readonly used: number }[];
  /** How long until the rate lets the next message go, ms. */
  readonly rests: number;
  /** Recipients, since the server started. */
  readonly delivered: number;
  readonly deferred: number;
  readonly failed: number;
  /** Wall, ms. */
  readonly lastDelivery?: number;
  /** The last that were not a delivery, oldest first. */
  readonly answers: readonly Answer[];
}

export function statusOf(
  site: string,
  record: SiteRecord,
  destination: Destination | undefined,
  now: number,
): DestinationStatus {
  const { delivered, deferred, failed, lastDelivery, answers } = record;
  const past = { delivered, deferred, failed, answers, ...(lastDelivery === undefined ? {} : { lastDelivery }) };
  if (destination === undefined) {
    const nothing = { open: 0, busy: 0, dialling: 0, limit: 0, waiting: 0, waited: 0, rate: [], rests: 0 };
    return { site, ...nothing, standing: "idle", ...past };
  }
  const { connections, dialling, queue, rate, standing, way } = destination;
  let busy = 0;
  for (const connection of connections) if (!connection.idle) busy++;
  const first = queue.first();
  return {
    site,
    open: connections.size,
    busy,
    dialling,
    limit: way.shape.connections,
    waiting: queue.length,
    waited: first === undefined ? 0 : Math.round(now - first.submittedAt),
    standing,
    rate: rate.map((window) => ({ length: window.length, limit: window.limit, used: window.used(now) })),
    rests: Math.ceil(destination.opensAt(now) - now),
    ...past,
  };
}

// Destinations as people see them: slow ones first.

import { writeDuration } from "../config/scalars.ts";
import type { EgressDestination } from "../egress/delivery.ts";
import type { DestinationView } from "./control.ts";

/** A message that has waited so long for a connection shows a slow destination, ms. */
const SLOW = 10_000;

export function destinationViews(destinations: readonly EgressDestination[]): readonly DestinationView[] {
  return destinations
    .map(viewOf)
    .toSorted((a, b) => b.waited - a.waited || b.waiting - a.waiting || (a.site < b.site ? -1 : 1));
}

function viewOf({
  open,
  busy,
  dialling,
  limit,
  standing,
  rate,
  lastDelivery,
  answers,
  ...rest
}: EgressDestination): DestinationView {
  const { waiting, waited, rests, site, egress, delivered, deferred, failed } = rest;
  return {
    site,
    egress,
    state: standing === "idle" ? "idle" : waiting > 0 && rests > 0 ? "resting" : waited >= SLOW ? "slow" : "busy",
    waiting,
    waited,
    connections: { open, busy, dialling, limit },
    rate: rate.map((each) => ({ window: writeDuration(each.length), used: each.used, limit: each.limit })),
    rests,
    delivered,
    deferred,
    failed,
    ...(lastDelivery === undefined ? {} : { lastDelivery: new Date(lastDelivery).toISOString() }),
    answers: answers.map(({ at, ...words }) => ({ at: new Date(at).toISOString(), ...words })),
  };
}

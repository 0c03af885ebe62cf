// How many mail threads a process has, and what each may have of what is limited for all of them together.
//
// Every thread delivers the mail it took, so what the configuration allows towards other hosts is divided: the parts add up
// to the limit and each is at least 1, so the limit holds exactly whatever the threads do, without asking each other. The
// price: a destination whose mail is all in one thread has that thread's part only (decision 6).

import { availableParallelism } from "node:os";
import { lanes } from "../base/id.ts";
import type { DeliverySettings, Settings } from "../config/settings.ts";

/** Which of how many. */
export interface ThreadPlace {
  readonly index: number;
  readonly count: number;
}

/** One core is for the other threads: two mail threads on two cores, beside the load, are slower than one. */
export function mailThreads({ mailThreads: wanted, delivery }: Settings): number {
  return wanted ?? Math.max(1, Math.min(availableParallelism() - 1, lanes, mostThreads(delivery)));
}

/** Each needs its part of everything: a connection to every destination, a message in every window. */
function mostThreads({ connections, connectionsPerDestination, sources, destinations }: DeliverySettings): number {
  const windows = destinations.flatMap(({ rate }) => rate.map(({ recipients }) => recipients));
  const rules = [...sources, ...destinations].map((each) => each.connections);
  return Math.min(connections, connectionsPerDestination, ...rules, ...windows);
}

/** Why these settings do not do for so many threads as there are; they can change in a reload, the threads cannot. */
export function tooManyThreads({ delivery }: Settings, count: number): string | undefined {
  const most = mostThreads(delivery);
  if (count <= most) return undefined;
  return `there are ${count} mail threads: connections and rates of [delivery], [[egress]] and [[destination]] must not be below that, and ${most} is`;
}

export function shareOf(total: number, { index, count }: ThreadPlace): number {
  return Math.floor(total / count) + (index < total % count ? 1 : 0);
}

/** The settings of a thread's way out. */
export function deliveryShare(settings: Settings, place: ThreadPlace): Settings {
  if (place.count === 1) return settings;
  const { delivery } = settings;
  const part = (total: number): number => shareOf(total, place);
  return {
    ...settings,
    delivery: {
      ...delivery,
      connections: part(delivery.connections),
      connectionsPerDestination: part(delivery.connectionsPerDestination),
      sources: delivery.sources.map((source) => ({ ...source, connections: part(source.connections) })),
      destinations: delivery.destinations.map((rule) => ({
        ...rule,
        connections: part(rule.connections),
        rate: rule.rate.map((window) => ({ ...window, recipients: part(window.recipients) })),
      })),
    },
  };
}

// Two questions about mail whose route is known: from which source does it leave, and what can its destination bear?
// Pure; answers for the same route are the same object.
//
// Source: what the route names, else the one for the sender's domain, else the one for bulk, else where the system
// chooses. Destination: a rule for the recipient's domain makes the domain a destination of its own; a rule for mail
// exchangers holds for each site all of whose hosts it covers; else the usual.

import type { DeliverySettings, DestinationRule, EgressSource, WindowSettings } from "../config/settings.ts";
import { domainOf } from "../queue/classes.ts";
import type { SpooledMessage } from "../spool/message.ts";
import type { HostRoute } from "./routing.ts";

export interface Way {
  readonly route: HostRoute;
  /** The unit of queues, connections and rates. */
  readonly site: string;
  readonly shape: Shape;
}

export interface Shape {
  readonly connections: number;
  readonly messagesPerConnection: number;
  /** Messages, in every window. */
  readonly rate: readonly WindowSettings[];
}

export interface Ways {
  of(domain: string, route: HostRoute): Way;
  /** undefined: where the system chooses. */
  source(message: Pick<SpooledMessage, "sender" | "bulk">, route: HostRoute): EgressSource | undefined;
}

type WaySettings = Pick<
  DeliverySettings,
  "sources" | "destinations" | "connectionsPerDestination" | "messagesPerConnection"
>;

export function createWays(settings: WaySettings): Ways {
  const { connectionsPerDestination: connections, messagesPerConnection, sources } = settings;
  const usual: Shape = { connections, messagesPerConnection, rate: [] };
  const byDomain = new Map<string, DestinationRule>();
  const byExchanger = settings.destinations.filter(({ exchangers }) => exchangers.length > 0);
  for (const rule of settings.destinations) for (const domain of rule.domains) byDomain.set(domain, rule);
  const shared = new WeakMap<HostRoute, Way>();
  const own = new Map<string, WeakMap<HostRoute, Way>>();

  const byName = new Map(sources.map((source) => [source.name, source]));
  const bySender = new Map(
    sources.flatMap((source) => source.senders.map((domain) => [domain.toString(), source] as const)),
  );
  const forBulk = sources.find(({ bulk }) => bulk);

  function ownWay(domain: string, route: HostRoute, shape: Shape): Way {
    let ways = own.get(domain);
    if (ways === undefined) own.set(domain, (ways = new WeakMap()));
    let way = ways.get(route);
    if (way === undefined) ways.set(route, (way = { route, site: `${route.site} for ${domain}`, shape }));
    return way;
  }

  return {
    of: (text, route) => {
      if (byDomain.size > 0) {
        const domain = text.toLowerCase();
        const rule = byDomain.get(domain);
        if (rule !== undefined) return ownWay(domain, route, rule);
      }
      let way = shared.get(route);
      if (way === undefined) {
        const rule = byExchanger.find(({ exchangers }) => covers(exchangers, route));
        shared.set(route, (way = { route, site: route.site, shape: rule ?? usual }));
      }
      return way;
    },
    source: ({ sender, bulk }, { egress }) => {
      if (sources.length === 0) return undefined;
      if (egress !== undefined) return byName.get(egress);
      return bySender.get(domainOf(sender)) ?? (bulk === true ? forBulk : undefined);
    },
  };
}

function covers(names: readonly string[], { groups }: HostRoute): boolean {
  return groups
    .flat()
    .every((host) => names.some((name) => host.toLowerCase() === name || host.toLowerCase().endsWith(`.${name}`)));
}

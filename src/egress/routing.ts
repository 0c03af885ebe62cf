// Where mail for a domain goes: configured routes first, then the smarthost, then the domain's mail exchangers
// (RFC 5321 §5.1, RFC 7505). Answers at once where no name has to be looked up, so that the fast path has no promise.
// Addresses of hosts are not looked up here: that is done when one is dialled.

import { isIPv4, isIPv6 } from "node:net";
import type { DeliverySettings, RouteTarget, Settings } from "../config/settings.ts";
import type { DnsAnswer, MxRecord, Resolver } from "../io/dns.ts";
import type { Clock } from "../io/clock.ts";

/** A group of hosts to which all mail goes the same way: the unit of queues and connection limits. */
export interface HostRoute {
  readonly kind: "hosts";
  /** The same for all domains that share it. */
  readonly site: string;
  /** Hosts of equal preference together, best first. Names or addresses. */
  readonly groups: readonly (readonly string[])[];
  readonly port: number;
  readonly protocol: RouteTarget["protocol"];
  readonly tls: RouteTarget["tls"];
  readonly credentials: RouteTarget["auth"];
  /** Name of the source; undefined: the mail decides. */
  readonly egress: string | undefined;
  /**
   * `mx`: the recipient's domain said so, and when its hosts do not exist the recipient does not. `configured`: the
   * operator said so, and mail waits until that is right again.
   */
  readonly source: "mx" | "configured";
}

interface NoRoute {
  readonly kind: "none";
  readonly outcome: "deferred" | "failed";
  readonly status: string;
  readonly reply: string;
}

export type Route = HostRoute | NoRoute;

export interface Router {
  /**
   * `domain` is what follows the last @ of a recipient: a domain in A-labels or an address literal. `relay`: the domain of a third
   * party by whose own server the message has to go. Never rejects.
   */
  route(domain: string, relay?: string): Route | Promise<Route>;
}

export interface RouterOptions {
  readonly settings: Pick<DeliverySettings, "routes" | "relays" | "smarthost" | "port" | "tls">;
  readonly hostname: string;
  readonly resolver: Pick<Resolver, "mx">;
  readonly clock: Pick<Clock, "monotonic">;
}

const cacheSize = 10_000;
/** A hostile domain may list hundreds; nobody tries more than a few. */
const hostLimit = 20;

export function createRouter(options: RouterOptions): Router {
  const { settings, hostname, resolver, clock } = options;
  const routes: ReadonlyMap<string, RouteTarget> = settings.routes;
  const cache = new Map<string, { readonly route: HostRoute; readonly expires: number }>();

  async function lookUp(domain: string): Promise<Route> {
    const answer = await resolver.mx(domain);
    const route = fromMx(domain, answer, hostname, settings);
    if (route.kind === "hosts" && answer.kind === "found") {
      if (cache.size >= cacheSize) cache.clear();
      cache.set(domain, { route, expires: clock.monotonic() + answer.ttl * 1000 });
    }
    return route;
  }

  return {
    route: (text, relay) => {
      const domain = text.toLowerCase();
      const theirs = relay === undefined ? undefined : relayRoute(settings, domain, relay);
      if (theirs !== undefined) return theirs;
      const configured = findRoute(routes, domain) ?? settings.smarthost;
      if (configured !== undefined) return fromTarget(configured);
      if (domain.startsWith("[")) return fromLiteral(domain, settings);
      const cached = cache.get(domain);
      if (cached !== undefined && cached.expires > clock.monotonic()) return cached.route;
      return lookUp(domain);
    },
  };
}

/** The way of mail that has to go by the server of a third party; undefined: it ends in a mailbox store here. */
export function relayRoute(
  { routes, relays }: Pick<DeliverySettings, "routes" | "relays">,
  domain: string,
  relay: string,
): Route | undefined {
  // A mailbox store is the end of the way; all others would look at SPF.
  if (findRoute(routes, domain)?.protocol === "lmtp") return undefined;
  return toRelay(relay, relays ?? new Map<string, RouteTarget>());
}

/** A mailbox store behind LMTP is reached like a route; a third party's server by the domain of the sender. */
export function deliveryOf({
  delivery,
  domains,
  substitute,
}: Pick<Settings, "delivery" | "domains" | "substitute">): DeliverySettings {
  const routes = new Map(delivery.routes);
  for (const { name, store } of domains) if (store !== undefined) routes.set(name, store.target);
  const relays = new Map(
    substitute.providers.flatMap(({ domains: theirs, relay }) =>
      relay === undefined ? [] : theirs.map((domain) => [domain, relay] as const),
    ),
  );
  return { ...delivery, routes, relays };
}

/** The domain itself, or `*.parent` for the nearest parent; a wildcard does not stand for the parent. */
function findRoute(routes: ReadonlyMap<string, RouteTarget>, domain: string): RouteTarget | undefined {
  if (routes.size === 0) return undefined;
  const exact = routes.get(domain);
  if (exact !== undefined) return exact;
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
    const wildcard = routes.get(`*${domain.slice(dot)}`);
    if (wildcard !== undefined) return wildcard;
  }
  return undefined;
}

/** Never by another way: receivers would refuse it there. */
function toRelay(domain: string, relays: ReadonlyMap<string, RouteTarget>): Route {
  const target = relays.get(domain);
  if (target !== undefined) return fromTarget(target);
  return none("deferred", "4.4.4", `there is no relay for ${domain} in the configuration any more`);
}

const fromTargetCache = new WeakMap<RouteTarget, HostRoute>();

function fromTarget(target: RouteTarget): HostRoute {
  let route = fromTargetCache.get(target);
  if (route === undefined) {
    const { host, port, protocol, tls, auth, egress } = target;
    const login = auth === undefined ? "" : ` as ${auth.username}`;
    route = {
      kind: "hosts",
      site: `${host}:${port} ${tls}${login}${protocol === "lmtp" ? " lmtp" : ""}`,
      groups: [[host]],
      port,
      protocol,
      tls,
      credentials: auth,
      egress,
      source: "configured",
    };
    fromTargetCache.set(target, route);
  }
  return route;
}

function toHosts(groups: readonly (readonly string[])[], settings: RouterOptions["settings"]): HostRoute {
  const { port, tls } = settings;
  const site = groups.map((group) => group.toSorted().join(",")).join("|");
  return {
    kind: "hosts",
    site: `${site}:${port}`,
    groups,
    port,
    protocol: "smtp",
    tls,
    credentials: undefined,
    egress: undefined,
    source: "mx",
  };
}

/** RFC 5321 §4.1.3. */
function fromLiteral(literal: string, settings: RouterOptions["settings"]): Route {
  const address = /^\[(?:ipv6:)?([0-9a-f.:]+)\]$/.exec(literal)?.[1] ?? "";
  if (isIPv4(address) || isIPv6(address)) return toHosts([[address]], settings);
  return none("failed", "5.1.2", `${literal} is not an address literal`);
}

function fromMx(
  domain: string,
  answer: DnsAnswer<MxRecord>,
  hostname: string,
  settings: RouterOptions["settings"],
): Route {
  switch (answer.kind) {
    case "failed":
      return none("deferred", "4.4.3", `mail exchangers of ${domain} cannot be looked up: ${answer.cause}`);
    case "none":
      if (answer.reason === "nxdomain") return none("failed", "5.1.2", `domain ${domain} does not exist`);
      // RFC 5321 §5.1: without MX records the domain is its own mail exchanger.
      return toHosts([[domain]], settings);
    case "found":
      break;
    default:
      return answer satisfies never;
  }
  if (answer.records.every(({ exchange }) => exchange === "")) {
    return none("failed", "5.1.10", `556 5.1.10 domain ${domain} takes no mail (null MX)`);
  }
  // An address is not a host name (RFC 5321 §5.1), and "" beside others means nothing (RFC 7505 §3).
  const usable = answer.records.filter(({ exchange }) => exchange !== "" && !isIPv4(exchange));
  const own = usable.filter(({ exchange }) => exchange === hostname.toLowerCase());
  // RFC 5321 §5.1: this host is on the list, so only better ones than itself may be tried, or mail would go in circles.
  const bound = Math.min(...own.map(({ preference }) => preference));
  const better = usable.filter(({ preference }) => preference < bound);
  if (better.length === 0 && own.length > 0) {
    return none("failed", "5.4.6", `mail for ${domain} loops: this host is its best mail exchanger`);
  }
  if (better.length === 0) return none("failed", "5.4.4", `domain ${domain} has no usable mail exchanger`);
  return toHosts(groupByPreference(better), settings);
}

function groupByPreference(records: readonly MxRecord[]): readonly (readonly string[])[] {
  const groups = new Map<number, string[]>();
  const seen = new Set<string>();
  for (const { preference, exchange } of records.toSorted((a, b) => a.preference - b.preference)) {
    if (seen.has(exchange) || seen.size >= hostLimit) continue;
    seen.add(exchange);
    const group = groups.get(preference);
    if (group === undefined) groups.set(preference, [exchange]);
    else group.push(exchange);
  }
  return [...groups.values()];
}

function none(outcome: NoRoute["outcome"], status: string, reply: string): NoRoute {
  return { kind: "none", outcome, status, reply };
}

/** The order for one attempt: groups by preference, in a group at random (RFC 5321 §5.1). `random` is in [0, 1). */
export function orderHosts(route: HostRoute, random: () => number): readonly string[] {
  return route.groups.flatMap((group) => shuffle(group, random));
}

function shuffle(hosts: readonly string[], random: () => number): readonly string[] {
  const out = [...hosts];
  for (let index = out.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [out[index], out[other]] = [out[other]!, out[index]!];
  }
  return out;
}

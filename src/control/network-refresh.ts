// What the domains of carriers and partners stand for in DNS: looked up on demand and pinned in the lock file, so that a
// filter changes when somebody says so and not when a zone does. A domain that could not be looked up keeps what is pinned.

import { createResolver } from "../io/dns.ts";
import type { Resolver } from "../io/dns.ts";
import { systemClock } from "../io/clock.ts";
import type { Clock } from "../io/clock.ts";
import { writePublicFile } from "../io/durable-file.ts";
import { writeLock } from "../config/network-lock.ts";
import type { NetworkLock } from "../config/network-lock.ts";
import type { OpenedNetwork } from "./network.ts";

export interface DomainRefresh {
  readonly domain: string;
  /** `failed`: nobody knows; what is pinned stays. */
  readonly result: "unchanged" | "changed" | "failed";
  /** "exchanger address", in order. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly cause: string | undefined;
}

export interface Refresh {
  readonly domains: readonly DomainRefresh[];
  readonly lock: NetworkLock;
}

type Exchangers = NetworkLock["domains"][string];

/** Asks DNS; nothing is written. */
export async function lookUpDomains(
  site: Pick<OpenedNetwork, "tables" | "lock">,
  resolver: Pick<Resolver, "mx" | "addresses">,
  clock: Pick<Clock, "wall">,
): Promise<Refresh> {
  const { tables, lock } = site;
  const names = [...tables.carrier, ...tables.partner].flatMap(({ domains }) => domains);
  const found = await Promise.all(
    [...new Set(names)].toSorted().map(async (domain) => ({ domain, now: await exchangersNow(domain, resolver) })),
  );
  const domains: Record<string, Exchangers> = {};
  const told = found.map(({ domain, now }): DomainRefresh => {
    const before = lock?.domains[domain];
    if (typeof now === "string") {
      if (before !== undefined) domains[domain] = before;
      return { domain, result: "failed", added: [], removed: [], cause: now };
    }
    domains[domain] = now;
    const [old, fresh] = [pairsOf(before ?? []), pairsOf(now)];
    const added = fresh.filter((pair) => !old.includes(pair));
    const removed = old.filter((pair) => !fresh.includes(pair));
    const isSame = before !== undefined && added.length + removed.length === 0;
    return { domain, result: isSame ? "unchanged" : "changed", added, removed, cause: undefined };
  });
  return { domains: told, lock: { version: 1, refreshed: new Date(clock.wall()).toISOString(), domains } };
}

/** With the resolvers of the configuration. */
export function refreshNetwork(site: OpenedNetwork): Promise<Refresh> {
  const { servers, timeout } = site.dns;
  return lookUpDomains(site, createResolver({ servers, timeout, clock: systemClock }), systemClock);
}

export function writeRefresh({ lockFile }: OpenedNetwork, { lock }: Refresh): Promise<void> {
  return writePublicFile(lockFile, writeLock(lock));
}

function pairsOf(exchangers: Exchangers): readonly string[] {
  return exchangers.flatMap(({ exchanger, addresses }) => addresses.map((address) => `${exchanger} ${address}`));
}

/** The exchangers of a domain, itself where it has no MX (RFC 5321 §5.1), none with a null MX (RFC 7505); or why nobody knows. */
async function exchangersNow(
  domain: string,
  resolver: Pick<Resolver, "mx" | "addresses">,
): Promise<Exchangers | string> {
  const mx = await resolver.mx(domain);
  if (mx.kind === "failed") return `its MX could not be looked up: ${mx.cause}`;
  const names =
    mx.kind === "none" ? [domain] : mx.records.map(({ exchange }) => exchange).filter((name) => name !== "");
  const exchangers = [];
  for (const exchanger of names.toSorted()) {
    const addresses = await resolver.addresses(exchanger);
    if (addresses.kind === "failed") return `the addresses of ${exchanger} could not be looked up: ${addresses.cause}`;
    const texts = addresses.kind === "none" ? [] : addresses.records.map(({ address }) => address);
    exchangers.push({ exchanger, addresses: texts.toSorted() });
  }
  return exchangers;
}

// Names to mail exchangers, addresses and texts. An answer is found, none (the zone says so) or failed (nobody knows);
// failed is never none: mail for a domain whose servers are down waits instead of going elsewhere (RFC 5321 §5.1).
// Asks recursive servers itself (the system's resolver gives no times to live), coalesces equal questions in flight,
// and keeps answers in a bounded cache. Not here: DNSSEC validation, search lists, what the records mean for routing.

import { isIP } from "node:net";
import type { Answer } from "dns-packet";
import type { Clock } from "./clock.ts";
import type { DnsQuestion } from "./dns/exchange.ts";
import { lookUp, type Lookup } from "./dns/lookup.ts";
import { normalName, reverseName } from "./dns/name.ts";
import { readHosts, readSystemServers, type ServerEndpoint } from "./dns/system.ts";

export type DnsAnswer<T> =
  /** At least one record. `ttl` is seconds. */
  | { readonly kind: "found"; readonly records: readonly T[]; readonly ttl: number }
  | { readonly kind: "none"; readonly reason: "nxdomain" | "nodata" }
  | { readonly kind: "failed"; readonly cause: string };

export interface MxRecord {
  readonly preference: number;
  /** Lower case, no trailing dot; "" is the null MX (RFC 7505). */
  readonly exchange: string;
}

export interface HostAddress {
  readonly family: 4 | 6;
  readonly address: string;
}

/** None of these rejects. */
export interface Resolver {
  mx(domain: string): Promise<DnsAnswer<MxRecord>>;
  /** A and AAAA, or the hosts file, or the address itself. CNAMEs are followed. */
  addresses(host: string): Promise<DnsAnswer<HostAddress>>;
  ptr(address: string): Promise<DnsAnswer<string>>;
  /** The strings of each record joined (RFC 7208 §3.3). */
  txt(name: string): Promise<DnsAnswer<string>>;
}

export interface ResolverOptions {
  /** Empty: those of the system. */
  readonly servers: readonly ServerEndpoint[];
  /** Milliseconds for one question, retries and CNAMEs included. */
  readonly timeout: number;
  readonly clock: Pick<Clock, "monotonic">;
  readonly resolvConf?: string;
  readonly hosts?: string;
}

const cacheSize = 10_000;
/** Seconds. Long times to live are for resolvers; a mail server that follows a move an hour late is late enough. */
const longestTtl = 3600;
const longestNegativeTtl = 900;
/** RFC 9520 §3.2: failures too, or a dead zone is asked for with every message. */
const failureTtl = 5;
/** Questions in flight; each has a socket. More wait. */
const concurrency = 200;

interface Cached {
  readonly lookup: Lookup;
  readonly expires: number;
}

export function createResolver(options: ResolverOptions): Resolver {
  const servers =
    options.servers.length > 0 ? options.servers : readSystemServers(options.resolvConf ?? "/etc/resolv.conf");
  const hosts = readHosts(options.hosts ?? "/etc/hosts");
  const cache = new Map<string, Cached>();
  const inFlight = new Map<string, Promise<Lookup>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  function ask(name: string, type: DnsQuestion["type"]): Promise<Lookup> | Lookup {
    const normal = normalName(name);
    if (normal === undefined) return { kind: "none", reason: "nxdomain", ttl: undefined };
    const key = `${type} ${normal}`;
    const cached = cache.get(key);
    if (cached !== undefined) {
      if (cached.expires > options.clock.monotonic()) return cached.lookup;
      cache.delete(key);
    }
    let flight = inFlight.get(key);
    if (flight === undefined) {
      flight = run({ name: normal, type }).then((lookup) => {
        inFlight.delete(key);
        remember(key, lookup);
        return lookup;
      });
      inFlight.set(key, flight);
    }
    return flight;
  }

  async function run(question: DnsQuestion): Promise<Lookup> {
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
    try {
      return await lookUp(servers, question, options.timeout);
    } catch (error) {
      return { kind: "failed", cause: `${question.name} ${question.type}: ${String(error)}` };
    } finally {
      running--;
      waiting.shift()?.();
    }
  }

  function remember(key: string, lookup: Lookup): void {
    const seconds = secondsToKeep(lookup);
    if (seconds <= 0) return;
    if (cache.size >= cacheSize) {
      const [oldest] = cache.keys();
      if (oldest !== undefined) cache.delete(oldest);
    }
    cache.set(key, { lookup, expires: options.clock.monotonic() + seconds * 1000 });
  }

  async function answer<T>(
    name: string,
    type: DnsQuestion["type"],
    read: (record: Answer) => T[],
  ): Promise<DnsAnswer<T>> {
    return convert(await ask(name, type), read);
  }

  return {
    mx: (domain) => answer(domain, "MX", readMx),
    txt: (name) => answer(name, "TXT", readTxt),
    ptr: (address) =>
      isIP(address) === 0 || address.includes("%")
        ? Promise.resolve({ kind: "none", reason: "nxdomain" })
        : answer(reverseName(address), "PTR", readPtr),
    addresses: async (host) => {
      if (isIP(host) !== 0) return { kind: "found", records: [toAddress(host)], ttl: longestTtl };
      const local = hosts.get(host.toLowerCase().replace(/\.$/, ""));
      if (local !== undefined) return { kind: "found", records: local.map(toAddress), ttl: longestTtl };
      const [six, four] = await Promise.all([answer(host, "AAAA", readAddress), answer(host, "A", readAddress)]);
      return both(six, four);
    },
  };
}

function secondsToKeep(lookup: Lookup): number {
  switch (lookup.kind) {
    case "found":
      return Math.min(lookup.ttl, longestTtl);
    case "none":
      return Math.min(lookup.ttl ?? 0, longestNegativeTtl);
    case "failed":
      return failureTtl;
    default:
      return lookup satisfies never;
  }
}

function convert<T>(lookup: Lookup, read: (record: Answer) => T[]): DnsAnswer<T> {
  switch (lookup.kind) {
    case "found": {
      const records = lookup.records.flatMap(read);
      if (records.length === 0) return { kind: "none", reason: "nodata" };
      return { kind: "found", records, ttl: lookup.ttl };
    }
    case "none":
      return { kind: "none", reason: lookup.reason };
    case "failed":
      return lookup;
    default:
      return lookup satisfies never;
  }
}

/** One family that is found is enough; but none is only what both say. */
function both(six: DnsAnswer<HostAddress>, four: DnsAnswer<HostAddress>): DnsAnswer<HostAddress> {
  if (six.kind === "found" && four.kind === "found") {
    return { kind: "found", records: [...six.records, ...four.records], ttl: Math.min(six.ttl, four.ttl) };
  }
  if (six.kind === "found") return six;
  if (four.kind === "found" || four.kind === "failed") return four;
  if (six.kind === "failed") return six;
  return { kind: "none", reason: six.reason === "nxdomain" ? six.reason : four.reason };
}

function toAddress(address: string): HostAddress {
  return { family: isIP(address) === 6 ? 6 : 4, address };
}

function readAddress(record: Answer): HostAddress[] {
  return (record.type === "A" || record.type === "AAAA") && isIP(record.data) !== 0 ? [toAddress(record.data)] : [];
}

function readMx(record: Answer): MxRecord[] {
  if (record.type !== "MX") return [];
  const exchange = record.data.exchange.toLowerCase().replace(/\.$/, "");
  return [{ preference: record.data.preference ?? 0, exchange }];
}

function readPtr(record: Answer): string[] {
  const name = record.type === "PTR" ? normalName(record.data) : undefined;
  return name === undefined ? [] : [name];
}

function readTxt(record: Answer): string[] {
  if (record.type !== "TXT") return [];
  const parts = Array.isArray(record.data) ? record.data : [record.data];
  return [parts.map((part) => (typeof part === "string" ? part : part.toString("latin1"))).join("")];
}

// Mail to other hosts: takes jobs, finds the way for each recipient, hands them to the pool by site. Promises: `done` is
// called exactly once for every recipient of a job, whatever happens, maybe before `submit` returns. Does not retry (but for one session lost before the content left), bounce, or record anything: that is the
// dispatcher's. Not here yet: DANE, MTA-STS.

import { randomBytes } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import type { DeliverySettings, EgressSource } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import { createDeriveKey } from "../io/derived-key.ts";
import type { Resolver } from "../io/dns.ts";
import type { Observer } from "../observe/events.ts";
import type { Transport, TransportJob } from "./dispatch/transport.ts";
import { errorText } from "./error-text.ts";
import { standardLimits, type EgressLimits } from "./limits.ts";
import { endPart, type Part } from "./part.ts";
import { createPool, type Pool, type PoolStatus } from "./pool.ts";
import { createRouter, type Route } from "./routing.ts";
import type { DestinationStatus } from "./status.ts";
import { createWays } from "./ways.ts";

export interface EgressOptions {
  readonly settings: DeliverySettings;
  /** What EHLO says. */
  readonly hostname: string;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly observer: Observer;
  /** One for all connections: making one costs milliseconds. */
  readonly tlsContext?: SecureContext;
  readonly limits?: Partial<EgressLimits>;
  readonly random?: () => number;
}

interface EgressStatus extends PoolStatus {
  /** Parts whose way is being looked up. */
  readonly routing: number;
}

export interface EgressDestination extends DestinationStatus {
  /** Name of the source; "": the system chooses. */
  readonly egress: string;
}

export interface Egress extends Transport {
  status(): EgressStatus;
  destinations(): readonly EgressDestination[];
  /** Resolves when every result is reported and every connection closed; at the latest after the grace. */
  close(): Promise<void>;
}

const shuttingDown = {
  kind: "deferred",
  status: "4.3.2",
  reply: "this server is shutting down",
  remote: "",
} as const;

export function createEgress(options: EgressOptions): Egress {
  const { settings, hostname, resolver, clock, observer } = options;
  const limits = { ...standardLimits, ...options.limits };
  const router = createRouter({ settings, hostname, resolver, clock });
  const ways = createWays(settings);
  const routing = new Set<Part>();
  let closed = false;
  const failed = (cause: string): void => observer.emit("internal.failed", { where: "egress", cause });
  const common = {
    limits,
    resolver,
    clock,
    secureContext: options.tlsContext ?? createSecureContext(),
    deriveKey: createDeriveKey(),
    nonce: () => randomBytes(24).toString("base64url"),
    random: options.random ?? Math.random,
    started: ({ job: { message, attempt = 1 } }: Part, destination: string) =>
      observer.emit("delivery.started", { message: message.id, attempt, destination }),
    failed,
  };
  /** Where the system chooses the address. */
  const anywhere = createPool({ ...common, hostname, addresses: [], connections: settings.connections });
  const pools = new Map<EgressSource | undefined, Pool>([[undefined, anywhere]]);
  for (const source of settings.sources) {
    const { addresses, connections } = source;
    pools.set(source, createPool({ ...common, hostname: source.hostname ?? hostname, addresses, connections }));
  }

  function place(domain: string, route: Route, part: Part): void {
    if (route.kind === "none") {
      const { outcome, status, reply } = route;
      return endPart(part, clock.monotonic(), { kind: outcome, status, reply, remote: "" });
    }
    const pool = pools.get(ways.source(part.job.message, route)) ?? anywhere;
    const way = ways.of(domain, route);
    if (part.recipients.length <= limits.recipients) return pool.add(way, part);
    for (let start = 0; start < part.recipients.length; start += limits.recipients) {
      pool.add(way, { ...part, recipients: part.recipients.slice(start, start + limits.recipients) });
    }
  }

  function routeLater(domain: string, route: Promise<Route>, part: Part): void {
    routing.add(part);
    route.then(
      // Gone from the set: closed in the meantime, and answered then.
      (found) => routing.delete(part) && place(domain, found, part),
      (error: unknown) => {
        failed(errorText(error));
        const ending = { kind: "deferred", status: "4.3.0", reply: "no route could be found", remote: "" } as const;
        if (routing.delete(part)) endPart(part, clock.monotonic(), ending);
      },
    );
  }

  function toDomain(domain: string, part: Part): void {
    const route = router.route(domain, part.job.message.relay);
    if (route instanceof Promise) routeLater(domain, route, part);
    else place(domain, route, part);
  }

  /** Domains that share a site share a transaction. */
  function toDomains(whole: Part): void {
    interface Together {
      readonly domain: string;
      readonly route: Route;
      readonly recipients: number[];
    }
    const known = new Map<string, Together>();
    for (const [domain, recipients] of byDomain(whole.job)) {
      const route = router.route(domain, whole.job.message.relay);
      if (route instanceof Promise) {
        routeLater(domain, route, { ...whole, recipients });
        continue;
      }
      const key = route.kind === "hosts" ? ways.of(domain, route).site : domain;
      const same = known.get(key);
      if (same === undefined) known.set(key, { domain, route, recipients });
      else same.recipients.push(...recipients);
    }
    for (const { domain, route, recipients } of known.values()) place(domain, route, { ...whole, recipients });
  }

  return {
    submit: (job) => {
      const part: Part = {
        job,
        recipients: job.recipients,
        submittedAt: clock.monotonic(),
        sending: "first",
        failed,
      };
      if (closed) return endPart(part, part.submittedAt, shuttingDown);
      const [only] = job.recipients;
      if (only === undefined || job.recipients.length > 1) return toDomains(part);
      toDomain(domainText(job, only), part);
    },
    status: () => {
      const sum = { destinations: 0, connections: 0, unproven: 0, queued: 0 };
      for (const pool of pools.values()) {
        const { destinations, connections, unproven, queued } = pool.status();
        sum.destinations += destinations;
        sum.connections += connections;
        sum.unproven += unproven;
        sum.queued += queued;
      }
      return { ...sum, routing: routing.size };
    },
    destinations: () =>
      [...pools].flatMap(([source, pool]) =>
        pool.destinations().map((status) => ({ egress: source?.name ?? "", ...status })),
      ),
    close: async () => {
      closed = true;
      for (const part of routing) endPart(part, clock.monotonic(), shuttingDown);
      routing.clear();
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}

function byDomain(job: TransportJob): ReadonlyMap<string, number[]> {
  const domains = new Map<string, number[]>();
  for (const index of job.recipients) {
    const domain = domainText(job, index);
    const same = domains.get(domain);
    if (same === undefined) domains.set(domain, [index]);
    else same.push(index);
  }
  return domains;
}

function domainText(job: TransportJob, index: number): string {
  const recipient = job.message.recipients[index] ?? "";
  return recipient.slice(recipient.lastIndexOf("@") + 1);
}

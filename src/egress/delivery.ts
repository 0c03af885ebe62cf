// Mail to other hosts: takes jobs, finds the way for each recipient, hands them to the pool by site. Promises: `done` is
// called exactly once for every recipient of a job, whatever happens, maybe before `submit` returns. Does not retry (but for one session lost before the content left), bounce, or record anything: that is the
// dispatcher's. Not here yet: DANE, MTA-STS.

import { createSecureContext, type SecureContext } from "node:tls";
import type { DeliverySettings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import type { Resolver } from "../io/dns.ts";
import type { Observer } from "../observe/events.ts";
import type { AttemptResult, Transport, TransportJob } from "./dispatch/transport.ts";
import { errorText } from "./error-text.ts";
import { standardLimits, type EgressLimits } from "./limits.ts";
import { endPart, type Part } from "./part.ts";
import { createPool, type PoolStatus } from "./pool.ts";
import { createRouter, type Route } from "./routing.ts";

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

export interface Egress extends Transport {
  status(): EgressStatus;
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
  const routing = new Set<Part>();
  let closed = false;
  const failed = (cause: string): void => observer.emit("internal.failed", { where: "egress", cause });
  const pool = createPool({
    limits,
    hostname,
    resolver,
    clock,
    secureContext: options.tlsContext ?? createSecureContext(),
    random: options.random ?? Math.random,
    connections: settings.connections,
    connectionsPerDestination: settings.connectionsPerDestination,
    started: (part, destination) =>
      observer.emit("delivery.started", {
        message: part.message.id,
        attempt: part.attempt,
        destination,
      }),
    failed,
  });

  function place(route: Route, part: Part): void {
    if (route.kind === "none") {
      const { outcome, status, reply } = route;
      return endPart(part, clock.monotonic(), { kind: outcome, status, reply, remote: "" });
    }
    for (let start = 0; start < part.recipients.length; start += limits.recipients) {
      const recipients = part.recipients.slice(start, start + limits.recipients);
      pool.add(route, recipients.length === part.recipients.length ? part : { ...part, recipients });
    }
  }

  function routeLater(route: Promise<Route>, part: Part): void {
    routing.add(part);
    route.then(
      // Gone from the set: closed in the meantime, and answered then.
      (found) => routing.delete(part) && place(found, part),
      (error: unknown) => {
        failed(errorText(error));
        const ending = { kind: "deferred", status: "4.3.0", reply: "no route could be found", remote: "" } as const;
        if (routing.delete(part)) endPart(part, clock.monotonic(), ending);
      },
    );
  }

  return {
    submit: (job) => {
      const submittedAt = clock.monotonic();
      const whole: Part = {
        message: job.message,
        content: () => loadContent(job),
        ...(job.sevenBit === undefined ? {} : { sevenBit: job.sevenBit }),
        done: (result, recorded) => report(job, result, recorded, failed),
        hurry: () => job.hurry(),
        recipients: job.recipients,
        attempt: job.attempt ?? 1,
        submittedAt,
        sending: "first",
      };
      if (closed) return endPart(whole, submittedAt, shuttingDown);
      const known = new Map<string, { readonly route: Route; readonly recipients: number[] }>();
      for (const [domain, recipients] of byDomain(job)) {
        const route = router.route(domain);
        if (route instanceof Promise) {
          routeLater(route, { ...whole, recipients });
          continue;
        }
        const key = route.kind === "hosts" ? route.site : domain;
        const same = known.get(key);
        if (same === undefined) known.set(key, { route, recipients });
        else same.recipients.push(...recipients);
      }
      for (const { route, recipients } of known.values()) place(route, { ...whole, recipients });
    },
    status: () => ({ ...pool.status(), routing: routing.size }),
    close: async () => {
      closed = true;
      for (const part of routing) endPart(part, clock.monotonic(), shuttingDown);
      routing.clear();
      await pool.close();
    },
  };
}

function byDomain(job: TransportJob): ReadonlyMap<string, number[]> {
  const domains = new Map<string, number[]>();
  for (const index of job.recipients) {
    const recipient = job.message.recipients[index] ?? "";
    const domain = recipient.slice(recipient.lastIndexOf("@") + 1);
    const same = domains.get(domain);
    if (same === undefined) domains.set(domain, [index]);
    else same.push(index);
  }
  return domains;
}

async function loadContent(job: TransportJob): Promise<readonly Uint8Array[]> {
  return await job.content();
}

/** A caller that throws must not take the connection with it. */
function report(
  job: TransportJob,
  result: AttemptResult,
  recorded: (() => void) | undefined,
  failed: (cause: string) => void,
): void {
  try {
    job.done(result, recorded);
  } catch (error) {
    failed(errorText(error));
    recorded?.();
  }
}

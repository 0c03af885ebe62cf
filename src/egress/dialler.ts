// One attempt to get a session with a site: its hosts by preference, their addresses, until one is ready for mail or
// the attempt has used up its addresses and sessions. What fails last is what is reported.
// A TLS handshake that fails is repeated in the clear on a new connection, once, where TLS is opportunistic (RFC 7435).

import { isIP } from "node:net";
import type { SecureContext } from "node:tls";
import type { Clock } from "../io/clock.ts";
import type { HostAddress, Resolver } from "../io/dns.ts";
import type { DeriveKey } from "../io/derived-key.ts";
import type { ClientOptions } from "../proto/smtp-client/client.ts";
import { Connection, isSocketPath, type ConnectionOwner, type Target } from "./connection.ts";
import type { ConnectionFailure } from "./connection-failure.ts";
import type { EgressLimits } from "./limits.ts";
import type { Ending } from "./part.ts";
import { orderHosts, type HostRoute } from "./routing.ts";

export interface DiallerServices {
  readonly limits: EgressLimits;
  /** What EHLO says. */
  readonly hostname: string;
  /** Where connections begin; empty: the system chooses. */
  readonly addresses: readonly string[];
  readonly resolver: Pick<Resolver, "addresses">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly secureContext: SecureContext;
  readonly deriveKey: DeriveKey;
  /** For SCRAM: fresh each time. */
  readonly nonce: () => string;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface DialWatcher {
  /** Every connection that is tried, from its birth. */
  opened(connection: Connection): void;
  /** It did not become ready. */
  dropped(connection: Connection): void;
  /** True when nobody wants the session any more. */
  cancelled(): boolean;
}

export type Dialled =
  | { readonly kind: "ready"; readonly connection: Connection }
  | { readonly kind: "failed"; readonly ending: Ending };

export class Dialler {
  readonly #services: DiallerServices;
  /** Addresses that failed, until when they come last. */
  readonly #bad = new Map<string, number>();

  constructor(services: DiallerServices) {
    this.#services = services;
  }

  /** `owner` gets the connection the moment it is ready. */
  async dial(route: HostRoute, owner: ConnectionOwner, watcher: DialWatcher): Promise<Dialled> {
    const { limits } = this.#services;
    let addresses = 0;
    let sessions = 0;
    let last: Ending | undefined;
    let refusedForGood = true;
    for await (const target of this.#targets(route, (ending) => (last = ending))) {
      if (addresses >= limits.addresses || sessions >= limits.sessions || watcher.cancelled()) break;
      addresses++;
      const opened = await this.#open(route, target, owner, watcher);
      if (opened instanceof Connection) return { kind: "ready", connection: opened };
      const { failure, remote } = opened;
      // 4.4.1 is a host that was not reached at all.
      if (failure.status !== "4.4.1") sessions++;
      if (failure.cause === "shutdown") break;
      this.markBad(target);
      const permanent = failure.status.startsWith("5");
      if (!permanent) refusedForGood = false;
      last = { kind: "failed", status: failure.status, reply: failure.text, remote };
      // Another name for ourselves: the hosts that follow are worse than we are (RFC 5321 §5.1).
      if (failure.cause === "loop") break;
    }
    if (last === undefined) {
      const reply = `no host of ${route.site} was tried`;
      return { kind: "failed", ending: { kind: "deferred", status: "4.4.1", reply, remote: "" } };
    }
    if (last.status.startsWith("4")) return { kind: "failed", ending: { ...last, kind: "deferred" } };
    // For good only if every session said so, and never because a configured host is wrong.
    if (refusedForGood && route.source === "mx") return { kind: "failed", ending: last };
    return { kind: "failed", ending: { ...last, kind: "deferred", status: `4${last.status.slice(1)}` } };
  }

  /** Tried after all others for a while. */
  markBad(target: Target): void {
    const { clock, limits } = this.#services;
    if (this.#bad.size >= 10_000) this.#bad.clear();
    this.#bad.set(`${target.address} ${target.port}`, clock.monotonic() + limits.badAddress);
  }

  markGood(target: Target): void {
    if (this.#bad.size > 0) this.#bad.delete(`${target.address} ${target.port}`);
  }

  async *#targets(route: HostRoute, report: (ending: Ending) => void): AsyncGenerator<Target> {
    const { resolver, random } = this.#services;
    const later: Target[] = [];
    let failed: string | undefined;
    let found = false;
    let usable = false;
    for (const host of orderHosts(route, random)) {
      if (isSocketPath(host)) {
        usable = true;
        yield { host, address: host, port: route.port, from: undefined };
        continue;
      }
      const answer = await resolver.addresses(host);
      if (answer.kind === "failed") failed = answer.cause;
      if (answer.kind !== "found") continue;
      found = true;
      for (const { address } of orderAddresses(answer.records, random)) {
        const from = this.#from(address);
        if (from === "none") continue;
        usable = true;
        const target = { host, address, port: route.port, from };
        if (this.#isBad(target)) later.push(target);
        else yield target;
      }
    }
    yield* later;
    if (usable) return;
    if (found) {
      const reply = `no source address of the family that ${route.site} has`;
      return report({ kind: "deferred", status: "4.4.4", reply, remote: "" });
    }
    if (failed !== undefined) {
      report({ kind: "deferred", status: "4.4.3", reply: `addresses cannot be looked up: ${failed}`, remote: "" });
    } else {
      report({
        kind: "failed",
        status: "5.4.4",
        reply: `no address for ${route.groups.flat().join(", ")}`,
        remote: "",
      });
    }
  }

  /** One of the source's addresses of the same family. */
  #from(address: string): string | undefined {
    const { addresses, random } = this.#services;
    if (addresses.length === 0) return undefined;
    const same = addresses.filter((each) => isIP(each) === isIP(address));
    return same[Math.floor(random() * same.length)] ?? "none";
  }

  #isBad(target: Target): boolean {
    if (this.#bad.size === 0) return false;
    const until = this.#bad.get(`${target.address} ${target.port}`);
    return until !== undefined && until > this.#services.clock.monotonic();
  }

  async #open(
    route: HostRoute,
    target: Target,
    owner: ConnectionOwner,
    watcher: DialWatcher,
  ): Promise<Connection | { readonly failure: ConnectionFailure; readonly remote: string }> {
    const first = await this.#session(route, target, route.tls, owner, watcher);
    if (first instanceof Connection || first.failure.cause !== "tls") return first;
    if (route.tls === "required" || watcher.cancelled()) return first;
    return await this.#session(route, target, "never", owner, watcher);
  }

  #session(
    route: HostRoute,
    target: Target,
    tls: ClientOptions["tls"],
    owner: ConnectionOwner,
    watcher: DialWatcher,
  ): Promise<Connection | { readonly failure: ConnectionFailure; readonly remote: string }> {
    const { limits, clock, hostname, secureContext, deriveKey, nonce } = this.#services;
    return new Promise((resolve) => {
      const connection: Connection = new Connection({
        target,
        client: { hostname, protocol: route.protocol, tls, credentials: route.credentials, pace: "recorded", nonce },
        limits,
        clock,
        secureContext,
        deriveKey,
        owner: {
          ...owner,
          ready: (ready, server) => {
            if (route.source === "mx" && server.toLowerCase() === hostname.toLowerCase()) {
              const text = `mail loops: ${ready.remote} is this host`;
              ready.fail({ cause: "loop", status: "5.4.6", text });
              return;
            }
            ready.owner = owner;
            owner.ready(ready, server);
            resolve(ready);
          },
          available: () => undefined,
          closed: (closed, failure) => {
            watcher.dropped(closed);
            const lost = { cause: "lost", status: "4.4.2", text: "the session ended" } as const;
            resolve({ failure: failure ?? lost, remote: closed.remote });
          },
        },
      });
      watcher.opened(connection);
    });
  }
}

/** IPv6 and IPv4 in turn, beginning with IPv6, so that a family without a route costs one failure; else at random. */
function orderAddresses(addresses: readonly HostAddress[], random: () => number): readonly HostAddress[] {
  const keyed = addresses.map((each) => ({ each, key: random() })).toSorted((a, b) => a.key - b.key);
  const six = keyed.filter(({ each }) => isIP(each.address) === 6);
  const four = keyed.filter(({ each }) => isIP(each.address) === 4);
  const out: HostAddress[] = [];
  for (let index = 0; index < Math.max(six.length, four.length); index++) {
    for (const next of [six[index], four[index]]) if (next !== undefined) out.push(next.each);
  }
  return out;
}

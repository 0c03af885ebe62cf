// A listening SMTP socket and its sessions. Closing drains: no new connections, idle sessions get 421, open
// transactions may end within the grace, then the rest is cut.

import { createServer } from "node:net";
import type { Prefix } from "../../base/prefix.ts";
import type { Endpoint } from "../../config/settings.ts";
import type { SmtpServices } from "./services.ts";
import { lookEvery } from "./content-pace.ts";
import { createProxyGate } from "../proxy-gate.ts";
import { SmtpSession } from "./session.ts";
import type { SessionOptions } from "./session.ts";

export interface SmtpListener {
  readonly address: string;
  readonly port: number;
  /** No new sessions; open ones go on as long as they like. */
  stopAccepting(): void;
  /** Sessions of these accounts end. */
  endSessions(accounts: ReadonlySet<string>): void;
  close(grace: number): Promise<void>;
}

export interface SmtpListenerOptions extends SessionOptions {
  /** Who has to begin with a PROXY header. */
  readonly proxies?: readonly Prefix[];
  /** Other threads listen at the same address (SO_REUSEPORT). */
  readonly reusePort?: boolean;
}

/** Long enough that a burst of connections is queued by the kernel and not dropped (somaxconn bounds it). */
const BACKLOG = 4096;

/** Rejects when the address cannot be bound. */
export async function openSmtpListener(
  endpoint: Endpoint,
  options: SmtpListenerOptions,
  /** Asked once for every session. */
  services: () => SmtpServices,
): Promise<SmtpListener> {
  const sessions = new Set<SmtpSession>();
  let drained: (() => void) | undefined;
  const gate = createProxyGate({
    listener: options.listener,
    proxies: options.proxies ?? [],
    observer: services().observer,
  });
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
    gate.admit(socket, (client) => {
      const session: SmtpSession = new SmtpSession(socket, client, options, services(), () => {
        sessions.delete(session);
        if (sessions.size === 0) drained?.();
      });
      sessions.add(session);
    }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const { address: host, port } = endpoint;
    const { reusePort = false } = options;
    server.listen({ host, port, backlog: BACKLOG, ipv6Only: true, reusePort }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => {
    services().observer.emit("internal.failed", { where: `listener ${options.listener}`, cause: String(error) });
  });
  let isRetired = false;
  // One timer for all: a session has none of its own, and costs nothing between two looks.
  const { contentRate: rate, contentTime: time } = services().smtp;
  const looks = setInterval(() => {
    if (isRetired && sessions.size === 0) clearInterval(looks);
    const now = services().clock.monotonic();
    for (const session of sessions) session.checkPace(now);
  }, lookEvery({ rate, time })).unref();
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("not an IP listener");
  return {
    address: bound.address,
    port: bound.port,
    stopAccepting: () => {
      isRetired = true;
      server.close();
    },
    endSessions: (accounts) => {
      for (const session of sessions) session.suspend(accounts);
    },
    close: async (grace) => {
      isRetired = true;
      server.close();
      gate.close();
      for (const session of sessions) session.drain();
      if (sessions.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          for (const session of sessions) session.abort();
          resolve();
        }, grace);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
}

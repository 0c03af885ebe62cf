// A listening POP3 socket and its sessions: implicit TLS (port 995, RFC 8314) or STLS (port 110, RFC 2595); no login
// without either. Closing drains: no new connections, idle sessions end, working ones finish their request, and what
// is left after a grace is cut.

import { createServer, type AddressInfo } from "node:net";
import type { SecureContext } from "node:tls";
import type { Prefix } from "../../base/prefix.ts";
import type { Endpoint } from "../../config/settings.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import type { Observer } from "../../observe/events.ts";
import { createProxyGate } from "../proxy-gate.ts";
import { Pop3Session, type Authenticate, type Pop3Limits, type Pop3Scram } from "./session.ts";

export interface Pop3ListenerOptions {
  readonly endpoint: Endpoint;
  readonly tls: "implicit" | "starttls";
  /** Who has to begin with a PROXY header. */
  readonly proxies?: readonly Prefix[];
  /** Asked once for every session. */
  readonly secureContext: () => SecureContext;
  /** The name in the greeting. */
  readonly hostname: string;
  readonly observer: Observer;
  readonly authenticate: Authenticate;
  readonly scram: Pop3Scram;
  readonly mailboxes: Pick<Mailboxes, "open">;
  readonly newSessionId: () => string;
  /** What departs from the usual limits. */
  readonly limits?: Partial<Pop3Limits & ListenerLimits>;
}

interface ListenerLimits {
  /** Sessions of this listener at once; one more is closed without a word. */
  readonly sessions: number;
  /** Milliseconds that working sessions have when the listener closes. */
  readonly grace: number;
}

export interface Pop3Listener {
  readonly address: string;
  readonly port: number;
  /** No new sessions; open ones go on as long as they like. */
  stopAccepting(): void;
  close(): Promise<void>;
}

const usual: Pop3Limits & ListenerLimits = {
  idle: 600_000,
  handshake: 30_000,
  refusal: 2000,
  authFailures: 3,
  errors: 10,
  sessions: 1000,
  grace: 10_000,
};

/** Rejects when the address cannot be bound. */
export async function openPop3Listener(options: Pop3ListenerOptions): Promise<Pop3Listener> {
  const { endpoint, observer, newSessionId } = options;
  const limits = { ...usual, ...options.limits };
  const listener = options.tls === "implicit" ? "pop3s" : "pop3";
  const sessions = new Set<Pop3Session>();
  let drained: (() => void) | undefined;

  const gate = createProxyGate({ listener, proxies: options.proxies ?? [], observer });
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    gate.admit(socket, (client) => {
      const peer = { session: newSessionId(), listener, client: client.address, port: client.port };
      const sessionOptions = { ...options, secureContext: options.secureContext(), limits };
      const session: Pop3Session = new Pop3Session(socket, peer, sessionOptions, () => {
        sessions.delete(session);
        if (sessions.size === 0) drained?.();
      });
      sessions.add(session);
    }),
  );
  server.maxConnections = limits.sessions;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: endpoint.address, port: endpoint.port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) =>
    observer.emit("internal.failed", { where: `${listener} listener`, cause: String(error) }),
  );

  // An address is a string only for pipes.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address,
    port: bound.port,
    stopAccepting: () => void server.close(),
    async close() {
      server.close();
      gate.close();
      for (const session of sessions) session.drain();
      if (sessions.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          for (const session of sessions) session.abort();
        }, limits.grace);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
}

// A listening POP3 socket and its sessions: implicit TLS (port 995, RFC 8314) or STLS (port 110, RFC 2595); no login
// without either. Closing drains: no new connections, idle sessions end, working ones finish their request, and what
// is left after a grace is cut.

import { createServer, type AddressInfo, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { Prefix } from "../../base/prefix.ts";
import type { Endpoint } from "../../config/settings.ts";
import type { Connecting } from "../../counters/client-limits.ts";
import type { ClientCounts, Unanswered } from "../../counters/counters.ts";
import type { Mailboxes } from "../../mailbox/maildir.ts";
import type { Observer } from "../../observe/events.ts";
import type { Mechanism } from "../../proto/sasl/mechanism.ts";
import { replies } from "../../proto/pop3/replies.ts";
import { combine } from "../../verdict/combine.ts";
import { decideConnect } from "../../verdict/stages/connect.ts";
import type { ClientFact, FailMode } from "../../verdict/facts.ts";
import { clientFact } from "../limit-fact.ts";
import { createProxyGate } from "../proxy-gate.ts";
import { Pop3Session, type Authenticate, type Pop3Limits, type Pop3Scram } from "./session.ts";

export interface Pop3ListenerOptions {
  readonly endpoint: Endpoint;
  readonly tls: "implicit" | "starttls";
  /** Who has to begin with a PROXY header. */
  readonly proxies?: readonly Prefix[];
  /** Other threads listen at the same address (SO_REUSEPORT). */
  readonly reusePort?: boolean;
  /** Asked once for every session. */
  readonly secureContext: () => SecureContext;
  /** The name in the greeting. */
  readonly hostname: string;
  readonly observer: Observer;
  readonly authenticate: Authenticate;
  readonly scram: Pop3Scram;
  /** Left out: the usual ones. */
  readonly mechanisms?: readonly Mechanism[];
  readonly mailboxes: Pick<Mailboxes, "open">;
  /** The same limits of a client as on the SMTP listeners: connections, their rate, failed logins. */
  readonly clients: ClientCounts;
  /** When they cannot be asked, as of now; left out: nobody is served. */
  readonly clientFail?: () => FailMode;
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
  /** Sessions of these accounts end. */
  endSessions(accounts: ReadonlySet<string>): void;
  close(): Promise<void>;
}

/** How long a refused client may take to read why, ms. */
const REFUSED_LINGER = 5000;

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
  const { endpoint, hostname, observer, clients, clientFail = () => "closed", newSessionId } = options;
  const limits = { ...usual, ...options.limits };
  const listener = options.tls === "implicit" ? "pop3s" : "pop3";
  const sessions = new Set<Pop3Session>();
  let drained: (() => void) | undefined;
  let closing = false;

  const gate = createProxyGate({ listener, proxies: options.proxies ?? [], observer });
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    gate.admit(socket, (client) => {
      const peer = { session: newSessionId(), listener, client: client.address, port: client.port };
      const handle = clients.connect(client.address);
      const begin = (connecting: Connecting | Unanswered): void => {
        const fact = clientFact(connecting, clientFail());
        const refusal = refusalOf(hostname, fact);
        if (refusal !== undefined || socket.destroyed || closing) {
          if (refusal !== undefined) observer.emit("session.refused", { ...peer, ...refusal });
          handle.close();
          // Before TLS there is nothing to say it in.
          if (options.tls === "implicit" || refusal === undefined) socket.destroy();
          else endWith(socket, `${replies.tooMany}\r\n`);
          return;
        }
        const sessionOptions = {
          ...options,
          loginRefused: () => handle.failed(),
          // Where people log in it is known only then whether this is one of them.
          over: fact.kind === "logins" ? { limit: fact.limit, window: fact.window } : undefined,
          secureContext: options.secureContext(),
          limits,
        };
        const session: Pop3Session = new Pop3Session(socket, peer, sessionOptions, () => {
          handle.close();
          sessions.delete(session);
          if (sessions.size === 0) drained?.();
        });
        sessions.add(session);
      };
      if (handle.connecting instanceof Promise) {
        socket.on("error", () => socket.destroy());
        void handle.connecting.then(begin);
      } else begin(handle.connecting);
    }),
  );
  server.maxConnections = limits.sessions;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const { address: host, port } = endpoint;
    server.listen({ host, port, ipv6Only: true, reusePort: options.reusePort ?? false }, () => {
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
    endSessions: (accounts) => {
      for (const session of sessions) session.suspend(accounts);
    },
    async close() {
      closing = true;
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

/** Why the client may not have one more connection, for the log. */
function refusalOf(
  hostname: string,
  client: ClientFact,
): { readonly reason: string; readonly reply: string } | undefined {
  const facts = { sessions: 0, sessionLimit: Number.POSITIVE_INFINITY, ended: undefined };
  const { verdict } = combine(decideConnect({ ...facts, hostname, role: "pop3", client }));
  return verdict.kind === "accept" ? undefined : { reason: verdict.reason, reply: replies.tooMany };
}

/** Reads on a little, or what the client has sent already would turn the reply into a reset. */
function endWith(socket: Socket, reply: string): void {
  socket.on("error", () => socket.destroy());
  socket.end(reply, "latin1");
  socket.resume();
  socket.setTimeout(REFUSED_LINGER, () => socket.destroy());
}

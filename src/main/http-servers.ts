// The HTTP listeners: TCP, with TLS where the configuration says so, and the control socket. Bounds on what a client may
// take: five minutes for a request and any number of connections are the defaults of Node, not ours.

import { chmod, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server } from "node:https";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { Settings } from "../config/settings.ts";

export interface HttpServers {
  /** TCP, on every endpoint; rejects when one cannot be opened. */
  open(app: Hono, where: Pick<Settings["http"], "listen" | "tls">, certificate: Certificate): Promise<void>;
  /** A socket file that only its owner opens. */
  openSocket(app: Hono, path: string): Promise<void>;
  /** For new connections. */
  useCertificate(certificate: Certificate): void;
  close(): void;
}

interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

const bounds = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 5000, maxHeaderSize: 16 * 1024 };
const MOST_CONNECTIONS = 256;

export function createHttpServers(): HttpServers {
  const close: (() => void)[] = [];
  const secure: Pick<Server, "setSecureContext">[] = [];

  function listen(
    server: ReturnType<typeof createAdaptorServer>,
    where: { readonly host: string; readonly port: number } | { readonly path: string },
  ): Promise<void> {
    if ("maxConnections" in server) server.maxConnections = MOST_CONNECTIONS;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen("path" in where ? where : { ...where, ipv6Only: true }, () => {
        server.off("error", reject);
        close.push(() => {
          server.close();
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
        resolve();
      });
    });
  }

  return {
    open: async (app, { listen: endpoints, tls }, { certificate, key }) => {
      for (const { address, port } of endpoints) {
        const server = createAdaptorServer({
          fetch: app.fetch,
          ...(tls === "implicit"
            ? {
                createServer: createTlsServer,
                serverOptions: { ...bounds, cert: certificate, key, minVersion: "TLSv1.2" as const },
              }
            : { createServer, serverOptions: bounds }),
        });
        if ("setSecureContext" in server) secure.push(server);
        // oxlint-disable-next-line no-await-in-loop -- one or two, in the order of the file
        await listen(server, { host: address, port });
      }
    },
    openSocket: async (app, path) => {
      // Ours to take: the lock says that nobody else is here.
      await rm(path, { force: true });
      await listen(createAdaptorServer({ fetch: app.fetch, serverOptions: bounds }), { path });
      await chmod(path, 0o600);
    },
    useCertificate: ({ certificate, key }) => {
      for (const server of secure) server.setSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" });
    },
    close: () => {
      for (const each of close.toReversed()) each();
    },
  };
}

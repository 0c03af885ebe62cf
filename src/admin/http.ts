// The HTTP face on [http] listen: metrics and health for whoever reaches it, which change nothing and tell nothing about
// people; and the API for who has a token. The control socket has the API alone.

import { Hono } from "hono";
import { createApi } from "./api.ts";
import type { GuardServices } from "./guard.ts";

export interface PublicServices extends GuardServices {
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  readonly healthy: () => boolean;
  readonly version: string;
}

export function createPublicApp({ metrics, healthy, version, ...services }: PublicServices): Hono {
  const app = new Hono();
  app.get("/metrics", async (context) =>
    context.text(await metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.get("/healthz", (context) => (healthy() ? context.text("ok\n") : context.text("stopping\n", 503)));
  app.get("/", (context) => context.text("sekimori: /metrics /healthz /api/openapi.json\n"));
  const api = createApi("network", services, version);
  app.all("/api/*", (context) => api.fetch(context.req.raw, context.env));
  return app;
}

export function createSocketApp(services: GuardServices, version: string): Hono {
  const app = new Hono();
  const api = createApi("socket", services, version);
  app.all("*", (context) => api.fetch(context.req.raw, context.env));
  return app;
}

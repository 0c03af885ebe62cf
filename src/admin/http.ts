// The HTTP face. Public on [http] listen: metrics and health, nothing that changes or tells about people.
// The control face answers on a Unix socket that only the operator's account can open.

import { Hono } from "hono";
import { z } from "zod";
import type { Context } from "hono";
import type { Control, Outcome } from "../control/control.ts";
import { addQueueRoutes } from "./queue-routes.ts";

export interface PublicServices {
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  readonly healthy: () => boolean;
}

export function createPublicApp({ metrics, healthy }: PublicServices): Hono {
  const app = new Hono();
  app.get("/metrics", async (context) =>
    context.text(await metrics(), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  app.get("/healthz", (context) => (healthy() ? context.text("ok\n") : context.text("stopping\n", 503)));
  app.get("/", (context) => context.text("sekimori: /metrics /healthz\n"));
  return app;
}

const newAccount = z.strictObject({
  address: z.string(),
  password: z.string(),
  aliases: z.array(z.string()).default([]),
});
const newPassword = z.strictObject({ password: z.string() });

const newStanding = z.strictObject({ standing: z.enum(["active", "suspended"]) });

const newTrace = z.strictObject({ question: z.string(), by: z.string() });

export function createControlApp(control: Control): Hono {
  const app = new Hono();
  app.get("/accounts", async (context) => context.json(await control.listAccounts()));
  app.post("/accounts", async (context) => {
    const body = newAccount.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ done: false, why: z.prettifyError(body.error) }, 400);
    return answer(context, await control.addAccount(body.data.address, body.data.password, body.data.aliases));
  });
  app.put("/accounts/:address/password", async (context) => {
    const body = newPassword.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ done: false, why: z.prettifyError(body.error) }, 400);
    return answer(context, await control.setPassword(context.req.param("address"), body.data.password));
  });
  app.get("/accounts/:address", async (context) => {
    const account = await control.findAccount(context.req.param("address"));
    return account === undefined ? context.json({ done: false, why: "no such account" }, 404) : context.json(account);
  });
  app.put("/accounts/:address/standing", async (context) => {
    const body = newStanding.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ done: false, why: z.prettifyError(body.error) }, 400);
    return answer(context, await control.setStanding(context.req.param("address"), body.data.standing));
  });
  app.delete("/accounts/:address", async (context) =>
    answer(context, await control.deleteAccount(context.req.param("address"))),
  );
  addQueueRoutes(app, control);
  app.get("/retention", async (context) => context.json(await control.retention()));
  app.post("/retention/purge", async (context) => context.json(await control.purge()));
  app.post("/traces", async (context) => {
    const body = newTrace.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ done: false, why: z.prettifyError(body.error) }, 400);
    await control.noteTrace(body.data.question, body.data.by);
    return context.json({ done: true });
  });
  app.post("/reload", async (context) => context.json(await control.reload()));
  app.onError((error, context) => context.json({ done: false, why: error.message }, 500));
  return app;
}

function answer(context: Context, outcome: Outcome): Response {
  return context.json(outcome, outcome.done ? 200 : 409);
}

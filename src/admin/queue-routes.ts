// The queue on the control socket: what waits, and what an operator does about it.

import type { Hono } from "hono";
import { z } from "zod";
import type { Control, QueueQuery } from "../control/control.ts";

const query = z.strictObject({
  state: z.enum(["held", "waiting", "active"]).optional(),
  domain: z.string().optional(),
  sender: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100_000).optional(),
});

const change = z.strictObject({
  change: z.enum(["hold", "release", "flush", "requeue", "delete"]),
  selector: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("message"), id: z.string() }),
    z.strictObject({ kind: z.literal("sender"), sender: z.string() }),
    z.strictObject({ kind: z.literal("domain"), domain: z.string() }),
    z.strictObject({ kind: z.literal("all") }),
  ]),
});

export function addQueueRoutes(app: Hono, control: Control): void {
  app.get("/queue", async (context) => {
    const asked = query.safeParse(context.req.query());
    if (!asked.success) return context.json({ done: false, why: z.prettifyError(asked.error) }, 400);
    const { state, domain, sender, limit } = asked.data;
    const wanted: QueueQuery = {
      ...(state === undefined ? {} : { state }),
      ...(domain === undefined ? {} : { domain }),
      ...(sender === undefined ? {} : { sender }),
      ...(limit === undefined ? {} : { limit }),
    };
    return context.json(await control.listQueue(wanted));
  });
  app.post("/queue/changes", async (context) => {
    const body = change.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json({ done: false, why: z.prettifyError(body.error) }, 400);
    const outcome = await control.changeQueue(body.data.change, body.data.selector);
    return context.json(outcome, outcome.done ? 200 : 409);
  });
  app.get("/queue/destinations", async (context) => context.json(await control.listDestinations()));
  app.get("/queue/:id", async (context) => {
    const entry = await control.findInQueue(context.req.param("id"));
    return entry === undefined ? context.json({ done: false, why: "not in the queue" }, 404) : context.json(entry);
  });
}

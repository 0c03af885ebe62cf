// The queue: what is not delivered yet, and what an operator does about it.

import { z } from "@hono/zod-openapi";
import { Problem } from "../problems.ts";
import { body, json, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";
import { destinations, page, queueChange, queueCount, queueEntry, queueList } from "../schemas.ts";

const tags = ["queue"];

const list = operation(
  { rights: "read", problems: ["invalid"] },
  {
    method: "get",
    path: "/queue",
    tags,
    summary: "List mail that is not delivered yet, oldest first",
    request: {
      query: z.strictObject({
        ...page,
        state: z.enum(["held", "waiting", "active"]).optional().openapi({ description: "`active`: in delivery now." }),
        domain: z.string().max(255).optional().openapi({ description: "Only recipients of this domain." }),
        account: z.string().min(1).max(320).optional().openapi({ description: "Only what this account sent." }),
        sender: z.string().max(320).optional().openapi({ description: "Empty for the null sender." }),
      }),
    },
    responses: { 200: json("One page.", queueList) },
  },
);

const show = operation(
  { rights: "read", problems: ["not-found"] },
  {
    method: "get",
    path: "/queue/{id}",
    tags,
    summary: "Show one message with its last attempts",
    request: { params: z.object({ id: z.string().openapi({ param: { name: "id", in: "path" } }) }) },
    responses: { 200: json("The message.", queueEntry) },
  },
);

const change = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found", "conflict"],
  },
  {
    method: "post",
    path: "/queue/changes",
    tags,
    summary: "Hold, release, flush, requeue, delete or return waiting mail",
    request: body(queueChange),
    responses: { 200: json("How much it was. Nothing at all is `conflict`.", queueCount) },
  },
);

const listDestinations = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/queue/destinations",
    tags,
    summary: "List where mail goes now and how it fares there, those whose mail waits longest first",
    responses: { 200: json("All that are known since the start.", destinations) },
  },
);

export function addQueueRoutes(api: Api): void {
  api.openapi(list, async (context) => {
    const { limit = 100, ...query } = context.req.valid("query");
    return context.json(await context.get("control").listQueue({ ...query, limit }), 200);
  });
  api.openapi(change, async (context) => {
    requireChange(context);
    const { change: what, selector } = context.req.valid("json");
    if ((what === "delete" || what === "return") && selector.kind === "all") {
      throw new Problem("invalid", undefined, [
        { at: "/selector", detail: "the whole queue is not ended at once: name a sender or a domain" },
      ]);
    }
    const outcome = await context.get("control").changeQueue(what, selector);
    if (!outcome.done) refuse(outcome);
    return context.json({ messages: outcome.messages, recipients: outcome.recipients }, 200);
  });
  // Before one message: no queue id is called so.
  api.openapi(listDestinations, async (context) => {
    const found = await context.get("control").listDestinations();
    if (found === undefined) throw new Problem("not-ready");
    return context.json(found, 200);
  });
  api.openapi(show, async (context) => {
    const { id } = context.req.valid("param");
    const entry = await context.get("control").findInQueue(id);
    if (entry === undefined) throw new Problem("not-found", `${id} is not in the queue`);
    return context.json(entry, 200);
  });
}

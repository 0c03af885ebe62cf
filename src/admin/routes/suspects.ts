// Accounts that somebody else may be using: what speaks against them, what was done, and that somebody has looked.

import { z } from "@hono/zod-openapi";
import { Problem } from "../problems.ts";
import { body, json, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";
import { clearing, page, queueCount, suspect, suspectList } from "../schemas.ts";

const tags = ["accounts"];
const params = z.object({
  address: z.string().openapi({
    param: { name: "address", in: "path" },
    description: "Its address or one of its aliases, percent-encoded.",
    example: "alice@example.jp",
  }),
});

const list = operation(
  { rights: "read", problems: ["invalid"] },
  {
    method: "get",
    path: "/suspects",
    tags,
    summary: "List accounts that somebody else may be using, with the evidence and what was done",
    request: { query: z.strictObject(page) },
    responses: { 200: json("One page, by address.", suspectList) },
  },
);

const show = operation(
  { rights: "read", problems: ["not-found"] },
  {
    method: "get",
    path: "/suspects/{address}",
    tags,
    summary: "Show one of them",
    request: { params },
    responses: { 200: json("The account.", suspect) },
  },
);

const clear = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found", "conflict"],
  },
  {
    method: "post",
    path: "/suspects/{address}/clear",
    tags,
    summary:
      "Say that somebody has looked: what speaks against the account is forgotten, what was done about it is over",
    request: { params, ...body(clearing) },
    responses: { 200: json("How much mail was released or returned.", queueCount) },
  },
);

export function addSuspectRoutes(api: Api): void {
  api.openapi(list, async (context) =>
    context.json(await context.get("control").listSuspects(context.req.valid("query")), 200),
  );
  api.openapi(show, async (context) => {
    const { address } = context.req.valid("param");
    const found = await context.get("control").findSuspect(address);
    if (found === undefined)
      throw new Problem("not-found", `${address}: no such account, or nothing speaks against it`);
    return context.json(found, 200);
  });
  api.openapi(clear, async (context) => {
    requireChange(context);
    const { address } = context.req.valid("param");
    const outcome = await context.get("control").clearSuspect(address, context.req.valid("json"));
    if (!outcome.done) refuse(outcome);
    return context.json({ messages: outcome.messages, recipients: outcome.recipients }, 200);
  });
}

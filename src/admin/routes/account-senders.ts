// Whom an account may send as: aliases, and addresses and domains that were granted to it.

import { z } from "@hono/zod-openapi";
import { body, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";

const tags = ["accounts"];
const address = z.string().openapi({
  param: { name: "address", in: "path" },
  description: "Its address or one of its aliases, percent-encoded.",
  example: "alice@example.jp",
});
const alias = z
  .string()
  .max(320)
  .openapi({ param: { name: "alias", in: "path" }, example: "a.smith@example.jp" });
const sender = z
  .string()
  .max(320)
  .openapi({
    param: { name: "sender", in: "path" },
    description: "An address, or `@` and a domain.",
    example: "boss@example.jp",
  });

const addAlias = operation(
  { rights: "change", problems: ["invalid", "not-found", "conflict"] },
  {
    method: "put",
    path: "/accounts/{address}/aliases/{alias}",
    tags,
    summary: "Give an account one more address",
    request: { params: z.object({ address, alias }) },
    responses: { 204: { description: "Added." } },
  },
);

const removeAlias = operation(
  { rights: "change", problems: ["not-found"] },
  {
    method: "delete",
    path: "/accounts/{address}/aliases/{alias}",
    tags,
    summary: "Take an alias away",
    request: { params: z.object({ address, alias }) },
    responses: { 204: { description: "Removed." } },
  },
);

const addSender = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found", "conflict"],
  },
  {
    method: "put",
    path: "/accounts/{address}/senders/{sender}",
    tags,
    summary: "Let an account send as somebody",
    request: {
      params: z.object({ address, sender }),
      ...body(
        z
          .strictObject({
            as: z.enum(["own", "delegate"]).openapi({
              description: "`own`: as if it were an alias. `delegate`: a Sender field says which account it was.",
            }),
          })
          .openapi("NewSender"),
      ),
    },
    responses: { 204: { description: "Allowed." } },
  },
);

const removeSender = operation(
  { rights: "change", problems: ["not-found"] },
  {
    method: "delete",
    path: "/accounts/{address}/senders/{sender}",
    tags,
    summary: "Allow that no longer",
    request: { params: z.object({ address, sender }) },
    responses: { 204: { description: "Removed." } },
  },
);

export function addSenderRoutes(api: Api): void {
  api.openapi(addAlias, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const outcome = await context.get("control").addAlias(params.address, params.alias);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
  api.openapi(removeAlias, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const outcome = await context.get("control").removeAlias(params.address, params.alias);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
  api.openapi(addSender, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const { as } = context.req.valid("json");
    const outcome = await context.get("control").addSender(params.address, params.sender, as);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
  api.openapi(removeSender, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const outcome = await context.get("control").removeSender(params.address, params.sender);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
}

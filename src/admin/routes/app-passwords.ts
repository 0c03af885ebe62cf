// App passwords of an account.

import { z } from "@hono/zod-openapi";
import { Problem } from "../problems.ts";
import { body, json, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";
import { appPassword } from "../schemas.ts";

const tags = ["accounts"];
const address = z.string().openapi({
  param: { name: "address", in: "path" },
  description: "Its address or one of its aliases, percent-encoded.",
  example: "alice@example.jp",
});
const name = z
  .string()
  .max(64)
  .openapi({ param: { name: "name", in: "path" }, example: "phone" });

const list = operation(
  { rights: "read", problems: ["not-found"] },
  {
    method: "get",
    path: "/accounts/{address}/app-passwords",
    tags,
    summary: "List the app passwords of an account, with their last use",
    request: { params: z.object({ address }) },
    responses: { 200: json("By name.", z.array(appPassword).readonly()) },
  },
);

const add = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found", "conflict"],
  },
  {
    method: "post",
    path: "/accounts/{address}/app-passwords",
    tags,
    summary: "Make an app password; this answer alone tells it",
    request: {
      params: z.object({ address }),
      ...body(
        z
          .strictObject({
            name: z.string().max(64).openapi({ example: "phone" }),
            scopes: z.array(z.enum(["submission", "pop3"])).max(2),
          })
          .openapi("NewAppPassword"),
      ),
    },
    responses: {
      201: json(
        "Made.",
        z.object({ password: z.string().openapi({ example: "abcde-fghij-klmno-pqrst" }) }).openapi("MadePassword"),
      ),
    },
  },
);

const remove = operation(
  { rights: "change", problems: ["not-found"] },
  {
    method: "delete",
    path: "/accounts/{address}/app-passwords/{name}",
    tags,
    summary: "Revoke an app password: it opens nothing any more, and what it opened ends with its next transaction",
    request: { params: z.object({ address, name }) },
    responses: { 204: { description: "Revoked." } },
  },
);

export function addAppPasswordRoutes(api: Api): void {
  api.openapi(list, async (context) => {
    const params = context.req.valid("param");
    const found = await context.get("control").listAppPasswords(params.address);
    if (found === undefined) throw new Problem("not-found", `${params.address}: no such account`);
    return context.json(found, 200);
  });
  api.openapi(add, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const wanted = context.req.valid("json");
    const outcome = await context.get("control").addAppPassword(params.address, wanted.name, wanted.scopes);
    if (!outcome.done) refuse(outcome);
    return context.json({ password: outcome.password }, 201);
  });
  api.openapi(remove, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const outcome = await context.get("control").removeAppPassword(params.address, params.name);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
}

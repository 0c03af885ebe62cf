// Addresses of an account at third parties: a code is mailed to one, and told here. Codes are in bodies, never in paths: those are logged.

import { z } from "@hono/zod-openapi";
import { Problem } from "../problems.ts";
import { body, json, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";
import { substitute } from "../schemas.ts";

const tags = ["accounts"];
const address = z.string().openapi({
  param: { name: "address", in: "path" },
  description: "Its address or one of its aliases, percent-encoded.",
  example: "alice@example.jp",
});
const foreign = z
  .string()
  .max(320)
  .openapi({
    param: { name: "foreign", in: "path" },
    description: "The address at the third party, percent-encoded.",
    example: "alice@provider.example",
  });
const until = z.object({ until: z.string().openapi({ format: "date-time" }) });

const list = operation(
  { rights: "read", problems: ["not-found"] },
  {
    method: "get",
    path: "/accounts/{address}/substitutes",
    tags,
    summary: "List the addresses of an account at third parties",
    request: { params: z.object({ address }) },
    responses: { 200: json("By address.", z.array(substitute).readonly()) },
  },
);

const add = operation(
  { rights: "change", problems: ["invalid", "not-found", "conflict"] },
  {
    method: "put",
    path: "/accounts/{address}/substitutes/{foreign}",
    tags,
    summary: "Mail a code to an address at a third party; a proof from before holds on",
    request: { params: z.object({ address, foreign }) },
    responses: { 202: json("The code is on its way.", until.openapi("MailedCode")) },
  },
);

const confirm = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found", "conflict"],
  },
  {
    method: "post",
    path: "/accounts/{address}/substitutes/{foreign}/proof",
    tags,
    summary: "Tell the code that was mailed: the account may send as the address on substitute listeners",
    request: {
      params: z.object({ address, foreign }),
      ...body(
        z
          .strictObject({ code: z.string().max(100).openapi({ example: "abcde-fghij-klmno-pqrst" }) })
          .openapi("ProofOfAddress"),
      ),
    },
    responses: { 200: json("It is proved.", until.openapi("ProvedAddress")) },
  },
);

const remove = operation(
  { rights: "change", problems: ["invalid", "not-found"] },
  {
    method: "delete",
    path: "/accounts/{address}/substitutes/{foreign}",
    tags,
    summary: "End it: the account may not send as the address any more",
    request: { params: z.object({ address, foreign }) },
    responses: { 204: { description: "Removed." } },
  },
);

export function addSubstituteRoutes(api: Api): void {
  api.openapi(list, async (context) => {
    const params = context.req.valid("param");
    const found = await context.get("control").listSubstitutes(params.address);
    if (found === undefined) throw new Problem("not-found", `${params.address}: no such account`);
    return context.json(found, 200);
  });
  api.openapi(add, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const outcome = await context.get("control").addSubstitute(params.address, params.foreign);
    if (!outcome.done) refuse(outcome);
    return context.json({ until: outcome.until }, 202);
  });
  api.openapi(confirm, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const { code } = context.req.valid("json");
    const outcome = await context.get("control").confirmSubstitute(params.address, params.foreign, code);
    if (!outcome.done) refuse(outcome);
    return context.json({ until: outcome.until }, 200);
  });
  api.openapi(remove, async (context) => {
    requireChange(context);
    const params = context.req.valid("param");
    const outcome = await context.get("control").removeSubstitute(params.address, params.foreign);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
}

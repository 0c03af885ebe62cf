// Accounts: who may log in and send.

import { z } from "@hono/zod-openapi";
import { Problem } from "../problems.ts";
import { body, json, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";
import { account, accountList, page } from "../schemas.ts";

const tags = ["accounts"];
const params = z.object({
  address: z.string().openapi({
    param: { name: "address", in: "path" },
    description: "Its address or one of its aliases, percent-encoded.",
    example: "alice@example.jp",
  }),
});
const password = z
  .string()
  .max(1024)
  .openapi({ description: "At least 8 characters (RFC 4013).", example: "correct horse battery staple" });

const hash = z.string().max(512).openapi({
  description: "What another server made of the password: ARGON2ID, SHA512-CRYPT, BLF-CRYPT, SSHA, SSHA256, SSHA512.",
  example: "{SSHA}6oWg9JVr3BqjqCRlEtPOBr9CI9pzYWx0",
});

const terms = {
  quota: z
    .number()
    .int()
    .nullable()
    .optional()
    .openapi({ description: "Octets that its mailbox may hold; null: as [mailbox] quota says.", example: 2147483648 }),
  plan: z.string().nullable().optional().openapi({ description: "Name of a [[plan]]; null: none.", example: "office" }),
  contact: z.string().max(320).nullable().optional().openapi({
    description: "A second address, elsewhere, that is told when a limit is nearly or wholly used up; null: none.",
    example: "alice@example.org",
  }),
};

const raise = z
  .strictObject({ factor: z.number(), for: z.number(), reason: z.string() })
  .nullable()
  .optional()
  .openapi({ description: "Limits so many times as high for so many ms, and why; null ends that." });

const list = operation(
  { rights: "read", problems: ["invalid"] },
  {
    method: "get",
    path: "/accounts",
    tags,
    summary: "List accounts by address, with what is used of their limits",
    request: { query: z.strictObject(page) },
    responses: { 200: json("One page.", accountList) },
  },
);

const add = operation(
  { rights: "change", problems: ["malformed-json", "media-type", "body-too-large", "invalid", "conflict"] },
  {
    method: "post",
    path: "/accounts",
    tags,
    summary: "Add an account",
    request: body(
      z
        .strictObject({
          address: z.string().max(320).openapi({ example: "alice@example.jp" }),
          password: password.optional(),
          hash: hash.optional(),
          aliases: z.array(z.string().max(320)).max(1000).default([]),
          ...terms,
        })
        .refine((given) => (given.password === undefined) !== (given.hash === undefined), {
          error: "either `password` or `hash`",
        })
        .openapi("NewAccount"),
    ),
    responses: { 201: { ...json("Added.", account), headers: z.object({ location: z.string() }) } },
  },
);

const imported = operation(
  { rights: "change", problems: ["malformed-json", "media-type", "body-too-large", "invalid"] },
  {
    method: "post",
    path: "/account-imports",
    tags,
    summary:
      "Add accounts of another server with the hashes of their passwords; all of them, or none when there are problems",
    request: body(
      z
        .strictObject({
          accounts: z.array(z.strictObject({ address: z.string().max(320), hash })).max(100),
          look: z.boolean().default(false).openapi({ description: "Only say what would come of it." }),
          since: z.iso.datetime({ offset: true }).optional().openapi({
            description:
              "When they were made elsewhere. Left out, or later than now: now; then they count as new accounts.",
          }),
        })
        .openapi("AccountImport"),
    ),
    responses: {
      200: json(
        "What came of it.",
        z
          .object({
            added: z.number(),
            problems: z
              .array(
                z.object({
                  index: z.number().openapi({ description: "In `accounts`." }),
                  kind: z.enum(["invalid", "conflict"]),
                  why: z.string(),
                }),
              )
              .readonly(),
            new: z.object({ share: z.number(), days: z.number() }).optional().openapi({
              description:
                "They begin with this share of the limits, as new accounts do, for so many days: `since` was left out.",
            }),
          })
          .openapi("ImportOutcome"),
      ),
    },
  },
);

const show = operation(
  { rights: "read", problems: ["not-found"] },
  {
    method: "get",
    path: "/accounts/{address}",
    tags,
    summary: "Show one account, by its address, an alias, or the id that a Received field names it by",
    request: { params },
    responses: { 200: json("The account.", account) },
  },
);

const change = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found"],
  },
  {
    method: "patch",
    path: "/accounts/{address}",
    tags,
    summary: "Change what is set for one account; what is left out stays as it is",
    request: { params, ...body(z.strictObject({ ...terms, raise }).openapi("AccountTerms")) },
    responses: { 204: { description: "Changed." } },
  },
);

const remove = operation(
  { rights: "change", problems: ["not-found", "conflict"] },
  {
    method: "delete",
    path: "/accounts/{address}",
    tags,
    summary: "Delete an account with its aliases; its mailbox stays on disk",
    request: { params },
    responses: { 204: { description: "Deleted." } },
  },
);

const passwd = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found"],
  },
  {
    method: "put",
    path: "/accounts/{address}/password",
    tags,
    summary: "Change a password",
    request: { params, ...body(z.strictObject({ password }).openapi("NewPassword")) },
    responses: { 204: { description: "Changed." } },
  },
);

const standing = operation(
  {
    rights: "change",
    problems: ["malformed-json", "media-type", "body-too-large", "invalid", "not-found", "conflict"],
  },
  {
    method: "put",
    path: "/accounts/{address}/standing",
    tags,
    summary: "Suspend an account, or let it go on",
    request: {
      params,
      ...body(z.strictObject({ standing: z.enum(["active", "suspended"]) }).openapi("NewStanding")),
    },
    responses: { 204: { description: "Changed." } },
  },
);

export function addAccountRoutes(api: Api): void {
  api.openapi(list, async (context) =>
    context.json(await context.get("control").listAccounts(context.req.valid("query")), 200),
  );
  api.openapi(add, async (context) => {
    requireChange(context);
    const { address, password: chosen, hash: made, aliases, ...rest } = context.req.valid("json");
    const control = context.get("control");
    const secret = made === undefined ? (chosen ?? "") : { hash: made };
    const outcome = await control.addAccount(address, secret, aliases, rest);
    if (!outcome.done) refuse(outcome);
    const added = await control.findAccount(address);
    if (added === undefined) throw new Problem("not-found", `${address} was added and is gone already`);
    context.header("location", `/api/v1/accounts/${encodeURIComponent(added.address)}`);
    return context.json(added, 201);
  });
  api.openapi(imported, async (context) => {
    requireChange(context);
    const { accounts, look, since } = context.req.valid("json");
    return context.json(await context.get("control").importAccounts(accounts, look ? "look" : "add", since), 200);
  });
  api.openapi(show, async (context) => {
    const { address } = context.req.valid("param");
    const found = await context.get("control").findAccount(address);
    if (found === undefined) throw new Problem("not-found", `${address}: no such account`);
    return context.json(found, 200);
  });
  api.openapi(change, async (context) => {
    requireChange(context);
    const { address } = context.req.valid("param");
    const outcome = await context.get("control").changeAccount(address, context.req.valid("json"));
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
  api.openapi(remove, async (context) => {
    requireChange(context);
    const outcome = await context.get("control").deleteAccount(context.req.valid("param").address);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
  api.openapi(passwd, async (context) => {
    requireChange(context);
    const { password: secret } = context.req.valid("json");
    const outcome = await context.get("control").setPassword(context.req.valid("param").address, secret);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
  api.openapi(standing, async (context) => {
    requireChange(context);
    const { standing: wanted } = context.req.valid("json");
    const outcome = await context.get("control").setStanding(context.req.valid("param").address, wanted);
    if (!outcome.done) refuse(outcome);
    return context.body(null, 204);
  });
}

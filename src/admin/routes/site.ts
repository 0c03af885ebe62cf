// The server as a whole: its health, its log, its configuration, what it keeps, its token.

import { z } from "@hono/zod-openapi";
import { Problem } from "../problems.ts";
import { body, json, operation, refuse, requireChange } from "../route.ts";
import type { Api } from "../route.ts";
import { configuration, findings, health, reload, retention, trace } from "../schemas.ts";

const withBody = ["malformed-json", "media-type", "body-too-large", "invalid"] as const;

const showHealth = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/health",
    tags: ["server"],
    summary: "State, version and open ports",
    responses: { 200: json("So it is.", health) },
  },
);

const showMetrics = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/metrics",
    tags: ["server"],
    summary: "Counters and gauges, as at /metrics",
    responses: {
      200: { description: "Prometheus text format 0.0.4.", content: { "text/plain": { schema: z.string() } } },
    },
  },
);

const showConfiguration = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/configuration",
    tags: ["server"],
    summary: "The configuration in effect",
    responses: { 200: json("As TOML.", configuration) },
  },
);

const reloadNow = operation(
  { rights: "change", problems: ["configuration"] },
  {
    method: "post",
    path: "/reload",
    tags: ["server"],
    summary: "Read the configuration again; open sessions go on",
    responses: { 200: json("It is in effect, but for what needs a restart.", reload) },
  },
);

const examine = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/doctor",
    tags: ["server"],
    summary: "Examine ports, DNS, certificate, disk, clock, third parties and the Dovecot beside it",
    responses: { 200: json("Findings, each with what to do.", findings) },
  },
);

const examineDirectory = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/doctor/directory",
    tags: ["server"],
    summary: "Of these, only what the store says: third parties, and the copy of the accounts for Dovecot",
    responses: { 200: json("Findings, each with what to do.", findings) },
  },
);

const probe = operation(
  { rights: "change", problems: [...withBody] },
  {
    method: "post",
    path: "/doctor",
    tags: ["server"],
    summary: "The same, and try ports 25 and 587 of other hosts",
    request: body(
      z
        .strictObject({
          probe: z
            .array(z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, "expected a host name or an IP address"))
            .min(1)
            .max(10),
        })
        .openapi("Probe"),
    ),
    responses: { 200: json("Findings, each with what to do.", findings) },
  },
);

const question = z
  .strictObject({
    question: z.string().min(1).max(1000).openapi({
      description: "A Message-ID, a queue id or an address.",
      example: "alice@example.jp",
    }),
  })
  .openapi("Question");

const ask = operation(
  { rights: "read", problems: [...withBody] },
  {
    method: "post",
    path: "/traces",
    tags: ["log"],
    summary: "What happened to a message or to the mail of an address",
    request: body(question),
    responses: { 200: json("Stories, oldest first. The look itself is in the log as `trace.asked`.", trace) },
  },
);

const note = operation(
  { rights: "read", problems: [...withBody] },
  {
    method: "post",
    path: "/traces/notes",
    tags: ["log"],
    summary: "Only write the look down, for somebody who then reads the files himself",
    request: body(question),
    responses: { 204: { description: "It is written down." } },
  },
);

const showRetention = operation(
  { rights: "read", problems: [] },
  {
    method: "get",
    path: "/retention",
    tags: ["log"],
    summary: "What is kept, since when and for how long",
    responses: { 200: json("Everything on disk by kind.", retention) },
  },
);

const purge = operation(
  { rights: "change", problems: [] },
  {
    method: "post",
    path: "/retention/purge",
    tags: ["log"],
    summary: "Delete what has expired",
    responses: { 200: json("What that was.", retention) },
  },
);

const rotate = operation(
  { rights: "change", problems: ["socket-only", "conflict"] },
  {
    method: "post",
    path: "/token/rotate",
    tags: ["server"],
    summary: "Make the API's own token anew; through the control socket only",
    responses: {
      200: json(
        "The new one. The old one is worth nothing any more.",
        z.object({ token: z.string() }).openapi("Token"),
      ),
    },
  },
);

export function addSiteRoutes(api: Api): void {
  api.openapi(showHealth, async (context) => {
    const found = await context.get("control").health();
    if (found === undefined) throw new Problem("not-ready");
    return context.json(found, 200);
  });
  api.openapi(showMetrics, async (context) => {
    const text = await context.get("control").metrics();
    if (text === undefined) throw new Problem("not-ready");
    return context.text(text, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  api.openapi(showConfiguration, async (context) =>
    context.json({ toml: await context.get("control").configuration() }, 200),
  );
  api.openapi(reloadNow, async (context) => {
    requireChange(context);
    const outcome = await context.get("control").reload();
    switch (outcome.kind) {
      case "not-running":
        throw new Problem("not-ready");
      case "refused":
        throw new Problem("configuration", undefined, outcome.problems.map(placed));
      case "applied":
        return context.json({ changed: outcome.changed, restart: outcome.restart }, 200);
    }
  });
  api.openapi(examine, async (context) => context.json(await context.get("control").examine([]), 200));
  api.openapi(examineDirectory, async (context) => context.json(await context.get("control").examineDirectory(), 200));
  api.openapi(probe, async (context) => {
    requireChange(context);
    return context.json(await context.get("control").examine(context.req.valid("json").probe), 200);
  });
  api.openapi(ask, async (context) => {
    const found = await context.get("control").trace(context.req.valid("json").question);
    if (found === "busy") throw new Problem("busy");
    return context.json(found, 200);
  });
  api.openapi(note, async (context) => {
    await context.get("control").noteTrace(context.req.valid("json").question);
    return context.body(null, 204);
  });
  api.openapi(showRetention, async (context) => context.json(await context.get("control").retention(), 200));
  api.openapi(purge, async (context) => {
    requireChange(context);
    return context.json(await context.get("control").purge(), 200);
  });
  api.openapi(rotate, async (context) => {
    requireChange(context);
    if (context.get("caller").through !== "socket") throw new Problem("socket-only");
    const outcome = await context.get("control").rotateToken();
    if (!outcome.done) refuse(outcome);
    return context.json({ token: outcome.token }, 200);
  });
}

/** `file:line:column: message` taken apart. */
function placed(problem: string): { at: string; detail: string } {
  const [, at = "", detail = problem] = /^(.*?:\d+:\d+): (.*)$/s.exec(problem) ?? [];
  return { at, detail };
}

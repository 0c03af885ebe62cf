// The API under /api: its document, its guards, its routes, and how anything that goes wrong is answered.

import type { OpenAPIHono } from "@hono/zod-openapi";
import { HTTPException } from "hono/http-exception";
import { createGuards, createHostGuard } from "./guard.ts";
import type { Door, GuardServices } from "./guard.ts";
import { Problem, problemResponse, problems } from "./problems.ts";
import { createRoutes, spellOut } from "./route.ts";
import type { Api, Environment } from "./route.ts";
import { addSenderRoutes } from "./routes/account-senders.ts";
import { addAccountRoutes } from "./routes/accounts.ts";
import { addAppPasswordRoutes } from "./routes/app-passwords.ts";
import { addCredentialRoute } from "./routes/credentials.ts";
import { addQueueRoutes } from "./routes/queue.ts";
import { addSiteRoutes } from "./routes/site.ts";
import { addSubstituteRoutes } from "./routes/substitutes.ts";
import { addSuspectRoutes } from "./routes/suspects.ts";
import { problem } from "./schemas.ts";

const BASE = "/api/v1";

/** A whole application: mounted beside the public pages, or alone on the control socket. */
export function createApi(door: Door, services: GuardServices, version: string): OpenAPIHono<Environment> {
  const api = createRoutes();
  const { names, observer } = services;

  api.onError((error) => {
    if (error instanceof Problem) return problemResponse(error);
    if (error instanceof HTTPException && error.status === 400) return problemResponse(new Problem("malformed-json"));
    observer.emit("internal.failed", { where: "API", cause: error.stack ?? error.message });
    return problemResponse(new Problem("internal"));
  });
  api.notFound(() => problemResponse(new Problem("no-such-path")));

  if (door === "network") {
    const hostGuard = createHostGuard(names);
    const document = apiDocument(version);
    api.get("/api/openapi.json", hostGuard, (context) => context.json(document));
    api.get("/api/problems/:code", hostGuard, (context) => {
      const found = Object.entries(problems).find(([code]) => code === context.req.param("code"));
      if (found === undefined) throw new Problem("no-such-path");
      const [code, { status, title, meaning }] = found;
      return context.text(`${code} (${status})\n\n${title}\n${meaning}\n`);
    });
  }
  for (const guard of createGuards(door, services)) api.use(`${BASE}/*`, guard);
  api.route(BASE, routes());
  if (door === "socket") addCredentialRoute(api, BASE);
  addMethodAnswers(api);
  return api;
}

/** The document of the API (OpenAPI 3.1). */
export function apiDocument(version: string): ReturnType<Api["getOpenAPI31Document"]> {
  const api = createRoutes();
  api.openAPIRegistry.register("Problem", problem);
  api.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  api.route(BASE, routes());
  const document = api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Sekimori",
      version,
      description: "What an operator can ask and do. Errors are problem details (RFC 9457) with a stable `code`.",
      license: { name: "Apache-2.0" },
    },
    servers: [{ url: "http://127.0.0.1:2080" }],
    security: [{ token: [] }],
    tags: [
      { name: "accounts", description: "Who may log in and send." },
      { name: "queue", description: "Mail that is not delivered yet." },
      { name: "log", description: "What happened, and how long that is kept." },
      { name: "server", description: "The server as a whole." },
    ],
  });
  spellOut(document);
  return document;
}

function routes(): Api {
  const api = createRoutes();
  addAccountRoutes(api);
  addSenderRoutes(api);
  addAppPasswordRoutes(api);
  addSubstituteRoutes(api);
  addSuspectRoutes(api);
  addQueueRoutes(api);
  addSiteRoutes(api);
  return api;
}

/** Where a path exists but not with this method, that is said (RFC 9110 §15.5.6). */
function addMethodAnswers(api: Api): void {
  const methods = Map.groupBy(
    api.routes.filter(({ method, path }) => method !== "ALL" && path.startsWith("/api/")),
    ({ path }) => path,
  );
  // A path that says all of itself goes before one that only looks like it: the first answers.
  const fixedFirst = [...methods].toSorted(([one], [other]) => Number(one.includes(":")) - Number(other.includes(":")));
  for (const [path, those] of fixedFirst) {
    const allowed = new Set(those.map(({ method }) => method));
    if (allowed.has("GET")) allowed.add("HEAD");
    api.all(path, () => problemResponse(new Problem("method"), { allow: [...allowed].join(", ") }));
  }
}

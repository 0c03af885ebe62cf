// How routes are said: what a route may answer besides its result, and which rights it needs, are said beside it and end up in the
// document. A test asks every route with a token that lacks the rights.

import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Control, Refused } from "../control/control.ts";
import { Problem, problemResponse, problems } from "./problems.ts";
import type { ProblemCode } from "./problems.ts";

/** Who asks. */
export interface Caller {
  /** As it stands in the log. */
  readonly by: string;
  readonly rights: "read" | "change";
  readonly through: "network" | "socket";
}

export interface Environment {
  Variables: { caller: Caller; control: Control };
}

export type Api = OpenAPIHono<Environment>;

/** Answers that every route may give. */
const always: readonly ProblemCode[] = ["no-token", "wrong-token", "host", "origin", "busy", "internal", "not-ready"];

export function createRoutes(): Api {
  return new OpenAPIHono<Environment>({
    // Without it the library shows its own errors.
    defaultHook: (result) => {
      if (result.success) return;
      const errors = result.error.issues.map(({ path, message }) => ({
        at: result.target === "json" ? path.map(pointerStep).join("") : path.map(String).join("."),
        detail: message,
      }));
      return problemResponse(new Problem("invalid", undefined, errors));
    },
  });
}

interface Said {
  readonly rights: Caller["rights"];
  readonly problems: readonly ProblemCode[];
}

/** Extensions of an operation until the document is made. */
const SAID = "x-said";

export function operation<const P extends string, R extends Omit<RouteConfig, "path"> & { path: P }>(
  said: Said,
  route: R,
): ReturnType<typeof createRoute<P, R>> {
  return createRoute<P, R>({ ...route, [SAID]: said });
}

/** A JSON body of a request. */
export function body<S extends z.ZodType>(
  schema: S,
): { body: { required: true; content: { "application/json": { schema: S } } } } {
  return { body: { required: true, content: { "application/json": { schema } } } };
}

/** A JSON body of an answer. */
export function json<S extends z.ZodType>(
  description: string,
  schema: S,
): { description: string; content: { "application/json": { schema: S } } } {
  return { description, content: { "application/json": { schema } } };
}

/** What was said beside the operations, as responses and words of the document. */
export function spellOut(document: ReturnType<Api["getOpenAPI31Document"]>): void {
  for (const methods of Object.values(document.paths ?? {})) {
    for (const operationObject of Object.values(methods)) {
      if (!isOperation(operationObject)) continue;
      const { [SAID]: said } = operationObject;
      delete operationObject[SAID];
      if (said === undefined) continue;
      operationObject.description = `Needs the right \`${said.rights}\`.`;
      const codes = [...said.problems, ...always, ...(said.rights === "change" ? (["rights"] as const) : [])];
      const byStatus = Map.groupBy(codes, (code) => problems[code].status);
      const content = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
      for (const [status, those] of [...byStatus].toSorted(([a], [b]) => a - b)) {
        operationObject.responses[String(status)] = {
          description: those.map((code) => `\`${code}\``).join(", "),
          content,
        };
      }
    }
  }
}

interface OperationObject {
  [SAID]?: Said;
  description?: string;
  readonly responses: Record<string, object>;
}

function isOperation(value: unknown): value is OperationObject {
  return typeof value === "object" && value !== null && "responses" in value;
}

/** A token that may only look is refused. */
export function requireChange(context: Context<Environment>): void {
  if (context.get("caller").rights !== "change") throw new Problem("rights");
}

/** The use case said no. */
export function refuse({ kind, why }: Refused): never {
  throw new Problem(kind, why);
}

/** One step of a JSON Pointer (RFC 6901 §3). */
function pointerStep(step: PropertyKey): string {
  return `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

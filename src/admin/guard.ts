// What stands before every route of the API: that the server can answer at all, that no foreign web page asks, who asks, and that
// the body is of a kind and size that anybody reads. What is refused here is in the log.
//
// Over the network: a token (RFC 6750), and a Host that is ours, for a page elsewhere can point its own name at this host and
// then speaks with the right address and the wrong name (DNS rebinding). Over the control socket: whoever can open it is the
// server's own account or root; the name it gives itself goes into the log and opens nothing.

import { isIP } from "node:net";
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { Control } from "../control/control.ts";
import type { TokenHolder } from "../control/tokens.ts";
import type { Clock } from "../io/clock.ts";
import type { Observer } from "../observe/events.ts";
import { Problem } from "./problems.ts";
import type { ProblemCode } from "./problems.ts";
import type { Caller, Environment } from "./route.ts";

export interface GuardServices {
  /** undefined while the server starts. */
  readonly control: (by: string) => Control | undefined;
  readonly holderOf: (token: string) => TokenHolder | undefined;
  /** Names in the Host header that are ours, besides IP addresses and localhost. */
  readonly names: () => readonly string[];
  readonly observer: Observer;
  readonly clock: Pick<Clock, "monotonic">;
}

export type Door = Caller["through"];

const MOST_AT_ONCE = 64;
const LARGEST_BODY = 64 * 1024;

export function createGuards(
  door: Door,
  { control, holderOf, names, observer, clock }: GuardServices,
): readonly MiddlewareHandler<Environment>[] {
  let open = 0;

  function refuse(context: Context<Environment>, code: ProblemCode, by?: string): never {
    const { remoteAddress: client = "", remotePort: port = 0 } = socketOf(context.env) ?? {};
    const { method } = context.req;
    const who = by === undefined ? {} : { by };
    observer.emit("api.refused", { client, port, method, path: shown(context.req.path), cause: code, ...who });
    throw new Problem(code);
  }

  function callerOf(context: Context<Environment>): Caller {
    if (door === "socket") {
      const name = context.req.header("sekimori-operator") ?? "";
      return { by: /^[\x21-\x7e]{1,64}$/.test(name) ? name : "operator", rights: "change", through: door };
    }
    const [, token] = /^bearer +(\S+)$/i.exec(context.req.header("authorization") ?? "") ?? [];
    if (token === undefined) refuse(context, "no-token");
    const holder = holderOf(token);
    if (holder === undefined) refuse(context, "wrong-token");
    return { by: `token ${holder.name}`, rights: holder.rights, through: door };
  }

  return [
    async (context, next) => {
      if (open >= MOST_AT_ONCE) throw new Problem("busy");
      open++;
      try {
        context.header("cache-control", "no-store");
        context.header("x-content-type-options", "nosniff");
        await next();
      } finally {
        open--;
      }
    },
    async (context, next) => {
      if (door === "network") {
        if (!isOurs(context.req.header("host"), names())) refuse(context, "host");
        if (isForeign(context)) refuse(context, "origin");
      }
      const caller = callerOf(context);
      const found = control(caller.by);
      if (found === undefined) throw new Problem("not-ready");
      context.set("caller", caller);
      context.set("control", found);
      const begun = clock.monotonic();
      await next();
      const { method, path } = context.req;
      const { status } = context.res;
      if (status === 403) {
        const { remoteAddress: client = "", remotePort: port = 0 } = socketOf(context.env) ?? {};
        observer.emit("api.refused", { client, port, method, path: shown(path), cause: "rights", by: caller.by });
      }
      const milliseconds = Math.round(clock.monotonic() - begun);
      observer.emit("api.answered", { by: caller.by, method, path: shown(path), status, milliseconds });
    },
    async (context, next) => {
      const { req } = context;
      const hasBody = req.header("transfer-encoding") !== undefined || Number(req.header("content-length") ?? 0) > 0;
      if (hasBody && !isJson(req.header("content-type"))) throw new Problem("media-type");
      await next();
    },
    bodyLimit({
      maxSize: LARGEST_BODY,
      onError: () => {
        throw new Problem("body-too-large");
      },
    }),
  ];
}

/** Before the pages that need no token. */
export function createHostGuard(names: () => readonly string[]): MiddlewareHandler {
  return async (context, next) => {
    if (!isOurs(context.req.header("host"), names())) throw new Problem("host");
    await next();
  };
}

/** No name can be rebound to be an address. */
function isOurs(host: string | undefined, names: readonly string[]): boolean {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/]+))(?::\d{1,5})?$/i.exec(host ?? "") ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const name = plain?.toLowerCase().replace(/\.$/, "");
  if (name === undefined) return false;
  return isIP(name) === 4 || name === "localhost" || names.some((each) => each.toLowerCase() === name);
}

function isForeign({ req }: Context<Environment>): boolean {
  const site = req.header("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const origin = req.header("origin");
  if (origin === undefined) return false;
  try {
    return new URL(origin).host !== req.header("host")?.toLowerCase();
  } catch {
    return true;
  }
}

function isJson(type: string | undefined): boolean {
  return /^application\/json *(?:; *charset="?utf-8"? *)?$/i.test(type ?? "");
}

/** A path as it goes into the log. */
function shown(path: string): string {
  return path.slice(0, 200);
}

interface HttpSocket {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** TLS. */
  readonly encrypted?: boolean;
}

/** Who is at the other end, of the environment of a request. */
export function socketOf(environment: unknown): HttpSocket | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what @hono/node-server puts there; nothing in tests without one
  const env = environment as { readonly incoming?: { readonly socket: HttpSocket } } | undefined;
  return env?.incoming?.socket;
}

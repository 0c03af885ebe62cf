// The HTTP face on [dovecot] listen: Dovecot's authentication policy protocol (`auth_policy_server_url`). Dovecot posts JSON, before a login
// is looked at and after a right one (`command=allow`), and when it is over (`command=report`).
//
// Answers nobody without the token: whoever reports a login opens an address for mail. In a header as Dovecot sends it: with
// `auth_policy_server_api_header = Authorization: Bearer TOKEN`, or as X-API-Key where that setting is the bare token.
// A failure here is a 5xx: Dovecot goes on without us then, unless its `auth_policy_reject_on_fail` says otherwise.

import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { z } from "@hono/zod-openapi";
import type { DovecotLogins, ReportedLogin } from "../control/dovecot-logins.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import { socketOf } from "./guard.ts";

export interface DovecotServices {
  /** In effect now; a reload replaces it. undefined: nobody is answered. */
  readonly token: () => string | undefined;
  /** undefined while the server starts. */
  readonly logins: () => Remote<DovecotLogins> | undefined;
  readonly observer: Observer;
}

const LARGEST_REQUEST = 16 * 1024;
const text = z.string().max(1024);

/** What is sent depends on `auth_policy_request_attributes`, and on the version: only these are needed. */
const request = z.object({
  login: text,
  remote: text.default(""),
  protocol: text.default(""),
  session_id: text.default(""),
  pwhash: text.default(""),
  /** A number in quotes, where it is sent: the attribute `port=%{rport}`. */
  port: z.union([z.string().max(5), z.number()]).optional(),
  /** Only true is. */
  tls: z.unknown().optional(),
  success: z.unknown().optional(),
  policy_reject: z.unknown().optional(),
  /** Dovecot 2.4. */
  fail_type: text.optional(),
});
type Request = z.infer<typeof request>;

const HELD = "too many wrong passwords from your address or for this account, try again later";

export function createDovecotApp({ token, logins, observer }: DovecotServices): Hono {
  const app = new Hono();

  function refuse(context: Context, cause: "no-token" | "wrong-token"): Response {
    const { remoteAddress: client = "", remotePort: port = 0 } = socketOf(context.env) ?? {};
    const { method, path } = context.req;
    observer.emit("api.refused", { client, port, method, path: `dovecot ${path.slice(0, 200)}`, cause });
    return context.text(`${cause}\n`, 401, { "www-authenticate": "Bearer" });
  }

  app.onError((error, context) => {
    if (error instanceof HTTPException) return error.getResponse();
    observer.emit("internal.failed", { where: "logins of Dovecot", cause: error.stack ?? error.message });
    return context.text("something went wrong here\n", 500);
  });
  app.notFound((context) => context.text("not here\n", 404));
  app.use(async (context, next) => {
    const presented = presentedToken(context);
    const wanted = token();
    if (presented === undefined) return refuse(context, "no-token");
    if (wanted === undefined || !timingSafeEqual(digest(presented), digest(wanted))) {
      return refuse(context, "wrong-token");
    }
    return next();
  });
  app.post("/", bodyLimit({ maxSize: LARGEST_REQUEST }), async (context) => {
    const command = context.req.query("command");
    if (command !== "allow" && command !== "report") return context.text("command is allow or report\n", 400);
    const read = readRequest(await context.req.text());
    if (read === undefined) return context.text("not a request of Dovecot's policy protocol\n", 400);
    const known = logins();
    if (known === undefined) return context.text("not ready\n", 503);
    const login = loginOf(read);
    if (command === "allow") {
      const answer = await known.admit(login);
      return context.json(answer === "held" ? { status: -1, msg: HELD } : { status: 0, msg: "" });
    }
    await known.report(login, outcomeOf(read));
    return context.json({ status: 0, msg: "" });
  });
  return app;
}

function readRequest(body: string): Request | undefined {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return undefined;
  }
  const read = request.safeParse(json);
  return read.success ? read.data : undefined;
}

function loginOf({ login, remote, protocol, session_id: session, pwhash, port, tls }: Request): ReportedLogin {
  const number = Number(port ?? 0);
  return {
    login,
    client: remote,
    port: Number.isInteger(number) && number > 0 && number < 65_536 ? number : 0,
    protocol: protocol.toLowerCase(),
    tls: tls === true,
    session,
    passwordDigest: pwhash,
  };
}

/** What we had refused ourselves, and what broke there, says nothing about the password. */
function outcomeOf({ success, policy_reject: refused, fail_type: why }: Request): "right" | "wrong" | "untold" {
  if (success === true) return "right";
  if (refused === true) return "untold";
  return why === undefined || why === "credentials" || why === "account" ? "wrong" : "untold";
}

function presentedToken({ req }: Context): string | undefined {
  const [, bearer] = /^bearer +(\S+)$/i.exec(req.header("authorization") ?? "") ?? [];
  return bearer ?? req.header("x-api-key");
}

/** Of one length, so that the time says nothing. */
function digest(value: string): Buffer {
  return createHash("sha256").update(value).digest();
}

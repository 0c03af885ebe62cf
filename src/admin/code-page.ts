// `/code` of [web]: GET shows the form, POST takes an entry. A GET never confirms anything, for what scans mail follows the links in it. There is
// no cookie, so no other site can use anybody's login; what is posted from one is refused all the same, so that nobody's visitors
// guess for him. Secrets are in bodies only, never in the path or the query.

import type { Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { CodePage, Visitor } from "../control/code-page.ts";
import type { CodeOutcome } from "../control/setup/code-form.ts";
import { codePath } from "../control/setup/code-url.ts";
import type { Language } from "../control/setup/texts.ts";
import { socketOf } from "./guard.ts";

const LARGEST_ENTRY = 4 * 1024;
/** For clients that wait by themselves, seconds. */
const AGAIN = { later: "600", unavailable: "60" } as const;

export function addCodePage(app: Hono, page: CodePage, languageOf: (context: Context) => Language): void {
  function clientOf({ env, req }: Context): Visitor {
    const socket = socketOf(env);
    return page.clientOf({
      client: socket?.remoteAddress ?? "",
      port: socket?.remotePort ?? 0,
      isSecure: socket?.encrypted === true,
      forwardedFor: req.header("x-forwarded-for"),
      forwardedProto: req.header("x-forwarded-proto"),
    });
  }

  app.use(codePath, async (context, next) => {
    const visitor = clientOf(context);
    if (visitor.kind === "none") return context.notFound();
    context.header("cache-control", "no-store");
    if (visitor.kind === "client") return next();
    // Nobody types in vain.
    page.refuse(visitor.proxy, "unnamed");
    return context.text("the proxy before this server does not say who asks: please tell your provider\n", 503);
  });
  app.get(codePath, (context) => context.html(page.text(languageOf(context), { kind: "empty" })));
  app.post(codePath, bodyLimit({ maxSize: LARGEST_ENTRY }), async (context) => {
    const visitor = clientOf(context);
    if (visitor.kind !== "client") return context.notFound();
    const { client } = visitor;
    if (isForeign(context)) {
      page.refuse(client, "foreign");
      return context.text("open this page itself, and enter the code there\n", 403);
    }
    if (!/^application\/x-www-form-urlencoded *(?:;|$)/i.test(context.req.header("content-type") ?? "")) {
      page.refuse(client, "malformed");
      return context.text("a form is needed\n", 415);
    }
    const fields = new URLSearchParams(await context.req.text());
    const [account, password, address, code] = ["account", "password", "address", "code"].map((name) =>
      only(fields.getAll(name)),
    );
    if (account === undefined || password === undefined || address === undefined || code === undefined) {
      page.refuse(client, "malformed");
      return context.text("fields are missing\n", 400);
    }
    const outcome = await page.enter({ account, password, address, code, client });
    if (outcome.kind === "later" || outcome.kind === "unavailable") context.header("retry-after", AGAIN[outcome.kind]);
    const view = { kind: "answer", outcome, account, address } as const;
    return context.html(page.text(languageOf(context), view), statusOf(outcome));
  });
  app.all(codePath, (context) => context.text("GET or POST\n", 405, { allow: "GET, HEAD, POST" }));
}

/** What is there twice is nobody's form. */
function only(values: readonly string[]): string | undefined {
  return values.length === 1 ? values[0] : undefined;
}

function statusOf({ kind }: CodeOutcome): 200 | 403 | 429 | 503 {
  switch (kind) {
    case "proved":
      return 200;
    case "refused":
      return 403;
    case "later":
      return 429;
    case "unavailable":
      return 503;
  }
}

/** Browsers say where a form was (Fetch §3.3); a page with our Referrer-Policy posts with the origin `null`. */
function isForeign({ req }: Context): boolean {
  const site = req.header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = req.header("origin");
  if (origin === undefined || origin === "null") return false;
  try {
    return new URL(origin).host !== req.header("host")?.toLowerCase();
  } catch {
    return true;
  }
}

// The HTTP face on [web] listen, for everybody: what leads users and their mail programs here (Mozilla's autoconfiguration,
// Autodiscover, Apple's profiles, pages), the policy of MTA-STS, and the page for codes (code-page.ts).

import { Hono } from "hono";
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { pagePaths } from "../control/setup/guide.ts";
import type { CodePage } from "../control/code-page.ts";
import type { Guide } from "../control/setup/guide.ts";
import type { Language } from "../control/setup/texts.ts";
import type { Clock } from "../io/clock.ts";
import type { Observer } from "../observe/events.ts";
import { addCodePage } from "./code-page.ts";

export interface WebServices {
  readonly guide: Guide;
  readonly codes: CodePage;
  readonly observer: Observer;
  readonly clock: Pick<Clock, "wall">;
}

const LARGEST_REQUEST = 16 * 1024;
const xml = { "content-type": "text/xml; charset=utf-8" };

export function createWebApp({ guide, codes, observer, clock }: WebServices): Hono {
  const app = new Hono();

  app.onError((error, context) => {
    if (error instanceof HTTPException) return error.getResponse();
    observer.emit("internal.failed", { where: "web", cause: error.stack ?? error.message });
    return context.text("something went wrong here\n", 500);
  });
  app.notFound((context) => context.text("not here\n", 404));
  app.use(async (context, next) => {
    await next();
    const { headers } = context.res;
    headers.set("x-content-type-options", "nosniff");
    headers.set("referrer-policy", "no-referrer");
    headers.set(
      "content-security-policy",
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
  });

  const autoconfig = (context: Context): Response | Promise<Response> => {
    const text = guide.autoconfig(hostOf(context), addressIn(context.req.query("emailaddress")));
    return text === undefined ? context.notFound() : context.body(text, 200, xml);
  };
  app.get("/mail/config-v1.1.xml", autoconfig);
  app.get("/.well-known/autoconfig/mail/config-v1.1.xml", autoconfig);

  // Outlook writes the path with large letters and small ones.
  app.post("/:folder/:file", bodyLimit({ maxSize: LARGEST_REQUEST }), async (context) => {
    if (context.req.path.toLowerCase() !== "/autodiscover/autodiscover.xml") return context.notFound();
    const body = await context.req.text();
    return context.body(guide.autodiscover(hostOf(context), body, new Date(clock.wall())), 200, xml);
  });

  app.get("/email.mobileconfig", (context) => {
    const address = addressIn(context.req.query("email"));
    const profile = address === undefined ? undefined : guide.profile(address);
    if (profile === undefined) return context.notFound();
    return context.body(profile.octets, 200, {
      "content-type": "application/x-apple-aspen-config",
      "content-disposition": `attachment; filename="${profile.domain}.mobileconfig"`,
    });
  });

  app.get("/.well-known/mta-sts.txt", (context) => plain(context, guide.stsPolicy(hostOf(context))));
  app.get("/ports.sh", (context) => plain(context, guide.portTest("shell", hostOf(context))));
  app.get("/ports.ps1", (context) => plain(context, guide.portTest("powershell", hostOf(context))));
  for (const [path, name] of pagePaths) {
    app.get(path, (context) => {
      const text = guide.page(name, hostOf(context), languageOf(context));
      return text === undefined ? context.notFound() : context.html(text);
    });
  }
  addCodePage(app, codes, languageOf);
  return app;
}

function plain(context: Context, text: string | undefined): Response | Promise<Response> {
  return text === undefined ? context.notFound() : context.text(text);
}

function hostOf(context: Context): string {
  return (context.req.header("host") ?? "").replace(/:\d+$/, "").toLowerCase();
}

/** What could be an address here: it goes into XML, and nowhere else. */
function addressIn(text: string | undefined): string | undefined {
  return text !== undefined && /^[^\s@<>"]{1,64}@[^\s@<>"]{1,255}$/.test(text) ? text : undefined;
}

function languageOf(context: Context): Language {
  const asked = context.req.query("lang");
  if (asked === "en" || asked === "ja") return asked;
  return /^\s*ja\b/i.test(context.req.header("accept-language") ?? "") ? "ja" : "en";
}

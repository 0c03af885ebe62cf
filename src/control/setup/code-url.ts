// Whether there is a page on which a customer enters the code that proves his address at a third party (admin/code-page.ts), and where
// others reach it.

import type { Settings } from "../../config/settings.ts";
import { isLoopback } from "./offer.ts";

export const codePath = "/code";

export type CodePageSettings = Pick<Settings, "hostname" | "listeners" | "substitute" | "web">;

/** Without a substitute listener there is nothing to prove. */
export function hasCodePage({ listeners, substitute, web }: CodePageSettings): boolean {
  return substitute.codePage && web.listen.length > 0 && listeners.some(({ role }) => role === "substitute");
}

/** What a mail can say; undefined: there is none, or none that others reach. */
export function codeUrl(settings: CodePageSettings): string | undefined {
  const { hostname, web } = settings;
  if (!hasCodePage(settings)) return undefined;
  // The proxy answers under the name of this host, as `sekimori dns` publishes it for all of the pages.
  if (web.tls === "none") return web.forwardedBy.length === 0 ? undefined : `https://${hostname}${codePath}`;
  const ports = web.listen.filter(({ address, port }) => port !== 0 && !isLoopback(address)).map(({ port }) => port);
  const port = ports.find((each) => each === 443) ?? ports[0];
  if (port === undefined) return undefined;
  return `https://${hostname}${port === 443 ? "" : `:${port}`}${codePath}`;
}

// Which mail in the queue has to leave by the server of a third party, and which server that is now: mail of a substitute sender that
// receivers would refuse from here. Told as the router (egress/routing.ts) does it; what is delivered here goes no such way.

import type { Settings } from "../config/settings.ts";
import { deliveryOf, relayRoute } from "../egress/routing.ts";
import { domainOf } from "../queue/classes.ts";
import type { SpooledMessage } from "../spool/message.ts";
import type { RelayView } from "./control.ts";

export type RelaySettings = Pick<Settings, "delivery" | "domains" | "substitute">;

/** undefined: it goes another way. */
export function relayViews(
  settings: RelaySettings,
): (message: Pick<SpooledMessage, "relay">, recipient: string) => RelayView | undefined {
  const delivery = deliveryOf(settings);
  const local: ReadonlySet<string> = new Set(settings.domains.map(({ name }) => name));
  return ({ relay }, recipient) => {
    const domain = domainOf(recipient);
    // Without a domain it is the postmaster here.
    if (relay === undefined || domain === "" || local.has(domain)) return undefined;
    const route = relayRoute(delivery, domain, relay);
    if (route === undefined) return undefined;
    return route.kind === "hosts" ? { domain: relay, site: route.site } : { domain: relay };
  };
}

// Mail on its way out: DKIM by the author's domain, then the transport. Both are replaced as a whole by a reload.

import { isDeepStrictEqual } from "node:util";
import { readHeaders } from "../message/headers.ts";
import { authors } from "../message/submission.ts";
import { createSigner } from "../mailauth/dkim-sign.ts";
import type { Signer } from "../mailauth/dkim-sign.ts";
import type { Settings } from "../config/settings.ts";
import type { Later, Transport } from "../egress/dispatch/transport.ts";
import { createEgress } from "../egress/delivery.ts";
import type { Egress, EgressDestination } from "../egress/delivery.ts";
import { deliveryOf } from "../egress/routing.ts";
import { createResolver } from "../io/dns.ts";
import type { Clock } from "../io/clock.ts";
import type { Observer } from "../observe/events.ts";
import type { SpooledMessage } from "../spool/message.ts";

export interface Outbound {
  readonly transport: Transport;
  readonly finish: (message: SpooledMessage, content: readonly Uint8Array[]) => Later<readonly Uint8Array[]>;
  /** Throws when the new settings cannot be used; `commit` puts them into effect for what is submitted from then on. */
  prepare(configuration: OutboundConfiguration): { commit(): void };
  /** Where mail goes now and how it fares there. */
  destinations(): readonly EgressDestination[];
  close(): Promise<void>;
}

export interface OutboundConfiguration {
  readonly settings: Settings;
  readonly dkimKeys: ReadonlyMap<string, string>;
}

export interface OutboundServices extends OutboundConfiguration {
  readonly observer: Observer;
  readonly clock: Clock;
}

/** How often replaced connections are looked at, and how long they may take to finish, ms. */
const LOOK = 1000;
const RETIRED_FOR = 10 * 60_000;

export function createOutbound({ observer, clock, ...first }: OutboundServices): Outbound {
  let current = first;
  let signers = signersOf(first, clock);
  let egress = egressOf(first.settings);
  /** Replaced, with mail under way: it ends under the settings it began with. */
  const retired = new Map<Egress, NodeJS.Timeout>();

  function egressOf(settings: Settings): Egress {
    const resolver = createResolver({ ...settings.dns, clock });
    return createEgress({ settings: deliveryOf(settings), hostname: settings.hostname, resolver, clock, observer });
  }

  async function sign(
    signer: Signer,
    { id }: SpooledMessage,
    content: readonly Uint8Array[],
  ): Promise<readonly Uint8Array[]> {
    const signature = await signer(content);
    if (signature.ok) return [signature.value, ...content];
    observer.emit("internal.failed", { where: `DKIM signature of ${id}`, cause: signature.error.message });
    return content;
  }

  function retire(old: Egress): void {
    const since = clock.monotonic();
    const look = setInterval(() => {
      const { routing, queued, connections } = old.status();
      const busy = routing + queued + connections > 0;
      if (busy && clock.monotonic() - since < RETIRED_FOR) return;
      clearInterval(look);
      retired.delete(old);
      void old.close();
    }, LOOK);
    retired.set(old, look);
  }

  return {
    transport: { submit: (job) => egress.submit(job) },
    /** Only what an account here submitted is signed, for an author that it may be: they were checked. */
    finish: (message, content) => {
      if (message.origin !== "submission" || signers.size === 0) return content;
      const section = readHeaders(content);
      const found = section.ok ? authors(section.value) : undefined;
      const signing = message.foreignAuthor === true ? "sender" : "from";
      const author = found?.ok === true ? found.value.find(({ field }) => field === signing) : undefined;
      const domain = author?.address.domain;
      const signer = domain === undefined ? undefined : signers.get(domain);
      return signer === undefined ? content : sign(signer, message, content);
    },
    prepare: (next) => {
      const nextSigners = signersOf(next, clock);
      return {
        commit: () => {
          const sameWay = isDeepStrictEqual(wayOf(current.settings), wayOf(next.settings));
          current = next;
          signers = nextSigners;
          if (sameWay) return;
          retire(egress);
          egress = egressOf(next.settings);
        },
      };
    },
    destinations: () => egress.destinations(),
    close: async () => {
      for (const look of retired.values()) clearInterval(look);
      await Promise.all([egress, ...retired.keys()].map((each) => each.close()));
    },
  };
}

/** What the connections out are made from. */
function wayOf(settings: Settings): readonly unknown[] {
  return [deliveryOf(settings), settings.dns, settings.hostname];
}

function signersOf({ settings, dkimKeys }: OutboundConfiguration, clock: Clock): ReadonlyMap<string, Signer> {
  const signers = new Map<string, Signer>();
  for (const { name, dkim } of settings.domains) {
    const privateKey = dkimKeys.get(name);
    if (dkim === undefined || privateKey === undefined) continue;
    const signer = createSigner({ domain: name, selector: dkim.selector, privateKey, clock });
    if (!signer.ok) throw new Error(`DKIM key of ${name}: ${signer.error.message}`);
    signers.set(name, signer.value);
  }
  return signers;
}

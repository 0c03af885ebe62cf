// Mail on its way out: DKIM by the author's domain, then the transport.

import { readHeaders } from "../message/headers.ts";
import { authors } from "../message/submission.ts";
import { createSigner } from "../mailauth/dkim-sign.ts";
import type { Signer } from "../mailauth/dkim-sign.ts";
import type { Settings } from "../config/settings.ts";
import type { Transport } from "../egress/dispatch/transport.ts";
import { createEgress } from "../egress/delivery.ts";
import { createResolver } from "../io/dns.ts";
import type { Clock } from "../io/clock.ts";
import type { Observer } from "../observe/events.ts";
import type { SpooledMessage } from "../spool/message.ts";

export interface Outbound {
  readonly transport: Transport;
  readonly finish: (message: SpooledMessage, content: readonly Uint8Array[]) => Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}

export interface OutboundServices {
  readonly settings: Settings;
  readonly dkimKeys: ReadonlyMap<string, string>;
  readonly observer: Observer;
  readonly clock: Clock;
}

export function createOutbound({ settings, dkimKeys, observer, clock }: OutboundServices): Outbound {
  const signers = new Map<string, Signer>();
  for (const { name, dkim } of settings.domains) {
    const privateKey = dkimKeys.get(name);
    if (dkim === undefined || privateKey === undefined) continue;
    const signer = createSigner({ domain: name, selector: dkim.selector, privateKey, clock });
    if (!signer.ok) throw new Error(`DKIM key of ${name}: ${signer.error.message}`);
    signers.set(name, signer.value);
  }
  const resolver = createResolver({ ...settings.dns, clock });
  const egress = createEgress({ settings: settings.delivery, hostname: settings.hostname, resolver, clock, observer });

  return {
    transport: egress,
    /** Only what an account here submitted is signed: its authors were checked. */
    finish: async (message, content) => {
      if (message.origin !== "submission" || signers.size === 0) return content;
      const section = readHeaders(content);
      const found = section.ok ? authors(section.value) : undefined;
      const domain = found?.ok === true ? found.value[0]?.domain : undefined;
      const signer = domain === undefined ? undefined : signers.get(domain);
      if (signer === undefined) return content;
      const signature = await signer(content);
      if (signature.ok) return [signature.value, ...content];
      observer.emit("internal.failed", { where: `DKIM signature of ${message.id}`, cause: signature.error.message });
      return content;
    },
    close: () => egress.close(),
  };
}

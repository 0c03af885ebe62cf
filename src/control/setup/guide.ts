// What users and their mail programs ask for, answered from the configuration in effect, and from nothing else: no account is looked
// up, so that no answer tells who has one. undefined: there is nothing to say to this.

import type { DomainSettings, Settings } from "../../config/settings.ts";
import { signContent } from "../../io/cms.ts";
import { autoconfigOf } from "./autoconfig.ts";
import { autodiscoverError, autodiscoverOf, outlookLogins, readAutodiscover } from "./autodiscover.ts";
import { codeTitle } from "./code-form.ts";
import { codePath, hasCodePage } from "./code-url.ts";
import { mobileconfigOf } from "./mobileconfig.ts";
import { stsPolicy } from "./mta-sts.ts";
import { announceable, domainOf, offerOf, withLogin } from "./offer.ts";
import type { LoginKind, Offer } from "./offer.ts";
import { clientPage, firewallPage, portsPage, portTestOf, settingsPage } from "./pages.ts";
import { powershellTest, shellTest } from "./ports.ts";
import type { PortTest } from "./ports.ts";
import { clients } from "./texts.ts";
import type { Client, Language } from "./texts.ts";

export type PageName = "settings" | "firewall" | "ports" | Client;

/** Path of each page. */
export const pagePaths: ReadonlyMap<string, PageName> = new Map<string, PageName>([
  ["/", "settings"],
  ["/firewall", "firewall"],
  ["/ports", "ports"],
  ...clients.map((client) => [`/setup/${client}`, client] as const),
]);

/** Hosts are names without a port, in lower case. */
export interface Guide {
  /** Without an address the program fills in its own. */
  autoconfig(host: string, address: string | undefined): string | undefined;
  autodiscover(host: string, body: string, now: Date): string;
  /** Signed, when the server has a certificate that somebody issued. */
  profile(address: string): { readonly domain: string; readonly octets: Uint8Array<ArrayBuffer> } | undefined;
  stsPolicy(host: string): string | undefined;
  page(name: PageName, host: string, language: Language): string | undefined;
  portTest(kind: "shell" | "powershell", host: string): string | undefined;
}

export interface GuideSources {
  /** In effect. */
  readonly settings: () => Settings;
  /** PEM. */
  readonly certificate: () => { readonly certificate: string; readonly key: string };
}

export function createGuide({ settings, certificate: pem }: GuideSources): Guide {
  /** Of the host that was asked; with one domain there is nothing to choose. */
  function domainOfHost(host: string): DomainSettings | undefined {
    const { domains } = settings();
    const named =
      domainOf(settings(), host) ?? domainOf(settings(), host.replace(/^(?:autoconfig|autodiscover)\./, ""));
    return named ?? (domains.length === 1 ? domains[0] : undefined);
  }

  function offerFor(host: string, address?: string): Offer | undefined {
    const domain = address === undefined ? domainOfHost(host) : domainOf(settings(), address);
    return domain === undefined ? undefined : offerOf(settings(), domain);
  }

  /** For programs that log in so: without a way to send there is no account. */
  function accountOffer(host: string, address: string | undefined, logins: readonly LoginKind[]): Offer | undefined {
    const offer = offerFor(host, address);
    return offer === undefined || withLogin(offer.submission, logins).length === 0 ? undefined : offer;
  }

  function testOf(offer: Offer): PortTest {
    const { hostname, web } = settings();
    return portTestOf(offer, hostname, web.outsideHosts);
  }

  function pageOf(name: PageName, offer: Offer, language: Language): string {
    if (name === "settings") {
      const codes = hasCodePage(settings()) ? [{ path: codePath, title: codeTitle(language) }] : [];
      return settingsPage(offer, language, codes);
    }
    if (name === "firewall") return firewallPage(offer, language);
    return name === "ports" ? portsPage(testOf(offer), language) : clientPage(offer, name, language);
  }

  return {
    autoconfig: (host, address) => {
      const offer = accountOffer(host, address, announceable);
      return offer === undefined ? undefined : autoconfigOf(offer, address);
    },
    autodiscover: (host, body, now) => {
      const request = readAutodiscover(body);
      if (request.kind !== "address") return autodiscoverError(request.kind === "schema" ? 601 : 600, now);
      const offer = accountOffer(host, request.address, outlookLogins);
      return offer === undefined ? autodiscoverError(600, now) : autodiscoverOf(offer, request.address);
    },
    profile: (address) => {
      const offer = accountOffer("", address, announceable);
      const text = offer === undefined ? undefined : mobileconfigOf(offer, address);
      if (text === undefined) return undefined;
      const octets = Buffer.from(text);
      const { certificate, key } = pem();
      // A device trusts a profile as unsigned as it does one that it cannot check.
      const signed = settings().tls.kind === "files" ? signContent(octets, certificate, key) : undefined;
      return { domain: offer!.domain, octets: Uint8Array.from(signed ?? octets) };
    },
    stsPolicy: (host) => {
      const { hostname, listeners, web } = settings();
      // RFC 8461 §3.3: the host is mta-sts.DOMAIN, so that no page of another name can be the policy.
      const domain = host.startsWith("mta-sts.") ? domainOf(settings(), host.slice("mta-sts.".length)) : undefined;
      const receives = listeners.some(({ role }) => role === "mx");
      return domain === undefined || !receives ? undefined : stsPolicy(hostname, web.mtaSts);
    },
    page: (name, host, language) => {
      const offer = offerFor(host);
      return offer === undefined ? undefined : pageOf(name, offer, language);
    },
    portTest: (kind, host) => {
      const offer = offerFor(host);
      if (offer === undefined) return undefined;
      return kind === "shell" ? shellTest(testOf(offer)) : powershellTest(testOf(offer));
    },
  };
}

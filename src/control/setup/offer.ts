// What a mail program can use at this site: the services that the configuration really has, one port each, the better
// way of encrypting first. Everything that leads users (autoconfiguration, DNS, pages) is made from this.

import type { Domain } from "../../address/domain.ts";
import type { DomainSettings, ListenerRole, ListenerTls, Settings } from "../../config/settings.ts";

export interface Service {
  readonly host: string;
  readonly port: number;
  /** From the first octet (RFC 8314), or by STARTTLS or STLS. Services without TLS are not offered. */
  readonly tls: "implicit" | "starttls";
}

export interface Offer {
  readonly domain: Domain;
  /** Implicit TLS before STARTTLS (RFC 8314 §3). */
  readonly submission: readonly Service[];
  /** Of the program that holds the mailboxes, where one does. */
  readonly imap: readonly Service[];
  /** Of this server, for the mailboxes that it holds itself. */
  readonly pop3: readonly Service[];
}

export function offerOf(settings: Settings, { name: domain, store }: DomainSettings): Offer {
  const imap = store?.imap;
  return {
    domain,
    submission: servicesOf(settings, "submission"),
    imap: imap === undefined ? [] : [{ host: imap, port: 993, tls: "implicit" }],
    pop3: store === undefined ? servicesOf(settings, "pop3") : [],
  };
}

/** How the mail is read: IMAP before POP3. undefined: nobody says. */
export function incomingOf({
  imap,
  pop3,
}: Offer): { readonly protocol: "imap" | "pop3"; readonly service: Service } | undefined {
  const [first] = imap;
  if (first !== undefined) return { protocol: "imap", service: first };
  const [second] = pop3;
  return second === undefined ? undefined : { protocol: "pop3", service: second };
}

/** The local domain of an address, or of a host that leads its users: `autoconfig.example.jp`, `mta-sts.example.jp`. */
export function domainOf({ domains }: Settings, text: string): DomainSettings | undefined {
  const name = text
    .slice(text.lastIndexOf("@") + 1)
    .toLowerCase()
    .replace(/\.$/, "");
  return domains.find((domain) => domain.name === name);
}

/** Ports of one role and one way of encrypting are alternatives; the usual one is offered, or else the first. */
function servicesOf({ listeners, hostname }: Settings, role: ListenerRole): readonly Service[] {
  return (["implicit", "starttls"] as const).flatMap((tls): readonly Service[] => {
    const ports = listeners
      .filter((listener) => listener.role === role && listener.tls === tls)
      .flatMap(({ endpoints }) =>
        endpoints.filter(({ address, port }) => port !== 0 && !isLoopback(address)).map(({ port }) => port),
      );
    const port = ports.find((each) => each === usualPort(role, tls)) ?? ports[0];
    return port === undefined ? [] : [{ host: hostname, port, tls }];
  });
}

function usualPort(role: ListenerRole, tls: ListenerTls): number | undefined {
  switch (role) {
    case "submission":
    case "substitute":
      return tls === "implicit" ? 465 : 587;
    case "pop3":
      return tls === "implicit" ? 995 : 110;
    case "legacy":
    case "mx":
      return 25;
  }
}

/** What listens there is for webmail on the same host, not for users. */
function isLoopback(address: string): boolean {
  return address === "::1" || address === "127.0.0.1";
}

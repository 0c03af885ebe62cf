// What a mail program can use at this site: the services that the configuration really has, one port each, the better
// way of encrypting first, and how a program logs in there. Everything that leads users (autoconfiguration, DNS, pages) is made from this.

import type { Domain } from "../../address/domain.ts";
import type { DomainSettings, ListenerRole, ListenerSettings, ListenerTls, Settings } from "../../config/settings.ts";

/**
 * `password`: the password itself, inside TLS (PLAIN, LOGIN, USER of POP3). The formats in which programs are told have names for this
 * and for CRAM-MD5, but none for SCRAM.
 */
export type LoginKind = "password" | "cram-md5" | "scram-sha-256";

/** What all formats together have a name for; the one that fits more programs and accounts first. */
export const announceable: readonly LoginKind[] = ["password", "cram-md5"];

export interface Service {
  readonly host: string;
  readonly port: number;
  /** From the first octet (RFC 8314), or by STARTTLS or STLS. Services without TLS are not offered. */
  readonly tls: "implicit" | "starttls";
  /** In the order of preference. Empty where what listens on the port does not agree. */
  readonly logins: readonly LoginKind[];
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
    // Another program's: what all of them have.
    imap: imap === undefined ? [] : [{ host: imap, port: 993, tls: "implicit", logins: ["password"] }],
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

/** Those where one of these logins works: what offers none of them is not announced to programs that have no other. */
export function withLogin(services: readonly Service[], kinds: readonly LoginKind[]): readonly Service[] {
  return services.filter(({ logins }) => logins.some((login) => kinds.includes(login)));
}

/** The local domain of an address, or of a host that leads its users: `autoconfig.example.jp`, `mta-sts.example.jp`. */
export function domainOf({ domains }: Settings, text: string): DomainSettings | undefined {
  const name = text
    .slice(text.lastIndexOf("@") + 1)
    .toLowerCase()
    .replace(/\.$/, "");
  return domains.find((domain) => domain.name === name);
}

/**
 * Ports of one role and one way of encrypting are alternatives. The one is offered where most programs can log in; among those the
 * usual one, or else the first.
 */
function servicesOf({ listeners, hostname }: Settings, role: ListenerRole): readonly Service[] {
  return (["implicit", "starttls"] as const).flatMap((tls): readonly Service[] => {
    const ports = new Map<number, readonly LoginKind[]>();
    for (const listener of listeners) {
      if (listener.role !== role || listener.tls !== tls) continue;
      const offered = loginsOf(listener);
      for (const { address, port } of listener.endpoints) {
        if (port === 0 || isLoopback(address)) continue;
        // On several addresses of one name: what works on all of them.
        ports.set(
          port,
          (ports.get(port) ?? offered).filter((login) => offered.includes(login)),
        );
      }
    }
    const all = [...ports].map(([port, logins]): Service => ({ host: hostname, port, tls, logins }));
    const best = all.filter(({ logins }) => rankOf(logins) === Math.min(...all.map((each) => rankOf(each.logins))));
    const service = best.find(({ port }) => port === usualPort(role, tls)) ?? best[0];
    return service === undefined ? [] : [service];
  });
}

function loginsOf({ role, mechanisms }: ListenerSettings): readonly LoginKind[] {
  // POP3 has USER besides what AUTH offers.
  const showsPassword = role === "pop3" || mechanisms.includes("plain") || mechanisms.includes("login");
  const proofs = (["cram-md5", "scram-sha-256"] as const).filter((kind) => mechanisms.includes(kind));
  return showsPassword ? ["password", ...proofs] : proofs;
}

/** The lower, the more programs can log in. */
function rankOf(logins: readonly LoginKind[]): number {
  const place = announceable.findIndex((kind) => logins.includes(kind));
  return place < 0 ? announceable.length : place;
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
export function isLoopback(address: string): boolean {
  return address === "::1" || address === "127.0.0.1";
}

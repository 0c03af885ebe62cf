// The zone to publish for the local domains, and nothing that this configuration does not serve: MX, SPF, DKIM, DMARC,
// the SRV records by which mail programs find the servers (RFC 6186, RFC 8314 §5.1), MTA-STS and TLS reporting, TLSA where
// DNSSEC was seen. What is offered nowhere is said to be nowhere, as RFC 6186 §3.4 wants it. In the form of zone files
// (RFC 1035 §5), so that it can be included as it is; notes are comments.

import { formatAddress } from "../../address/address.ts";
import type { Domain } from "../../address/domain.ts";
import type { DomainSettings, Settings } from "../../config/settings.ts";
import type { Protection } from "../../io/dns/validated.ts";
import { stsPolicy, stsRecord } from "./mta-sts.ts";
import { outlookLogins } from "./autodiscover.ts";
import { announceable, offerOf, withLogin } from "./offer.ts";
import type { Offer, Service } from "./offer.ts";

export interface ZoneFacts {
  readonly settings: Settings;
  /** DKIM key records by domain: the value of the TXT record. */
  readonly dkim: ReadonlyMap<Domain, string>;
  /** SHA-256 of the public keys that mail servers will see, lower-case hex: the one in use and, when there is one, the next. */
  readonly keys: readonly string[];
  /** Of the name of this host. */
  readonly dnssec: Protection;
}

export interface ZoneRecord {
  readonly name: string;
  readonly type: "MX" | "TXT" | "SRV" | "TLSA" | "CNAME";
  readonly data: string;
}

export interface DomainZone {
  readonly domain: Domain;
  readonly records: readonly ZoneRecord[];
  readonly notes: readonly string[];
}

export function zonesOf(facts: ZoneFacts): readonly DomainZone[] {
  const { settings } = facts;
  const zones = settings.domains.map((domain) => zoneOf(facts, domain));
  return [...zones, { domain: settings.hostname, records: tlsaOf(facts), notes: [tlsaNote(facts)] }];
}

export function zoneText(zones: readonly DomainZone[]): string {
  return zones
    .map(({ domain, records, notes }) => {
      const width = Math.max(0, ...records.map(({ name }) => name.length + 1));
      const lines = records.map(({ name, type, data }) => `${`${name}.`.padEnd(width)} IN ${type.padEnd(5)} ${data}`);
      return [`; ${domain}`, ...notes.map((note) => `; ${note}`), ...lines].join("\n");
    })
    .join("\n\n");
}

function zoneOf(facts: ZoneFacts, domain: DomainSettings): DomainZone {
  const { name, postmaster, dkim } = domain;
  const { settings } = facts;
  const { hostname, delivery, web } = settings;
  const receives = settings.listeners.some(({ role }) => role === "mx");
  const key = facts.dkim.get(name);
  const records: ZoneRecord[] = [];
  const notes: string[] = [];
  const text = (owner: string, value: string): void =>
    void records.push({ name: owner, type: "TXT", data: quoted(value) });

  if (receives) records.push({ name, type: "MX", data: `10 ${hostname}.` });
  else notes.push("no listener of role mx: whoever takes mail for this domain has its own MX");
  const sources = delivery.sources.flatMap(({ addresses }) => addresses);
  const ours = [
    receives ? "mx" : `a:${hostname}`,
    ...sources.map((address) => `${address.includes(":") ? "ip6" : "ip4"}:${address}`),
  ].join(" ");
  if (delivery.smarthost === undefined) {
    text(name, `v=spf1 ${ours} -all`);
  } else {
    // Who sends for the smarthost is its operator's to say; a wrong -all would make all mail fail.
    text(name, `v=spf1 ${ours} ~all`);
    notes.push(
      `mail leaves through ${delivery.smarthost.host}: add the include: that its operator names to the SPF record`,
    );
  }
  if (dkim !== undefined && key !== undefined) text(`${dkim.selector}._domainkey.${name}`, key);
  else if (dkim !== undefined) notes.push("the DKIM key is made at the first start: ask again after it");
  else notes.push('mail is not signed: dkim = { selector = "…" } in its [[domain]]');
  text(`_dmarc.${name}`, `v=DMARC1; p=none; rua=mailto:${formatAddress(postmaster)}`);
  notes.push("p=none asks for reports only; when they show that all mail passes, quarantine, then reject (RFC 9989)");
  const offer = offerOf(settings, domain);
  records.push(...servicesOf(offer));
  if (receives) text(`_smtp._tls.${name}`, `v=TLSRPTv1; rua=mailto:${formatAddress(postmaster)}`);
  if (web.listen.length > 0) {
    const names = webNames(settings, domain);
    if (names.includes(`mta-sts.${name}`)) text(`_mta-sts.${name}`, stsRecord(stsPolicy(hostname, web.mtaSts)));
    records.push(...names.map((host): ZoneRecord => ({ name: host, type: "CNAME", data: `${hostname}.` })));
    if (names.includes(`autodiscover.${name}`)) {
      records.push({ name: `_autodiscover._tcp.${name}`, type: "SRV", data: `0 0 443 ${hostname}.` });
    }
    notes.push(...untold(offer));
    if (names.length > 0) notes.push(`the certificate must also be for ${inWords(names)}`);
  } else {
    notes.push(
      "without [web] nothing is published for MTA-STS, autoconfig and Autodiscover: they are served over HTTPS",
    );
  }
  return { domain: name, records, notes };
}

/** Hosts of a domain under which `[web]` has something to say. */
export function webNames(settings: Settings, domain: DomainSettings): readonly string[] {
  const { listeners, web } = settings;
  if (web.listen.length === 0) return [];
  const { submission } = offerOf(settings, domain);
  const hosts = [
    ...(web.mtaSts !== "none" && listeners.some(({ role }) => role === "mx") ? ["mta-sts"] : []),
    ...(withLogin(submission, announceable).length > 0 ? ["autoconfig"] : []),
    ...(withLogin(submission, outlookLogins).length > 0 ? ["autodiscover"] : []),
  ];
  return hosts.map((host) => `${host}.${domain.name}`);
}

/** Which programs are not told how to send, and why. */
export function untold({ submission }: Offer): readonly string[] {
  if (submission.length === 0) return ["autoconfig and Autodiscover have no submission service to name"];
  if (withLogin(submission, announceable).length === 0) {
    return ["autoconfig and Autodiscover have no name for SCRAM, and submission offers nothing else"];
  }
  return withLogin(submission, outlookLogins).length === 0
    ? ["Autodiscover has no name for CRAM-MD5 and SCRAM, and submission offers neither PLAIN nor LOGIN"]
    : [];
}

function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}

function find(services: readonly Service[], tls: Service["tls"]): Service | undefined {
  return services.find((service) => service.tls === tls);
}

/** Both ways of submission with the better one first (RFC 8314 §5.1: lower priority); "." where there is none. */
function servicesOf(offer: Offer): readonly ZoneRecord[] {
  const srv = (label: string, service: Service | undefined, priority: number): ZoneRecord => ({
    name: `_${label}._tcp.${offer.domain}`,
    type: "SRV",
    data: service === undefined ? "0 0 0 ." : `${priority} 1 ${service.port} ${service.host}.`,
  });
  return [
    srv("submissions", find(offer.submission, "implicit"), 0),
    srv("submission", find(offer.submission, "starttls"), 10),
    srv("pop3s", find(offer.pop3, "implicit"), 0),
    srv("pop3", find(offer.pop3, "starttls"), 10),
    srv("imaps", find(offer.imap, "implicit"), 0),
    srv("imap", undefined, 0),
  ];
}

function tlsaNote({ dnssec }: ZoneFacts): string {
  switch (dnssec.kind) {
    case "secure":
      return "TLSA: DNSSEC protects this name; publish the record of the next key days before it is used (RFC 7671 §8.1)";
    case "insecure":
      return "no TLSA: DNSSEC does not protect this name, and without it such a record helps nobody (RFC 7672 §1.3)";
    case "unknown":
      return `no TLSA: whether DNSSEC protects this name is not known: ${dnssec.cause}`;
    default:
      return dnssec satisfies never;
  }
}

/** DANE-EE, the public key, SHA-256 (RFC 7672 §3.1.1): "3 1 1". */
function tlsaOf({ settings, keys, dnssec }: ZoneFacts): readonly ZoneRecord[] {
  if (dnssec.kind !== "secure") return [];
  const ports = new Set(
    settings.listeners
      .filter(({ role, tls }) => role === "mx" && tls !== "none")
      .flatMap(({ endpoints }) => endpoints.map(({ port }) => port)),
  );
  return [...ports].flatMap((port) =>
    keys.map((key): ZoneRecord => ({ name: `_${port}._tcp.${settings.hostname}`, type: "TLSA", data: `3 1 1 ${key}` })),
  );
}

/** Character-strings hold 255 octets (RFC 1035 §3.3). */
function quoted(value: string): string {
  const strings = value.match(/.{1,255}/g) ?? [""];
  return strings.map((string) => `"${string.replaceAll(/(["\\])/g, String.raw`\$1`)}"`).join(" ");
}

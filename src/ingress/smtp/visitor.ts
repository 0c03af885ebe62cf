// POP-before-SMTP, for programs that cannot log in to send: an address from which somebody has just logged in over POP3, inside TLS, may
// send for a while. Whoever shares the address could send as well, so the sender must belong to exactly one of the accounts that
// opened it, that account is charged, and addresses that many share never open. (RFC 5068 §3.1 wants AUTH; this ends on a date.)

import type { Address } from "../../address/address.ts";
import { prefixMatcher } from "../../base/prefix.ts";
import { formatIp, parseIp, unmapIp } from "../../base/ip.ts";
import type { VisitSettings } from "../../config/settings.ts";
import type { Visits } from "../../counters/visits.ts";
import type { Credential } from "../../directory/standing.ts";
import type { SmtpServices } from "./services.ts";

export interface Visitor {
  readonly account: string;
  readonly credential: Credential;
}

/** An IPv6 address stands for itself, or for its /64 where the configuration says so. */
export function visitPlace(client: string, ipv6: VisitSettings["ipv6"]): string {
  const parsed = parseIp(client);
  if (parsed === undefined) return client;
  const octets = unmapIp(parsed).slice();
  if (octets.length === 4 || ipv6 === "address") return formatIp(octets);
  octets.fill(0, 8);
  return `${formatIp(octets)}/64`;
}

/** Both places, since listeners may differ in what they want. */
export function noteVisit(visits: Visits, client: string, account: string, credential: Credential): void {
  for (const place of new Set([visitPlace(client, "address"), visitPlace(client, "network")])) {
    visits.note(place, account, credential);
  }
}

/** Whose message it is. undefined: nobody's, or it could be more than one's. Rejects when nobody can tell. */
export async function findVisitor(
  client: string,
  sender: Address | undefined,
  settings: VisitSettings,
  { visits, standing, directory }: Pick<SmtpServices, "visits" | "standing" | "directory">,
): Promise<Visitor | undefined> {
  if (!mayOpen(client, settings)) return undefined;
  const found: Visitor[] = [];
  for (const { account, proof } of await visits.at(visitPlace(client, settings.ipv6), settings.for)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- noteVisit put it there
    const credential = proof as Credential;
    // oxlint-disable-next-line no-await-in-loop -- one or two, from memory
    if ((await standing(account, credential)) !== "active") continue;
    // oxlint-disable-next-line no-await-in-loop
    if (sender === undefined || (await directory.rightTo(account, sender)) !== "foreign") {
      found.push({ account, credential });
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

/** Carrier-grade NAT (RFC 6598): many people behind each address. */
const isCarrierNat = prefixMatcher([{ address: "100.64.0.0", length: 10 }]);

/** By a listener's settings, so that their prefixes are read once. */
const gates = new WeakMap<VisitSettings, (client: string) => boolean>();

function mayOpen(client: string, settings: VisitSettings): boolean {
  const known = gates.get(settings);
  if (known !== undefined) return known(client);
  const isMeant = prefixMatcher(settings.networks);
  const isShared = prefixMatcher(settings.shared);
  const gate = (address: string): boolean => isMeant(address) && !isShared(address) && !isCarrierNat(address);
  gates.set(settings, gate);
  return gate(client);
}

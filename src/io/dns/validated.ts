// Whether DNSSEC protects a name, as far as a resolver of this very host says so. The AD bit of any other resolver crossed a network
// that anybody may have touched (RFC 4035 §4.9.3), so it counts for nothing here.

import type { ResolverOptions } from "../dns.ts";
import { exchange } from "./exchange.ts";
import { normalName } from "./name.ts";
import { readSystemServers } from "./system.ts";

export type Protection =
  | { readonly kind: "secure" }
  | { readonly kind: "insecure" }
  /** Nobody who could be believed was asked, or nobody answered. */
  | { readonly kind: "unknown"; readonly cause: string };

/** Asks the first resolver on loopback that answers. Never rejects. */
export async function protectionOf(
  host: string,
  { servers, timeout, resolvConf = "/etc/resolv.conf" }: Omit<ResolverOptions, "clock" | "hosts">,
): Promise<Protection> {
  const name = normalName(host);
  const all = servers.length > 0 ? servers : readSystemServers(resolvConf);
  const local = all.filter(({ address }) => address === "::1" || address.startsWith("127."));
  if (name === undefined || local.length === 0) return { kind: "unknown", cause: "no resolver on this host validates" };
  let cause = "";
  for (const server of local) {
    // oxlint-disable-next-line no-await-in-loop -- the first that answers
    const answer = await exchange(server, { name, type: "A", validated: true }, "edns", timeout);
    if (answer.kind === "response") return { kind: answer.packet.flag_ad ? "secure" : "insecure" };
    ({ cause } = answer);
  }
  return { kind: "unknown", cause };
}

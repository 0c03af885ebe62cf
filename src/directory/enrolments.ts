// What an account may do now with an address at a third party: whether its proof holds, and whether mail of that domain would arrive from
// here, or by which way. Asked at every MAIL and every message on a substitute listener, of the store itself: what was
// removed, or read anew, counts at once.
//
// Unknown is not pass: a reading that is older than `keep-verdict`, or never was, is `unread`. The third party's own server needs no
// reading: what it relays passes its own SPF.

import { addressKey } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import type { ProviderSettings, SubstituteSettings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { EnrolmentStore, ThirdParty } from "../store/store.ts";

export type EnrolmentAnswer =
  | { readonly kind: "valid"; readonly way: "direct" | "relay" }
  | { readonly kind: "none" }
  | { readonly kind: "expired"; readonly since: string }
  | ThirdPartyProblem;

export type ThirdPartyProblem =
  | { readonly kind: "unfit"; readonly words: string }
  | { readonly kind: "unread"; readonly cause: string }
  | { readonly kind: "over"; readonly until: string };

interface Services {
  readonly store: Pick<Remote<EnrolmentStore>, "findEnrolment" | "thirdParty">;
  /** In effect now. */
  readonly settings: () => Pick<SubstituteSettings, "sendsFrom" | "providers" | "keepVerdict">;
  readonly clock: Pick<Clock, "wall">;
}

/** Rejects when the store does not answer. */
export function createEnrolments({
  store,
  settings,
  clock,
}: Services): (account: string, address: Address) => Promise<EnrolmentAnswer> {
  return async (account, address) => {
    const { domain } = address;
    if (domain === undefined) return { kind: "none" };
    const [found, party] = await Promise.all([
      store.findEnrolment(account, addressKey(address)),
      store.thirdParty(domain),
    ]);
    const now = clock.wall();
    if (found?.validUntil === undefined) return { kind: "none" };
    if (found.validUntil <= now) {
      return { kind: "expired", since: new Date(found.validUntil).toISOString().slice(0, 10) };
    }
    return wayOf(domain, party, settings(), now);
  };
}

/** Which way mail of a domain goes now, if any. */
export function wayOf(
  domain: string,
  party: ThirdParty | undefined,
  { sendsFrom, providers, keepVerdict }: Pick<SubstituteSettings, "sendsFrom" | "providers" | "keepVerdict">,
  now: number,
): { readonly kind: "valid"; readonly way: "direct" | "relay" } | ThirdPartyProblem {
  const provider = providerOf(domain, providers);
  if (provider?.until !== undefined && provider.until.at <= now) return { kind: "over", until: provider.until.written };
  const known = party?.known;
  // A reading about other addresses than ours of today says nothing.
  const isFresh = known !== undefined && now - known.at <= keepVerdict && party?.from.join(" ") === sendsFrom.join(" ");
  if (isFresh && known.fit !== "fails") return { kind: "valid", way: "direct" };
  if (provider?.relay !== undefined) return { kind: "valid", way: "relay" };
  if (isFresh) return { kind: "unfit", words: known.words };
  return { kind: "unread", cause: party?.cause ?? "it was not read yet" };
}

function providerOf(domain: string, providers: readonly ProviderSettings[]): ProviderSettings | undefined {
  return providers.find(({ domains }) => domains.some((each) => each === domain));
}

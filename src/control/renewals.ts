// Proofs that end soon are told, once each: the address is what its holder reads. Noted before the mail is made: one notice too few is
// better than one every minute.

import type { SubstituteSettings } from "../config/settings.ts";
import { isSuspended } from "../directory/restraint.ts";
import type { SubstituteMail } from "../egress/substitute-mail.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { AccountStore, EnrolmentStore } from "../store/store.ts";

export interface RenewalServices {
  readonly settings: () => { readonly substitute: Pick<SubstituteSettings, "remind"> };
  readonly store: Pick<Remote<AccountStore & EnrolmentStore>, "findAccount" | "endingEnrolments" | "noteReminded">;
  readonly mail: (mail: SubstituteMail) => Promise<void>;
  readonly clock: Pick<Clock, "wall">;
}

/** Resolves when those that end soon, and were not told of it, are. */
export async function remindOfRenewals({ settings, store, mail, clock }: RenewalServices): Promise<void> {
  const now = clock.wall();
  for (const { account, address, validUntil } of await store.endingEnrolments(
    now,
    now + settings().substitute.remind,
  )) {
    // oxlint-disable-next-line no-await-in-loop -- a few a day
    await store.noteReminded(account, address, validUntil);
    // oxlint-disable-next-line no-await-in-loop
    const found = await store.findAccount(account);
    if (found === undefined || isSuspended(found)) continue;
    // oxlint-disable-next-line no-await-in-loop
    await mail({ kind: "renewal", to: address, account: found.address, ends: validUntil });
  }
}

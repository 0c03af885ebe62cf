// An account's windows that are nearly or wholly used up are told as the answers of the counters say, once in their interval:
// the operator by an event, the account by mail.

import type { FitAnswer, QuotaAnswer } from "../../counters/account-limits.ts";
import type { Unanswered } from "../../counters/counters.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import type { SmtpServices } from "./services.ts";

export function tellLimits(
  { observer, tellAccount }: Pick<SmtpServices, "observer" | "tellAccount">,
  terms: AccountTerms | undefined,
  quota: QuotaAnswer | FitAnswer | Unanswered,
): void {
  if (quota.kind === "unavailable" || quota.kind === "fits" || terms === undefined) return;
  for (const notice of quota.notices) {
    const { level, ...use } = notice;
    const told = { account: terms.account, ...use };
    if (level === "near") observer.emit("limit.near", told);
    else observer.emit("limit.reached", told);
    tellAccount(terms, notice);
  }
}

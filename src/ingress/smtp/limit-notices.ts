// An account's windows that are nearly or wholly used up are told as the answers of the counters say: once in their interval.

import type { QuotaAnswer } from "../../counters/account-limits.ts";
import type { Unanswered } from "../../counters/counters.ts";
import type { Observer } from "../../observe/events.ts";

export function tellLimits(observer: Observer, account: string | undefined, quota: QuotaAnswer | Unanswered): void {
  if (quota.kind === "unavailable" || account === undefined) return;
  for (const { level, ...use } of quota.notices) {
    const notice = { account, ...use };
    if (level === "near") observer.emit("limit.near", notice);
    else observer.emit("limit.reached", notice);
  }
}

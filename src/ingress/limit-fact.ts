// The counters' answer as a fact for the rules: how long something takes becomes a time people can read.

import type { FitAnswer, QuotaAnswer } from "../counters/account-limits.ts";
import type { AttemptAnswer, CountAnswer, Unanswered } from "../counters/counters.ts";
import type { Clock } from "../io/clock.ts";
import type { Connecting } from "../counters/client-limits.ts";
import type { ClientFact, ClientLimitFact, FailMode, LimitFact } from "../verdict/facts.ts";

export function clientFact(connecting: Connecting | Unanswered, fail: FailMode): ClientFact {
  switch (connecting.kind) {
    case "within":
    case "connections":
      return connecting;
    case "unavailable":
      return { ...connecting, fail };
    case "rate":
    case "logins":
      return { kind: connecting.kind, limit: connecting.over.limit, window: connecting.over.window };
  }
}

/** `fail`: when there is no answer. */
export function clientLimitFact(answer: CountAnswer | undefined, clock: Clock, fail: FailMode): ClientLimitFact {
  const fact = limitFact(answer, clock);
  return fact.kind === "unavailable" ? { ...fact, fail } : fact;
}

export function limitFact(
  answer: CountAnswer | AttemptAnswer | QuotaAnswer | FitAnswer | undefined,
  clock: Clock,
): LimitFact {
  if (answer === undefined) return { kind: "none" };
  if (answer.kind === "unavailable") return answer;
  const full = answer.kind === "over" ? answer : "beyond" in answer ? answer.beyond : undefined;
  if (full === undefined) return { kind: "within" };
  const { window, used, limit, opensIn } = full;
  const layer = "layer" in full ? full.layer : undefined;
  const of: { readonly of?: "domain" | "new-recipients" | "restrained" } =
    layer === "domain" || layer === "new-recipients" || layer === "restrained" ? { of: layer } : {};
  const kind = answer.kind === "over" ? "over" : "beyond";
  return { kind, ...of, window, used, limit, reset: clock.wall() + Math.min(opensIn, 366 * 86_400_000) };
}

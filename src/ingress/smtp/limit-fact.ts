// The counters' answer as a fact for the rules: their monotonic time becomes a time people can read.

import type { LimitAnswer } from "../../counters/limits.ts";
import type { Clock } from "../../io/clock.ts";
import type { Connecting } from "../../counters/client-limits.ts";
import type { ClientFact, LimitFact } from "../../verdict/facts.ts";

export function clientFact(connecting: Connecting): ClientFact {
  if (connecting.kind === "within" || connecting.kind === "connections") return connecting;
  const { limit, window } = connecting.over;
  return { kind: connecting.kind, limit, window };
}

export function limitFact(answer: LimitAnswer | undefined, clock: Clock): LimitFact {
  if (answer === undefined) return { kind: "none" };
  if (answer.kind === "within") return { kind: "within" };
  const wait = Math.min(answer.opensAt - clock.monotonic(), 366 * 86_400_000);
  return { ...answer, reset: clock.wall() + Math.max(0, wait) };
}

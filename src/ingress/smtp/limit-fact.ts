// The counters' answer as a fact for the rules: their monotonic time becomes a time people can read.

import type { LimitAnswer } from "../../counters/limits.ts";
import type { Clock } from "../../io/clock.ts";
import type { LimitFact } from "../../verdict/facts.ts";

export function limitFact(answer: LimitAnswer | undefined, clock: Clock): LimitFact {
  if (answer === undefined) return { kind: "none" };
  if (answer.kind === "within") return { kind: "within" };
  const wait = Math.min(answer.opensAt - clock.monotonic(), 366 * 86_400_000);
  return { ...answer, reset: clock.wall() + Math.max(0, wait) };
}

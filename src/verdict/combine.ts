// The only place that knows which verdict wins: disconnect > reject > defer > unknown > hold > accept. Among equals the first
// speaks: which reason is told may depend on the order of the rules, what happens does not.
// An unknown becomes a deferral with reason `internal.unknown`: the client comes back, nothing is lost and nothing
// passes that nobody allowed. No verdict at all is a deferral too: silence is not consent.

import type { Final, Verdict } from "./verdict.ts";

export interface Combined {
  readonly verdict: Final;
  /** Milliseconds to wait before the reply: the longest any rule asked for. */
  readonly delay: number;
}

const rank = { accept: 1, hold: 2, unknown: 3, defer: 4, reject: 5, disconnect: 6 } as const;

export function combine(verdicts: readonly Verdict[]): Combined {
  let winner: Exclude<Verdict, { kind: "slow" }> = { kind: "unknown", cause: "no rule spoke" };
  let spoken = false;
  let delay = 0;
  for (const verdict of verdicts) {
    if (verdict.kind === "slow") {
      delay = Math.max(delay, verdict.milliseconds);
      continue;
    }
    if (!spoken || rank[verdict.kind] > rank[winner.kind]) winner = verdict;
    spoken = true;
  }
  return {
    verdict:
      winner.kind === "unknown"
        ? { kind: "defer", reason: "internal.unknown", evidence: { cause: winner.cause } }
        : winner,
    delay,
  };
}

// The only place that knows which verdict wins: disconnect > reject > defer > unknown > accept.
// An unknown becomes a deferral with reason `internal.unknown`: the client comes back, nothing is lost and nothing
// passes that nobody allowed. No verdict at all is a deferral too: silence is not consent.

import type { Final, Verdict } from "./verdict.ts";

export interface Combined {
  readonly verdict: Final;
  /** Milliseconds to wait before the reply: the longest any rule asked for. */
  readonly delay: number;
}

const rank: { readonly [K in Final["kind"]]: number } = { accept: 1, defer: 2, reject: 3, disconnect: 4 };

export function combine(verdicts: readonly Verdict[]): Combined {
  let winner: Final | undefined;
  let delay = 0;
  for (const verdict of verdicts) {
    if (verdict.kind === "slow") {
      delay = Math.max(delay, verdict.milliseconds);
      continue;
    }
    const final: Final =
      verdict.kind === "unknown"
        ? { kind: "defer", reason: "internal.unknown", evidence: { cause: verdict.cause } }
        : verdict;
    if (winner === undefined || rank[final.kind] > rank[winner.kind]) winner = final;
  }
  return {
    verdict: winner ?? { kind: "defer", reason: "internal.unknown", evidence: { cause: "no rule spoke" } },
    delay,
  };
}

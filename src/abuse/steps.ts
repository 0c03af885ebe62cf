// From a score to what is done about it: notice, slow, hold new mail, suspend. Each step is told once, and taken as far as the operator
// allows. When the score falls, what was done stays until a person undoes it; only `slow` ends by itself, a day after the last
// observation at which the score still asked for it. The server and the simulation (bench/abuse) go by this file alike.

import { slowedTo } from "../counters/account-limits.ts";

export const steps = ["notice", "slow", "hold", "suspend"] as const;
export type Step = (typeof steps)[number];

/** Scores from which each step is taken, nats; rising. */
export type Thresholds = Readonly<Record<Step, number>>;

export const standardThresholds: Thresholds = { notice: 7, slow: 10, hold: 11, suspend: 16 };

/** An account that is slowed sends to one recipient in so long, ms; and is slowed for so long, unless a person looks earlier. */
export const slowInterval = slowedTo.length;
export const slowFor = 86_400_000;
/** Its end is put off no more often than this, ms: each time it is written down. */
const PUT_OFF = 3_600_000;

/** The farthest step that the score asks for. */
export function stepFor(score: number, thresholds: Thresholds): Step | undefined {
  return steps.findLast((step) => score >= thresholds[step]);
}

/** Whether `step` goes farther than what was taken already. */
export function goesBeyond(step: Step, taken: Step | undefined): boolean {
  return taken === undefined || steps.indexOf(step) > steps.indexOf(taken);
}

/** What is observed and never acted on is only told. */
export function farthestOf(act: Step | "none"): Step {
  return act === "none" ? "notice" : act;
}

/** In force, since then (wall ms). */
export type Taken =
  | { readonly step: "slow"; readonly since: number; readonly until: number }
  | { readonly step: "hold" | "suspend"; readonly since: number };

/** After an observation. Gives `taken` itself where nothing changes. `farthest`: as far as the operator allows. */
export function nextTaken(
  taken: Taken | undefined,
  { at, score }: { readonly at: number; readonly score: number },
  thresholds: Thresholds,
  farthest: Step,
): Taken | undefined {
  const inForce = taken?.step === "slow" && taken.until <= at ? undefined : taken;
  const asked = stepFor(score, thresholds);
  if (asked === undefined) return inForce;
  const step = goesBeyond(asked, farthest) ? farthest : asked;
  if (step === "notice") return inForce;
  if (goesBeyond(step, inForce?.step)) {
    return step === "slow" ? { step, since: at, until: at + slowFor } : { step, since: at };
  }
  if (inForce?.step !== "slow" || inForce.until - at > slowFor - PUT_OFF) return inForce;
  return { ...inForce, until: at + slowFor };
}

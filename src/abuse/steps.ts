// From a score to what is done about it: notice, slow, hold new mail, suspend. Each step is reversible, and a step is taken once; when the
// score falls, what was done stays until a person undoes it or it ends by itself.

export const steps = ["notice", "slow", "hold", "suspend"] as const;
export type Step = (typeof steps)[number];

/** Scores from which each step is taken, nats; rising. */
export type Thresholds = Readonly<Record<Step, number>>;

export const standardThresholds: Thresholds = { notice: 8, slow: 11, hold: 12.5, suspend: 18 };

/** An account that is slowed sends to one recipient in so long, ms; and is slowed for so long, unless a person looks earlier. */
export const slowInterval = 120_000;
export const slowFor = 86_400_000;

/** The farthest step that the score asks for. */
export function stepFor(score: number, thresholds: Thresholds): Step | undefined {
  return steps.findLast((step) => score >= thresholds[step]);
}

/** Whether `step` goes farther than what was taken already. */
export function goesBeyond(step: Step, taken: Step | undefined): boolean {
  return taken === undefined || steps.indexOf(step) > steps.indexOf(taken);
}

// When to try again, and when to give up (RFC 5321 §4.5.4.1). Pure.

export interface RetrySchedule {
  /** Waits between attempts, ms; the last one repeats. Never empty. */
  readonly retry: readonly number[];
  /** Age at which a message is given up, ms. */
  readonly giveUp: number;
}

/** What is due later was put there by a clock that ran ahead, or by another schedule. */
export function latestDue({ retry }: RetrySchedule, now: number): number {
  return now + Math.max(...retry);
}

export type NextStep = { readonly kind: "retry"; readonly due: number } | { readonly kind: "give-up" };

/**
 * After `attempts` attempts, the last of which failed for now at `now`. All times wall ms. A retry that would come
 * after the end of the message's life is made at its end, so the last attempt is as late as promised.
 */
export function nextStep(
  schedule: RetrySchedule,
  message: { receivedAt: number; attempts: number },
  now: number,
): NextStep {
  const end = message.receivedAt + schedule.giveUp;
  if (now >= end) return { kind: "give-up" };
  const index = Math.min(Math.max(message.attempts, 1), schedule.retry.length) - 1;
  return { kind: "retry", due: Math.min(now + schedule.retry[index]!, end) };
}

// The longest time that any limit of an account looks back: what is charged is kept for so long.

import type { LimitSettings } from "./settings.ts";

/** Milliseconds. */
export function longestWindow({ standard, plans, domain }: Omit<LimitSettings, "client">): number {
  const every = [standard, ...plans.values()].flatMap((plan) => [
    ...plan.recipients,
    ...plan.messages,
    ...plan.newRecipients,
    ...plan.bytes,
  ]);
  return Math.max(0, ...[...every, ...domain].map(({ length }) => length));
}

/** Of attempts: what was tried is kept for so long. Milliseconds. */
export function longestAttempts({ standard, plans }: Pick<LimitSettings, "standard" | "plans">): number {
  const every = [standard, ...plans.values()].flatMap(({ attempts }) => attempts);
  return Math.max(0, ...every.map(({ length }) => length));
}

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

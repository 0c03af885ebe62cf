// How many sessions and how much content each listener may have: `[smtp] sessions` and `content-memory` are divided, so that
// strangers on the MX never take the last of what people send with, nor the other way round.
//
// A listener that names a number of its own has that, and nobody else does. What is left goes in equal parts to the roles of the
// other listeners; those of one role share its part. The parts add up to the whole at most.

import type { ListenerRole } from "./settings.ts";

/** Roles that take mail. POP3 has bounds of its own. */
export const mailRoles = ["submission", "legacy", "substitute", "mx"] as const satisfies readonly ListenerRole[];
export type MailRole = (typeof mailRoles)[number];

/** Counts are kept in memory that all threads share, made once: so many listeners may have numbers of their own. */
export const mostOwnBudgets = 28;

export interface Claim {
  readonly role: ListenerRole;
  /** What it names for itself. */
  readonly own: number | undefined;
}

export interface Division {
  /** Of the whole, when all have taken what they name; below zero when that is more than there is. */
  readonly left: number;
  /** Roles that share what is left, as often as they are there once. */
  readonly roles: readonly MailRole[];
  /** Of each of them. */
  readonly part: number;
}

export function divide(total: number, claims: readonly Claim[]): Division {
  let left = total;
  for (const { own } of claims) left -= own ?? 0;
  const roles = mailRoles.filter((role) => claims.some((claim) => claim.role === role && claim.own === undefined));
  return { left, roles, part: roles.length === 0 ? 0 : Math.floor(left / roles.length) };
}

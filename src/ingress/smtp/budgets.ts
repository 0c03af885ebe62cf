// Which share of the process's sessions and content memory a session counts against: its role's, or that of its listener
// where the configuration gives it one (config/budgets.ts). The counts are in slots, which sessions keep while they last: a
// reload changes the limits, and at most attributes old sessions of a listener with numbers of its own to another such.

import { divide, mailRoles } from "../../config/budgets.ts";
import type { MailRole } from "../../config/budgets.ts";
import type { Endpoint, ListenerSettings, SmtpSettings } from "../../config/settings.ts";
import type { Role } from "../../verdict/facts.ts";

export interface Share {
  /** Where it is counted. */
  readonly slot: number;
  readonly limit: number;
}

export interface Budget {
  readonly sessions: Share;
  /** Octets. */
  readonly content: Share;
}

/** `place`: of the listener, from `budgetPlace`. One that the configuration no longer names shares with its role. */
export type BudgetOf = (role: Role, place: string | undefined) => Budget;

export function budgetPlace(role: ListenerSettings["role"], { address, port }: Endpoint): string {
  return `${role} ${address} ${port}`;
}

export function createBudgets(
  listeners: readonly ListenerSettings[],
  smtp: Pick<SmtpSettings, "sessions" | "contentMemory">,
): BudgetOf {
  const sessions = sharesOf(smtp.sessions, listeners, ({ sessions: own }) => own);
  const content = sharesOf(smtp.contentMemory, listeners, ({ contentMemory: own }) => own);
  const places = new Map<string, Budget>();
  for (const [index, { role, endpoints }] of listeners.entries()) {
    if (role === "pop3") continue;
    const budget = { sessions: sessions.of(index, role), content: content.of(index, role) };
    for (const endpoint of endpoints) places.set(budgetPlace(role, endpoint), budget);
  }
  const byRole: Readonly<Record<Role, Budget>> = {
    submission: { sessions: sessions.ofRole("submission"), content: content.ofRole("submission") },
    mx: { sessions: sessions.ofRole("mx"), content: content.ofRole("mx") },
  };
  return (role, place) => (place === undefined ? undefined : places.get(place)) ?? byRole[role];
}

function sharesOf(
  total: number,
  listeners: readonly ListenerSettings[],
  ownOf: (listener: ListenerSettings) => number | undefined,
): { of(index: number, role: MailRole): Share; ofRole(role: MailRole): Share } {
  const { roles, part } = divide(
    total,
    listeners.map((listener) => ({ role: listener.role, own: ownOf(listener) })),
  );
  /** Of the listeners with numbers of their own. */
  let next = mailRoles.length;
  const slots = listeners.map(({ sessions, contentMemory }) =>
    sessions === undefined && contentMemory === undefined ? undefined : next++,
  );
  // A role without listeners has sessions only while its last ones end.
  const ofRole = (role: MailRole): Share => ({
    slot: mailRoles.indexOf(role),
    limit: roles.includes(role) ? part : total,
  });
  return {
    of: (index, role) => {
      const listener = listeners[index]!;
      const own = ownOf(listener);
      return own === undefined ? ofRole(role) : { slot: slots[index]!, limit: own };
    },
    ofRole,
  };
}

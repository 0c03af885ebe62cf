// What is in force against an account because somebody else may be using it (abuse/ladder.ts decides, main/ writes it down), beside what
// an operator has suspended. Who is slowed reaches fewer recipients; mail of who is held is taken and waits; who is suspended
// cannot log in. Mail for the account comes in as always: it is its owner's, and no part of the abuse.

import type { Account, AccountRestraint } from "../store/store.ts";

/** undefined: none, or it has ended. `now`: wall, ms. */
export function restraintInForce({ restraint }: Pick<Account, "restraint">, now: number): AccountRestraint | undefined {
  return restraint?.until !== undefined && restraint.until <= now ? undefined : restraint;
}

/** It may not be used, whoever said so. */
export function isSuspended({ suspended, restraint }: Pick<Account, "suspended" | "restraint">): boolean {
  return suspended || restraint?.step === "suspend";
}

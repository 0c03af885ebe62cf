// Whether a policy makes sense: every problem at once, each with what it is about. What concerns time is proved for every
// instant from `at` on, not tried at some: between two instants at which something begins or ends nothing changes.

import { checkInForce } from "./check-in-force.ts";
import { checkJustification, checkStages } from "./check-stages.ts";
import { checkLines, checkPools } from "./check-pools.ts";
import { checkPermits } from "./check-permits.ts";
import { checkTargets } from "./check-targets.ts";
import type { NetworkPolicy } from "./policy.ts";
import type { PolicyProblem, ProblemId } from "./problems.ts";
import type { Address } from "../../base/address.ts";

/** Adds a problem. */
export type Report = (id: ProblemId, at: PolicyProblem["at"], message: string, address?: Address) => void;

export function checkPolicy(policy: NetworkPolicy, at: number): readonly PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const report: Report = (id, subject, message, address) => {
    problems.push({ id, at: subject, message, address });
  };
  checkPools(policy, report);
  checkLines(policy, report);
  checkPermits(policy, at, report);
  checkStages(policy, at, report);
  checkJustification(policy, at, report);
  checkTargets(policy, report);
  checkInForce(policy, at, report);
  return problems;
}

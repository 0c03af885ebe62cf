// Checks of the rollout: stages that were announced and observed, a service that users can move to, the record of why.

import type { Report } from "./check.ts";
import type { Justification, NetworkPolicy, Pool } from "./policy.ts";
import { isEmpty } from "./sets.ts";

export function checkStages(policy: NetworkPolicy, at: number, report: Report): void {
  const hasSubmission = policy.servers.some(({ role, addresses }) => role === "msa587" && !isEmpty(addresses));
  for (const [index, pool] of policy.pools.entries()) {
    const first = firstBlocking(pool);
    if (pool.kind !== "dynamic" || first === -1) continue;
    const subject = ["pool", index, "stage", first] as const;
    if (!hasSubmission && policy.operator !== "hosting") {
      report("no-submission", subject, `pool ${pool.name} is blocked, and there is no own msa587 server`);
    }
    const isPast = (pool.stages[first]?.at ?? at) <= at;
    if (!isPast && !pool.stages.slice(0, first).some(({ stage }) => stage === "observe")) {
      report("stage-unobserved", subject, `pool ${pool.name} is blocked without having been observed`);
    }
  }
}

export function checkJustification(policy: NetworkPolicy, at: number, report: Report): void {
  const blocked = policy.pools.filter((pool) => pool.kind === "dynamic" && blocksFrom(pool, at));
  if (blocked.length === 0) return;
  const { justification } = policy;
  const missing = Object.entries(words).flatMap(([key, what]) => (isMissing(justification, key) ? [what] : []));
  const id = policy.operator === "carrier" ? "justification-missing" : "justification-thin";
  if (missing.length > 0) report(id, ["justification"], `the record does not say ${missing.join(", ")}`);
  const { notice } = justification;
  for (const pool of policy.pools) {
    const first = pool.stages[firstBlocking(pool)];
    if (first === undefined || notice === undefined || notice < first.at) continue;
    report("notice-late", ["justification", "notice"], `the users are not told before pool ${pool.name} is blocked`);
    return;
  }
}

const words: Readonly<Record<keyof Justification, string>> = {
  purpose: "the purpose",
  necessity: "why less does not do",
  scope: "the scope",
  alternative: "the alternative",
  terms: "the clause of the terms of service",
  notice: "when the users were told",
};

function isMissing(justification: Justification, key: string): boolean {
  return new Map<string, unknown>(Object.entries(justification)).get(key) === undefined;
}

/** Position of the first stage that blocks, or -1. */
function firstBlocking(pool: Pool): number {
  return pool.stages.findIndex(({ stage }) => stage === "mobile-only" || stage === "full");
}

/** Whether it blocks now or will. */
function blocksFrom({ stages }: Pool, at: number): boolean {
  return stages.some(
    ({ stage }, index) =>
      (stage === "mobile-only" || stage === "full") && (stages[index + 1]?.at ?? Number.POSITIVE_INFINITY) > at,
  );
}

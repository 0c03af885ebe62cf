// How exactly a limit holds: what one account gets that asks for more than it may have. Three cases: many sessions at once with
// one transaction in ten given back; the same while what counts is killed and started again at half of the limit; and one
// message for twice as many recipients as the account may reach.

import { randomFrom } from "../../chaos/report.ts";
import { createScope, withDirectories } from "../smtp/scope.ts";
import { demand, oneMessage } from "./demand.ts";
import { start } from "./peers.ts";
import type { Limited, LimitedName } from "./peers.ts";

export const cases = ["parallel", "killed", "message"] as const;
export type CaseName = (typeof cases)[number];

interface ExactnessOptions {
  readonly peers: readonly LimitedName[];
  readonly cases: readonly CaseName[];
  readonly limit: number;
  readonly sessions: number;
  readonly interrupted: () => boolean;
  readonly tell: (line: string) => void;
}

export interface ExactnessResult {
  readonly peer: LimitedName;
  readonly case: CaseName;
  readonly limit: number;
  readonly sessions: number;
  /** Recipients that got a message; those whose answer was lost may have. */
  readonly accepted: number;
  readonly unknown: number;
  readonly givenBack: number;
}

export function benchExactness(options: ExactnessOptions): Promise<readonly ExactnessResult[]> {
  return withDirectories(async () => {
    const results: ExactnessResult[] = [];
    for (const peer of options.peers) {
      for (const name of options.cases) {
        if (options.interrupted()) return results;
        const scope = createScope();
        try {
          // oxlint-disable-next-line no-await-in-loop -- one server at a time
          const server = await start[peer](scope, options.limit);
          // oxlint-disable-next-line no-await-in-loop
          const result = { peer, case: name, ...(await runCase(server, name, options)) };
          options.tell(`${peer}, ${name}: ${result.accepted} of ${result.limit}`);
          results.push(result);
        } finally {
          // oxlint-disable-next-line no-await-in-loop
          await scope.close();
        }
      }
    }
    return results;
  });
}

async function runCase(
  server: Limited,
  name: CaseName,
  { limit, sessions }: ExactnessOptions,
): Promise<Omit<ExactnessResult, "peer" | "case">> {
  if (name === "message") {
    const accepted = await oneMessage(server, 2 * limit);
    return { limit, sessions: 1, accepted, unknown: 0, givenBack: 0 };
  }
  const half = { at: Math.floor(limit / 2), act: server.restart };
  const outcome = await demand(server, sessions, randomFrom(7), name === "killed" ? half : undefined);
  return { limit, sessions, ...outcome };
}

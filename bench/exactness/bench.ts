// How exactly a limit holds: what one account gets that asks for more than it may have. Five cases: many sessions at once with
// one transaction in ten given back; the same while what counts is killed and started again at half of the limit, or stands still for
// five seconds; sessions that ask right before and right after the moment at which the first recipient leaves the window; and one
// message for twice as many recipients as the account may reach.

import { randomFrom } from "../../chaos/report.ts";
import { createScope, withDirectories } from "../smtp/scope.ts";
import type { RowScope } from "../smtp/scope.ts";
import { acrossEdge, demand, EDGE_SHORT, oneMessage } from "./demand.ts";
import { start } from "./peers.ts";
import type { Limited, LimitedName } from "./peers.ts";

export const cases = ["parallel", "killed", "stalled", "edge", "message"] as const;
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
  /** Recipients of the messages in its queue, where one can look: then nothing is unknown. */
  readonly queued?: number;
  /** The most that were accepted in any interval that is a little shorter than the window. */
  readonly peak?: number;
}

const STALL = 5000;
/** Seconds. */
const usualWindow = 3600;
const edgeWindow = 60;
/** As many as are accepted by every server in a few seconds. */
const EDGE_LIMIT = 200;
const EDGE_SESSIONS = 50;

export function benchExactness(options: ExactnessOptions): Promise<readonly ExactnessResult[]> {
  return withDirectories(async () => {
    const results: ExactnessResult[] = [];
    for (const peer of options.peers) {
      for (const name of options.cases) {
        if (options.interrupted()) return results;
        const scope = createScope();
        try {
          // oxlint-disable-next-line no-await-in-loop -- one server at a time
          const server = await startFor(peer, name, scope, options.limit);
          // oxlint-disable-next-line no-await-in-loop
          const result = { peer, case: name, ...(await runCase(server, name, options)) };
          options.tell(`${peer}, ${name}: ${result.peak ?? result.queued ?? result.accepted} of ${result.limit}`);
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
  if (name === "edge") {
    const most = Math.min(limit, EDGE_LIMIT);
    const few = Math.min(sessions, EDGE_SESSIONS);
    const outcome = await acrossEdge(server, few, 1000 * edgeWindow);
    return { limit: most, sessions: few, unknown: 0, givenBack: 0, ...outcome };
  }
  const act = { parallel: undefined, killed: server.restart, stalled: () => server.stall(STALL) }[name];
  const half = act === undefined ? undefined : { at: Math.floor(limit / 2), act };
  const outcome = await demand(server, sessions, randomFrom(7), half);
  const queued = await server.queued?.();
  return { limit, sessions, ...outcome, ...(queued === undefined ? {} : { queued }) };
}

function startFor(peer: LimitedName, name: CaseName, scope: RowScope, limit: number): Promise<Limited> {
  return name === "edge"
    ? start[peer](scope, Math.min(limit, EDGE_LIMIT), edgeWindow)
    : start[peer](scope, limit, usualWindow);
}

/** In words: the interval in which `peak` is counted. */
export const peakInterval = `${edgeWindow - EDGE_SHORT / 1000} s`;

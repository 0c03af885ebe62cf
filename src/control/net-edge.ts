// Use cases of a Linux edge: apply the policy of now, confirm it, roll it back, restore it after a reboot, say what is in
// force; count who still speaks to port 25 and what the policy has changed. Only these need CAP_NET_ADMIN. What is
// looked up about people is noted with who asked.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { project } from "../compile/project.ts";
import type { Projection } from "../compile/project.ts";
import { nftables } from "../compile/targets/nftables/index.ts";
import { createEdge } from "../edge/apply.ts";
import type { ApplyOutcome, Comparison, Edge, EdgeFailure, EdgeStatus } from "../edge/apply.ts";
import { isNothing, previewOf } from "../edge/preview.ts";
import type { Preview } from "../edge/preview.ts";
import { openLedger, UnreadableLedger } from "../edge/ledger.ts";
import type { AppliedText } from "../edge/ledger.ts";
import { createNftTarget } from "../edge/nft-target.ts";
import { createNft } from "../edge/nft.ts";
import { createAssignmentReader } from "../edge/survey/assignments.ts";
import type { Assignments } from "../edge/survey/assignments.ts";
import { countingText, readPoolCounts, readSources } from "../edge/survey/counting.ts";
import type { PoolCount } from "../edge/survey/counting.ts";
import { effectOf } from "../edge/survey/effect.ts";
import type { EffectReport, EffectSample } from "../edge/survey/effect.ts";
import type { Flow } from "../edge/survey/flows.ts";
import { createFlowReader } from "../edge/survey/flows.ts";
import { keptClasses, keptFor, openViewerLog } from "../edge/survey/kept.ts";
import type { KeptClass } from "../edge/survey/kept.ts";
import { openSamples } from "../edge/survey/samples.ts";
import { createFlowSurvey, surveyCounts } from "../edge/survey/who.ts";
import type { SurveyRow } from "../edge/survey/who.ts";
import { armWatchdog, disarm, isWatching } from "../edge/watchdog.ts";
import { systemClock } from "../io/clock.ts";
import type { Clock } from "../io/clock.ts";
import { lockState } from "../io/state-lock.ts";
import { stageAt } from "../policy/network/in-force.ts";
import type { NetworkPolicy, TargetSettings } from "../policy/network/policy.ts";

export { effectPage, effectText } from "../edge/survey/effect-page.ts";
export type { EdgeFailure, EdgeStatus } from "../edge/apply.ts";
export type { SurveyRow } from "../edge/survey/who.ts";

export interface EdgeSite {
  readonly policy: NetworkPolicy;
  /** State directory; the edge has a part of it. */
  readonly state: string;
  /** The command line that rolls back a change, up to its id. */
  readonly rollBack: readonly [string, ...string[]];
  /** A network namespace instead of the machine's own. */
  readonly namespace?: string;
  readonly clock?: Clock;
}

/** What an apply would change on this machine. */
export type EdgePlan =
  | {
      readonly kind: "compared";
      readonly against: "kernel" | "last text";
      /** Why not the kernel. */
      readonly because?: string;
      readonly result: "nothing" | "changes";
      readonly changes: Preview;
    }
  | { readonly kind: "unknown"; readonly cause: string };

export interface NetEdge {
  /** Reads and changes nothing; `date` writes instants. */
  plan(at: number, date: (at: number) => string): Promise<EdgePlan>;
  apply(by: string, confirmWithin: number | undefined): Promise<Result<ApplyOutcome, EdgeFailure>>;
  confirm(by: string): Promise<Result<AppliedText, EdgeFailure>>;
  rollback(by: string, unconfirmed: string | undefined): Promise<Result<AppliedText | undefined, EdgeFailure>>;
  restore(): Promise<Result<AppliedText | undefined, EdgeFailure>>;
  status(): Promise<Result<EdgeStatus, EdgeFailure>>;
  survey(by: string, sources: SurveySources): Promise<Result<Survey, SurveyFailure>>;
  sample(): Promise<Result<EffectSample, string>>;
  effect(): Promise<EffectReport>;
}

export interface SurveySources {
  /** Output of `nfdump -o csv`, instead of this edge's counters. */
  readonly flows?: string;
  /** A `detail` file of RADIUS accounting. */
  readonly assignments?: string;
}

/** `input`: a file that was named cannot be read. */
export interface SurveyFailure {
  readonly kind: "input" | "edge";
  readonly cause: string;
}

export interface Survey {
  /** Most port 25 first. */
  readonly rows: readonly SurveyRow[];
  /** Conversations that were too many to hold. */
  readonly notCounted: number;
  /** Accounting records that could not be used, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What of all this is kept, and for how long. */
  readonly kept: readonly KeptClass[];
}

export function netEdge(site: EdgeSite): NetEdge {
  const { policy, state, namespace, clock = systemClock } = site;
  const directory = join(state, "edge");
  const settings = edgeTarget(policy);
  const interfaces = {
    customerInterfaces: settings?.customerInterfaces ?? [],
    upstreamInterfaces: settings?.upstreamInterfaces ?? [],
  };
  const nft = createNft(namespace);
  const target = createNftTarget(interfaces);
  const edge: Edge = createEdge({
    nft,
    clock,
    ledger: openLedger(directory),
    target,
    watchdog: {
      arm: (id, milliseconds) => armWatchdog(id, milliseconds, [...site.rollBack, id]),
      isWatching,
      disarm,
    },
  });
  const samples = openSamples(join(directory, "samples.jsonl"));

  /** One change at a time. */
  const alone = <T>(work: () => Promise<Result<T, EdgeFailure>>): Promise<Result<T, EdgeFailure>> =>
    inWords(async () => {
      const lock = lockState(directory);
      if (lock === undefined) return impossible("another command is changing the filter of this edge");
      try {
        return await work();
      } finally {
        lock.release();
      }
    });
  const viewers = openViewerLog(join(directory, "audit.jsonl"));
  const note = (by: string, what: object): Promise<void> => viewers.note({ at: clock.wall(), by, ...what });

  const programAt = (at: number): Pick<Projection, "program" | "validUntil"> =>
    project(
      policy,
      at,
      settings?.placement ?? { kind: "edge" },
      { customers: interfaces.customerInterfaces, upstreams: interfaces.upstreamInterfaces },
      nftables.capabilities,
    );

  return {
    plan: async (at, date) => {
      const { program, validUntil } = programAt(at);
      let compared: Result<Comparison, string>;
      try {
        compared = await edge.compare(program, validUntil);
      } catch (error) {
        compared = failure(error instanceof Error ? error.message : String(error));
      }
      if (!compared.ok) return { kind: "unknown", cause: compared.error };
      const { before, after, against, difference } = compared.value;
      const changes = previewOf(before, after, target.scopeOf(before, after), { policy, at, date });
      // What no list speaks of is told by a packet at least.
      const isTold = difference === undefined || changes.reach.length + changes.validation.length > 0;
      const whole = isTold ? changes : { ...changes, reach: [difference] };
      return {
        kind: "compared",
        against: against.kind,
        ...(against.kind === "kernel" ? {} : { because: against.because }),
        result: isNothing(whole) ? "nothing" : "changes",
        changes: whole,
      };
    },
    apply: (by, confirmWithin) =>
      alone(async () => {
        if (policy.pools.length === 0) return impossible("the policy has no pools: there is nothing to apply");
        const { program, validUntil } = programAt(clock.wall());
        const outcome = await edge.apply({
          program,
          validUntil,
          by,
          ...(confirmWithin === undefined ? {} : { confirmWithin }),
        });
        await note(by, { did: "apply", outcome: outcome.kind });
        if (outcome.kind === "applied") {
          // It counts and decides nothing, so its failure undoes nothing.
          const counting = await nft.load(countingText(policy));
          if (!counting.ok) await note(by, { did: "count", outcome: counting.error });
        }
        return success(outcome);
      }),
    confirm: (by) =>
      alone(async () => {
        const confirmed = await edge.confirm();
        if (confirmed.ok) await note(by, { did: "confirm", revision: confirmed.value.revision });
        return confirmed;
      }),
    rollback: (by, unconfirmed) =>
      alone(async () => {
        const back = await edge.rollback(unconfirmed);
        if (back.ok) await note(by, { did: "rollback", revision: back.value?.revision ?? "nothing" });
        return back;
      }),
    restore: () =>
      alone(async () => {
        const restored = await edge.restore();
        return restored.ok ? restored : impossible(restored.error);
      }),
    status: () => inWords(async () => success(await edge.status())),
    survey: async (by, { flows, assignments }) => {
      await note(by, { did: "survey", flows: flows ?? "this edge", assignments: assignments ?? "none" });
      try {
        const known = assignments === undefined ? undefined : await assignmentsIn(assignments);
        const skipped = Object.fromEntries(known?.skipped ?? []);
        const kept = keptClasses(directory);
        if (flows !== undefined) {
          const found = createFlowSurvey(policy, known);
          const read = await eachFlow(flows, found.add);
          if (!read.ok) return failure({ kind: "input", cause: `${flows} ${read.error}` });
          return success({ rows: found.rows(), notCounted: found.notCounted, skipped, kept });
        }
        const counts = await readSources(nft);
        if (!counts.ok) return failure({ kind: "edge", cause: counts.error });
        return success({ rows: surveyCounts(policy, counts.value, known, clock.wall()), notCounted: 0, skipped, kept });
      } catch (error) {
        // A file that is not there or not ours to read.
        if (error instanceof Error && "code" in error) return failure({ kind: "input", cause: error.message });
        throw error;
      }
    },
    sample: async () => {
      const counts = await readPoolCounts(nft, policy);
      if (!counts.ok) return counts;
      const at = clock.wall();
      const byClass = (pool: string, of: (count: PoolCount) => number): Record<string, number> =>
        Object.fromEntries(
          counts.value.filter((each) => each.pool === pool).map((each) => [each.destination, of(each)]),
        );
      const sample: EffectSample = {
        at,
        pools: policy.pools
          .filter(({ kind }) => kind === "dynamic")
          .map((pool) => ({
            pool: pool.name,
            stage: stageAt(pool, at),
            conversations: byClass(pool.name, ({ conversations }) => conversations),
            passed: byClass(pool.name, ({ passed }) => passed),
          })),
      };
      await samples.add(sample);
      await samples.purge(at - keptFor);
      await viewers.purge(at - keptFor);
      return success(sample);
    },
    effect: async () => effectOf(await samples.all()),
  };
}

function impossible(cause: string): Result<never, EdgeFailure> {
  return failure({ kind: "impossible", cause });
}

/** What the system refuses (rights, space, a damaged ledger) is for the operator to mend; anything else is our fault. */
async function inWords<T>(work: () => Promise<Result<T, EdgeFailure>>): Promise<Result<T, EdgeFailure>> {
  try {
    return await work();
  } catch (error) {
    const isSystems = error instanceof Error && ("code" in error || error instanceof UnreadableLedger);
    if (isSystems) return impossible(error.message);
    throw error;
  }
}

async function assignmentsIn(file: string): Promise<Assignments> {
  const reader = createAssignmentReader();
  for await (const line of createInterface({ input: createReadStream(file) })) reader.read(line);
  return reader.end();
}

async function eachFlow(file: string, take: (flow: Flow) => void): Promise<Result<undefined, string>> {
  const reader = createFlowReader();
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const flow = reader.read(line);
    if (!flow.ok) return flow;
    if (flow.value !== undefined) take(flow.value);
  }
  return reader.end();
}

/** Whether the policy means a machine such as this one. */
export function hasLinuxEdge(policy: NetworkPolicy): boolean {
  return policy.pools.length > 0 && (policy.targets.length === 0 || edgeTarget(policy) !== undefined);
}

/** The first target of this kind; without one, all that is forwarded. */
function edgeTarget(policy: NetworkPolicy): TargetSettings | undefined {
  return policy.targets.find(({ kind }) => kind === "nftables");
}

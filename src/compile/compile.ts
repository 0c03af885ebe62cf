// From policy to proved text, for one target: project, print, read the text back, compare. A text that does not read back
// as the policy is never handed out: that would be a bug of a printer or a parser, and it comes as an error with the
// packet that shows it.

import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { NetworkPolicy, Placement, TargetSettings } from "../policy/network/policy.ts";
import { wholeScope } from "./ir.ts";
import type { Program, Scope } from "./ir.ts";
import { describePacket } from "./packet.ts";
import { project } from "./project.ts";
import type { Projection } from "./project.ts";
import { revisionOf } from "./revision.ts";
import type { CompileError, ParseProblem, ReadContext, Target, TextFile } from "./target.ts";
import { verify } from "./verify.ts";
import type { Verification } from "./verify.ts";

export interface Compiled {
  readonly files: readonly TextFile[];
  readonly projection: Projection;
  readonly revision: string;
  readonly proof: Extract<Verification, { readonly kind: "equal" }>;
}

export function compileTarget(
  policy: NetworkPolicy,
  settings: TargetSettings,
  target: Target,
  at: number,
): Result<Compiled, readonly CompileError[]> {
  const placed = placementOf(settings, target);
  if (!placed.ok) return failure([placed.error]);
  const projection = projectFor(policy, settings, target, placed.value, at);
  const revision = revisionOf(projection.program);
  const rendered = target.render(projection.program, {
    revision,
    at,
    validUntil: projection.validUntil,
    hypotheses: projection.hypotheses,
    strictManner: policy.verdict.strict,
    settings,
    scope: projection.scope,
    ...(settings.budget === undefined ? {} : { budget: settings.budget }),
    ...profileOf(policy, placed.value),
  });
  if (!rendered.ok) return rendered;
  const parsed = target.parse(rendered.value, readContext(settings, projection, at));
  if (!parsed.ok) {
    const { path, line, message } = parsed.error;
    return failure([
      { rule: undefined, message: `bug: the printed text does not read back: ${path}:${line}: ${message}` },
    ]);
  }
  const proof = compare(projection, parsed.value);
  if (proof.kind === "different") {
    const message = `bug: the printed text is not the policy for ${describePacket(proof.packet)}`;
    return failure([{ rule: proof.left.rule, message, hint: `the text says: ${proof.right.rule}` }]);
  }
  return success({ files: rendered.value, projection, revision, proof });
}

/** Any text for the target against the policy at an instant. */
export function proveText(
  policy: NetworkPolicy,
  settings: TargetSettings,
  target: Target,
  files: readonly TextFile[],
  at: number,
): Result<{ readonly projection: Projection; readonly verification: Verification }, ParseProblem | CompileError> {
  const placed = placementOf(settings, target);
  if (!placed.ok) return failure(placed.error);
  const projection = projectFor(policy, settings, target, placed.value, at);
  const parsed = target.parse(files, readContext(settings, projection, at));
  if (!parsed.ok) return failure(parsed.error);
  return success({ projection, verification: compare(projection, parsed.value) });
}

/** The one that is set, or the usual one of the target. */
function placementOf({ name, placement }: TargetSettings, target: Target): Result<Placement, CompileError> {
  const { placements } = target.capabilities;
  const usual = placements[0]!;
  if (placement === undefined) {
    if (usual !== "line" && usual !== "line-out") return success({ kind: usual });
    return failure({
      rule: undefined,
      message: `target ${name} stands on lines: name the pool`,
      hint: 'placement = "line"',
    });
  }
  if (placements.includes(placement.kind)) return success(placement);
  const message = `target ${name} cannot stand at "${placement.kind}"`;
  return failure({ rule: undefined, message, hint: `it can at ${placements.join(", ")}` });
}

/** As `project`, or what the target publishes. */
export function projectFor(
  policy: NetworkPolicy,
  settings: TargetSettings,
  target: Target,
  placement: Placement,
  at: number,
): Projection {
  const interfaces = { customers: settings.customerInterfaces, upstreams: settings.upstreamInterfaces };
  const projection =
    target.publish === undefined
      ? project(policy, at, placement, interfaces, target.capabilities)
      : { ...target.publish(policy, at), scope: publishedScope, hypotheses: [] };
  return { ...projection, hypotheses: [...projection.hypotheses, ...(target.hypotheses?.(settings) ?? [])] };
}

/** A list is asked about sources, by whoever takes mail from them. */
const publishedScope: Scope = { ...wholeScope, directions: ["up"] };

/** Sessions of a pool go by the pool's own name where it has none in RADIUS. */
export function profileOf({ pools }: NetworkPolicy, placement: Placement): { readonly profile?: string } {
  if (placement.kind !== "line") return {};
  const profile = pools.find(({ name }) => name === placement.pool)?.radiusProfile;
  return { profile: profile ?? placement.pool };
}

function readContext(settings: TargetSettings, { scope }: Projection, at: number): ReadContext {
  const { customerInterfaces, upstreamInterfaces } = settings;
  return { scope, customerInterfaces, upstreamInterfaces, at, settings };
}

function compare({ program, scope }: Projection, text: Program): Verification {
  return verify(program, text, scope);
}

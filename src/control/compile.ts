// The policy as texts for devices, and texts held against the policy. What `net render` and `net verify` say.

import { formatAddress } from "../base/address.ts";
import { success, failure } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { compileTarget, proveText } from "../compile/compile.ts";
import type { Compiled } from "../compile/compile.ts";
import { describePacket } from "../compile/packet.ts";
import type { FilteredPacket } from "../compile/packet.ts";
import type { Projection } from "../compile/project.ts";
import { readHead } from "../compile/target.ts";
import type { CompileError, Target, TextFile } from "../compile/target.ts";
import { targetNamed, targets } from "../compile/targets/index.ts";
import { proveTheorems } from "../compile/theorems.ts";
import type { Verification } from "../compile/verify.ts";
import { plainTarget, targetKinds } from "../policy/network/policy.ts";
import type { NetworkPolicy, TargetSettings } from "../policy/network/policy.ts";

export interface ChosenTarget {
  readonly settings: TargetSettings;
  readonly target: Target;
}

/** By the name of the configuration, or a kind for a device that it does not speak of; without a name, all that it has. */
export function chooseTargets(
  policy: NetworkPolicy,
  name: string | undefined,
): Result<readonly ChosenTarget[], string> {
  const configured = policy.targets.filter((one) => name === undefined || one.name === name || one.kind === name);
  const chosen = configured.flatMap((settings) => withTarget(settings) ?? []);
  if (chosen.length > 0) return success(name === undefined ? chosen : chosen.slice(0, 1));
  const kind = targetKinds.find((one) => one === (name ?? "nftables"));
  const made = kind === undefined ? undefined : withTarget({ ...plainTarget, name: kind, kind });
  if (made !== undefined) return success([made]);
  const known = [...policy.targets.map((one) => one.name), ...targets.map((one) => one.name)];
  return failure(`there is no target ${name}: ${[...new Set(known)].join(", ")} are there`);
}

/** Of the configuration, those that no printer is for: nothing can be said of them, and that must be said. */
export function unknownTargets(policy: NetworkPolicy): readonly TargetSettings[] {
  return policy.targets.filter((settings) => withTarget(settings) === undefined);
}

function withTarget(settings: TargetSettings): ChosenTarget | undefined {
  const target = targetNamed(settings.kind);
  return target === undefined ? undefined : { settings, target };
}

/** Whether the policy has anything that a packet filter could do. */
export function hasEdge(policy: NetworkPolicy): boolean {
  return policy.pools.some(({ kind, lines }) => kind === "dynamic" || lines.length > 0);
}

export function renderTarget(
  policy: NetworkPolicy,
  { settings, target }: ChosenTarget,
  at: number,
): Result<Compiled, readonly CompileError[]> {
  return compileTarget(policy, settings, target, at);
}

export interface TargetProof {
  readonly target: string;
  readonly kind: string;
  readonly result: "proved" | "different" | "stale" | "unsayable" | "unreadable" | "broken";
  /** For people, the first one being the result. */
  readonly lines: readonly string[];
  /** A packet that the policy and the text treat differently. */
  readonly counterexample?: Counterexample;
  readonly theorems: readonly { readonly name: string; readonly statement: string; readonly outcome: string }[];
  readonly dontCares: readonly string[];
  readonly hypotheses: readonly string[];
  readonly validUntil: string | undefined;
}

export interface Counterexample {
  readonly packet: string;
  readonly policy: { readonly decision: "pass" | "block"; readonly rule: string };
  readonly text: { readonly decision: "pass" | "block"; readonly rule: string };
}

/** Prints the target's text, reads it back, compares, and proves the theorems. */
export function verifyTarget(policy: NetworkPolicy, chosen: ChosenTarget, at: number): TargetProof {
  const compiled = renderTarget(policy, chosen, at);
  if (!compiled.ok) return without(chosen, "unsayable", compiled.error.map(formatCompileError));
  const { projection, proof } = compiled.value;
  return proofOf(policy, chosen, at, projection, proof, undefined);
}

/** Holds a text that came from elsewhere against the policy. */
export function verifyText(policy: NetworkPolicy, chosen: ChosenTarget, file: TextFile, at: number): TargetProof {
  const proved = proveText(policy, chosen.settings, chosen.target, [file], at);
  if (!proved.ok) {
    const { error } = proved;
    const told = "path" in error ? `${error.path}:${error.line}: ${error.message}` : formatCompileError(error);
    return without(chosen, "unreadable", [told]);
  }
  const { projection, verification } = proved.value;
  return proofOf(policy, chosen, at, projection, verification, readHead(file.text)?.validUntil);
}

export function formatCompileError({ rule, message, hint }: CompileError): string {
  return `${rule === undefined ? "" : `${rule}: `}${message}${hint === undefined ? "" : ` (${hint})`}`;
}

function without(
  { settings, target }: ChosenTarget,
  result: TargetProof["result"],
  lines: readonly string[],
): TargetProof {
  const nothing = { theorems: [], dontCares: [], hypotheses: [], validUntil: undefined };
  return { target: settings.name, kind: target.name, result, lines, ...nothing };
}

function proofOf(
  policy: NetworkPolicy,
  { settings, target }: ChosenTarget,
  at: number,
  projection: Projection,
  verification: Verification,
  textUntil: number | undefined,
): TargetProof {
  // A list filters nothing.
  const proved = target.publish === undefined ? proveTheorems(policy, at, projection) : [];
  const theorems = proved.map(({ name, statement, outcome }) => ({
    name,
    statement,
    outcome:
      outcome.kind === "proved"
        ? "proved"
        : outcome.kind === "broken"
          ? `broken by ${describePacket(outcome.packet)}: ${outcome.rule}`
          : `broken: ${outcome.detail}`,
  }));
  const common = {
    target: settings.name,
    kind: target.name,
    theorems,
    hypotheses: [...projection.hypotheses, ...(verification.kind === "equal" ? verification.hypotheses : [])],
    dontCares: verification.kind === "equal" ? verification.dontCares : [],
    validUntil: projection.validUntil === undefined ? undefined : new Date(projection.validUntil).toISOString(),
  };
  if (verification.kind === "different") {
    const { packet, left, right } = verification;
    const counterexample: Counterexample = {
      packet: describePacket(packet),
      policy: { decision: decisionOf(left.action.kind), rule: left.rule },
      text: { decision: decisionOf(right.action.kind), rule: right.rule },
    };
    const lines = target.publish === undefined ? tell(counterexample) : tellOfList(packet, counterexample);
    return { ...common, result: "different", lines, counterexample };
  }
  if (textUntil !== undefined && textUntil <= at) {
    const line = `the text was valid until ${new Date(textUntil).toISOString()}: render it again`;
    return { ...common, result: "stale", lines: [line] };
  }
  const broken = theorems.filter(({ outcome }) => outcome !== "proved");
  if (broken.length > 0) return { ...common, result: "broken", lines: broken.map(({ statement }) => statement) };
  const line =
    target.publish === undefined
      ? `the text and the policy decide every packet alike (${verification.classes} classes)`
      : "the text lists the dynamic addresses of the policy and no others";
  return { ...common, result: "proved", lines: [line] };
}

function decisionOf(kind: "pass" | "accept" | "block"): "pass" | "block" {
  return kind === "block" ? "block" : "pass";
}

function tellOfList({ source, family }: FilteredPacket, { policy }: Counterexample): readonly string[] {
  const address = formatAddress(source, family);
  return policy.decision === "block"
    ? ["the text is not the policy. An address that shows it:", `${address} belongs on the list, and is not there`]
    : ["the text is not the policy. An address that shows it:", `${address} is listed, and does not belong there`];
}

function tell({ packet, policy, text }: Counterexample): readonly string[] {
  return [
    "the text is not the policy. A packet that shows it:",
    packet,
    `the policy ${policy.decision === "block" ? "blocks" : "passes"} it (${policy.rule})`,
    `the text ${text.decision === "block" ? "blocks" : "passes"} it (${text.rule})`,
  ];
}

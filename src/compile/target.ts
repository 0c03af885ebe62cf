// A target turns a program into the texts of one kind of device, and such a text back into a program. It prints from a
// tree, never by gluing what it was not asked to say; and it refuses, naming the rule, what the device cannot say. What
// it prints it must read back as the same program within its scope; verify.ts holds it to that. It also reads how the
// device shows the configuration, and what people write; what it does not understand is a problem, never skipped.

import type { Family } from "../base/address.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Manner, NetworkPolicy, Placement, TargetSettings } from "../policy/network/policy.ts";
import type { Program, Scope } from "./ir.ts";

export interface Target {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly render: (program: Program, options: RenderOptions) => Result<readonly TextFile[], readonly CompileError[]>;
  /** The first file decides what packets pass, and can be given alone where the others only repeat or use it. */
  readonly parse: (files: readonly TextFile[], context: ReadContext) => Result<Program, ParseProblem>;
  /** Of a target that filters nothing: what it says of the policy, as a program that blocks what the target names. */
  readonly publish?: (policy: NetworkPolicy, at: number) => Published;
  /** What must hold at such a device besides, as sentences. */
  readonly hypotheses?: (settings: TargetSettings) => readonly string[];
}

export interface Published {
  readonly program: Program;
  /** The first instant at which it is another. */
  readonly validUntil: number | undefined;
}

export type PlacementKind = Placement["kind"];

export interface Capabilities {
  /** Where its filters can stand; the first is the usual one. */
  readonly placements: readonly PlacementKind[];
  readonly families: readonly Family[];
  /** How it can block, in no order. */
  readonly manners: readonly Manner[];
  /** `prefix-lists`: sets are written once and named; `inline`: each use spells them out. */
  readonly sets: "prefix-lists" | "inline";
  /** Whether members of sets can end by themselves. */
  readonly timeouts: boolean;
  readonly counters: boolean;
  /** Whether terms can tell SYN from other segments, and fragments from whole packets. */
  readonly flags: boolean;
  readonly fragments: boolean;
  readonly subscribers: boolean;
  readonly validation: readonly ("list" | "strict")[];
  /** What a device of this kind holds, with the source of the number. */
  readonly budget?: Budget;
}

export interface Budget {
  readonly unit: string;
  readonly most: number;
  readonly source: string;
}

export interface TextFile {
  /** Relative; for a target of one file "config" with the usual suffix. */
  readonly path: string;
  readonly text: string;
}

export interface RenderOptions {
  /** Part of the names that change with each revision, so that a device swaps one binding. Lower-case letters and digits. */
  readonly revision: string;
  /** The instant that the program is of, in wall milliseconds. */
  readonly at: number;
  /** The first instant at which the program may be another; undefined: never. */
  readonly validUntil: number | undefined;
  /** What holds only under conditions, as sentences for the header. */
  readonly hypotheses: readonly string[];
  /** A manner that is not the first choice is an error. */
  readonly strictManner: boolean;
  /** The device's own budget instead of the usual one. */
  readonly budget?: number;
  /** What else the operator said of the device; undefined where only the program counts. */
  readonly settings?: TargetSettings;
  /** The packets that the text is answerable for; undefined: all. */
  readonly scope?: Scope;
  /** What the pool of a place on lines is called in RADIUS. */
  readonly profile?: string;
}

/** What a text alone does not tell. */
export interface ReadContext {
  readonly scope: Scope;
  /** Which side the interfaces named in the text are on. */
  readonly customerInterfaces: readonly string[];
  readonly upstreamInterfaces: readonly string[];
  /** When the text is read: remaining times count from here. */
  readonly at: number;
  readonly settings?: TargetSettings;
}

export interface CompileError {
  /** The policy's rule that the target cannot say, or undefined where the whole is at fault. */
  readonly rule: string | undefined;
  readonly message: string;
  readonly hint?: string;
}

export interface ParseProblem {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** What every text says in its head, as lines without a comment sign. Parsers pass over it. */
export function headerLines(target: string, options: RenderOptions): readonly string[] {
  return [
    `${target}: port 25 policy, revision ${options.revision}`,
    `in force at ${new Date(options.at).toISOString()}`,
    `valid until ${options.validUntil === undefined ? "the policy changes" : new Date(options.validUntil).toISOString()}`,
    ...options.hypotheses.map((hypothesis) => `holds if: ${hypothesis}`),
  ];
}

export interface Head {
  readonly revision: string;
  readonly at: number;
  readonly validUntil: number | undefined;
}

/** The head of a text that we printed; undefined for others. */
export function readHead(text: string): Head | undefined {
  const top = text.slice(0, 4000);
  const revision = /port 25 policy, revision (\w+)/.exec(top)?.[1];
  const at = /in force at (\S+)/.exec(top)?.[1];
  const until = /valid until (\d\S+)/.exec(top)?.[1];
  if (revision === undefined || at === undefined) return undefined;
  return { revision, at: Date.parse(at), validUntil: until === undefined ? undefined : Date.parse(until) };
}

/** The first of the wanted manners that can be said of such packets. */
export function chooseManner(
  wanted: readonly Manner[],
  sayable: readonly Manner[],
  rule: string,
  { strictManner }: Pick<RenderOptions, "strictManner">,
): Result<Manner, CompileError> {
  const chosen = wanted.find((manner) => sayable.includes(manner));
  if (chosen === undefined) {
    return failure({
      rule,
      message: `it can block only with ${sayable.join(" or ")}, the policy wants ${wanted.join(" or ")}`,
    });
  }
  if (strictManner && chosen !== wanted[0]) {
    return failure({
      rule,
      message: `it cannot block with ${wanted[0]}, and strict-manner takes no other`,
      hint: `it could with ${chosen}`,
    });
  }
  return success(chosen);
}

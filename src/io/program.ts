// Other programs: started with an argument list (never through a shell), fed, read to the end, bounded in time.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ProgramRun {
  readonly program: string;
  readonly parameters: readonly string[];
  /** Standard input; without it there is none. */
  readonly input?: string;
  /** Standard input that is there as a whole before the program starts: should we be killed, it never takes a part for all. */
  readonly wholeInput?: string;
  /** After this it is killed, and the outcome is `timeout`. */
  readonly milliseconds: number;
  /** Replaces the environment's values of these names. */
  readonly environment?: Readonly<Record<string, string>>;
}

export type ProgramOutcome =
  | { readonly kind: "ended"; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: "killed"; readonly signal: string; readonly stdout: string; readonly stderr: string }
  | { readonly kind: "timeout"; readonly stdout: string; readonly stderr: string }
  /** It did not start: not installed, not allowed. */
  | { readonly kind: "absent"; readonly cause: string };

/** Never rejects. */
export function runProgram(run: ProgramRun): Promise<ProgramOutcome> {
  return new Promise((resolve) => {
    const whole = run.wholeInput === undefined ? undefined : fileWith(run.wholeInput);
    const child = spawn(run.program, [...run.parameters], {
      env: { ...process.env, ...run.environment },
      stdio: [whole ?? (run.input === undefined ? "ignore" : "pipe"), "pipe", "pipe"],
    });
    if (whole !== undefined) closeSync(whole);
    let stdout = "";
    let stderr = "";
    let late = false;
    const alarm = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, run.milliseconds);
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // A program that ends without reading its input says so by its exit code.
    child.stdin?.on("error", () => undefined).end(run.input);
    child.once("error", (error) => {
      clearTimeout(alarm);
      resolve({ kind: "absent", cause: error.message });
    });
    child.once("close", (code, signal) => {
      clearTimeout(alarm);
      if (late) resolve({ kind: "timeout", stdout, stderr });
      else if (code === null) resolve({ kind: "killed", signal: signal ?? "unknown", stdout, stderr });
      else resolve({ kind: "ended", code, stdout, stderr });
    });
  });
}

/** A descriptor to read the text from; the file has no name any more. */
function fileWith(text: string): number {
  const path = join(tmpdir(), `sekimori-${randomBytes(12).toString("hex")}`);
  try {
    writeFileSync(path, text, { flag: "wx", mode: 0o600 });
    return openSync(path, "r");
  } finally {
    unlinkSync(path);
  }
}

/** The output of a program that must succeed. Throws an Error with its own words otherwise. */
export async function outputOf(run: ProgramRun): Promise<string> {
  const outcome = await runProgram(run);
  if (outcome.kind === "ended" && outcome.code === 0) return outcome.stdout;
  throw new Error(`${run.program} ${run.parameters.slice(0, 6).join(" ")}: ${failureOf(outcome)}`);
}

/** Why it is no success, in one line. */
export function failureOf(outcome: ProgramOutcome): string {
  switch (outcome.kind) {
    case "absent":
      return outcome.cause;
    case "timeout":
      return "took too long and was killed";
    case "killed":
      return `was ended by ${outcome.signal}`;
    case "ended":
      return outcome.stderr.trim().split("\n").slice(0, 3).join("; ") || `ended with ${outcome.code}`;
  }
}

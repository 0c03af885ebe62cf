// Skips with stated reasons. `npm test` lists them; in CI each one must be on its list.

import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { findProgram } from "./packages.ts";
import type { Program, ProgramName } from "./packages.ts";

export type FoundProgram = Extract<Program, { kind: "found" }>;

/** The program, or undefined after the test was marked as skipped: then return at once. */
export async function requires(t: TestContext, name: ProgramName): Promise<FoundProgram | undefined> {
  const program = await findProgram(name);
  if (program.kind === "found") return program;
  t.skip(program.reason);
  return undefined;
}

/** True as root; otherwise the test is marked as skipped. */
export function requiresRoot(t: TestContext, purpose: string): boolean {
  if (process.getuid?.() === 0) return true;
  t.skip(`not root: ${purpose}`);
  return false;
}

/** True where other users may read this checkout, and we are root to become them; otherwise the test is marked as skipped. */
export function requiresOtherUsers(t: TestContext, purpose: string): boolean {
  if (!requiresRoot(t, purpose)) return false;
  for (let folder = join(import.meta.dirname, "../.."); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) !== 0) continue;
    t.skip(`other users cannot enter ${folder}: ${purpose}`);
    return false;
  }
  return true;
}

/** Folder of foreign test material beside the checkout, or the reason why it is not used. */
export function findVectors(
  folder: string,
): { readonly kind: "found"; readonly path: string } | { readonly kind: "absent"; readonly reason: string } {
  const path = join(import.meta.dirname, "../../../shared/vectors", folder);
  return existsSync(path) ? { kind: "found", path } : { kind: "absent", reason: `absent: ../shared/vectors/${folder}` };
}

// Makes the C files of shim/ into something that LD_PRELOAD takes, with the machine's compiler, in a directory of the scope.

import { join } from "node:path";
import { runProgram } from "../test/lab/child.ts";
import type { Scope } from "../test/lab/cleanup.ts";
import { temporaryDirectory } from "../test/lab/temporary.ts";

type Preload = { readonly kind: "found"; readonly path: string } | { readonly kind: "absent"; readonly reason: string };

export async function makePreload(scope: Scope, name: "powercut" | "clock"): Promise<Preload> {
  if (process.platform !== "linux") return { kind: "absent", reason: "absent: LD_PRELOAD of Linux" };
  const path = join(await temporaryDirectory(scope), `${name}.so`);
  const source = join(import.meta.dirname, "shim", `${name}.c`);
  const parameters = ["-Wall", "-Wextra", "-O2", "-shared", "-fPIC", "-pthread", "-o", path, source];
  const compiled = await runProgram({ program: "cc", parameters, milliseconds: 60_000 });
  if (compiled.code === null && compiled.signal === null)
    return { kind: "absent", reason: "absent: a C compiler (cc)" };
  if (compiled.code !== 0) throw new Error(`cc: ${compiled.stderr}`);
  return { kind: "found", path };
}

// The preloaded library that makes every sync slower (storage/slow-sync.c), compiled on the spot.

import { join } from "node:path";
import { runProgram } from "../test/lab/child.ts";

/** Environment of a process on a disk whose syncs take 2 ms longer; undefined without a C compiler. */
export async function slowSyncEnvironment(directory: string): Promise<Readonly<Record<string, string>> | undefined> {
  const shim = join(directory, "slow-sync.so");
  const { code } = await runProgram({
    program: "cc",
    parameters: ["-O2", "-shared", "-fPIC", "-o", shim, join(import.meta.dirname, "storage/slow-sync.c"), "-ldl"],
    milliseconds: 30_000,
  });
  return code === 0 ? { LD_PRELOAD: shim, SYNC_US: "2000" } : undefined;
}

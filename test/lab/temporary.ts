// A directory for one test, gone afterwards. Kept when SEKIMORI_KEEP is set, to look at what a failure left.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./cleanup.ts";
import type { Scope } from "./cleanup.ts";

export async function temporaryDirectory(scope: Scope): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "sekimori-test-"));
  atEnd(scope, async () => {
    if (process.env["SEKIMORI_KEEP"] === undefined) {
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    }
  });
  return directory;
}

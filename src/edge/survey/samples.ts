// Samples of the counters, one JSON line each, in a file beside the ledger. They say how much, never who: kept until they
// are older than the operator wants them.

import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writePrivateFile } from "../../io/durable-file.ts";
import type { EffectSample } from "./effect.ts";

export interface SampleFile {
  add(sample: EffectSample): Promise<void>;
  all(): Promise<readonly EffectSample[]>;
  /** How many went. */
  purge(before: number): Promise<number>;
}

export function openSamples(file: string): SampleFile {
  const all = async (): Promise<readonly EffectSample[]> => {
    const text = await readFile(file, "utf8").catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
      throw error;
    });
    // A line that a crash cut short is no sample.
    return text.split("\n").flatMap((line) => {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by add()
        return line === "" ? [] : [JSON.parse(line) as EffectSample];
      } catch {
        return [];
      }
    });
  };
  return {
    add: async (sample) => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await appendFile(file, `${JSON.stringify(sample)}\n`, { mode: 0o600 });
    },
    all,
    purge: async (before) => {
      const samples = await all();
      const kept = samples.filter(({ at }) => at >= before);
      if (kept.length < samples.length) {
        await writePrivateFile(file, kept.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
      }
      return samples.length - kept.length;
    },
  };
}

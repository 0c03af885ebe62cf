// What is kept about the use of mail ports, where, for how long and how much at most; and who looked at it. The survey says
// which customer speaks with whom: traffic data, kept for a day and shown to whoever must write to these customers.

import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writePrivateFile } from "../../io/durable-file.ts";
import { capacity } from "./counting.ts";

export interface KeptClass {
  readonly what: string;
  readonly where: string;
  readonly kept: string;
  readonly most: string;
  readonly about: "customers" | "operators" | "nobody";
}

/** How long samples and the viewer log are kept, ms: before and after must both be there. */
export const keptFor = 400 * 86_400_000;

export function keptClasses(directory: string): readonly KeptClass[] {
  return [
    {
      what: "conversations by customer and class",
      where: "the kernel, table inet sekimori_count",
      kept: "1 day after the last one",
      most: `${capacity} customers a class and family`,
      about: "customers",
    },
    {
      what: "samples of counters by pool and class",
      where: `${directory}/samples.jsonl`,
      kept: "400 days",
      most: "one each time it is asked for",
      about: "nobody",
    },
    {
      what: "who applied, and who looked at customers",
      where: `${directory}/audit.jsonl`,
      kept: "400 days",
      most: "one line each time",
      about: "operators",
    },
  ];
}

export interface ViewerLog {
  /** Durable before what it tells of is shown. */
  note(entry: { readonly at: number; readonly by: string } & Readonly<Record<string, unknown>>): Promise<void>;
  purge(before: number): Promise<void>;
}

export function openViewerLog(file: string): ViewerLog {
  return {
    note: async ({ at, ...entry }) => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const line = JSON.stringify({ at: new Date(at).toISOString(), ...entry });
      await appendFile(file, `${line}\n`, { mode: 0o600, flush: true });
    },
    purge: async (before) => {
      const text = await readFile(file, "utf8").catch((error: unknown) => {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
        throw error;
      });
      const lines = text.split("\n").filter((line) => line !== "");
      // A line that a crash cut short has no time; it stays until those around it go.
      const kept = lines.filter((line) => !(Date.parse(/^\{"at":"([^"]+)"/.exec(line)?.[1] ?? "") < before));
      if (kept.length < lines.length) await writePrivateFile(file, kept.map((line) => `${line}\n`).join(""));
    },
  };
}

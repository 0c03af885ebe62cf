// How long it takes from a policy to proved texts, and what the oracle answers in a second, at rising sizes. Each
// measurement is a process of its own, run several times; the table has medians.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { machine, median } from "../figures.ts";
import type { Measured } from "./one.ts";
import { realPrefixes } from "./sample.ts";

export interface NetworkRow {
  readonly size: string;
  readonly what: readonly string[];
  readonly runs: readonly Measured[];
}

export interface NetworkBenchOptions {
  readonly runs: number;
  readonly sizes: readonly string[];
  readonly targets: readonly string[];
  readonly tell: (line: string) => void;
}

export const sizes = ["1000", "20000", "131072", "1048576", "real"] as const;

const run = promisify(execFile);

export async function benchNetwork(options: NetworkBenchOptions): Promise<readonly NetworkRow[]> {
  const rows: NetworkRow[] = [];
  for (const size of options.sizes) {
    if (size === "real" && realPrefixes() === undefined) {
      options.tell("real: the routing table is not beside the checkout");
      continue;
    }
    const whats = [...options.targets.map((target) => [target]), ["evaluate"]];
    if (size === "20000" && options.targets.length > 1) whats.push([...options.targets]);
    for (const what of whats) {
      const runs: Measured[] = [];
      try {
        for (let turn = 0; turn < options.runs; turn++) {
          // oxlint-disable-next-line no-await-in-loop -- one at a time is the point
          runs.push(await measure(size, what));
        }
      } catch (error) {
        options.tell(`${size} ${what.join("+")}: not measured: ${String(error).slice(0, 300)}`);
        continue;
      }
      rows.push({ size, what, runs });
      options.tell(`${size} ${what.join("+")}: ${median(runs.map(({ total }) => total)).toFixed(0)} ms`);
    }
  }
  return rows;
}

async function measure(size: string, what: readonly string[]): Promise<Measured> {
  const parameters = [join(import.meta.dirname, "one.ts"), size, ...what];
  const { stdout } = await run(process.execPath, parameters, { maxBuffer: 1 << 20, timeout: 280_000 });
  return JSON.parse(stdout) as Measured;
}

const steps = ["read", "project", "print", "parse back", "verify"] as const;

function of(runs: readonly Measured[], value: (one: Measured) => number): string {
  return median(runs.map(value)).toFixed(0);
}

export function networkMarkdown(rows: readonly NetworkRow[]): string {
  const compiled = rows.filter(({ what }) => what[0] !== "evaluate");
  const evaluated = rows.filter(({ what }) => what[0] === "evaluate");
  return `# From policy to proved texts

Made by \`npm run bench -- net\`. ${machine().join(", ")}, medians of ${rows[0]?.runs.length ?? 0} runs, each in a process
of its own. Prefixes are made up so that none merges with another, one in eight IPv6; "real" is a routing table of 2014,
which merges to fewer. CPU is that of the whole process, its start included. Reading takes the prefixes from text; the proof compares what the text reads back to with the policy.

| prefixes | target | ${steps.map((step) => `${step} ms`).join(" | ")} | total ms | CPU ms | peak MiB | text MB |
|---:|---|${steps.map(() => "---:").join("|")}|---:|---:|---:|---:|
${compiled
  .map(({ what, runs }) => {
    const cells = steps.map((step) => of(runs, (one) => one.steps[step] ?? 0));
    const name = what.length > 1 ? `all ${what.length}` : what[0];
    const text = median(runs.map(({ octets }) => octets / 1e6)).toFixed(1);
    return `| ${runs[0]!.prefixes} | ${name} | ${cells.join(" | ")} | ${of(runs, ({ total }) => total)} | ${of(runs, ({ cpu }) => cpu)} | ${of(runs, ({ peakMebibytes }) => peakMebibytes)} | ${text} |`;
  })
  .join("\n")}

The oracle, asked about SYNs to port 25 from in and around the pool:

| prefixes | packets a second |
|---:|---:|
${evaluated.map(({ runs }) => `| ${runs[0]!.prefixes} | ${of(runs, ({ packetsPerSecond = 0 }) => packetsPerSecond)} |`).join("\n")}
`;
}

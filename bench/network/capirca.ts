// Capirca with the same policy: a whole process that reads it and prints, beside a whole process of ours that reads it,
// prints, reads the text back and proves it. Capirca's texts are held against the policy as well, so it is the same work.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { parsePrefixLines } from "../../src/base/address-lines.ts";
import { proveText } from "../../src/compile/compile.ts";
import { project } from "../../src/compile/project.ts";
import { targetNamed } from "../../src/compile/targets/index.ts";
import { specimenAt, specimenSettings } from "../../test/compile/specimen.ts";
import { runCapirca } from "../../test/lab/capirca.ts";
import { findProgram } from "../../test/lab/packages.ts";
import { madeUpPrefixes, samplePolicy } from "./sample.ts";

export interface CapircaCell {
  readonly target: "cisco-ios-xe" | "junos";
  readonly form: string;
  readonly prefixes: number;
  /** Milliseconds of whole processes, one for each run. */
  readonly ours: readonly number[];
  readonly capirca: readonly number[];
  /** Megabytes of Capirca's texts. */
  readonly megabytes: number;
  readonly proved: boolean;
}

const prefixes = 20_000;
const pairs = [
  { target: "cisco-ios-xe", form: "cisco mixed" },
  { target: "junos", form: "juniper mixed" },
] as const;
const places = [
  { kind: "edge-out", name: "Out" },
  { kind: "edge-in", name: "In" },
] as const;

const run = promisify(execFile);

/** undefined: not possible here, and it was said why. */
export async function besideCapirca(
  runs: number,
  tell: (line: string) => void,
): Promise<readonly CapircaCell[] | undefined> {
  const [python, capirca] = await Promise.all([findProgram("python3"), findProgram("capirca")]);
  if (python.kind === "absent" || capirca.kind === "absent") {
    tell([python, capirca].map((program) => (program.kind === "absent" ? program.reason : "")).join(" "));
    return undefined;
  }
  const policy = samplePolicy(parsePrefixLines(madeUpPrefixes(prefixes)).addresses);
  const filters = places.map(({ kind, name }) => {
    const can = { validation: [], counters: false };
    const { program } = project(policy, specimenAt, { kind }, { customers: [], upstreams: [] }, can);
    return { name, filter: program.filters[0]! };
  });
  const cells: CapircaCell[] = [];
  for (const { target, form } of pairs) {
    const ours: number[] = [];
    const theirs: number[] = [];
    let texts: ReadonlyMap<string, string> = new Map();
    for (let turn = 0; turn < runs; turn++) {
      const began = performance.now();
      const one = join(import.meta.dirname, "one.ts");
      await run(process.execPath, ["--disable-warning=ExperimentalWarning", one, String(prefixes), target]);
      ours.push(performance.now() - began);
      const made = await runCapirca(
        capirca,
        python,
        filters.map((filter) => ({ ...filter, form })),
      );
      theirs.push(made.milliseconds);
      ({ texts } = made);
      tell(`${form}: ours ${ours.at(-1)!.toFixed(0)} ms, Capirca ${theirs.at(-1)!.toFixed(0)} ms`);
    }
    const proved = places.every(({ kind, name }) => {
      const settings = specimenSettings(target, { placement: { kind } });
      const files = [{ path: name, text: texts.get(name) ?? "" }];
      const held = proveText(policy, settings, targetNamed(target)!, files, specimenAt);
      return held.ok && held.value.verification.kind === "equal";
    });
    const octets = [...texts.values()].reduce((sum, text) => sum + text.length, 0);
    cells.push({ target, form, prefixes, ours, capirca: theirs, megabytes: octets / 1e6, proved });
  }
  return cells;
}

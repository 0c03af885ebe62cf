// Capirca, the access-list generator that operators know, given a program of ours as a policy of its own. What it prints
// is text that we did not write: parsers are held to it, and the benchmark stands beside it.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Filter, NamedSet, PortRange, Term } from "../../src/compile/ir.ts";
import { tcp } from "../../src/compile/packet.ts";
import { runProgram } from "./child.ts";
import type { FoundProgram } from "./skip.ts";

/** One filter in the form that a target line asks for, such as "cisco mixed" or "juniper inet6". */
export interface CapircaPolicy {
  /** Of the list that it makes; letters and digits. */
  readonly name: string;
  readonly filter: Filter;
  readonly form: string;
}

export interface CapircaRun {
  /** By the name of the policy. */
  readonly texts: ReadonlyMap<string, string>;
  readonly milliseconds: number;
}

/** All policies in one run, in one process. */
export async function runCapirca(
  capirca: FoundProgram,
  python: FoundProgram,
  policies: readonly CapircaPolicy[],
): Promise<CapircaRun> {
  const folder = await mkdtemp(join(tmpdir(), "sekimori-capirca-"));
  try {
    for (const name of ["def", "pol", "out"]) await mkdir(join(folder, name));
    const sets = new Map<NamedSet, string>();
    for (const { name, filter, form } of policies) {
      await writeFile(join(folder, "pol", `${name}.pol`), policyText(name, filter, form, sets));
    }
    await writeFile(join(folder, "def/sets.net"), [...sets].map(([set, name]) => definition(set, name)).join("\n"));
    await writeFile(join(folder, "def/ports.svc"), "SMTP = 25/tcp\n");
    const began = performance.now();
    const { code, stderr } = await runProgram({
      program: python.path,
      parameters: [
        capirca.path,
        `--base_directory=${folder}`,
        `--definitions_directory=${join(folder, "def")}`,
        `--output_directory=${join(folder, "out")}`,
        "--max_renderers=1",
      ],
      environment: { ...python.environment, ...capirca.environment },
      milliseconds: 180_000,
    });
    const milliseconds = performance.now() - began;
    if (code !== 0) throw new Error(`capirca: ${code}: ${stderr.slice(-1000)}`);
    const texts = new Map<string, string>();
    for (const entry of await readdir(join(folder, "out"), { recursive: true, withFileTypes: true })) {
      if (entry.isFile())
        texts.set(entry.name.replace(/\.\w+$/, ""), await readFile(join(entry.parentPath, entry.name), "utf8"));
    }
    return { texts, milliseconds };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function policyText(name: string, { terms, otherwise }: Filter, form: string, sets: Map<NamedSet, string>): string {
  const [generator, ...options] = form.split(" ");
  const said = terms.filter(({ purpose }) => purpose !== "count").filter(({ match }) => !matchesNothing(match));
  return [
    `header {\n  target:: ${generator} ${name} ${options.join(" ")}\n}`,
    ...said.map((term, index) => termText(term, index, sets)),
    `term rest {\n  action:: ${verdict(otherwise.kind)}\n}\n`,
  ].join("\n");
}

function matchesNothing({ source, destination }: Term["match"]): boolean {
  return [source, destination].some((set) => set !== undefined && set.v4.isEmpty && set.v6.isEmpty);
}

function termText({ match, action }: Term, index: number, sets: Map<NamedSet, string>): string {
  const { source, destination, protocol, sourcePorts, destinationPorts, ...others } = match;
  if (protocol !== tcp || Object.keys(others).length > 0) throw new Error("not among what is asked of Capirca here");
  const nameOf = (set: NamedSet): string => {
    const name = sets.get(set) ?? `S${sets.size + 1}`;
    sets.set(set, name);
    return name;
  };
  return [
    `term t${index} {`,
    ...(source === undefined ? [] : [`  source-address:: ${nameOf(source)}`]),
    ...(destination === undefined ? [] : [`  destination-address:: ${nameOf(destination)}`]),
    ...(sourcePorts === undefined ? [] : [`  source-port:: ${portName(sourcePorts)}`]),
    ...(destinationPorts === undefined ? [] : [`  destination-port:: ${portName(destinationPorts)}`]),
    "  protocol:: tcp",
    `  action:: ${verdict(action.kind)}`,
    "}",
  ].join("\n");
}

function portName(ports: readonly PortRange[]): string {
  const [only, second] = ports;
  if (only?.first !== 25 || only.last !== 25 || second !== undefined) throw new Error("only port 25 is defined");
  return "SMTP";
}

function verdict(kind: Term["action"]["kind"]): string {
  return kind === "block" ? "deny" : "accept";
}

function definition({ v4, v6 }: NamedSet, name: string): string {
  const prefixes = [...v4.prefixes(), ...v6.prefixes()];
  return `${name} = ${prefixes.join("\n  ")}\n`;
}

// How a command is said: what it does, examples, and the options that all share. Every command that answers something answers
// programs as well (--json).

import type { Command } from "commander";
import type { Refused } from "../control/control.ts";
import type { SiteOptions } from "../control/site.ts";
import { Exit } from "./exit.ts";
import { print, printJson } from "./output.ts";

export interface OutputOptions extends SiteOptions {
  readonly json?: true;
}

interface LeafOptions {
  /** As one types them, without `sekimori`; at least one. */
  readonly examples: readonly [string, ...string[]];
  /** What the exit codes mean here, where the common words do not do. */
  readonly codes?: string;
  /** "none": nothing that a program could read, or it is for programs already. */
  readonly json?: "none";
  /** "none": the same for every site; "file": the demonstration has nothing of it. */
  readonly site?: "none" | "file";
}

export function leaf(parent: Command, name: string, description: string, options: LeafOptions): Command {
  const command = parent.command(name).description(description);
  if (options.site !== "none") command.option("-c, --config <file>", "configuration file");
  if (options.site === undefined)
    command.option("--var <directory>", "the demonstration, with its state in this directory");
  if (options.json === undefined) command.option("--json", "as JSON");
  const examples = options.examples.map((line) => `  ${line.startsWith("$") ? line.slice(1) : `sekimori ${line}`}`);
  const codes = options.codes === undefined ? "" : `\n\nHere: ${options.codes}`;
  return command.addHelpText("after", `\nExamples:\n${examples.join("\n")}${codes}`);
}

/** Of a change: `done` for people, the value for programs; a no ends the command with 1 either way. */
export function finish(
  { json }: OutputOptions,
  outcome: ({ readonly done: true } & object) | Refused,
  done: string,
): void {
  if (json) printJson(outcome);
  if (!outcome.done) throw new Exit(1, outcome.why);
  if (!json) print(done);
}

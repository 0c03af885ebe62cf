// The command `sekimori` with standard input and any parameters, run to its end.

import { join } from "node:path";
import { runProgram } from "../../lab/child.ts";

const main = join(import.meta.dirname, "../../../src/main/main.ts");

export interface CommandOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function sekimori(parameters: readonly string[], options: CommandOptions = {}): ReturnType<typeof runProgram> {
  return runProgram({
    program: process.execPath,
    parameters: ["--disable-warning=ExperimentalWarning", main, ...parameters],
    milliseconds: 60_000,
    ...options,
  });
}

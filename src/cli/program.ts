// The command `sekimori`: names, options, help, exit codes.

import { Command, CommanderError } from "commander";
import { addAbuseCommands } from "./abuse-commands.ts";
import { addAccountCommands } from "./account-commands.ts";
import { addCompletionCommand } from "./completion.ts";
import { addConfigCommands } from "./config-commands.ts";
import { Exit } from "./exit.ts";
import { NotHere } from "./house.ts";
import type { House } from "./house.ts";
import { addLogCommands } from "./log-commands.ts";
import { addReportCommands } from "./report-commands.ts";
import { complain } from "./output.ts";
import { addNetCommands } from "./net-commands.ts";
import { addQueueCommands } from "./queue-commands.ts";
import { addServerCommands } from "./server-commands.ts";
import { version } from "./version.ts";

export function createProgram(house: House): Command {
  const program = new Command("sekimori")
    .description("Mail-abuse control for networks: submission, MX, durable queue, mailboxes")
    .version(version())
    .exitOverride()
    .showHelpAfterError()
    .addHelpText(
      "afterAll",
      `
Which configuration: --config, $SEKIMORI_CONFIG, ./sekimori.toml, /etc/sekimori/sekimori.toml; without any of them
the built-in demonstration with its state in --var (./var).
Exit codes: 0 yes, 1 the answer is no, 2 usage or configuration wrong, 3 not possible here.`,
    );
  addServerCommands(program, house);
  addAccountCommands(program, house);
  addAbuseCommands(program, house);
  addQueueCommands(program, house);
  addLogCommands(program, house);
  addReportCommands(program, house);
  addConfigCommands(program, house);
  addNetCommands(program);
  addCompletionCommand(program);
  return program;
}

/** Runs one command, by default the one that the process was started with. Resolves to its exit code. */
export async function runCommand(house: House, words?: readonly string[]): Promise<0 | 1 | 2 | 3> {
  try {
    const program = createProgram(house);
    await (words === undefined ? program.parseAsync() : program.parseAsync([...words], { from: "user" }));
    // A command that answered with a table and means no has said so there, or one that ran elsewhere.
    const { exitCode } = process;
    return exitCode === 1 || exitCode === 2 || exitCode === 3 ? exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Exit || error instanceof NotHere) {
      complain(`sekimori: ${error.message}`);
      return error instanceof Exit ? error.code : 3;
    }
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 3;
  }
}

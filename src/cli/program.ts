// The command `sekimori`: names, options, help, exit codes.

import { Command, CommanderError } from "commander";
import type { SiteOptions } from "../control/site.ts";
import type { OutputOptions } from "./commands.ts";
import { createCommands } from "./commands.ts";
import { doctorCommand } from "./doctor.ts";
import type { DoctorOptions } from "./doctor.ts";
import { Exit } from "./exit.ts";
import { complain } from "./output.ts";
import { addQueueCommands } from "./queue-commands.ts";
import { NotHere } from "./house.ts";
import type { House } from "./house.ts";
import { retentionPurge, retentionShow } from "./retention.ts";
import { reloadCommand } from "./reload.ts";
import { serve } from "./serve.ts";
import { version } from "./version.ts";

function site(command: Command): Command {
  return command
    .option("-c, --config <file>", "configuration file")
    .option("--var <directory>", "the demonstration, with its state in this directory");
}

export function createProgram(house: House): Command {
  const commands = createCommands(house);
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

  site(program.command("serve"))
    .description("run the server in the foreground")
    .action((options: SiteOptions) => serve(house, options));

  site(program.command("reload"))
    .description("make the running server read its configuration again; open sessions go on")
    .addHelpText(
      "after",
      `
Here: 0 all of it is in effect, 1 something needs a restart, 2 the file is wrong and nothing has changed,
3 no server is running.`,
    )
    .action((options: SiteOptions) => reloadCommand(house, options));

  site(program.command("doctor"))
    .option("--probe <host...>", "also try ports 25 and 587 of these hosts")
    .option("--json", "as JSON")
    .description("examine configuration, ports, DNS, certificate, disk and clock, and say what to do")
    .addHelpText(
      "after",
      "\nHere: 0 nothing fails (warnings may be there), 1 something fails, 2 the configuration is wrong.",
    )
    .action((options: DoctorOptions) => doctorCommand(options));

  const account = program.command("account").description("accounts for submission and mailboxes");
  site(account.command("add"))
    .argument("<address>", "its address, in a local domain")
    .option("--alias <address...>", "further addresses of the account")
    .option("--generate", "make a random password and print it once")
    .description("add an account; the password comes from the terminal or from standard input")
    .action(commands.accountAdd);
  site(account.command("list")).option("--json", "as JSON").description("list accounts").action(commands.accountList);
  site(account.command("passwd"))
    .argument("<address>", "its address or one of its aliases")
    .option("--generate", "make a random password and print it once")
    .description("change a password")
    .action(commands.accountPasswd);
  site(account.command("show"))
    .argument("<address>", "its address or one of its aliases")
    .option("--json", "as JSON")
    .description("one account: standing, aliases, what is used of its limits")
    .action(commands.accountShow);
  site(account.command("suspend"))
    .argument("<address>", "its address or one of its aliases")
    .description("no login, no mail out, mail in waits at its sender; open sessions send nothing more")
    .action(commands.accountSuspend);
  site(account.command("resume"))
    .argument("<address>", "its address or one of its aliases")
    .description("end a suspension")
    .action(commands.accountResume);
  site(account.command("delete"))
    .argument("<address>", "its address or one of its aliases")
    .description("delete it with its aliases; its mailbox stays on disk")
    .action(commands.accountDelete);

  addQueueCommands(program, house, site);

  site(program.command("trace"))
    .argument("<question>", "a Message-ID, a queue id or an address")
    .option("--json", "as JSON")
    .description("tell what happened, in plain words; the log keeps who asked for what")
    .action(commands.traceCommand);

  const retention = program.command("retention").description("how long traffic data is kept");
  site(retention.command("show"))
    .option("--json", "as JSON")
    .description("everything that is kept, since when and for how long")
    .action((options: OutputOptions) => retentionShow(house, options));
  site(retention.command("purge"))
    .option("--dry-run", "say what would be deleted and delete nothing")
    .option("--json", "as JSON")
    .description("delete what has expired; a running server does so every hour")
    .action((options: OutputOptions & { readonly dryRun?: true }) => retentionPurge(house, options));

  const dkim = program.command("dkim").description("keys that sign mail");
  site(dkim.command("show")).description("print the DNS records to publish").action(commands.dkimShow);

  const config = program.command("config").description("the configuration");
  site(config.command("check")).description("check it and say what is wrong where").action(commands.configCheck);
  site(config.command("show"))
    .option("--effective", "with every default filled in (always so)")
    .description("print it as the server sees it, secrets hidden")
    .action(commands.configShow);
  config
    .command("reference")
    .argument("<key>", "as in the file: smtp.message-size, listener.role, delivery")
    .description("what a key or a table is for")
    .action(commands.configReference);
  config.command("schema").description("print its JSON Schema, for editors").action(commands.configSchema);

  return program;
}

/** Runs the command that the process was started with and sets its exit code. */
export async function runCommand(house: House): Promise<void> {
  try {
    await createProgram(house).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
    } else if (error instanceof Exit) {
      complain(`sekimori: ${error.message}`);
      process.exitCode = error.code;
    } else if (error instanceof NotHere) {
      complain(`sekimori: ${error.message}`);
      process.exitCode = 3;
    } else {
      complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
      process.exitCode = 3;
    }
  }
}

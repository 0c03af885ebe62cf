// `sekimori report …`: what the log says about habits, not about one message.

import type { Command } from "commander";
import { legacyReport } from "../control/legacy-report.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { printable, printJson, printTable } from "./output.ts";
import { withProgress } from "./progress.ts";

export function addReportCommands(program: Command, house: House): void {
  async function legacy(options: OutputOptions & { readonly days?: string }): Promise<void> {
    const days = Number(options.days ?? 90);
    if (!Number.isInteger(days) || days < 1) throw new Exit(2, `--days: ${options.days ?? ""} is not a number of days`);
    const site = siteOf(options);
    // First: a look that cannot be written down does not happen.
    await house.withControl(site, (control) => control.noteTrace(`report legacy, ${days} days`));
    const uses = await withProgress("log", (report) =>
      Promise.resolve(legacyReport(site.settings.log.directory, days, report)),
    );
    if (options.json) return printJson(uses);
    printTable(
      ["ACCOUNT", "MESSAGES", "WITHOUT AUTH", "SUBSTITUTE", "FIRST", "LAST", "FROM", "PROGRAM"],
      uses.map(({ account, messages, popBeforeSmtp, substitute, first, last, clients, programs }) => [
        account,
        String(messages),
        String(popBeforeSmtp),
        String(substitute),
        first.slice(0, 10),
        last.slice(0, 10),
        clients.at(-1) ?? "",
        printable(programs.at(-1) ?? ""),
      ]),
    );
  }

  const report = program.command("report").description("who does what, from the log");
  leaf(report, "legacy", "who still sends over a legacy or substitute listener, how much, since when and with what", {
    examples: ["report legacy", "report legacy --days 30 --json"],
  })
    .option("--days <n>", "how far back (90)")
    .action(legacy);
}

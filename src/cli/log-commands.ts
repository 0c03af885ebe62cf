// `sekimori trace`, `sekimori retention …`: what happened, and how long that is kept.

import type { Command } from "commander";
import type { RetentionView } from "../control/control.ts";
import { trace } from "../control/trace.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printable, printJson, printTable } from "./output.ts";
import { withProgress } from "./progress.ts";

function isExpired({ expired }: RetentionView): boolean {
  return expired !== undefined && expired > 0;
}

export function addLogCommands(program: Command, house: House): void {
  async function traceCommand(question: string, options: OutputOptions): Promise<void> {
    const site = siteOf(options);
    const { directory } = site.settings.log;
    // First: a look that cannot be written down does not happen.
    await house.withControl(site, (control) => control.noteTrace(question));
    // Read here and not by the server, which has other things to do.
    const { stories, more } = await withProgress("log", (report) => trace(directory, question, report));
    if (options.json) printJson({ stories, more });
    else {
      for (const { subject, steps } of stories) {
        print(subject);
        for (const { time, text } of steps) print(`  ${time}  ${printable(text)}`);
      }
      if (more) print("older ones are left out");
    }
    if (stories.length === 0) throw new Exit(1, `nothing in ${directory} names ${question}`);
  }

  async function show(options: OutputOptions): Promise<void> {
    const views = await house.withControl(siteOf(options), (control) => control.retention());
    if (options.json) return printJson(views);
    printTable(
      ["WHAT", "ITEMS", "OLDEST", "EXPIRED", "KEPT"],
      views.map(({ what, items, oldest, expired, kept }) => [
        what,
        items === undefined ? "" : String(items),
        oldest ?? "",
        expired === undefined ? "" : String(expired),
        kept,
      ]),
    );
  }

  async function purge(options: OutputOptions & { readonly dryRun?: true }): Promise<void> {
    const found = await house.withControl(siteOf(options), async (control) =>
      options.dryRun === true ? (await control.retention()).filter(isExpired) : await control.purge(),
    );
    if (options.json) return printJson(found);
    const verb = options.dryRun === true ? "would be deleted" : "deleted";
    for (const { what, expired } of found) print(`${what}: ${expired ?? 0} ${verb}`);
    if (found.length === 0) print("nothing has expired");
  }

  leaf(program, "trace", "tell what happened, in plain words; the log keeps who asked for what", {
    examples: ["trace '<20261122.1@client.example.jp>'", "trace bob@example.jp", "trace 1m82a7kf70dxm4fx --json"],
    codes: "1 nothing in the log names it.",
  })
    .argument("<question>", "a Message-ID, a queue id or an address")
    .action(traceCommand);

  const retention = program.command("retention").description("how long traffic data is kept");
  leaf(retention, "show", "everything that is kept, since when and for how long", {
    examples: ["retention show"],
  }).action(show);
  leaf(retention, "purge", "delete what has expired; a running server does so every hour", {
    examples: ["retention purge --dry-run", "retention purge"],
  })
    .option("--dry-run", "say what would be deleted and delete nothing")
    .action(purge);
}

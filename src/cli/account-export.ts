// `sekimori account export`: the accounts for a program that logs people in itself.

import type { Command } from "commander";
import type { Control, CredentialView } from "../control/control.ts";
import { dovecotUsers, writeDovecotUsers } from "../control/dovecot-users.ts";
import type { DovecotUsers } from "../control/dovecot-users.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { complain, print, printable, printJson } from "./output.ts";
import { withProgress } from "./progress.ts";

interface ExportOptions extends OutputOptions {
  readonly format: string;
  readonly output?: string;
  readonly stdout?: true;
  readonly domain?: readonly string[];
}

function allCredentials(control: Control): Promise<readonly CredentialView[]> {
  return withProgress("accounts", async (report) => {
    const all: CredentialView[] = [];
    for (let after: string | undefined; ;) {
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the last one ends
      const { total, entries, next } = await control.exportCredentials({ after });
      all.push(...entries);
      report(all.length, total);
      if (next === undefined) return all;
      after = next;
    }
  });
}

/** On standard error: standard output may be the file. */
function tellWhatIsNotThere({ appPasswords, unnamable, unknown }: DovecotUsers): void {
  if (appPasswords > 0) complain(`not in it: ${appPasswords} app passwords`);
  for (const name of unnamable) complain(`not in it: ${printable(name)}, which such a file cannot name`);
  for (const name of unknown) complain(`cannot log in there: ${printable(name)}, until its password is changed`);
}

export function addExportCommand(account: Command, house: House): void {
  leaf(account, "export", "the accounts with their password hashes, for a program that logs people in itself", {
    examples: [
      "account export --format dovecot --output /etc/dovecot/sekimori.users",
      "account export --format dovecot --domain example.jp --stdout",
    ],
  })
    .requiredOption("--format <name>", "dovecot: a passwd-file for its passdb; suspended accounts can log in nowhere")
    .option("--output <file>", "write it there, at once and whole; a new file is for its owner alone")
    .option("--stdout", "print it: whoever sees it can try passwords at leisure")
    .option("--domain <domain...>", "only accounts of these domains")
    .action(async ({ format, output, stdout, domain = [], ...options }: ExportOptions) => {
      if (format !== "dovecot") throw new Exit(2, `${format} is no format: dovecot`);
      if ((output === undefined) === (stdout === undefined))
        throw new Exit(2, "one of --output and --stdout is needed");
      if (stdout && options.json) throw new Exit(2, "--json tells what was written: it goes with --output");
      const users = await dovecotUsers(await house.withControl(siteOf(options), allCredentials), domain);
      if (output === undefined) process.stdout.write(users.text);
      else {
        await writeDovecotUsers(output, users).catch((error: unknown) => {
          throw new Exit(3, error instanceof Error ? error.message : String(error));
        });
        const { text: _text, ...told } = users;
        if (options.json) return printJson(told);
        print(`wrote ${users.accounts} accounts to ${output}, ${users.suspended} of them suspended`);
      }
      tellWhatIsNotThere(users);
    });
}

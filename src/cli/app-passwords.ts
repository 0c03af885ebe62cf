// `sekimori account app …`: passwords for single programs and devices.

import type { Command } from "commander";
import type { AppPasswordView } from "../control/control.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { printable, printJson, printTable } from "./output.ts";

const SCOPES = ["submission", "pop3"] as const;

function scopesOf(texts: readonly string[] | undefined): AppPasswordView["scopes"] {
  return (texts ?? SCOPES).map((text) => {
    const scope = SCOPES.find((each) => each === text);
    if (scope === undefined) throw new Exit(2, `${text} is no scope: ${SCOPES.join(", ")}`);
    return scope;
  });
}

export function addAppPasswordCommands(account: Command, house: House): void {
  const one = "its address or one of its aliases";
  const app = account.command("app").description("app passwords: one for each program or device");
  leaf(app, "add", "make one, and print it once", {
    examples: ["account app add alice@example.jp phone", "account app add alice@example.jp scanner --scope submission"],
  })
    .argument("<address>", one)
    .argument("<name>", "what it is for, to find it again")
    .option("--scope <service...>", "submission, pop3; all when left out")
    .action(async (address: string, name: string, options: OutputOptions & { readonly scope?: readonly string[] }) => {
      const scopes = scopesOf(options.scope);
      const outcome = await house.withControl(siteOf(options), (control) =>
        control.addAppPassword(address, name, scopes),
      );
      finish(options, outcome, outcome.done ? `added ${name}, password ${outcome.password}` : "");
    });
  leaf(app, "list", "list them, with their last use", { examples: ["account app list alice@example.jp"] })
    .argument("<address>", one)
    .action(async (address: string, options: OutputOptions) => {
      const found = await house.withControl(siteOf(options), (control) => control.listAppPasswords(address));
      if (found === undefined) throw new Exit(1, `${address}: no such account`);
      if (options.json) return printJson(found);
      printTable(
        ["NAME", "FOR", "CREATED", "LAST USE", "FROM"],
        found.map(({ name, scopes, created, lastUse }) => [
          printable(name),
          scopes.join(", "),
          created.slice(0, 10),
          lastUse?.at.slice(0, 16).replace("T", " ") ?? "never",
          printable(lastUse?.client ?? ""),
        ]),
      );
    });
  leaf(app, "revoke", "end one; what it opened ends with its next transaction", {
    examples: ["account app revoke alice@example.jp phone"],
  })
    .argument("<address>", one)
    .argument("<name>", "as it was added")
    .action(async (address: string, name: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) => control.removeAppPassword(address, name));
      finish(options, outcome, `revoked ${name}`);
    });
}

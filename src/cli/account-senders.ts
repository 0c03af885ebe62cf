// `sekimori account alias …` and `account sender …`: whom an account may send as.

import type { Command } from "commander";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";

export function addSenderCommands(account: Command, house: House): void {
  const one = "its address or one of its aliases";

  const alias = account.command("alias").description("further addresses of an account");
  leaf(alias, "add", "give it one more address: mail arrives, and it may send as that", {
    examples: ["account alias add alice@example.jp a.smith@example.jp"],
  })
    .argument("<address>", one)
    .argument("<alias>", "in a local domain")
    .action(async (address: string, added: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) => control.addAlias(address, added));
      finish(options, outcome, `changed ${address}`);
    });
  leaf(alias, "remove", "take it away", { examples: ["account alias remove alice@example.jp a.smith@example.jp"] })
    .argument("<address>", one)
    .argument("<alias>", "one of its aliases")
    .action(async (address: string, removed: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) => control.removeAlias(address, removed));
      finish(options, outcome, `changed ${address}`);
    });

  const sender = account.command("sender").description("others that an account may send as");
  leaf(sender, "add", "let it send as an address or a whole domain; a Sender field says which account it was", {
    examples: [
      "account sender add secretary@example.jp boss@example.jp",
      "account sender add newsletter@example.jp @example.jp --own",
    ],
  })
    .argument("<address>", one)
    .argument("<sender>", "an address, or @ and a domain")
    .option("--own", "as if it were an alias: without a Sender field")
    .action(async (address: string, added: string, options: OutputOptions & { readonly own?: true }) => {
      const as = options.own === undefined ? "delegate" : "own";
      const outcome = await house.withControl(siteOf(options), (control) => control.addSender(address, added, as));
      finish(options, outcome, `changed ${address}`);
    });
  leaf(sender, "remove", "allow that no longer", {
    examples: ["account sender remove secretary@example.jp boss@example.jp"],
  })
    .argument("<address>", one)
    .argument("<sender>", "as it was added")
    .action(async (address: string, removed: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) => control.removeSender(address, removed));
      finish(options, outcome, `changed ${address}`);
    });
}

// `sekimori account substitute …`: addresses of an account at mail providers without a submission service, proved by a mailed code.

import type { Command } from "commander";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { printable, printJson, printTable } from "./output.ts";

export function addSubstituteCommands(account: Command, house: House): void {
  const one = "its address or one of its aliases";
  const there = "the address at the third party";
  const substitute = account
    .command("substitute")
    .description("addresses at mail providers without a submission service");
  leaf(substitute, "add", "mail a code to it; again before the proof ends, to renew that", {
    examples: ["account substitute add alice@example.jp alice@provider.example"],
  })
    .argument("<address>", one)
    .argument("<foreign>", there)
    .action(async (address: string, foreign: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) => control.addSubstitute(address, foreign));
      const done = outcome.done ? `mailed a code to ${foreign}, good until ${minute(outcome.until)}` : "";
      finish(options, outcome, done);
    });
  leaf(substitute, "confirm", "tell the code: the account may send as the address on substitute listeners", {
    examples: ["account substitute confirm alice@example.jp alice@provider.example abcde-fghij-klmno-pqrst"],
  })
    .argument("<address>", one)
    .argument("<foreign>", there)
    .argument("<code>", "as it was mailed")
    .action(async (address: string, foreign: string, code: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) =>
        control.confirmSubstitute(address, foreign, code),
      );
      finish(options, outcome, outcome.done ? `${foreign} is proved until ${outcome.until.slice(0, 10)}` : "");
    });
  leaf(substitute, "list", "list them: how long the proof holds, and which way their mail goes", {
    examples: ["account substitute list alice@example.jp"],
  })
    .argument("<address>", one)
    .action(async (address: string, options: OutputOptions) => {
      const found = await house.withControl(siteOf(options), (control) => control.listSubstitutes(address));
      if (found === undefined) throw new Exit(1, `${address}: no such account`);
      if (options.json) return printJson(found);
      printTable(
        ["ADDRESS", "STATE", "UNTIL", "CODE UNTIL", "WAY", "PUBLISHED"],
        found.map(({ address: foreign, state, until, code, way, published, problem }) => [
          printable(foreign),
          state,
          until?.slice(0, 10) ?? "",
          code === undefined ? "" : minute(code),
          way,
          printable(problem ?? published ?? ""),
        ]),
      );
    });
  leaf(substitute, "remove", "end it: the account may not send as the address any more", {
    examples: ["account substitute remove alice@example.jp alice@provider.example"],
  })
    .argument("<address>", one)
    .argument("<foreign>", there)
    .action(async (address: string, foreign: string, options: OutputOptions) => {
      const outcome = await house.withControl(siteOf(options), (control) => control.removeSubstitute(address, foreign));
      finish(options, outcome, `removed ${foreign}`);
    });
}

function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`;
}

// `sekimori abuse …`: accounts that somebody else may be using, and that somebody has looked.

import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import type { Control, HeldMail, SuspectView } from "../control/control.ts";
import { Exit } from "./exit.ts";
import { siteOf } from "./house.ts";
import type { House } from "./house.ts";
import { finish, leaf } from "./leaf.ts";
import type { OutputOptions } from "./leaf.ts";
import { print, printable, printJson, printTable } from "./output.ts";

const PAGE = 1000;

interface ClearOptions extends OutputOptions {
  readonly reason?: string;
  readonly mail: HeldMail;
}

async function allSuspects(control: Control): Promise<readonly SuspectView[]> {
  const entries: SuspectView[] = [];
  for (let after: string | undefined; ;) {
    // oxlint-disable-next-line no-await-in-loop -- each page begins where the last one ends
    const page = await control.listSuspects({ after, limit: PAGE });
    entries.push(...page.entries);
    if (page.next === undefined) return entries;
    after = page.next;
  }
}

function chooseMail(value: string): HeldMail {
  if (value === "keep") return "kept";
  if (value === "release") return "released";
  if (value === "return") return "returned";
  throw new InvalidArgumentError("keep, release or return");
}

function stepOf({ restraint, suspicion }: SuspectView): string {
  if (restraint !== undefined) {
    const until = restraint.until === undefined ? "" : ` until ${restraint.until.slice(0, 19)}`;
    return `${restraint.step} since ${restraint.since.slice(0, 19)}${until}`;
  }
  return suspicion?.step === undefined ? "-" : `told: ${suspicion.step}`;
}

export function addAbuseCommands(program: Command, house: House): void {
  async function list(options: OutputOptions): Promise<void> {
    const found = await house.withControl(siteOf(options), allSuspects);
    if (options.json) return printJson(found);
    printTable(
      ["ACCOUNT", "SCORE", "STEP", "HELD", "LAST SIGN"],
      found.map((suspect) => {
        const { address, suspicion, restraint, held, suspendedByOperator } = suspect;
        const last = suspicion?.evidence.at(-1);
        return [
          suspendedByOperator ? `${address} (suspended by an operator)` : address,
          String(suspicion?.score ?? restraint?.score ?? ""),
          stepOf(suspect),
          String(held),
          last === undefined ? "" : printable(`${last.at.slice(0, 19)} ${last.text}`),
        ];
      }),
    );
  }

  async function show(address: string, options: OutputOptions): Promise<void> {
    const found = await house.withControl(siteOf(options), (control) => control.findSuspect(address));
    if (found === undefined) throw new Exit(1, `${address}: no such account, or nothing speaks against it`);
    if (options.json) return printJson(found);
    const { suspicion, restraint } = found;
    print(`account    ${printable(found.address)}${found.suspendedByOperator ? " (suspended by an operator)" : ""}`);
    print(`step       ${stepOf(found)}`);
    print(`held       ${found.held} ${found.held === 1 ? "message" : "messages"}`);
    if (restraint?.clause !== undefined) print(`clause     ${printable(restraint.clause)}`);
    if (restraint !== undefined) {
      print(`then       score ${restraint.score}`);
      for (const line of restraint.evidence) print(`           ${printable(line)}`);
    }
    if (suspicion !== undefined) {
      print(`now        score ${suspicion.score}`);
      for (const { at, text } of suspicion.evidence.slice(-10)) print(`           ${at} ${printable(text)}`);
    }
  }

  async function clear(address: string, options: ClearOptions): Promise<void> {
    const site = siteOf(options);
    const { reason, mail } = options;
    if (reason === undefined) throw new Exit(2, "--reason: say why it is beyond suspicion; the log keeps it");
    const outcome = await house.withControl(site, (control) => control.clearSuspect(address, { reason, mail }));
    const count = outcome.done ? outcome.messages : 0;
    const some = mail === "kept" ? "what is held is kept" : `${count} ${count === 1 ? "message" : "messages"} ${mail}`;
    finish(options, outcome, `cleared ${address}, ${some}`);
  }

  const abuse = program.command("abuse").description("accounts that somebody else may be using");
  leaf(abuse, "list", "list them, with what was done", { examples: ["abuse list", "abuse list --json"] }).action(list);
  leaf(abuse, "show", "one of them, with the evidence", {
    examples: ["abuse show alice@example.jp"],
    codes: "1 there is no such account, or nothing speaks against it.",
  })
    .argument("<address>", "its address or one of its aliases")
    .action(show);
  leaf(
    abuse,
    "clear",
    "you have looked: forget what spoke against it, and end what was done; the log says who and why",
    {
      examples: [
        "abuse clear alice@example.jp --reason 'she travels' --mail release",
        "abuse clear bob@example.jp --reason 'password changed' --mail return",
      ],
    },
  )
    .argument("<address>", "its address or one of its aliases")
    .option("--reason <text>", "why it is beyond suspicion")
    .option(
      "--mail <what>",
      "of its mail that is held for this: keep, release or return to its sender",
      chooseMail,
      "kept",
    )
    .action(clear);
}

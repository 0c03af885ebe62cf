// The figures as Markdown. Names no machine and no path.

import { steps } from "../../src/abuse/steps.ts";
import type { AbuseTable } from "./bench.ts";

export function abuseMarkdown(table: AbuseTable, machine: readonly string[]): string {
  const { thresholds, honest, attacks, curve } = table;
  const attackNames = attacks.map(({ name }) => name);
  return [
    "# Abused accounts",
    "",
    "Made by `npm run bench -- abuse`. A simulation: its honest accounts, attacks and seeds are files in `bench/abuse/data`, written down",
    "before the thresholds were chosen, so that others can be run. The decisions are those of `src/abuse`.",
    "",
    `${machine.join(", ")}. ${table.accounts} accounts of each class for ${table.days} days after their history, ${table.runs} runs of each attack, for each of the`,
    `seeds ${table.seeds.join(" and ")}; thresholds were chosen on seeds ${table.tuning.join(" and ")}. An observation costs ${table.microseconds.toFixed(1)} µs, the making of it included.`,
    "",
    `Steps by score: ${steps.map((step) => `${step} ${thresholds[step]}`).join(", ")}.`,
    "",
    "## Attacks",
    "",
    'Recipients let through before new mail is held, with `act = "suspend"` or `"hold"`, and nobody looking. An account that is slowed reaches one',
    "recipient in two minutes, its owner and an abuser together: here every turn is the abuser's, and the owner's ordinary traffic, which speaks",
    "for the account, goes on as always. Each attack lasts ten days unless it is stopped.",
    "",
    "| attack | median | p90 | worst | within 50 | never stopped | minutes (median) |",
    "|---|---:|---:|---:|---:|---:|---:|",
    ...attacks.map((row) =>
      line([row.title, row.median, row.p90, row.worst, percent(row.within50), row.unstopped, row.minutes.toFixed(0)]),
    ),
    "",
    "## Honest accounts",
    "",
    "Accounts that reached each step in the month, of so many months. Delay is that of the last recipient of each message while its account is",
    "slowed, until that ends by itself; mail that is held waits for a person.",
    "",
    `| class | months | ${steps.join(" | ")} | delay p50 | delay p99 | highest score |`,
    `|---|---:|${"---:|".repeat(steps.length + 3)}`,
    ...honest.map((row) =>
      line([
        row.title,
        row.months,
        ...steps.map((step) => row.reached[step]),
        `${row.delay.p50 / 1000} s`,
        `${row.delay.p99 / 1000} s`,
        row.highest.toFixed(1),
      ]),
    ),
    "",
    "## Other thresholds",
    "",
    "Honest accounts that reach a score, for a thousand months, and the share of attacks that reach it within 50 recipients.",
    "",
    `| score | honest | ${attackNames.join(" | ")} |`,
    `|---:|---:|${"---:|".repeat(attackNames.length)}`,
    ...curve.map(({ threshold, honest: share, caught }) => line([threshold, share.toFixed(1), ...caught.map(percent)])),
    "",
  ].join("\n");
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

// The figures as Markdown. Names no machine and no path.

import type { Step } from "../../src/abuse/steps.ts";
import { steps } from "../../src/abuse/steps.ts";
import type { AbuseTable } from "./bench.ts";

export function abuseMarkdown(table: AbuseTable, machine: readonly string[]): string {
  const { thresholds, honest, attacks, curve } = table;
  const attackNames = attacks.map(({ name }) => name);
  return [
    "# Abused accounts",
    "",
    "Made by `npm run bench -- abuse`. A simulation: its honest accounts, attacks and seeds are files in `bench/abuse/data`, so that others can be",
    "run. What they do without content was written down before the thresholds were chosen, the texts after that. The decisions are those of `src/abuse`.",
    "",
    `${machine.join(", ")}. ${table.accounts} accounts of each class for ${table.days} days after their history, ${table.runs} runs of each attack, for each of the`,
    `seeds ${table.seeds.join(", ")}; thresholds were chosen on seeds ${table.tuning.join(" and ")}. An observation costs ${table.microseconds.toFixed(1)} µs, the making of it included.`,
    "",
    `Steps by score: ${steps.map((step) => `${step} ${thresholds[step]}`).join(", ")}.`,
    "",
    "## Goals",
    "",
    "| goal | measured | |",
    "|---|---:|---|",
    ...attacks.flatMap(({ title, goal, worst, within50 }) =>
      goal === undefined
        ? []
        : [
            line([
              `stopped within ${goal} recipients: ${title}`,
              `${worst} (worst), ${percent(within50)} within`,
              judged(worst <= goal),
            ]),
          ],
    ),
    ...goalsOf(honest),
    "",
    "## Attacks",
    "",
    'Recipients let through before new mail is held, with `act = "suspend"` or `"hold"`, and nobody looking; of who tries addresses, those that were',
    'looked at before nobody could log in any more, with `act = "suspend"` (with `"hold"` he goes on, at sixty an hour). An account that is slowed has',
    "one RCPT in two minutes, its owner and an abuser together: here every turn is the abuser's, and the owner's ordinary traffic, which speaks",
    "for the account, goes on as always. Each attack lasts ten days unless it is stopped.",
    "",
    "New not known: on a server on which `new-recipients` is not limited, as by default, nobody knows who is new to an account. With consent: the",
    "content is looked at (`content-checks`); all but the one who tries addresses send one text, and who writes to old contacts a program too.",
    "",
    "| attack | median | p90 | worst | within 50 | never stopped | minutes (median) | median, new not known | worst, new not known | median, with consent | worst, with consent |",
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ...attacks.map((row) =>
      line([
        row.title,
        row.median,
        row.p90,
        row.worst,
        percent(row.within50),
        row.unstopped,
        row.minutes.toFixed(0),
        row.without.median,
        row.without.worst,
        row.consenting.median,
        row.consenting.worst,
      ]),
    ),
    "",
    "What limits the others: bulk names 20 to 50 recipients at a login, and all of them are let through before anything is known of the first; a",
    "fresh account has no history that it could be unlike; and who writes to old contacts from two or three networks, in usual numbers, differs",
    "from an owner on a journey by little but the place. A lower score for `slow` and `hold` stops them earlier, at the cost of the table below.",
    "",
    "## Honest accounts",
    "",
    "Accounts that reached each step in the month, of so many months. Delay is that of the last recipient of each message while its account is",
    "slowed, until that ends by itself; mail that is held waits for a person. For three accounts in ten of each class strangers send wrong",
    "passwords every day. The last column: accounts slowed or held where content is looked at, of",
    `${table.accounts} months.`,
    "",
    `| class | months | ${steps.join(" | ")} | delay p50 | delay p99 | highest score | with consent |`,
    `|---|---:|${"---:|".repeat(steps.length + 4)}`,
    ...honest.map((row) =>
      line([
        row.title,
        row.months,
        ...steps.map((step) => row.reached[step]),
        `${row.delay.p50 / 1000} s`,
        `${row.delay.p99 / 1000} s`,
        row.highest.toFixed(1),
        row.consenting.slow,
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

/** Of a thousand months, fewer than this slowed or held. */
const MOST_BOTHERED = 1;

function goalsOf(honest: AbuseTable["honest"]): readonly string[] {
  const months = honest.reduce((sum, row) => sum + row.months, 0);
  const total = (step: Step): number => honest.reduce((sum, row) => sum + row.reached[step], 0);
  const share = (name: string, slowed: number, of: number): string => {
    const bothered = (1000 * slowed) / of;
    return line([
      `fewer than ${MOST_BOTHERED} of 1,000 months slowed or held: ${name}`,
      `${bothered.toFixed(2)} (${slowed} of ${of})`,
      judged(bothered < MOST_BOTHERED),
    ]);
  };
  return [
    line(["no honest account suspended", `${total("suspend")} of ${months} months`, judged(total("suspend") === 0)]),
    share("all honest accounts", total("slow"), months),
    ...honest.map((row) => share(row.title, row.reached.slow, row.months)),
  ];
}

function judged(isReached: boolean): string {
  return isReached ? "reached" : "missed";
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

// The figures as Markdown.

import type { Kept } from "../kept.ts";
import { cases, peakInterval } from "./bench.ts";
import type { CaseName, ExactnessResult } from "./bench.ts";

export interface ExactnessTable {
  readonly results: readonly ExactnessResult[];
  readonly machine: readonly string[];
}

export const exactnessFile = new URL("results.json", import.meta.url);

const titles: Readonly<Record<CaseName, string>> = {
  parallel: "many sessions at once, one transaction in ten given back",
  killed: "the same; what counts is killed at half of the limit and started again",
  stalled: "the same; what counts stands still for five seconds at half of the limit",
  edge: "window of a minute: one message, then all right before and after that leaves it",
  message: "one message for twice as many recipients",
};

/** By the name of the peer. */
export function exactnessMarkdown(kept: Kept<ExactnessTable>): string {
  const tables = Object.values(kept);
  const machines = new Set(tables.map(({ machine }) => machine.join(", ")));
  return [
    "# Exactness: how far over its limit an account gets",
    "",
    "Made by `npm run bench -- exactness`.",
    "",
    ...[...machines].map((machine) => `- ${machine}.`),
    "",
    "One account may reach so many recipients in an hour and asks for more, with the same script for every server: STARTTLS, AUTH PLAIN, messages",
    "for one recipient each, until every session has been refused five times in a row. Counted is what was answered 250 after the final dot; over the",
    "limit is the overshoot, below it is what the account was kept from without need. Answers lost in a kill may have been either: where nothing leaves the",
    `queue, it says what was accepted, and counts. Across the edge of a window counts the most in any ${peakInterval}: what a client reads is a little apart from what a server counts.`,
    "To kill or to stop what counts is for ours the whole server, for Postfix its policy server, for Haraka itself and to stop Redis.",
    "",
    "postfwd counts in memory, at the end of data (`rcpt()` in `smtpd_end_of_data_restrictions`); policyd-rate-limit in SQLite, at RCPT, and gives",
    "nothing back; Haraka's limit plugin by MAIL FROM in Redis, at RCPT (`rate_rcpt_sender`; it knows no accounts), and gives nothing back; ours at RCPT with what is given back, two mail threads.",
    "",
    "| case | server | sessions | limit | accepted | answer lost | given back | counts | over (+) or kept from (−) |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ...cases.flatMap((name) =>
      tables.flatMap(({ results }) => results.filter((result) => result.case === name).map((result) => line(result))),
    ),
    "",
  ].join("\n");
}

function line(result: ExactnessResult): string {
  const { peer, sessions, limit, accepted, unknown, givenBack, queued, peak } = result;
  const counts =
    peak !== undefined ? `${peak} in ${peakInterval}` : queued !== undefined ? `${queued} in the queue` : "answers";
  const cells = [titles[result.case], peer, sessions, limit, accepted, unknown, givenBack, counts, balance(result)];
  return `| ${cells.join(" | ")} |`;
}

function balance({ limit, accepted, unknown, queued, peak }: ExactnessResult): string {
  const least = peak ?? queued ?? accepted;
  const most = peak ?? queued ?? accepted + unknown;
  if (least > limit) return `+${least - limit}`;
  if (most < limit) return `−${limit - most}`;
  // Somewhere between them; nobody can tell where.
  return most > limit ? `0 to +${most - limit}` : "0";
}

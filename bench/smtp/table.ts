// The figures as Markdown: medians in the table, every run below it. Names no machine and no path.

import { availableParallelism, cpus } from "node:os";
import type { Cell, SmtpTable, TableRow } from "./bench.ts";
import type { Run } from "./load.ts";

export function smtpMarkdown(table: SmtpTable, options: { readonly runs: number; readonly priority: string }): string {
  const facts = [
    new Date().toISOString().slice(0, 10),
    `${availableParallelism()} CPUs (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `Node ${process.version}`,
    `Postfix ${table.postfixVersion}`,
  ];
  return [
    "# SMTP: sekimori beside Postfix",
    "",
    `Made by \`npm run bench -- smtp\`. ${facts.join(", ")}.`,
    "",
    "Load and servers share these CPUs and speak over loopback. Per row every server starts fresh, is warmed up, and then",
    `they take turns, ${options.runs} runs each${options.priority === "high" ? ", with raised priority" : ""}. Ours stands in each row twice: what differs between the two is noise.`,
    "CPU is that of the server's processes alone, kernel time, threads and ended processes included",
    `(${table.accounting}), up to 0.3 s after the last answer. Memory is the peak PSS of a further run that is not timed.`,
    "",
    "Both sync a message before they answer 250 and write their log. Postfix stands here twice too: like ours, and *eased*,",
    "which is its best case: no log, and its queue in memory, so without the cost of a file per message on this file system.",
    "Ratios are to the one like ours / to the eased one. Acceptance: mail for a local mailbox, by smtp-source; ours is",
    "paused, Postfix puts it on hold. End to end: both take TLS sessions; ours also wants AUTH, counts quotas and checks",
    "authors.",
    "",
    "| row | server | msg/s, median | × Postfix / eased | CPU µs per message, median | × Postfix / eased | PSS MiB |",
    "|---|---|---:|---:|---:|---:|---:|",
    ...table.rows.flatMap((row) => rowLines(row)),
    "",
    "## Every run",
    "",
    "msg/s (CPU µs per message), in the order they were made.",
    "",
    ...table.rows.flatMap(({ row, cells }) => cells.map((cell) => `- ${row.name}, ${cell.peer}: ${every(cell.runs)}`)),
    "",
  ].join("\n");
}

function rowLines({ row, cells }: TableRow): string[] {
  const bars = cells.filter(({ peer }) => peer.startsWith("Postfix"));
  return cells.map((cell) => {
    const ratios = (of: (run: Run) => number): string =>
      cell.peer.startsWith("Postfix")
        ? ""
        : bars.map(({ runs }) => (median(cell.runs.map(of)) / median(runs.map(of))).toFixed(2)).join(" / ");
    return `| ${[
      row.title,
      cell.peer,
      median(cell.runs.map(rate)).toFixed(0),
      ratios(rate),
      median(cell.runs.map(cost)).toFixed(0),
      ratios(cost),
      mebibytes(cell),
    ].join(" | ")} |`;
  });
}

const rate = ({ perSecond }: Run): number => perSecond;
const cost = ({ cpuMicroseconds }: Run): number => cpuMicroseconds;
const mebibytes = ({ memory }: Cell): string => (memory / 1024 / 1024).toFixed(0);

function every(runs: readonly Run[]): string {
  const figures = runs.map((run) => `${rate(run).toFixed(0)} (${cost(run).toFixed(0)})`).join(", ");
  return `${figures}; ${runs[0]?.messages ?? 0} messages a run`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

// The figures as Markdown: one summary, then every row with every run. Names no machine and no path.

import { median } from "../figures.ts";
import type { Cell } from "./bench.ts";
import { limits } from "./limits.ts";
import type { Run } from "./load.ts";
import { durablePeers, ours } from "./peers/peer.ts";
import type { Result, Results } from "./results.ts";
import { rows } from "./rows.ts";
import type { Metric, Row, Target } from "./rows.ts";

const introduction = `# SMTP: sekimori beside others

Made by \`npm run bench -- smtp\`; rows can be measured one by one (\`--rows\`), and each says when it was.

Load and servers share the CPUs and speak over loopback. Per row every server starts fresh, is warmed up, and then they take
turns. Ours stands in each row twice: what differs between the two is noise. Its figure in the summary is the median of the runs
of both. The bar is the best durable mail server (Postfix, Exim, Haraka) in that row and that run. CPU is that of the server's
processes alone, kernel time, threads and ended processes included, up to 0.3 s after the last answer. Memory is the peak PSS
of a further run that is not timed.

All sync a message before they answer 250. Ours runs as an operator runs it: the whole decision path, events and log on. The
others are set up in their favour: no logs, no names looked up, no policy, relaying without AUTH. *Postfix, eased* also has its queue
in memory, so nothing of it is durable: it shows what a file per message costs on this file system, and is no bar. The library
*smtp-server*, with a handler that appends and syncs, is not a durable mail server by itself either.

- Acceptance: mail for a local mailbox, by smtp-source; kept, not delivered (ours is paused, Postfix has it on hold).
- End to end: from the first connection to the last arrival at smtp-sink. To a store: mail from outside, in clear, by smtp-source, for
  a domain whose mailboxes another program holds; smtp-sink speaks LMTP. By TLS: ours takes remote mail from accounts only, inside
  TLS, so all take TLS sessions (a full TLS 1.3 handshake each) from the same load, which costs more than the servers do; ours
  also wants AUTH, counts quotas and checks authors.
- AUTH: a remembered right password costs ours a keyed digest; the others compare plain text.`;

export function smtpMarkdown(results: Results): string {
  const measured = rows.flatMap((row) =>
    results[row.name] === undefined ? [] : [{ row, result: results[row.name]! }],
  );
  const missing = rows.filter(({ name }) => results[name] === undefined).map(({ name }) => name);
  return [
    introduction,
    "",
    ...(missing.length === 0 ? [] : [`Not measured yet: ${missing.join(", ")}.`, ""]),
    "| row | figure | ours | bar | ratio | target | | what limits it |",
    "|---|---|---:|---|---:|---:|---|---|",
    ...measured.flatMap(({ row, result }) => summary(row, result)),
    "",
    ...measured.flatMap(({ row, result }) => section(row, result)),
  ].join("\n");
}

const figureNames: Readonly<Record<Metric, (unit: Row["unit"]) => string>> = {
  rate: (unit) => `${unit}s/s`,
  cpu: (unit) => `server CPU µs per ${unit}`,
  memory: (unit) => `KiB per ${unit}`,
};

function summary(row: Row, result: Result): string[] {
  const cells = result.cells.filter(({ peer }) => ours.includes(peer));
  const targets: readonly (Target | Metric)[] = row.targets.length === 0 ? ["rate"] : row.targets;
  return targets.map((target) => {
    const metric = typeof target === "string" ? target : target.metric;
    const own = median(cells.flatMap(({ runs }) => runs.map((run) => figure(run, metric))));
    const bar = best(result.cells, metric);
    const ratio = bar === undefined ? Number.NaN : own / medianOf(bar, metric);
    const reached = typeof target === "string" ? undefined : isReached(target, own, ratio);
    const limit = reached === false ? (limits[row.name] ?? "") : "";
    return line([
      `${row.name}: ${row.title}`,
      figureNames[metric](row.unit),
      show(own, metric),
      bar === undefined ? "none" : `${bar.peer} ${show(medianOf(bar, metric), metric)}`,
      Number.isNaN(ratio) ? "" : `${ratio.toFixed(2)}×`,
      typeof target === "string" ? "" : wanted(target),
      reached === undefined ? "" : reached ? "reached" : "**missed**",
      limit,
    ]);
  });
}

function isReached(target: Target, own: number, ratio: number): boolean {
  const value = target.of === "bar" ? ratio : own;
  return "atLeast" in target ? value >= target.atLeast : value <= target.atMost;
}

function wanted(target: Target): string {
  if ("atLeast" in target) return `≥ ${target.atLeast.toFixed(1)}×`;
  return target.of === "bar" ? `≤ ${target.atMost.toFixed(2)}×` : `≤ ${show(target.atMost, target.metric)}`;
}

/** Of the durable ones; a rate is best when high, a cost when low. */
function best(cells: readonly Cell[], metric: Metric): Cell | undefined {
  const candidates = cells.filter(({ peer }) => durablePeers.includes(peer));
  const sorted = candidates.toSorted((a, b) => medianOf(a, metric) - medianOf(b, metric));
  return metric === "rate" ? sorted.at(-1) : sorted[0];
}

function section(row: Row, { cells, absent, machine, options, accounting }: Result): string[] {
  const isIdle = row.load.kind === "idle";
  const bars = isIdle ? (["memory"] as const) : (["rate", "cpu"] as const);
  const headings = bars.flatMap((metric) => [figureNames[metric](row.unit), "× bar"]);
  return [
    `## ${row.name}: ${row.title}`,
    "",
    `${[...machine, `CPU by ${accounting}`].join(", ")}${options.priority === "high" ? ", raised priority" : ""}.`,
    "",
    line(["server", ...headings, ...(isIdle ? ["held"] : ["peak PSS MiB", "messages a run"])]),
    `|---|${"---:|".repeat(headings.length + (isIdle ? 1 : 2))}`,
    ...cells.map((cell) =>
      line([
        `${cell.peer} ${cell.version}`.trim(),
        ...bars.flatMap((metric) => {
          const bar = best(cells, metric);
          const value = medianOf(cell, metric);
          return [show(value, metric), bar === undefined ? "" : (value / medianOf(bar, metric)).toFixed(2)];
        }),
        ...(isIdle ? [] : [(cell.memory / 1024 / 1024).toFixed(0)]),
        String(cell.runs[0]?.count ?? 0),
      ]),
    ),
    "",
    ...Object.entries(absent).map(([peer, reason]) => `- Without ${peer}: ${reason}.`),
    isIdle ? "- Every run, KiB per connection:" : "- Every run, rate (CPU µs), in the order they were made:",
    ...cells.map(({ peer, runs }) => `  - ${peer}: ${runs.map((run) => every(run, isIdle)).join(", ")}`),
    "",
  ];
}

function every(run: Run, isIdle: boolean): string {
  return isIdle
    ? show(figure(run, "memory"), "memory")
    : `${show(figure(run, "rate"), "rate")} (${show(figure(run, "cpu"), "cpu")})`;
}

const figure = (run: Run, metric: Metric): number => run.figures[metric] ?? Number.NaN;
const medianOf = ({ runs }: Cell, metric: Metric): number => median(runs.map((run) => figure(run, metric)));
const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function show(value: number, metric: Metric): string {
  return metric === "memory" ? (value / 1024).toFixed(1) : value.toFixed(0);
}

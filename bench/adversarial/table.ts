// The figures as Markdown.

import { median } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { alone, elsewhere, parts, singly } from "./bench.ts";
import type { AdversarialPart, Cost, Notice, Single } from "./bench.ts";
import { caseNamed } from "./cases.ts";
import type { Latency } from "./probe.ts";

/** Cost of an octet beside that of ordinary mail; of single octets in a large message beside a small one; p99 of others. */
const targets = { cost: 3, single: 1.5, others: 2 } as const;

export const adversarialFile = new URL("results.json", import.meta.url);

export function adversarialMarkdown(kept: Kept<AdversarialPart>): string {
  return [
    "# Adversarial input",
    "",
    "Made by `npm run bench -- adversarial`.",
    "",
    "One server as an operator runs it, delivery paused, on the CPUs that the load uses too. CPU is that of the server's processes alone,",
    "kernel time included. Every run is shown.",
    "",
    ...parts.flatMap((part) => {
      const result = kept[part];
      return result === undefined ? [`Not measured yet: ${part}.`, ""] : table(result);
    }),
  ].join("\n");
}

function table(result: AdversarialPart): string[] {
  switch (result.part) {
    case "cost":
      return [...costTable(result.costs), `${result.machine.join(", ")}.`, ""];
    case "single":
      return [...singleTable(result.single), `${result.machine.join(", ")}.`, ""];
    case "others":
      return [...noticeTable(result.notices), `${result.machine.join(", ")}.`, ""];
  }
}

function costTable(costs: readonly Cost[]): string[] {
  const lines = costs.map(({ case: name, reply, runs }) => {
    const { title, base } = caseNamed(name);
    const other = costs.find((each) => each.case === base);
    const ratio = other === undefined ? undefined : median(runs) / median(other.runs);
    const figures = runs.map((run) => run.toFixed(1)).join(", ");
    const verdict = ratio === undefined ? "" : ratio <= targets.cost ? "reached" : "**missed**";
    return `| ${[title, median(runs).toFixed(1), base ?? "", ratio?.toFixed(2) ?? "", verdict, figures, reply].join(" | ")} |`;
  });
  return [
    "## Cost of an octet",
    "",
    `At most ${targets.cost} times that of ordinary mail on the same listener: of 4 MiB beside large bodies, else of 4 kB.`,
    "",
    "| what is sent | server CPU ns per octet | beside | × | | runs | last reply |",
    "|---|---:|---|---:|---|---|---|",
    ...lines,
    "",
  ];
}

function singleTable(single: readonly Single[]): string[] {
  const first = median(single[0]!.runs);
  const lines = single.map(({ size, runs }, index) => {
    const ratio = median(runs) / first;
    const verdict = index === 0 ? "" : ratio <= targets.single ? "reached" : "**missed**";
    const figures = runs.map((run) => run.toFixed(0)).join(", ");
    return `| ${[`${size / 1024} KiB`, median(runs).toFixed(0), ratio.toFixed(2), verdict, figures].join(" | ")} |`;
  });
  return [
    "## Octets that come one by one",
    "",
    `Linear: an octet of the large message costs at most ${targets.single} times one of the small.`,
    "",
    "| message | server CPU ns per octet | × | | runs |",
    "|---|---:|---:|---|---|",
    ...lines,
    "",
  ];
}

function p99(runs: readonly Latency[]): number {
  return median(runs.map((run) => run.p99));
}

function noticeTable(notices: readonly Notice[]): string[] {
  const base = p99(notices.find(({ during }) => during === alone)?.runs ?? []);
  const lines = notices.map(({ during, runs }) => {
    const ratio = p99(runs) / base;
    const verdict = during === singly ? (ratio <= targets.others ? "reached" : "**missed**") : "";
    const p50 = median(runs.map((run) => run.p50));
    const figures = runs.map((run) => run.p99.toFixed(2)).join(", ");
    return `| ${[during, p50.toFixed(2), p99(runs).toFixed(2), ratio.toFixed(2), verdict, figures].join(" | ")} |`;
  });
  return [
    "## What others notice",
    "",
    "Four sessions with a message of 4 kB every 20 ms, from MAIL to the last 250, while an adversary sends without pause. Beside single octets",
    `their p99 is to be at most ${targets.others} times what it is beside nothing. *${elsewhere}* shows what the load itself does to`,
    "them on these CPUs: the same octets, but to a process that only reads. The adversary stands for another machine, so its own process",
    "takes only the CPU that everybody else leaves (nice 19).",
    "",
    "| beside | p50 ms | p99 ms | × | | runs, p99 |",
    "|---|---:|---:|---:|---|---|",
    ...lines,
    "",
  ];
}

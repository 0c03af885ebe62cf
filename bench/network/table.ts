// The tables of all that is kept.

import { median } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { wrongVerdicts } from "../../test/net/hot/run.ts";
import { networkRows, sizes } from "./bench.ts";
import type { NetworkResult, SizeCell, SizeName } from "./bench.ts";
import type { CapircaCell } from "./capirca.ts";
import type { HotCell } from "./hot.ts";
import type { Measured } from "./one.ts";

const steps = ["read", "check", "project", "print", "parse back", "verify"] as const;

export function networkMarkdown(results: Kept<NetworkResult>): string {
  const known = networkRows.flatMap((row) => (results[row] === undefined ? [] : [results[row]]));
  const measured = known.filter((result) => result.kind === "size");
  const parts = known.map((result) => {
    switch (result.kind) {
      case "size":
        return "";
      case "capirca":
        return capircaTable(result.cells, result.machine);
      case "hot":
        return hotTable(result.cells, result.machine);
    }
  });
  return `${[
    "# From policy to proved texts\n\nMade by `npm run bench -- net`.",
    ...(measured.length === 0 ? [] : [sizeTable(measured), growthTable(measured), oracleTable(measured)]),
    ...parts.filter((part) => part !== ""),
  ].join("\n\n")}\n`;
}

type SizeResult = Extract<NetworkResult, { readonly kind: "size" }>;

function of(runs: readonly Measured[], value: (one: Measured) => number): string {
  return median(runs.map(value)).toFixed(0);
}

function sizeTable(results: readonly SizeResult[]): string {
  const machines = [...new Set(results.map(({ machine }) => machine.join(", ")))];
  const lines = results.flatMap(({ cells }) =>
    cells.filter(({ what, runs }) => what[0] !== "evaluate" && runs.length > 0).map(sizeLine),
  );
  const refused = results.flatMap(({ size, cells }) =>
    cells.filter((cell) => cell.refused !== undefined).map((cell) => `- ${size}: ${cell.refused}`),
  );
  return `${machines.join("; ")}. Medians of up to ${Math.max(...results.flatMap(({ cells }) => cells.map(({ runs }) => runs.length)))} runs, each in a process of its own; more than 20,000 prefixes are
measured once. Prefixes are made up so that none merges with another, one in eight IPv6; the last rows have a routing table of
2014 ("real"), which merges to fewer. Reading takes the prefixes from text, checking is that of \`config check\`; the proof compares
what the text reads back to with the policy. CPU is that of the whole process, its start included. \`all\` does the targets
one after the other in one process. To reach: all targets at 20,000 prefixes in less than 3 s; nftables at 1,048,576 in less
than 10 s and 1536 MiB.

| prefixes | target | ${steps.map((step) => `${step} ms`).join(" | ")} | total ms | CPU ms | peak MiB | text MB |
|---:|---|${steps.map(() => "---:").join("|")}|---:|---:|---:|---:|
${lines.join("\n")}${refused.length === 0 ? "" : `\n\nNot measured:\n\n${refused.join("\n")}`}`;
}

function sizeLine({ what, runs }: SizeCell): string {
  const cells = steps.map((step) => of(runs, (one) => one.steps[step] ?? 0));
  const name = what.length > 1 ? `all ${what.length}` : what[0];
  const text = median(runs.map(({ octets }) => octets / 1e6)).toFixed(1);
  const ends = [of(runs, ({ total }) => total), of(runs, ({ cpu }) => cpu), of(runs, (one) => one.peakMebibytes), text];
  return `| ${[runs[0]!.prefixes, name, ...cells, ...ends].join(" | ")} |`;
}

/** Growth of the total beside that of n log n: one is as good as sorting. */
function growthTable(results: readonly SizeResult[]): string {
  const totalOf = (size: SizeName, target: string): number | undefined => {
    const cell = results.find((each) => each.size === size)?.cells.find(({ what }) => what.join() === target);
    return cell === undefined || cell.runs.length === 0 ? undefined : median(cell.runs.map(({ total }) => total));
  };
  const made = sizes.filter((size) => size !== "real");
  const targets = [...new Set(results.flatMap(({ cells }) => cells.map(({ what }) => what.join())))].filter(
    (target) => !target.includes(",") && target !== "evaluate",
  );
  const lines = targets.map((target) => {
    const cells = made.slice(1).map((size, index) => {
      const [before, after] = [totalOf(made[index]!, target), totalOf(size, target)];
      if (before === undefined || after === undefined) return "–";
      return (after / before / (sorting(Number(size)) / sorting(Number(made[index]!)))).toFixed(2);
    });
    return `| ${target} | ${cells.join(" | ")} |`;
  });
  return `Growth of the total from one size to the next, as a part of the growth of n log n (1.00 grows like sorting, less grows less):

| target | ${made.slice(1).join(" | ")} |
|---|${made
    .slice(1)
    .map(() => "---:")
    .join("|")}|
${lines.join("\n")}`;
}

function sorting(count: number): number {
  return count * Math.log2(count);
}

function oracleTable(results: readonly SizeResult[]): string {
  const lines = results.flatMap(({ cells }) =>
    cells
      .filter(({ what, runs }) => what[0] === "evaluate" && runs.length > 0)
      .map(({ runs }) => `| ${runs[0]!.prefixes} | ${of(runs, ({ packetsPerSecond = 0 }) => packetsPerSecond)} |`),
  );
  return `The oracle, asked about SYNs to port 25 from in and around the pool (to reach: 1,000,000 a second at 1,048,576 prefixes):

| prefixes | packets a second |
|---:|---:|
${lines.join("\n")}`;
}

function capircaTable(cells: readonly CapircaCell[], on: readonly string[]): string {
  const lines = cells.map(({ target, form, prefixes, ours, capirca, megabytes, proved }) => {
    const [mine, theirs] = [median(ours), median(capirca)];
    const figures = [mine.toFixed(0), theirs.toFixed(0), `${(theirs / mine).toFixed(1)}×`, megabytes.toFixed(1)];
    return `| ${[target, `\`${form}\``, prefixes, ...figures, proved ? "proved" : "NOT the policy"].join(" | ")} |`;
  });
  return `## Beside Capirca

${on.join(", ")}; medians of ${cells[0]?.ours.length ?? 0} runs in turns. Whole processes: ours reads the prefixes, checks, prints, reads back and proves; Capirca
(Debian's python3-capirca) reads the same policy in its own language and prints both filters. What it prints is then read and
held against the policy.

| target | Capirca's form | prefixes | ours ms | Capirca ms | times as long | Capirca's text MB | it is |
|---|---|---:|---:|---:|---:|---:|---|
${lines.join("\n")}`;
}

function hotTable(cells: readonly HotCell[], on: readonly string[]): string {
  const lines = cells.map(({ options, report }) => {
    const how = options.how === "apply" ? "`net apply`" : "table deleted and added in one transaction";
    return `| ${[
      how,
      options.applies,
      median(report.milliseconds).toFixed(0),
      report.probesPerSecond.toFixed(0),
      connects(report.blocked) + connects(report.permitted),
      wrongVerdicts(report),
      report.probesLeft,
      report.stream.stopped,
      `${report.stream.retransmitted} (${report.stream.needless})`,
    ].join(" | ")} |`;
  });
  return `## A filter changed under traffic

${on.join(", ")}. Two policies of ${cells[0]?.options.elements ?? 0} prefixes, all but two of them different, are applied in turn on the edge of the lab's network. A
blocked and a permitted customer connect to a stranger's port 25 all the time, in both families, beside one stream of
20 Mb/s. An apply checks, loads, lists and proves. "Left" counts segments of the blocked customer at the edge, "stopped"
segments of the stream that came to the edge and did not leave it, "sent again" is the kernel's count of the stream's
retransmissions, and in brackets what of it the other side had already (RFC 2883). To reach: 60 applies under 500 connections a second, nothing wrong, nothing sent again.

| how | updates | ms each | connects/s | connects | wrong verdicts | left | stopped | sent again |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
${lines.join("\n")}`;
}

function connects(outcomes: HotCell["report"]["blocked"]): number {
  return Object.values(outcomes).reduce((sum, count) => sum + count, 0);
}

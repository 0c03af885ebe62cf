// The figures as Markdown.

import { median } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { ours } from "../smtp/peers/peer.ts";
import { scenarios } from "./bench.ts";
import type { LineResult, Pair, Scenario } from "./bench.ts";

/** Healthy mail with dead mail may take so many times what it takes alone. */
const target = 1.1;

export interface LineTable {
  readonly results: readonly LineResult[];
  readonly machine: readonly string[];
}

export const lineFile = new URL("results.json", import.meta.url);

/** By the name of the scenario. */
export function headOfLineMarkdown(kept: Kept<LineTable>): string {
  const tables = scenarios.flatMap((scenario) => {
    const table = kept[scenario.name];
    return table === undefined ? [] : [{ scenario, ...table }];
  });
  const missing = scenarios.filter(({ name }) => kept[name] === undefined).map(({ title }) => title);
  return [
    "# Head of line: dead hosts and healthy mail",
    "",
    "Made by `npm run bench -- head-of-line`.",
    "",
    ...tables.map(({ scenario, machine }) => `- ${scenario.title}: ${machine.join(", ")}.`),
    ...missing.map((title) => `- ${title}: not measured yet.`),
    "",
    "Two servers alike; one has dead mail queued first, for hosts that accept a connection and never answer. Then both relay the same",
    "messages of 4 kB to smtp-sink, in alternation: 20 TLS sessions in, from the first submission to the last arrival. The ratio is the",
    `median over the pairs; ours is to stay at ${target.toFixed(2)} or below. Dead hosts are told apart by address (127.200.0.1 and on) and by domain.`,
    "Each server has its usual limits of connections: 20 to a destination and 200 in all for ours, 20 and 100 processes for Postfix, 100 in all",
    "for Haraka. Ours tries dead mail again every second.",
    "",
    "CPU is that of the server's processes for each message, kernel time included.",
    "",
    "| dead mail first | server | hanging connections | messages | alone, s | with dead mail, s | ratio | CPU alone, µs | CPU, ratio | |",
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ...tables.flatMap(({ scenario, results }) => results.map((result) => line(scenario, result))),
    "",
    "## Every pair",
    "",
    "Seconds alone / with dead mail.",
    "",
    ...tables.flatMap(({ scenario, results }) =>
      results.map(({ peer, pairs }) => `- ${scenario.title}, ${peer}: ${pairs.map((pair) => every(pair)).join(", ")}`),
    ),
    "",
  ].join("\n");
}

function line(scenario: Scenario, { peer, version, hanging, messages, pairs }: LineResult): string {
  const whole = pairs.every(({ alone, withDead }) => alone !== undefined && withDead !== undefined);
  const ratio = median(pairs.map(({ alone, withDead }) => (withDead ?? Number.NaN) / (alone ?? Number.NaN)));
  const arrived = median(pairs.map((pair) => pair.arrived));
  const cpuAlone = median(pairs.map((pair) => pair.cpuAlone));
  const cpuRatio = median(pairs.map((pair) => pair.cpuWithDead / pair.cpuAlone));
  const reached = whole && ratio <= target;
  return `| ${[
    scenario.title,
    `${peer} ${version}`.trim(),
    String(hanging),
    String(messages),
    seconds(pairs.map(({ alone }) => alone)),
    whole ? seconds(pairs.map(({ withDead }) => withDead)) : `only ${arrived} arrived`,
    whole ? ratio.toFixed(3) : "",
    cpuAlone.toFixed(0),
    cpuRatio.toFixed(2),
    ours.includes(peer) ? (reached ? "reached" : "**missed**") : "",
  ].join(" | ")} |`;
}

function seconds(times: readonly (number | undefined)[]): string {
  return (median(times.map((time) => time ?? Number.NaN)) / 1000).toFixed(2);
}

function every({ alone, withDead, arrived }: Pair): string {
  const show = (time: number | undefined): string =>
    time === undefined ? `only ${arrived} arrived` : (time / 1000).toFixed(2);
  return `${show(alone)} / ${show(withDead)}`;
}

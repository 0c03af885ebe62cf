// The effect for people: text for a terminal, and one HTML page with charts and the record of why it is done, for whoever
// has to answer for it.

import type { Justification } from "../../policy/network/policy.ts";
import { html, page } from "../page.ts";
import { classes } from "./counting.ts";
import type { DestinationClass } from "./counting.ts";
import type { DayCount, EffectReport, StageEffect } from "./effect.ts";

const colours: Readonly<Record<DestinationClass, string>> = {
  "own servers": "#4c78a8",
  partners: "#72b7b2",
  "third parties": "#eeca3b",
  "mobile carriers": "#f58518",
  others: "#e45756",
  "own submission": "#54a24b",
  "other submission": "#a5d39d",
};

export function effectText({ stages }: EffectReport): string {
  if (stages.length === 0) return "not enough samples yet: two at least, in the same stage\n";
  const header = ["pool", "stage", "from", "until", ...classes, "blocked"];
  const rows = stages.map((stage) => [
    stage.pool,
    stage.stage,
    day(stage.from),
    day(stage.until),
    ...classes.map((name) => figure(stage.perDay[name])),
    figure(stage.blockedPerDay),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [
    "Conversations a day (a source, a destination and a port within a minute are one) and packets blocked a day:",
    line(header),
    ...rows.map(line),
    "",
  ].join("\n");
}

export function effectPage(report: EffectReport, justification: Justification, made: string): string {
  const pools = [...new Set(report.stages.map(({ pool }) => pool))];
  return page(
    "Effect of the port 25 policy",
    [
      `<p>Conversations: a source, a destination and a port within a minute count once. Made ${html(made)}.</p>`,
      legend(),
      ...pools.map((pool) => poolSection(pool, report)),
      justificationSection(justification),
    ].join("\n"),
  );
}

function poolSection(pool: string, { stages, days }: EffectReport): string {
  const own = stages.filter((stage) => stage.pool === pool);
  const head = ["stage", "from", "until", ...classes, "blocked"].map((name) => `<th>${html(name)}</th>`).join("");
  return [
    `<section><h2>Pool ${html(pool)}</h2>`,
    chart(days.filter((each) => each.pool === pool)),
    `<table><thead><tr>${head}</tr></thead><tbody>${own.map(row).join("")}</tbody></table></section>`,
  ].join("\n");
}

function row(stage: StageEffect): string {
  const numbers = [...classes.map((name) => stage.perDay[name]), stage.blockedPerDay];
  const cells = numbers.map((value) => `<td class="number">${figure(value)}</td>`).join("");
  return `<tr><th>${html(stage.stage)}</th><td>${day(stage.from)}</td><td>${day(stage.until)}</td>${cells}</tr>`;
}

/** One bar a day, in the order of time; what the stage was stands above its first day. */
function chart(days: readonly DayCount[]): string {
  const sorted = days.toSorted((a, b) => (a.day < b.day ? -1 : 1));
  const most = Math.max(1, ...sorted.map(({ conversations }) => sum(conversations)));
  const [width, height, top] = [Math.max(1, sorted.length) * 16, 160, 18];
  const bars = sorted.map(({ day: date, stage, conversations }, index) => {
    let y = top + height;
    const parts = classes.map((name) => {
      const size = (conversations[name] * height) / most;
      y -= size;
      return `<rect x="${index * 16}" y="${y.toFixed(1)}" width="13" height="${size.toFixed(1)}" fill="${colours[name]}"/>`;
    });
    const label =
      sorted[index - 1]?.stage === stage ? "" : `<text x="${index * 16}" y="12" font-size="11">${html(stage)}</text>`;
    return `<g><title>${html(`${date}: ${sum(conversations)} conversations, ${stage}`)}</title>${parts.join("")}${label}</g>`;
  });
  return `<svg viewBox="0 0 ${width} ${height + top}" width="${width}" role="img" aria-label="conversations a day">${bars.join("")}</svg>`;
}

function legend(): string {
  return `<p>${classes.map((name) => `<span style="color:${colours[name]}">■</span> ${html(name)}`).join(" · ")}</p>`;
}

function justificationSection(record: Justification): string {
  const entries: readonly (readonly [string, string | undefined])[] = [
    ["Purpose", record.purpose],
    ["Necessity", record.necessity],
    ["Scope", record.scope],
    ["Alternative offered", record.alternative],
    ["Clause of the terms", record.terms],
    ["Notice to the users", record.notice === undefined ? undefined : day(record.notice)],
  ];
  const rows = entries.map(
    ([name, value]) => `<tr><th>${name}</th><td class="text">${html(value ?? "not written down")}</td></tr>`,
  );
  return `<section><h2>Why</h2><table><tbody>${rows.join("")}</tbody></table></section>`;
}

function sum(conversations: Readonly<Record<string, number>>): number {
  return Object.values(conversations).reduce((total, each) => total + each, 0);
}

function figure(value: number): string {
  return value >= 100 || value === 0 ? String(Math.round(value)) : value.toPrecision(2);
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

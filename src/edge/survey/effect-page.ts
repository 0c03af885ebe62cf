// The effect for people: text for a terminal, and one HTML page with charts and the record of why it is done, for whoever
// has to answer for it.

import type { Justification } from "../../policy/network/policy.ts";
import { html, page } from "../page.ts";
import { classes } from "./counting.ts";
import type { DestinationClass } from "./counting.ts";
import type { Change, Comparison, DayCount, EffectReport, StageEffect } from "./effect.ts";

const colours: Readonly<Record<DestinationClass, string>> = {
  "own servers": "#4c78a8",
  partners: "#72b7b2",
  "third parties": "#eeca3b",
  "mobile carriers": "#f58518",
  others: "#e45756",
  "own submission": "#54a24b",
  "other submission": "#a5d39d",
};

export function effectText({ stages, comparisons }: EffectReport): string {
  if (stages.length === 0) return "not enough samples yet: two at least, in the same stage\n";
  const header = ["pool", "stage", "from", "until", ...classes];
  const rows = stages.map((stage) => [
    stage.pool,
    stage.stage,
    day(stage.from),
    day(stage.until),
    ...classes.map((name) => cell(stage, name)),
  ]);
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, column) => text.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  return [
    "Conversations a day (a source, a destination and a port within a minute are one), and how many of them were blocked:",
    line(header),
    ...rows.map(line),
    ...comparisons.flatMap((comparison) => [
      `pool ${comparison.pool}, ${comparison.before.stage} → ${comparison.after.stage}, a day:`,
      ...changesOf(comparison).map(([name, value]) => `  ${name}: ${value}`),
    ]),
    "",
  ].join("\n");
}

/** What has become of it, in the order of what people ask first. */
function changesOf({
  port25,
  blocked,
  ownSubmission,
  otherSubmission,
}: Comparison): readonly (readonly [string, string])[] {
  return [
    ["port 25 that passed", changeText(port25)],
    ["port 25 that is blocked", figure(blocked)],
    ["own submission (465, 587)", changeText(ownSubmission)],
    ["other submission (465, 587)", changeText(otherSubmission)],
  ];
}

function changeText({ before, after }: Change): string {
  const difference = after - before;
  const sign = difference > 0 ? "+" : "";
  const share = before === 0 ? "" : `, ${sign}${Math.round((difference * 100) / before)} %`;
  return `${figure(before)} → ${figure(after)} (${sign}${figure(difference)}${share})`;
}

function cell({ perDay, passedPerDay }: StageEffect, name: DestinationClass): string {
  const blocked = perDay[name] - passedPerDay[name];
  return blocked > 0 ? `${figure(perDay[name])} (${figure(blocked)} blocked)` : figure(perDay[name]);
}

export function effectPage(report: EffectReport, justification: Justification, made: string): string {
  const pools = [...new Set(report.stages.map(({ pool }) => pool))];
  return page(
    "Effect of the port 25 policy",
    [
      `<p>Conversations a day: a source, a destination and a port within a minute count once. Pale: blocked. Made ${html(made)}.</p>`,
      legend(),
      ...pools.map((pool) => poolSection(pool, report)),
      justificationSection(justification),
    ].join("\n"),
  );
}

function poolSection(pool: string, { stages, days, comparisons }: EffectReport): string {
  const own = stages.filter((stage) => stage.pool === pool);
  const head = ["stage", "from", "until", ...classes].map((name) => `<th>${html(name)}</th>`).join("");
  return [
    `<section><h2>Pool ${html(pool)}</h2>`,
    chart(days.filter((each) => each.pool === pool)),
    ...comparisons.filter((each) => each.pool === pool).map(comparisonTable),
    `<table><thead><tr>${head}</tr></thead><tbody>${own.map(row).join("")}</tbody></table></section>`,
  ].join("\n");
}

function comparisonTable(comparison: Comparison): string {
  const { before, after } = comparison;
  const rows = changesOf(comparison).map(
    ([name, value]) => `<tr><th>${html(name)}</th><td class="number">${html(value)}</td></tr>`,
  );
  return [
    `<h3>${html(`${before.stage} (${day(before.from)} to ${day(before.until)}) → ${after.stage} (${day(after.from)} to ${day(after.until)})`)}</h3>`,
    `<table><tbody>${rows.join("")}</tbody></table><p></p>`,
  ].join("\n");
}

function row(stage: StageEffect): string {
  const cells = classes.map((name) => `<td class="number">${html(cell(stage, name))}</td>`).join("");
  return `<tr><th>${html(stage.stage)}</th><td>${day(stage.from)}</td><td>${day(stage.until)}</td>${cells}</tr>`;
}

function chart(days: readonly DayCount[]): string {
  const sorted = days.toSorted((a, b) => (a.day < b.day ? -1 : 1));
  const most = Math.max(1, ...sorted.map(({ conversations }) => sum(conversations)));
  const [width, height, top] = [Math.max(1, sorted.length) * 16, 160, 18];
  const bars = sorted.map(({ day: date, stage, conversations, passed }, index) => {
    let y = top + height;
    const bar = (name: DestinationClass, count: number, opacity: number): string => {
      const size = (Math.max(0, count) * height) / most;
      y -= size;
      return `<rect x="${index * 16}" y="${y.toFixed(1)}" width="13" height="${size.toFixed(1)}" fill="${colours[name]}" opacity="${opacity}"/>`;
    };
    const parts = classes.flatMap((name) => [
      bar(name, passed[name], 1),
      bar(name, conversations[name] - passed[name], 0.35),
    ]);
    const label =
      sorted[index - 1]?.stage === stage ? "" : `<text x="${index * 16}" y="12" font-size="11">${html(stage)}</text>`;
    return `<g><title>${html(`${date}: ${sum(conversations)} conversations, ${sum(passed)} passed, ${stage}`)}</title>${parts.join("")}${label}</g>`;
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
  return Math.abs(value) >= 100 || value === 0 ? String(Math.round(value)) : value.toPrecision(2);
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

// `node scripts/reference.ts` writes docs/reference/reasons.md, events.md, rfc.md, api.md, commands.md and more from their tables,
// which are the single source (src/verdict/reasons.ts, src/observe/events.ts, src/admin/, src/cli/). test/reference.test.ts says when they are stale.
// The page of the configuration is made by src/config/reference.ts.

import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { eventNames, events } from "../src/observe/events.ts";
import { metricName } from "../src/observe/metrics.ts";
import { reasons } from "../src/verdict/reasons.ts";
import { apiPages } from "./api-reference.ts";
import { commandPages } from "./commands-reference.ts";
import { networkPage } from "./network-reference.ts";
import { rfcs } from "./rfcs.ts";
import type { Rfc } from "./rfcs.ts";

const reasonsIntroduction = `# Reasons

Every decision of the SMTP service has a reason. Its id stands in the log (field \`reason\`), in the labels of metrics and in what
\`sekimori trace\` tells; ids are stable. The reply is what the client sees: code, enhanced status code (RFC 3463), text. Words in
braces are filled in. This page is made from \`src/verdict/reasons.ts\` by \`node scripts/reference.ts\`.
`;

const eventsIntroduction = `# Events

Everything that happens is an event. It becomes a line in the log when its level is at or above \`[log] level\`, and always counts
in a metric at \`/metrics\` (Prometheus, counter). A metric with a label has one series for each value of that field.
This page is made from \`src/observe/events.ts\` by \`node scripts/reference.ts\`.
`;

const rfcIntroduction = `# RFC index

Every RFC that the source cites, and those that are planned. The status is this project's own reading: *done* is every requirement
that concerns the role it plays here, *partly* says what is missing, *used as data* is a fact or a number from the document.
This page is made from \`scripts/rfcs.ts\` and the source by \`node scripts/reference.ts\`.
`;

/** Path from the root → text. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/reference/reasons.md", reasonsPage()],
    ["docs/reference/events.md", eventsPage()],
    ["docs/reference/rfc.md", rfcPage()],
    ["docs/reference/network.md", networkPage()],
    ...apiPages(),
    ...commandPages(),
  ]);
}

function reasonsPage(): string {
  const entries = Object.entries(reasons).map(([id, { code, enhanced, text, meaning }]) => {
    const reply = [String(code), enhanced, text].filter((part) => part !== "").join(" ");
    return `## \`${id}\`\n\n\`\`\`text\n${reply}\n\`\`\`\n\n${meaning}\n`;
  });
  return [reasonsIntroduction, ...entries].join("\n");
}

function eventsPage(): string {
  const entries = eventNames.map((name) => {
    const { level, meaning, label } = events[name];
    const labelled = label === undefined ? "" : `{${label}}`;
    return `## \`${name}\`\n\nlevel ${level} · metric \`${metricName(name)}${labelled}\`\n\n${meaning}\n`;
  });
  return [eventsIntroduction, ...entries, gaugesSection()].join("\n");
}

/** Sources, tests left out: path from src/ → text. */
export function sources(): ReadonlyMap<string, string> {
  const root = join(import.meta.dirname, "../src");
  const files = globSync("**/*.ts", { cwd: root }).filter((file) => !/\.test\.ts$|(?:^|\/)test-[a-z]+\.ts$/.test(file));
  return new Map(files.toSorted().map((file) => [file, readFileSync(join(root, file), "utf8")]));
}

/** What is measured when somebody asks; events only count. Name → help. */
export function gauges(): ReadonlyMap<string, string> {
  const found = [...sources().values()].flatMap((text) => [...text.matchAll(/\.gauge\(\s*"([^"]+)",\s*"([^"]+)"/g)]);
  return new Map(
    found.map(([, name = "", help = ""]) => [name, help] as const).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function gaugesSection(): string {
  const rows = [...gauges()].map(([name, help]) => `| \`${name}\` | ${help} |`);
  const words = "Not events, but what is so at the moment of asking, at `/metrics` as well (Prometheus, gauge).";
  return `## Gauges\n\n${words}\n\n| metric | meaning |\n|---|---|\n${rows.join("\n")}\n`;
}

/** Number → files that cite it, from src/. Lists such as "RFC 3848, 6531 and 2033" cite each. */
export function citations(): ReadonlyMap<number, readonly string[]> {
  const cited = new Map<number, string[]>();
  for (const [file, text] of sources()) {
    const lists = [...text.matchAll(/\bRFCs? (\d{3,5}(?:(?:, | and |, and )(?:RFC )?\d{3,5}\b(?!\.))*)/g)];
    const numbers = lists.flatMap(([, list = ""]) => [...list.matchAll(/\d{3,5}/g)].map(([number]) => Number(number)));
    for (const number of new Set(numbers)) cited.set(number, [...(cited.get(number) ?? []), file]);
  }
  return cited;
}

const statusWords: Readonly<Record<Rfc["status"], string>> = {
  done: "done",
  partly: "partly",
  not: "not yet",
  data: "used as data",
};

function rfcPage(): string {
  const cited = citations();
  const rows = Object.entries(rfcs).map(([number, { title, status, note }]) => {
    const files = (cited.get(Number(number)) ?? []).map((file) => `\`${file}\``);
    const where = files.length > 4 ? `${files.slice(0, 4).join(", ")} and ${files.length - 4} more` : files.join(", ");
    const link = `[${number}](https://www.rfc-editor.org/rfc/rfc${number})`;
    return `| ${link} | ${title} | ${statusWords[status]} | ${note} | ${where} |`;
  });
  return `${rfcIntroduction}\n| RFC | title | status | remarks | where in \`src/\` |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

if (import.meta.main) {
  for (const [path, text] of referencePages()) {
    const file = join(import.meta.dirname, "..", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

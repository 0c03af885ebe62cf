// `node scripts/reference.ts` writes docs/reference/reasons.md and docs/reference/events.md from their tables, which are
// the single source (src/verdict/reasons.ts, src/observe/events.ts). test/reference.test.ts says when they are stale.
// The page of the configuration is made by src/config/reference.ts.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { eventNames, events } from "../src/observe/events.ts";
import { metricName } from "../src/observe/metrics.ts";
import { reasons } from "../src/verdict/reasons.ts";

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

/** Path from the root → text. */
export function referencePages(): ReadonlyMap<string, string> {
  return new Map([
    ["docs/reference/reasons.md", reasonsPage()],
    ["docs/reference/events.md", eventsPage()],
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
  return [eventsIntroduction, ...entries].join("\n");
}

if (import.meta.main) {
  for (const [path, text] of referencePages()) {
    const file = join(import.meta.dirname, "..", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

// `npm run bench -- smtp|storage`: what is measured, with which options. Exit codes: 0 done, 2 usage, 3 not possible here.

import { setPriority } from "node:os";
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { benchSmtp } from "./smtp/bench.ts";
import { raisePriority } from "./smtp/group.ts";
import type { PeerName } from "./smtp/peers.ts";
import { rows } from "./smtp/rows.ts";
import { NotPossible } from "./smtp/scope.ts";
import { smtpMarkdown } from "./smtp/table.ts";
import { benchStorage, storageMarkdown } from "./storage/bench.ts";

const usage = `npm run bench -- smtp [options]      our server beside Postfix; writes bench/RESULTS.md
npm run bench -- storage [options]   ways to keep accepted mail; writes bench/RESULTS-storage.md

  --runs <n>         runs of each candidate in each row (smtp: 3, storage: 9)
  --output <file>    write the table there instead; "-" writes no file
smtp only:
  --rows <names>     comma-separated (all):
${rows.map(({ name, title }) => `                       ${name.padEnd(6)}${title}`).join("\n")}
  --seconds <n>      how long one run should last, about (3)
  --alone            without Postfix and without the second ours
  --priority high    raise the priority of load and servers above other work (root)`;

class UsageError extends Error {}

const signals = { interrupted: false };

function wholeNumber(text: string | undefined, name: string, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`--${name} wants a whole number from 1`);
  return Number(text);
}

function readArguments(): ReturnType<typeof parse> {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function parse() {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  return parseArgs({
    allowPositionals: true,
    options: { rows: text, runs: text, seconds: text, output: text, priority: text, alone: flag, help: flag },
  });
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(usage);
    return;
  }
  const [what] = positionals;
  if (positionals.length !== 1) throw new UsageError("say what to measure: smtp or storage");
  switch (what) {
    case "smtp":
      return smtp(values);
    case "storage": {
      const markdown = storageMarkdown(await benchStorage(wholeNumber(values.runs, "runs", 9)));
      return show(markdown, values.output, "RESULTS-storage.md");
    }
    case undefined:
    default:
      throw new UsageError(`${what ?? ""} is not something to measure`);
  }
}

async function smtp(values: ReturnType<typeof parse>["values"]): Promise<void> {
  const names = values.rows?.split(",") ?? rows.map(({ name }) => name);
  const chosen = names.map((name) => {
    const row = rows.find((each) => each.name === name);
    if (row === undefined) throw new UsageError(`there is no row ${name}`);
    return row;
  });
  const { priority = "usual" } = values;
  if (priority !== "usual" && priority !== "high") throw new UsageError("--priority is usual or high");
  const runs = wholeNumber(values.runs, "runs", 3);
  const seconds = wholeNumber(values.seconds, "seconds", 3);
  const peers: readonly PeerName[] = values.alone
    ? ["sekimori"]
    : ["sekimori", "Postfix", "Postfix, eased", "sekimori (again)"];
  if (process.getuid?.() !== 0) throw new NotPossible("Postfix changes identities: this needs root");
  // Children are ended by the lab's own handlers; what they held is released on the way out.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (signals.interrupted = true));
  if (priority === "high") {
    setPriority(-19);
    raisePriority([process.pid]);
  }
  const table = await benchSmtp({
    rows: chosen,
    runs,
    seconds,
    peers,
    priority,
    interrupted: () => signals.interrupted,
    tell: (line) => console.log(line),
  });
  await show(smtpMarkdown(table, { runs, priority }), values.output, "RESULTS.md");
}

async function show(markdown: string, output: string | undefined, usual: string): Promise<void> {
  console.log(`\n${markdown}`);
  if (output !== "-") await writeFile(output ?? new URL(usual, import.meta.url), markdown);
}

try {
  await main();
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${usage}`);
    process.exitCode = 2;
  } else {
    const known = error instanceof NotPossible || signals.interrupted;
    console.error(known ? `not possible: ${String(error)}` : error);
    process.exitCode = 3;
  }
}

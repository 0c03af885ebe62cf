// `npm run chaos -- kill|powercut|disk|remote|clock`: what may happen to a server, done to one, many times. Exit codes: 0 nothing was
// lost, 1 something was, 2 usage, 3 not possible here.

import { flag, readArguments, text, UsageError, wholeNumber } from "../test/lab/arguments.ts";
import type { Scope } from "../test/lab/cleanup.ts";
import { chaosClock } from "./clock.ts";
import { chaosDisk } from "./disk.ts";
import { chaosKill } from "./kill.ts";
import { chaosPowercut } from "./powercut.ts";
import { chaosRemote } from "./remote.ts";
import { randomFrom } from "./report.ts";
import type { ChaosOptions, Report } from "./report.ts";

const usage = `npm run chaos -- kill       SIGKILL under load
npm run chaos -- powercut   the disk keeps only what was synced, and tears the rest
npm run chaos -- disk       the disk is full, or read-only
npm run chaos -- remote     the remote host drops the connection or hangs, in every state
npm run chaos -- clock      the wall clock jumps by days

  --rounds <n>   how often (kill and powercut 200, the others 50)
  --seed <n>     for the random numbers; printed at the start
  --no-sync      powercut only: syncs do nothing, so mail must be missing
  --threads <n>  kill only: mail threads; several numbers with commas: one life has the first, the next the second … (1)`;

const scenarios: Readonly<
  Record<string, { readonly run: (options: ChaosOptions) => Promise<Report>; readonly rounds: number }>
> = {
  kill: { run: chaosKill, rounds: 200 },
  powercut: { run: (options) => chaosPowercut(options, "real"), rounds: 200 },
  "powercut --no-sync": { run: (options) => chaosPowercut(options, "none"), rounds: 200 },
  disk: { run: chaosDisk, rounds: 50 },
  remote: { run: chaosRemote, rounds: 50 },
  clock: { run: chaosClock, rounds: 50 },
};

async function main(): Promise<number> {
  const { values, positionals } = readArguments({
    rounds: text,
    seed: text,
    "no-sync": flag,
    threads: text,
    help: flag,
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [what = ""] = positionals;
  const scenario = scenarios[values["no-sync"] ? `${what} --no-sync` : what];
  if (positionals.length !== 1 || scenario === undefined) throw new UsageError("say what is to happen");
  const seed = wholeNumber(values.seed, "seed", { otherwise: Math.floor(Math.random() * 1_000_000), least: 0 });
  const rounds = wholeNumber(values.rounds, "rounds", { otherwise: scenario.rounds });
  const threads = (values.threads ?? "1")
    .split(",")
    .map((number) => wholeNumber(number, "threads", { otherwise: 1, least: 1 }));
  console.log(`${what}: ${rounds} rounds, seed ${seed}`);

  const closers: (() => Promise<void> | void)[] = [];
  const scope: Scope = { after: (close) => void closers.push(close) };
  try {
    const random = randomFrom(seed);
    const report = await scenario.run({ scope, rounds, threads, random, tell: (line) => console.log(line) });
    if (report.kind === "not-possible") {
      console.log(`not possible here: ${report.reason}`);
      return 3;
    }
    console.log(report.figures);
    for (const failure of report.failures) console.log(`✗ ${failure}`);
    console.log(report.failures.length === 0 ? "nothing was lost" : "failed");
    return report.failures.length === 0 ? 0 : 1;
  } finally {
    // oxlint-disable-next-line no-await-in-loop -- in order
    for (const close of closers) await close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}

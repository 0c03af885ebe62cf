// `npm run bench -- smtp|head-of-line|adversarial|exactness|auth|storage|abuse|net`: what is measured, with which options. Exit codes: 0 done, 2 usage, 3 not possible here.

import { setPriority } from "node:os";
import { writeFile } from "node:fs/promises";
import { flag, listOf, readArguments, text, UsageError, wholeNumber } from "../test/lab/arguments.ts";
import { benchAbuse } from "./abuse/bench.ts";
import { abuseMarkdown } from "./abuse/table.ts";
import { benchAdversarial, parts } from "./adversarial/bench.ts";
import type { AdversarialOptions, AdversarialPart } from "./adversarial/bench.ts";
import { adversarialFile, adversarialMarkdown } from "./adversarial/table.ts";
import { authParts, benchAuth } from "./auth/bench.ts";
import type { AuthOptions, AuthPart } from "./auth/bench.ts";
import { serverNames } from "./auth/servers.ts";
import { authFile, authMarkdown } from "./auth/table.ts";
import { machine } from "./figures.ts";
import { benchExactness, cases } from "./exactness/bench.ts";
import { limitedNames } from "./exactness/peers.ts";
import { exactnessFile, exactnessMarkdown } from "./exactness/table.ts";
import type { ExactnessTable } from "./exactness/table.ts";
import { keep, readKept } from "./kept.ts";
import type { Kept } from "./kept.ts";
import { benchHeadOfLine, competitors, scenarios } from "./head-of-line/bench.ts";
import type { LineOptions } from "./head-of-line/bench.ts";
import { headOfLineMarkdown } from "./head-of-line/table.ts";
import { lineFile } from "./head-of-line/table.ts";
import type { LineTable } from "./head-of-line/table.ts";
import { benchRow } from "./smtp/bench.ts";
import type { BenchOptions } from "./smtp/bench.ts";
import { raisePriority } from "./smtp/group.ts";
import { ours, peerNames } from "./smtp/peers/peer.ts";
import type { PeerName } from "./smtp/peers/peer.ts";
import { resultOf, resultsFile } from "./smtp/results.ts";
import type { Result, Results } from "./smtp/results.ts";
import { rows } from "./smtp/rows.ts";
import { NotPossible } from "./smtp/scope.ts";
import { smtpMarkdown } from "./smtp/table.ts";
import { benchNetwork, networkFile, networkRows } from "./network/bench.ts";
import type { NetworkBenchOptions, NetworkResult } from "./network/bench.ts";
import { networkMarkdown } from "./network/table.ts";
import { allTargets, benchTargets } from "./network/targets.ts";
import { benchStorage, storageMarkdown } from "./storage/bench.ts";

const usage = `npm run bench -- smtp [options]      our server beside others; rows measured go into bench/RESULTS.md
npm run bench -- head-of-line [options]   healthy mail beside dead mail; writes bench/RESULTS-head-of-line.md
npm run bench -- adversarial [options]    what hostile input costs; writes bench/RESULTS-adversarial.md
npm run bench -- exactness [options]      how exactly limits hold; writes bench/RESULTS-exactness.md
npm run bench -- auth [options]      logins, and logins beside guesses; writes bench/RESULTS-auth.md
npm run bench -- storage [options]   ways to keep accepted mail; writes bench/RESULTS-storage.md
npm run bench -- abuse [options]     accounts that are abused, and honest ones; writes bench/RESULTS-abuse.md
npm run bench -- net [options]       from policy to proved texts for devices; writes bench/RESULTS-net.md

  --runs <n>         runs of each candidate in each row (smtp: 3, head-of-line: 7 pairs,
                     adversarial: 3, auth: 3, storage: 9, net: 3)
  --output <file>    write the table of this run there instead; "-" writes no file
  --priority high    raise the priority of load and servers above other work (root; not storage, net)
  --table            measure nothing: make the table anew from the results that are kept (not storage)
net only:
  --rows <names>     comma-separated (all): numbers of prefixes ${networkRows.slice(0, 4).join(", ")};
                     real (a routing table), capirca (beside it), hot (a filter changed under traffic)
  --targets <names>  comma-separated (packet filters of any size); with this, no file is written but --output
abuse only:
  --seeds <n,…>      in place of those in bench/abuse/data/seeds.json
  --accounts <n>     of each honest class (1000)
  --runs <n>         of each attack (100)
smtp only:
  --rows <names>     comma-separated (all):
${rows.map(({ name, title }) => `                       ${name.padEnd(9)}${title}`).join("\n")}
  --peers <names>    comma-separated, of those in the row (all): ${peerNames.map((name) => `"${name}"`).join(", ")};
                     with fewer than all, no file is written but --output
  --alone            ours only, once: --peers sekimori
  --seconds <n>      how long one run should last, about (2)
head-of-line only:
  --rows <names>     one (2,000 messages for one dead host), many (4,000 for 200)
  --peers <names>    ${competitors.join(", ")}
  --messages <n>     healthy messages in each run of ours (20000)
auth only:
  --rows <names>     ${authParts.join(" (sessions a second), ")} (what people notice of 500 a second)
  --peers <names>    of the first (all): ${serverNames.join(", ")}; with fewer, no file is written but --output
  --seconds <n>      how long one run of the first lasts (5), a fourth of one of the second
exactness only:
  --rows <names>     ${cases.join(", ")}
  --peers <names>    ${limitedNames.join(", ")}
  --sessions <n>     at once (200)
  --limit <n>        recipients in an hour (1000)
adversarial only:
  --rows <names>     cost (of an octet), single (octets that come one by one), others (what they notice)`;

const signals = { interrupted: false };

const options = {
  runs: text,
  output: text,
  help: flag,
  rows: text,
  peers: text,
  seconds: text,
  priority: text,
  alone: flag,
  table: flag,
  messages: text,
  sessions: text,
  limit: text,
  seeds: text,
  accounts: text,
  targets: text,
} as const;
type Values = ReturnType<typeof readArguments<typeof options>>["values"];

async function main(): Promise<void> {
  const { values, positionals } = readArguments(options);
  if (values.help) {
    console.log(usage);
    return;
  }
  const [what] = positionals;
  if (positionals.length !== 1) throw new UsageError("say what to measure");
  switch (what) {
    case "smtp":
      return smtp(values);
    case "head-of-line":
      return headOfLine(values);
    case "adversarial":
      return adversarial(values);
    case "exactness":
      return exactness(values);
    case "auth":
      return auth(values);
    case "storage": {
      const markdown = storageMarkdown(await benchStorage(wholeNumber(values.runs, "runs", { otherwise: 9 })));
      return show(markdown, values.output, "RESULTS-storage.md");
    }
    case "net":
      return network(values);
    case "abuse": {
      const table = await benchAbuse({
        seeds: values.seeds === undefined ? undefined : values.seeds.split(",").map(Number),
        accounts:
          values.accounts === undefined ? undefined : wholeNumber(values.accounts, "accounts", { otherwise: 0 }),
        runs: values.runs === undefined ? undefined : wholeNumber(values.runs, "runs", { otherwise: 0 }),
        tell: (line) => console.log(line),
      });
      return show(abuseMarkdown(table, machine()), values.output, "RESULTS-abuse.md");
    }
    case undefined:
    default:
      throw new UsageError(`${what ?? ""} is not something to measure`);
  }
}

async function network(values: Values): Promise<void> {
  if (values.table)
    return show(networkMarkdown(await readKept<NetworkResult>(networkFile)), values.output, "RESULTS-net.md");
  const settings: NetworkBenchOptions = {
    runs: wholeNumber(values.runs, "runs", { otherwise: 3 }),
    targets: listOf(values.targets, "targets", allTargets) ?? benchTargets,
    tell: (line) => console.log(line),
  };
  const keeps = values.output === undefined && values.targets === undefined;
  let these: Kept<NetworkResult> = {};
  for (const row of listOf(values.rows, "rows", networkRows) ?? networkRows) {
    // oxlint-disable-next-line no-await-in-loop -- one at a time is the point
    const result = await benchNetwork(row, settings);
    if (result === undefined) continue;
    these = { ...these, ...result };
    // oxlint-disable-next-line no-await-in-loop -- what comes later may fail
    if (keeps)
      await writeFile(new URL("RESULTS-net.md", import.meta.url), networkMarkdown(await keep(networkFile, result)));
  }
  await show(networkMarkdown(these), keeps ? "-" : (values.output ?? "-"), "");
}

async function smtp(values: Values): Promise<void> {
  const names = rows.map(({ name }) => name);
  const chosen = listOf(values.rows, "rows", names) ?? names;
  const priority = priorityIn(values);
  const peers: readonly PeerName[] | undefined = values.alone
    ? ours.slice(0, 1)
    : listOf(values.peers, "peers", peerNames);
  if (peers?.some((name) => ours.includes(name)) === false) throw new UsageError("--peers: not without sekimori");
  const settings: BenchOptions = {
    runs: wholeNumber(values.runs, "runs", { otherwise: 3 }),
    seconds: wholeNumber(values.seconds, "seconds", { otherwise: 2 }),
    peers,
    priority,
    interrupted: () => signals.interrupted,
    tell: (line) => console.log(line),
  };
  if (values.table) return show(smtpMarkdown(await readKept<Result>(resultsFile)), values.output, "RESULTS.md");
  prepare(priority);
  // A run of some of the servers has no bar: it is for looking at, not for keeping.
  const keeps = peers === undefined && values.output === undefined;
  let these: Results = {};
  for (const row of rows.filter(({ name }) => chosen.includes(name))) {
    // oxlint-disable-next-line no-await-in-loop -- one row at a time is the point
    const result = resultOf(await benchRow(row, settings), settings);
    these = { ...these, [row.name]: result };
    if (!keeps) continue;
    // oxlint-disable-next-line no-await-in-loop -- what comes later may fail
    await writeFile(
      new URL("RESULTS.md", import.meta.url),
      smtpMarkdown(await keep(resultsFile, { [row.name]: result })),
    );
  }
  await show(smtpMarkdown(these), keeps ? "-" : (values.output ?? "-"), "");
}

async function headOfLine(values: Values): Promise<void> {
  const names = scenarios.map(({ name }) => name);
  const chosen = listOf(values.rows, "rows", names) ?? names;
  const settings: LineOptions = {
    pairs: wholeNumber(values.runs, "runs", { otherwise: 7 }),
    messages: wholeNumber(values.messages, "messages", { otherwise: 20_000 }),
    priority: priorityIn(values),
    peers: listOf(values.peers, "peers", competitors) ?? competitors,
    interrupted: () => signals.interrupted,
    tell: (line) => console.log(line),
  };
  const tell = (results: Kept<LineTable>): Promise<void> =>
    show(headOfLineMarkdown(results), values.output, "RESULTS-head-of-line.md");
  if (values.table) return tell(await readKept<LineTable>(lineFile));
  prepare(settings.priority);
  let these: Kept<LineTable> = {};
  for (const scenario of scenarios.filter(({ name }) => chosen.includes(name))) {
    // oxlint-disable-next-line no-await-in-loop -- one at a time
    const results = await benchHeadOfLine(scenario, settings);
    these = { ...these, [scenario.name]: { results, machine: machine() } };
    // oxlint-disable-next-line no-await-in-loop -- what comes later may fail
    if (values.output === undefined) await tell(await keep(lineFile, these));
  }
  if (values.output !== undefined) await tell(these);
}

async function adversarial(values: Values): Promise<void> {
  const settings: AdversarialOptions = {
    runs: wholeNumber(values.runs, "runs", { otherwise: 3 }),
    parts: listOf(values.rows, "rows", parts) ?? parts,
    priority: priorityIn(values),
    interrupted: () => signals.interrupted,
    tell: (line) => console.log(line),
  };
  const tell = (results: Kept<AdversarialPart>): Promise<void> =>
    show(adversarialMarkdown(results), values.output, "RESULTS-adversarial.md");
  if (values.table) return tell(await readKept<AdversarialPart>(adversarialFile));
  prepare(settings.priority);
  const these = await benchAdversarial(settings);
  await tell(values.output === undefined ? await keep(adversarialFile, these) : these);
}

async function auth(values: Values): Promise<void> {
  if (values.table) return show(authMarkdown(await readKept<AuthPart>(authFile)), values.output, "RESULTS-auth.md");
  const peers = listOf(values.peers, "peers", serverNames);
  const seconds = wholeNumber(values.seconds, "seconds", { otherwise: 5 });
  const settings: AuthOptions = {
    runs: wholeNumber(values.runs, "runs", { otherwise: 3 }),
    parts: listOf(values.rows, "rows", authParts) ?? authParts,
    peers: peers ?? serverNames,
    seconds,
    guessSeconds: 4 * seconds,
    priority: priorityIn(values),
    interrupted: () => signals.interrupted,
    tell: (line) => console.log(line),
  };
  prepare(settings.priority);
  let these: Kept<AuthPart> = {};
  const keeps = peers === undefined && values.output === undefined;
  for (const part of settings.parts) {
    // oxlint-disable-next-line no-await-in-loop -- one at a time
    const result = await benchAuth({ ...settings, parts: [part] });
    these = { ...these, ...result };
    // oxlint-disable-next-line no-await-in-loop -- what comes later may fail
    if (keeps) await show(authMarkdown(await keep(authFile, result)), undefined, "RESULTS-auth.md");
  }
  if (!keeps) await show(authMarkdown(these), values.output ?? "-", "");
}

async function exactness(values: Values): Promise<void> {
  const tell = (results: Kept<ExactnessTable>): Promise<void> =>
    show(exactnessMarkdown(results), values.output, "RESULTS-exactness.md");
  if (values.table) return tell(await readKept<ExactnessTable>(exactnessFile));
  const peers = listOf(values.peers, "peers", limitedNames) ?? limitedNames;
  prepare("usual");
  let these: Kept<ExactnessTable> = {};
  for (const peer of peers) {
    // oxlint-disable-next-line no-await-in-loop -- one at a time
    const results = await benchExactness({
      peers: [peer],
      cases: listOf(values.rows, "rows", cases) ?? cases,
      limit: wholeNumber(values.limit, "limit", { otherwise: 1000 }),
      sessions: wholeNumber(values.sessions, "sessions", { otherwise: 200 }),
      interrupted: () => signals.interrupted,
      tell: (line) => console.log(line),
    });
    these = { ...these, [peer]: { results, machine: machine() } };
    // oxlint-disable-next-line no-await-in-loop -- what comes later may fail
    if (values.output === undefined) await tell(await keep(exactnessFile, these));
  }
  if (values.output !== undefined) await tell(these);
}

function priorityIn({ priority = "usual" }: Values): "usual" | "high" {
  if (priority !== "usual" && priority !== "high") throw new UsageError("--priority is usual or high");
  return priority;
}

function prepare(priority: "usual" | "high"): void {
  if (process.getuid?.() !== 0) throw new NotPossible("Postfix changes identities: this needs root");
  // Children are ended by the lab's own handlers; what they held is released on the way out.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (signals.interrupted = true));
  if (priority === "high") {
    setPriority(-19);
    raisePriority([process.pid]);
  }
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

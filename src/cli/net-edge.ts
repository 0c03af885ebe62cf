// `sekimori net apply|confirm|rollback|restore|status|survey|effect|lab`: the network side on a Linux edge.

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { hasLinuxEdge, netEdge } from "../control/net-edge.ts";
import type { Result } from "../base/result.ts";
import type { EdgeFailure, EdgePlan, EdgeStatus, NetEdge, SurveyRow } from "../control/net-edge.ts";
import { effectPage, effectText } from "../control/net-edge.ts";
import { enterLab, labPage, labText, mistakes, runLab, scenarioNames } from "../control/net-lab.ts";
import type { Mistake } from "../control/net-lab.ts";
import { checkNetwork, formatFinding, formatInstant, openNetwork } from "../control/network.ts";
import type { OpenedNetwork } from "../control/network.ts";
import { Exit } from "./exit.ts";
import { leaf } from "./leaf.ts";
import { networkOf } from "./net-site.ts";
import type { NetOptions } from "./net-site.ts";
import { whoAsks } from "./who.ts";
import { complain, print, printable, printJson, printTable } from "./output.ts";

export interface EdgeOptions extends NetOptions {
  readonly confirm?: string;
  readonly unconfirmed?: string;
  readonly ifStale?: true;
  readonly netns?: string;
}

/** What an apply would change, to be told with the plan; undefined: the policy means no machine such as this one. */
export async function edgePlan(site: OpenedNetwork, options: EdgeOptions, at: number): Promise<EdgePlan | undefined> {
  if (!hasLinuxEdge(site.policy)) return undefined;
  const wrong = checkNetwork(site, at).filter(({ stops }) => stops).length;
  if (wrong > 0) return { kind: "unknown", cause: "the policy is not sound: sekimori net check" };
  return edgeOf(site, options).plan(at, (instantAt) => formatInstant(site, instantAt));
}

export function edgePlanLines(plan: EdgePlan): readonly string[] {
  if (plan.kind === "unknown") return ["on this machine", `  what an apply would change is not known: ${plan.cause}`];
  const against =
    plan.against === "kernel"
      ? "compared with the filter in the kernel"
      : `compared with what was applied last, since the kernel cannot be read (CAP_NET_ADMIN): ${plan.because}`;
  const { reach, validation, rules, sets } = plan.changes;
  return [
    `on this machine, ${against}`,
    ...(plan.result === "nothing" ? ["  an apply would change nothing"] : []),
    ...part("who is blocked", reach),
    ...part("validation of sources", validation),
    ...part("rules", rules),
    ...part("sets", sets),
  ];
}

function part(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`  ${title}`, ...lines.map((line) => `    ${line}`)];
}

function edgeOf(site: OpenedNetwork, options: EdgeOptions): NetEdge {
  const self = [process.execPath, "--disable-warning=ExperimentalWarning", resolve(process.argv[1]!)] as const;
  const netns = options.netns === undefined ? [] : ["--netns", options.netns];
  return netEdge({
    policy: site.policy,
    state: site.state,
    rollBack: [...self, "net", "rollback", "--config", resolve(site.file), ...netns, "--unconfirmed"],
    ...(options.netns === undefined ? {} : { namespace: options.netns }),
  });
}

/** No filter is made of a policy that is wrong. */
function mustBeSound(site: OpenedNetwork): void {
  const findings = checkNetwork(site, Date.now()).filter(({ stops }) => stops);
  for (const finding of findings) complain(printable(formatFinding(finding)));
  if (findings.length > 0) throw new Exit(2, `the policy of ${site.file} is not sound: nothing has changed`);
}

async function apply(options: EdgeOptions): Promise<void> {
  const site = networkOf(options);
  mustBeSound(site);
  const within = options.confirm === undefined ? undefined : durationOf(options.confirm);
  const edge = edgeOf(site, options);
  if (options.ifStale) {
    const { kernel, stale, ledger } = goodOrEnd(await edge.status());
    const why =
      ledger.pending !== undefined
        ? "a change is on probation: nothing is renewed meanwhile"
        : kernel === "as applied" && !stale
          ? "what is in force is right"
          : undefined;
    if (why !== undefined) return options.json ? printJson({ kind: "unchanged", why }) : print(why);
  }
  const value = goodOrEnd(await edge.apply(whoAsks(), within));
  if (options.json) printJson(value);
  switch (value.kind) {
    case "no":
      throw new Exit(3, `nothing has changed: ${value.cause}`);
    case "rolled-back":
      throw new Exit(1, `rolled back: ${value.cause}`);
    case "applied":
      if (options.json) return;
      print(`revision ${value.revision} is in force, read back from the kernel and proved to be the policy`);
      if (value.pending !== undefined)
        print(`it is rolled back at ${instant(value.pending.deadline)} unless you say: sekimori net confirm`);
  }
}

async function confirm(options: EdgeOptions): Promise<void> {
  const confirmed = goodOrEnd(await edgeOf(networkOf(options), options).confirm(whoAsks()));
  if (options.json) return printJson(confirmed);
  print(`revision ${confirmed.revision} is confirmed`);
}

async function rollback(options: EdgeOptions): Promise<void> {
  const back = goodOrEnd(await edgeOf(networkOf(options), options).rollback(whoAsks(), options.unconfirmed));
  if (options.json) return printJson(back ?? null);
  print(back === undefined ? "nothing is filtered any more" : `revision ${back.revision} is in force again`);
}

async function restore(options: EdgeOptions): Promise<void> {
  const back = goodOrEnd(await edgeOf(networkOf(options), options).restore());
  if (options.json) return printJson(back ?? null);
  print(back === undefined ? "nothing was applied before" : `revision ${back.revision} is in force`);
}

async function status(options: EdgeOptions): Promise<void> {
  const found = goodOrEnd(await edgeOf(networkOf(options), options).status());
  if (options.json) printJson(found);
  else for (const line of statusLines(found)) print(line);
  if (found.kernel === "unreadable") throw new Exit(3, "what the kernel has cannot be seen");
  const isWell = found.kernel === "as applied" && !found.stale && !found.unwatched && found.ledger.begun === undefined;
  if (!isWell) process.exitCode = 1;
}

function goodOrEnd<T>(result: Result<T, EdgeFailure>): T {
  if (result.ok) return result.value;
  throw new Exit(result.error.kind === "no" ? 1 : 3, result.error.cause);
}

function statusLines({ ledger, kernel, difference, stale, unwatched }: EdgeStatus): readonly string[] {
  const { current, pending, begun } = ledger;
  return [
    current === undefined
      ? "nothing was applied on this edge"
      : `revision ${current.revision}, applied ${instant(current.appliedAt)} by ${current.by}, valid until ${current.validUntil === undefined ? "the policy changes" : instant(current.validUntil)}`,
    `kernel: ${kernel}${difference === undefined ? "" : ` (${difference})`}`,
    ...(stale ? ["the policy says something else by now: sekimori net apply"] : []),
    ...(begun === undefined ? [] : ["a change was cut short: sekimori net rollback, then apply again"]),
    ...(pending === undefined ? [] : [`on probation until ${instant(pending.deadline)}: sekimori net confirm`]),
    ...(unwatched ? ["nobody watches the probation: confirm or roll back by hand"] : []),
  ];
}

interface SurveyOptions extends EdgeOptions {
  readonly flows?: string;
  readonly assignments?: string;
}

async function survey(options: SurveyOptions): Promise<void> {
  const site = networkOf(options);
  const { flows, assignments } = options;
  const found = await edgeOf(site, options).survey(whoAsks(), {
    ...(flows === undefined ? {} : { flows }),
    ...(assignments === undefined ? {} : { assignments }),
  });
  if (!found.ok) throw new Exit(found.error.kind === "input" ? 2 : 3, found.error.cause);
  if (options.json) return printJson(found.value);
  const { rows, notCounted, skipped, kept } = found.value;
  printTable(["subscriber or address", "pool", "conversations"], rows.map(surveyRow));
  if (notCounted > 0) complain(`${notCounted} conversations were too many to count: split the export`);
  for (const [why, count] of Object.entries(skipped)) complain(`${count} accounting records ${why} were left out`);
  print(`${rows.length} customers; this look is noted in ${join(site.state, "edge", "audit.jsonl")}`);
  for (const { what, kept: long, where } of kept) print(`kept: ${what}, ${long} (${where})`);
}

function surveyRow({ subscriber, address, pool, conversations }: SurveyRow): readonly string[] {
  const counts = Object.entries(conversations).map(([name, count]) => `${name} ${count}`);
  return [subscriber === undefined ? address : `${subscriber} (${address})`, pool, counts.join(", ")];
}

interface EffectOptions extends EdgeOptions {
  readonly sample?: true;
  readonly html?: string;
}

async function effect(options: EffectOptions): Promise<void> {
  const site = networkOf(options);
  const edge = edgeOf(site, options);
  if (options.sample) {
    const sample = await edge.sample();
    if (!sample.ok) throw new Exit(3, sample.error);
    if (options.json) printJson(sample.value);
    return;
  }
  const report = await edge.effect();
  if (options.html !== undefined) {
    await writeFile(options.html, effectPage(report, site.policy.justification, instant(Date.now())));
    print(`written to ${options.html}`);
  }
  if (options.json) printJson(report);
  else if (options.html === undefined) print(effectText(report).trimEnd());
}

interface LabOptions {
  readonly html?: string;
  readonly json?: true;
  readonly scenario?: readonly string[];
  readonly mistake?: string;
}

const labPolicy = new URL("../../etc/lab.toml", import.meta.url).pathname;

async function lab({ html, json, scenario, mistake }: LabOptions): Promise<void> {
  const unknown = scenario?.find((name) => !scenarioNames.includes(name));
  if (unknown !== undefined) throw new Exit(2, `there is no scenario ${unknown}: ${scenarioNames.join(", ")}`);
  const wrong = mistakes.find((name) => name === mistake);
  if (mistake !== undefined && wrong === undefined) throw new Exit(2, `--mistake is one of ${mistakes.join(", ")}`);
  const elsewhere = await enterLab(process.argv.slice(1));
  if (elsewhere !== undefined) {
    if (!elsewhere.ok) throw new Exit(3, elsewhere.error);
    process.exitCode = elsewhere.value;
    return;
  }
  const site = openNetwork({ config: labPolicy });
  if (!site.ok) throw new Exit(2, site.error.problems.join("\n"));
  const wish = {
    policy: site.value.policy,
    only: scenario,
    mistake: wrong satisfies Mistake | undefined,
    program: resolve(process.argv[1]!),
  };
  const results = await runLab(wish, (result) => {
    if (!json) print(labText(result));
  });
  if (json) printJson(results);
  if (html !== undefined) await writeFile(html, labPage(results, instant(Date.now())));
  const failed = results.filter(({ passed }) => !passed);
  complain(`${results.length - failed.length} of ${results.length} scenarios came out as they must`);
  if (failed.length > 0) process.exitCode = 1;
}

const units = new Map([
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);

/** `90s`, `5m`, `1h`: in ms. */
function durationOf(text: string): number {
  const match = /^(\d{1,5})(s|m|h)$/.exec(text);
  const milliseconds = Number(match?.[1]) * (units.get(match?.[2] ?? "") ?? Number.NaN);
  if (!(milliseconds >= 1000)) throw new Exit(2, `--confirm wants a time such as 90s or 5m, not ${text}`);
  return milliseconds;
}

function instant(at: number): string {
  return new Date(at).toISOString();
}

/** Adds the commands of a Linux edge to `sekimori net`. */
export function addNetEdgeCommands(net: Command): void {
  const add = (name: string, description: string, examples: readonly [string, ...string[]], codes?: string): Command =>
    leaf(net, name, description, { examples, site: "file", ...(codes === undefined ? {} : { codes }) }).option(
      "--netns <name>",
      "a network namespace instead of the machine's own",
    );
  add(
    "apply",
    "make the policy of now the filter of this machine, read it back and prove it",
    ["net apply", "net apply --confirm 5m"],
    "0 in force, 1 rolled back at once, 2 the policy is wrong, 3 not possible, nothing changed.",
  )
    .option("--confirm <time>", "roll back after this time unless `net confirm` comes: 90s, 5m")
    .option("--if-stale", "only if the policy says something else by now, or the kernel does; for timers")
    .action(apply);
  const undone = "0 done, 1 there is nothing to do that to, 3 not possible.";
  add("confirm", "keep the change that is on probation", ["net confirm"], undone).action(confirm);
  add("rollback", "go back to the filter before the last change", ["net rollback"], undone)
    .option("--unconfirmed <id>", "only if this change is still on probation (what the watchdog says)")
    .action(rollback);
  add("restore", "after a reboot: load what was confirmed last, with the times that remain", ["net restore"]).action(
    restore,
  );
  add(
    "status",
    "what is in force, whether the kernel agrees, and until when it is right",
    ["net status", "net status --json"],
    "0 all is well, 1 something wants attention, 3 we may not look.",
  ).action(status);
  add(
    "survey",
    "who still uses port 25 and towards whom; the look itself is noted",
    ["net survey", "net survey --flows flows.csv --assignments /var/log/freeradius/radacct/detail"],
    "0 told, 2 a file is not what it should be, 3 nothing is counted here or we may not look.",
  )
    .option("--flows <file>", "flows that a router exported (nfdump -o csv), instead of this edge's counters")
    .option("--assignments <file>", "accounting records of RADIUS (FreeRADIUS detail), to name the subscribers")
    .action(survey);
  add("effect", "what the policy has changed: conversations a day before and after, by pool and stage", [
    "net effect",
    "net effect --html effect.html",
  ])
    .option("--sample", "only take a sample of the counters; a timer does this every few minutes")
    .option("--html <file>", "as one page with charts and the record of why")
    .action(effect);
  leaf(net, "lab", "build a network of namespaces and try the recommendations of JEAG with real connections", {
    examples: ["net lab", "net lab --html lab.html", "net lab --scenario full --mistake no-ipv6"],
    codes: "0 every scenario came out as it must, 1 one did not, 3 this kernel or container allows no namespaces.",
    site: "none",
  })
    .option("--html <file>", "write the matrices as a page")
    .option("--scenario <id...>", "only these")
    .option("--mistake <name>", `load a rule set that is wrong on purpose: ${mistakes.join(", ")}`)
    .action(lab);
}

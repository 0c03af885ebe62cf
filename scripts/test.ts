// `npm test [-- PATTERN…]`: the unit tests beside the sources, then the tests under test/ against real servers.
// The last line alone is "N passed, N failed, N skipped"; every skip is listed with its reason before it.
// Exit 1 when a test failed, when nothing ran, or when its time is over. With SEKIMORI_SKIPS=none (CI) a
// skip counts as a failure unless `allowedSkips` knows it. A PATTERN is a part of a file's path.

import { existsSync, globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";

const root = join(import.meta.dirname, "..");
const compiled = join(root, "node_modules", ".cache", "compiled");
const wholeRun = 45 * 60_000;
/** A file that takes longer than this hangs. */
const oneFile = 10 * 60_000;

interface Phase {
  readonly title: string;
  readonly glob: string;
  readonly concurrency: number;
}

const phases: readonly Phase[] = [
  { title: "unit", glob: "src/**/*.test.ts", concurrency: availableParallelism() },
  // Servers, peers and load share the machine: more at once only makes the deadlines tight.
  { title: "end to end", glob: "test/**/*.test.ts", concurrency: Math.min(2, availableParallelism()) },
];

/** Skips that CI accepts: the start of the stated reason, and whether it is the truth on this machine. */
const allowedSkips: readonly { readonly prefix: string; readonly holds: () => boolean }[] = [
  // The vectors are not part of a clone (their licences differ); where they are, they must be used.
  { prefix: "absent: ../shared/vectors", holds: () => !existsSync(join(root, "../shared/vectors")) },
  // Containers come without systemd, and often without the right to make network namespaces.
  { prefix: "absent: systemd-analyze", holds: () => !existsSync("/usr/bin/systemd-analyze") },
  { prefix: "no network namespaces here", holds: () => true },
  // The deliberate remainder of foreign test material; each entry carries its own reason in a table.
  { prefix: "does not apply: ", holds: () => true },
];

interface Skip {
  readonly test: string;
  readonly reason: string;
}

interface Tally {
  passed: number;
  failures: string[];
  skips: Skip[];
}

/** What run() says about a test, as far as it is used here. */
interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details: { readonly type?: string | undefined; readonly error?: Error | undefined };
}

/**
 * Counts leaves. Reports come in the order of the source, children before their parent, one file at a time, so a
 * test at depth n is a parent exactly when something at depth n + 1 was reported since the last one at depth n.
 */
function makeCounter(tally: Tally): (event: TestEvent, passed: boolean) => void {
  const reportedAt: number[] = [];
  const path: string[] = [];
  return (event, passed) => {
    const depth = event.nesting;
    const isParent = (reportedAt[depth + 1] ?? 0) > 0 || event.details.type === "suite";
    reportedAt[depth + 1] = 0;
    reportedAt[depth] = (reportedAt[depth] ?? 0) + 1;
    path[depth] = event.name;
    const place = event.file === undefined ? "" : `${relative(root, event.file)}: `;
    const title = `${place}${event.name}`;
    if (event.skip !== undefined && event.skip !== false) {
      const reason = typeof event.skip === "string" && event.skip !== "" ? event.skip : "no reason given";
      tally.skips.push({ test: title, reason });
      return;
    }
    if (passed) {
      if (!isParent) tally.passed++;
      return;
    }
    // A parent that fails only because a child did is already told by the child.
    if (isParent && failureType(event.details.error) === "subtestsFailed") return;
    tally.failures.push(title);
    print(`✗ ${title}\n${indent(describe(event.details.error))}`);
  };
}

function failureType(error: Error | undefined): string {
  return error !== undefined && "failureType" in error ? String(error.failureType) : "";
}

function describe(error: Error | undefined): string {
  if (error === undefined) return "failed without an error";
  // node:test wraps what the test threw; the cause is the interesting part.
  const { cause } = error;
  if (cause instanceof Error) return cause.stack ?? cause.message;
  return typeof cause === "string" ? cause : error.message;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

function print(line: string): void {
  console.log(line);
}

async function runPhase(phase: Phase, files: string[], tally: Tally, signal: AbortSignal): Promise<void> {
  print(`${phase.title}: ${files.length} ${files.length === 1 ? "file" : "files"}`);
  const started = performance.now();
  const count = makeCounter(tally);
  const stream = run({
    files,
    concurrency: phase.concurrency,
    signal,
    cwd: root,
    execArgv: ["--import", join(import.meta.dirname, "test-deadline.ts")],
    // As bin/sekimori does: most of a short test is the start of its processes.
    env: { NODE_COMPILE_CACHE: compiled, ...process.env, SEKIMORI_TEST_DEADLINE: String(oneFile) },
  });
  stream.on("test:pass", (event: TestEvent) => count(event, true));
  stream.on("test:fail", (event: TestEvent) => count(event, false));
  stream.on("test:summary", ({ file, success, duration_ms: milliseconds }) => {
    // One summary a file, and a last one without a file for the phase.
    if (file !== undefined) print(`${success ? "✓" : "✗"} ${relative(root, file)} ${Math.round(milliseconds)} ms`);
  });
  stream.on("test:stderr", (event) => process.stderr.write(event.message));
  stream.on("test:stdout", (event) => process.stdout.write(event.message));
  // Reading to the end is what drives the runner.
  for await (const event of stream) void event;
  print(`${phase.title}: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

async function main(patterns: readonly string[]): Promise<boolean> {
  const tally: Tally = { passed: 0, failures: [], skips: [] };
  const abort = new AbortController();
  const alarm = setTimeout(() => {
    tally.failures.push(`the whole run took longer than ${wholeRun / 60_000} minutes`);
    abort.abort();
    // The runner ends its processes on abort; should it hang over that, the result is told all the same.
    setTimeout(() => process.exit(finish(tally) ? 0 : 1), 10_000).unref();
  }, wholeRun);
  for (const phase of phases) {
    const files = globSync(phase.glob, { cwd: root })
      .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
      .toSorted();
    if (files.length > 0 && !abort.signal.aborted) await runPhase(phase, files, tally, abort.signal);
  }
  clearTimeout(alarm);
  return finish(tally);
}

function finish(tally: Tally): boolean {
  const strict = process.env["SEKIMORI_SKIPS"] === "none";
  const unexpected: Skip[] = [];
  for (const skip of tally.skips) {
    const allowed = allowedSkips.some(({ prefix, holds }) => skip.reason.startsWith(prefix) && holds());
    if (!allowed) unexpected.push(skip);
    print(`skipped: ${skip.test} — ${skip.reason}`);
  }
  for (const failure of tally.failures) print(`failed: ${failure}`);
  if (strict && unexpected.length > 0) print(`${unexpected.length} skips are not on the list of allowed ones.`);
  const ran = tally.passed + tally.failures.length;
  if (ran === 0) print("No test ran.");
  print(`${tally.passed} passed, ${tally.failures.length} failed, ${tally.skips.length} skipped`);
  return tally.failures.length === 0 && ran > 0 && !(strict && unexpected.length > 0);
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;

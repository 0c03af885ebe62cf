// Logins at argon2id's recommended cost: how many a second, cold and warm; and what people who log in for the first time since the server was
// started notice of guessers, and the spool with them. Cold: no account twice. Warm: accounts that have just logged in.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram, startChild } from "../../test/lab/child.ts";
import type { Child } from "../../test/lab/child.ts";
import { machine } from "../figures.ts";
import type { Kept } from "../kept.ts";
import { startInGroup } from "../smtp/group.ts";
import type { ProcessGroup } from "../smtp/group.ts";
import { account } from "../smtp/peers/peer.ts";
import { createScope, NotPossible, withDirectories } from "../smtp/scope.ts";
import type { CommitOptions } from "./commits.ts";
import type { Latency } from "./dialogue.ts";
import type { GuessOptions, Guesses } from "./guesses.ts";
import type { HashOptions } from "./hashes.ts";
import type { LoginOptions, Logins } from "./logins.ts";
import { startLogin } from "./servers.ts";
import type { LoginServer, ServerName } from "./servers.ts";

export const authParts = ["rate", "guesses"] as const;
type Part = (typeof authParts)[number];

export interface AuthOptions {
  readonly runs: number;
  readonly parts: readonly Part[];
  readonly peers: readonly ServerName[];
  /** Of one run of a rate; of each case beside guesses. */
  readonly seconds: number;
  readonly guessSeconds: number;
  readonly priority: "usual" | "high";
  readonly interrupted: () => boolean;
  readonly tell: (line: string) => void;
}

export const clientCounts = [1, 10, 100] as const;
export const warmths = ["cold", "warm"] as const;

interface RateRun {
  /** Sessions a second. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
  /** Server CPU, ms a session. */
  readonly cpu: number;
  /** Logins that came to nothing: sessions the server closed. */
  readonly failed: number;
}

export interface RateCell {
  readonly server: ServerName;
  readonly warmth: (typeof warmths)[number];
  readonly clients: number;
  readonly runs: readonly RateRun[];
}

/** Apart: nobody guesses, but another process makes as many hashes as were made beside guesses from many networks. */
export const guessCases = ["calm", "many", "apart", "one"] as const;
type GuessCase = (typeof guessCases)[number];

export interface GuessRun {
  readonly case: GuessCase;
  readonly guesses: Guesses | undefined;
  readonly auth: Latency;
  readonly session: Latency;
  readonly commits: Latency;
  /** Server CPU, share of one core. */
  readonly cpu: number;
}

export type AuthPart = { readonly machine: readonly string[] } & (
  | { readonly part: "rate"; readonly cells: readonly RateCell[] }
  | {
      readonly part: "guesses";
      readonly perSecond: number;
      readonly logins: number;
      readonly runs: readonly GuessRun[];
    }
);

/** People who log in beside guesses, and guesses, each second. */
const loginsPerSecond = 10;
const guessesPerSecond = 500;
/** So many answers are waited for at once: each takes two seconds, and the first ones longer. */
const guessSessions = 1600;
/** More logins than any of these servers takes in a second at this cost. */
const coldPerSecond = 400;
const warmAccounts = 100;
const limit = 300_000;

/* oxlint-disable no-await-in-loop -- one after the other is the point */

/** By the name of the part. */
export function benchAuth(options: AuthOptions): Promise<Kept<AuthPart>> {
  return withDirectories(async () => {
    const results: Record<string, AuthPart> = {};
    for (const part of options.parts) {
      results[part] =
        part === "rate"
          ? { part, machine: machine(), cells: await rates(options) }
          : {
              part,
              machine: machine(),
              perSecond: guessesPerSecond,
              logins: loginsPerSecond,
              runs: await besideGuesses(options),
            };
    }
    return results;
  });
}

async function rates(options: AuthOptions): Promise<readonly RateCell[]> {
  const cells: RateCell[] = [];
  for (const server of options.peers) {
    for (const warmth of warmths) {
      const found = await withServer(
        server,
        peopleFor(options, warmth),
        warmth === "warm" ? "on" : "off",
        options,
        (target) => rateCells(target, server, warmth, options),
      ).catch((error: unknown) => {
        if (!(error instanceof NotPossible) || server === "sekimori") throw error;
        options.tell(`${server}: not possible here: ${error.message}`);
        return [];
      });
      cells.push(...found);
    }
  }
  return cells;
}

function peopleFor({ runs, seconds }: AuthOptions, warmth: RateCell["warmth"]): number {
  return warmth === "warm" ? warmAccounts : clientCounts.length * (runs * seconds + 1) * coldPerSecond;
}

async function rateCells(
  target: Target,
  server: ServerName,
  warmth: RateCell["warmth"],
  options: AuthOptions,
): Promise<readonly RateCell[]> {
  const cells = clientCounts.map((clients) => ({ server, warmth, clients, runs: [] as RateRun[] }));
  let next = 0;
  const run = async (clients: number, milliseconds: number): Promise<RateRun> => {
    const cold = Math.ceil((milliseconds / 1000) * coldPerSecond);
    const accounts = warmth === "warm" ? warmAccounts : cold;
    const before = target.group.cpu();
    const logins = await login(target, { load: { kind: "closed", clients }, milliseconds, first: next, accounts });
    if (warmth === "cold") {
      if (logins.sessions > cold) throw new Error("somebody logged in twice");
      next += cold;
    }
    const { p50, p99 } = logins.session;
    const cpu = (target.group.cpu() - before) / 1000 / logins.sessions;
    const { failed } = logins;
    if (failed > 0) options.tell(`${server}, ${warmth}, ${clients}: ${failed} failed: ${logins.causes.join("; ")}`);
    return { rate: logins.sessions / logins.seconds, p50, p99, cpu, failed };
  };
  // Code is compiled; and all who are to be remembered have been here.
  for (const { clients } of cells) await run(clients, 1000);
  if (warmth === "warm")
    await login(target, {
      load: { kind: "closed", clients: 10 },
      milliseconds: 5000,
      first: 0,
      accounts: warmAccounts,
    });
  for (let round = 0; round < options.runs; round++) {
    for (const { clients, runs } of cells) {
      if (options.interrupted()) throw new NotPossible("interrupted");
      const one = await run(clients, options.seconds * 1000);
      runs.push(one);
      options.tell(
        `${server}, ${warmth}, ${clients}: ${one.rate.toFixed(1)} sessions/s, p50 ${one.p50.toFixed(0)} ms, ${one.cpu.toFixed(1)} ms CPU`,
      );
    }
  }
  return cells;
}

async function besideGuesses(options: AuthOptions): Promise<readonly GuessRun[]> {
  const perCase = Math.ceil(options.guessSeconds * loginsPerSecond);
  const people = perCase * (options.runs * guessCases.length + 1);
  return withServer("sekimori", people, "on", options, async (target) => {
    const runs: GuessRun[] = [];
    let next = 0;
    const measure = async (name: GuessCase): Promise<GuessRun> => {
      const accounts = perCase;
      const hashes = runs.findLast((run) => run.case === "many")?.guesses?.verified ?? 0;
      const span = { first: next, accounts, milliseconds: options.guessSeconds * 1000 };
      const run = await besides(target, name, span, hashes);
      next += accounts;
      return run;
    };
    // Code is compiled.
    await measure("calm");
    for (let round = 0; round < options.runs; round++) {
      for (const name of guessCases) {
        if (options.interrupted()) throw new NotPossible("interrupted");
        const run = await measure(name);
        runs.push(run);
        const { auth, commits, guesses } = run;
        const made =
          guesses === undefined
            ? ""
            : `; ${guesses.sent} guesses, ${guesses.verified} verified, ${guesses.held} held, ${guesses.busy} busy`;
        options.tell(
          `${name}: AUTH p50 ${auth.p50.toFixed(1)} p99 ${auth.p99.toFixed(1)} ms; commit p50 ${commits.p50.toFixed(2)} p99 ${commits.p99.toFixed(2)} ms${made}`,
        );
      }
    }
    return runs;
  });
}

async function besides(
  target: Target,
  name: GuessCase,
  span: Pick<LoginOptions, "first" | "accounts" | "milliseconds">,
  hashes: number,
): Promise<GuessRun> {
  const { server, group } = target;
  const guessing = startBeside(name, server, span, hashes);
  try {
    await guessing?.waitForLine(/^open$/, limit);
    await sleep(1000);
    const before = group.cpu();
    guessing?.signal("SIGUSR2");
    const commitOptions: CommitOptions = { ...server.mx!, milliseconds: span.milliseconds, recipient: account.address };
    const [logins, commits] = await Promise.all([
      login(target, { load: { kind: "paced", perSecond: loginsPerSecond }, ...span }),
      runScript("commits.ts", commitOptions).then((text) => JSON.parse(text) as Latency),
    ]);
    const cpu = (group.cpu() - before) / 1000 / span.milliseconds;
    const told = name === "many" || name === "one" ? await guessing?.waitForLine(/^\{/, limit) : undefined;
    const guesses = told === undefined ? undefined : (JSON.parse(told) as Guesses);
    return { case: name, guesses, auth: logins.auth, session: logins.session, commits, cpu };
  } finally {
    guessing?.signal("SIGKILL");
    await guessing?.ended;
  }
}

function startScript(name: string, options: GuessOptions | HashOptions): Child {
  const parameters = [join(import.meta.dirname, name), JSON.stringify(options)];
  return startChild({ program: process.execPath, parameters });
}

/** What goes on beside the logins and the spool; it waits for SIGUSR2. */
function startBeside(
  name: GuessCase,
  { submission }: LoginServer,
  span: Pick<LoginOptions, "first" | "accounts" | "milliseconds">,
  hashes: number,
): Child | undefined {
  switch (name) {
    case "calm":
      return undefined;
    case "apart":
      return startScript("hashes.ts", { hashes, milliseconds: span.milliseconds });
    case "many":
    case "one":
      return startScript("guesses.ts", {
        ...submission,
        ...span,
        perSecond: guessesPerSecond,
        sessions: guessSessions,
        from: name,
      });
  }
}

async function login({ server }: Target, options: Omit<LoginOptions, "address" | "port">): Promise<Logins> {
  const logins = JSON.parse(await runScript("logins.ts", { ...server.submission, ...options })) as Logins;
  // Of ours none may; a peer's are told in its row.
  if (logins.failed > 0 && server.mx !== undefined) throw new Error(`a login failed: ${logins.causes.join("; ")}`);
  return logins;
}

interface Target {
  readonly server: LoginServer;
  readonly group: ProcessGroup;
}

let started = 0;

async function withServer<T>(
  name: ServerName,
  people: number,
  cache: "on" | "off",
  { priority }: AuthOptions,
  work: (target: Target) => Promise<T>,
): Promise<T> {
  const scope = createScope();
  try {
    const { group, value: server } = await startInGroup(`auth-${++started}`, priority, () =>
      startLogin[name](scope, people, cache),
    );
    scope.after(() => group.close());
    return await work({ server, group });
  } finally {
    await scope.close();
  }
}
/* oxlint-enable no-await-in-loop */

async function runScript(name: string, options: object): Promise<string> {
  const { code, stdout, stderr } = await runProgram({
    program: process.execPath,
    parameters: [join(import.meta.dirname, name), JSON.stringify(options)],
    milliseconds: limit,
  });
  if (code !== 0) throw new Error(`${name} ${JSON.stringify(options)}: ${stderr.slice(0, 1000)}`);
  return stdout;
}

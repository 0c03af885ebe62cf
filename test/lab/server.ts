// The server under test as a child process, started as a person would start it: `sekimori serve`. The lab never
// reaches into it: it has its output, its ports, its files of accounts and the command line.

import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startChild, runProgram } from "./child.ts";
import type { Child, Ending } from "./child.ts";
import { atEnd } from "./cleanup.ts";
import type { Scope } from "./cleanup.ts";

export interface ServerOptions {
  /** Everything the server writes is in here: `sekimori.toml` and the state in `var/`. */
  readonly directory: string;
  /** sekimori.toml; `state-directory` is put in front when it says none. Without it the demonstration starts. */
  readonly config?: string;
  /** Address → password. Made before the server starts, once. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** Put before the command: `["strace", "-D", "-f", "-o", file]`. With -D the server itself is the child. */
  readonly wrapper?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Server {
  readonly pid: number;
  /** The state directory. */
  readonly state: string;
  stdout(): string;
  stderr(): string;
  /** `<state>/accounts.txt`: an address and its password a line. */
  accounts(): ReadonlyMap<string, string>;
  /** Runs another command of `sekimori` against the same configuration. */
  command(...parameters: readonly string[]): ReturnType<typeof runProgram>;
  /** SIGTERM; rejects unless it ends with 0 within the time. */
  stop(): Promise<void>;
  /** SIGKILL: what a power failure leaves. */
  kill(): Promise<Ending>;
  readonly ended: Promise<Ending>;
}

const root = join(import.meta.dirname, "../..");
/** Generous: on a machine that does ten other things a start takes half a minute. */
const startLimit = 120_000;
const stopLimit = 30_000;

/** One mail thread on every machine, or so many for trying; tests that are about threads say their number themselves. */
function threadsOf(config: string): string {
  const wanted = process.env["SEKIMORI_MAIL_THREADS"] ?? "1";
  return /^\[process\]|^process\./m.test(config) ? "" : `process.mail-threads = ${wanted}\n`;
}

/** Resolves when the server has said `ready`. The scope's end stops it, if the test has not. */
export async function startServer(scope: Scope, options: ServerOptions): Promise<Server> {
  const state = join(options.directory, "var");
  const file = join(options.directory, "sekimori.toml");
  await mkdir(state, { recursive: true });
  if (options.config !== undefined) {
    const own = /^state-directory\s*=/m.test(options.config) ? "" : `state-directory = ${JSON.stringify(state)}\n`;
    await writeFile(file, own + threadsOf(options.config) + options.config);
  }
  const where = options.config === undefined ? ["--var", state] : ["--config", file];
  const command = (...parameters: readonly string[]): ReturnType<typeof runProgram> =>
    runProgram({ ...sekimori([...parameters, ...where]), milliseconds: 60_000 });

  for (const [address, password] of Object.entries(options.accounts ?? {})) {
    // oxlint-disable-next-line no-await-in-loop -- one writer
    await addAccount(where, address, password);
  }
  const child = startChild({
    ...sekimori(["serve", ...where], options.wrapper),
    environment: options.environment ?? {},
  });
  let over = false;
  void child.ended.then(() => (over = true));
  atEnd(scope, async () => {
    if (!over) await stop(child);
  });
  await child.waitForLine(/^ready\b/, startLimit);
  return {
    pid: child.pid,
    state,
    stdout: () => child.stdout(),
    stderr: () => child.stderr(),
    accounts: () => readAccounts(join(state, "accounts.txt")),
    command,
    stop: () => stop(child),
    kill: () => child.stop("SIGKILL", stopLimit),
    ended: child.ended,
  };
}

async function stop(child: Child): Promise<void> {
  const ending = await child.stop("SIGTERM", stopLimit);
  if (ending.code !== 0) {
    throw new Error(`the server ended with ${ending.code ?? ending.signal} after SIGTERM\n${child.stderr()}`);
  }
}

function sekimori(
  parameters: readonly string[],
  wrapper: readonly string[] = [],
): { readonly program: string; readonly parameters: readonly string[]; readonly cwd: string } {
  const [program = process.execPath, ...rest] = [
    ...wrapper,
    process.execPath,
    "--disable-warning=ExperimentalWarning",
    join(root, "src/main/main.ts"),
    ...parameters,
  ];
  return { program, parameters: rest, cwd: root };
}

async function addAccount(where: readonly string[], address: string, password: string): Promise<void> {
  const result = await runProgram({
    ...sekimori(["account", "add", address, ...where]),
    input: `${password}\n`,
    milliseconds: 60_000,
  });
  if (result.code !== 0) throw new Error(`account add ${address}: ${result.stdout}${result.stderr}`);
}

function readAccounts(file: string): ReadonlyMap<string, string> {
  if (!existsSync(file)) return new Map();
  const lines = readFileSync(file, "utf8").split("\n");
  const pairs = lines.map((line) => line.trim().split(/\s+/)).filter(([address]) => address?.includes("@") === true);
  return new Map(pairs.map(([address = "", password = ""]) => [address, password]));
}

// Child processes for tests: output kept, lines and ends awaited with a deadline, nothing left behind when the test
// process ends, however it ends (short of SIGKILL).

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  /** Everything so far. */
  stdout(): string;
  stderr(): string;
  /** Resolves with the first whole line of stdout that matches, also one from before the call. */
  waitForLine(pattern: RegExp, milliseconds: number): Promise<string>;
  /** Resolves when the process has ended and its output is read. */
  readonly ended: Promise<Ending>;
  signal(name: NodeJS.Signals): void;
  /** Sends the signal, waits for the end; after the deadline SIGKILL, and it rejects. */
  stop(name: NodeJS.Signals, milliseconds: number): Promise<Ending>;
}

export interface ChildOptions {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Octets for standard input; without them it is closed. */
  readonly input?: string | Uint8Array;
}

const alive = new Set<ChildProcess>();

function killAll(): void {
  for (const child of alive) child.kill("SIGKILL");
}

process.once("exit", killAll);
for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.once(name, () => {
    killAll();
    // With the handler gone the signal does what it always did.
    process.kill(process.pid, name);
  });
}

export function startChild(options: ChildOptions): Child {
  const child = spawn(options.program, [...options.parameters], {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  alive.add(child);
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      tell();
    });
  }
  // A child that ends without reading its input is not this side's failure.
  child.stdin?.on("error", () => undefined).end(options.input);
  let ending: Ending | undefined;
  const ended = new Promise<Ending>((resolve) => {
    const end = (how: Ending): void => {
      alive.delete(child);
      ending = how;
      resolve(how);
      tell();
    };
    child.once("error", (error) => {
      output.stderr += `${error.message}\n`;
      end({ code: null, signal: null });
    });
    child.once("close", (code, signal) => end({ code, signal }));
  });

  const report = (): string => `stdout:\n${output.stdout.slice(-4000)}\nstderr:\n${output.stderr.slice(-4000)}`;

  return {
    pid: child.pid ?? -1,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended,
    signal: (name) => void child.kill(name),
    waitForLine: (pattern, milliseconds) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void): void => {
          clearTimeout(timer);
          listeners.delete(look);
          act();
        };
        const look = (): void => {
          const line = output.stdout
            .split("\n")
            .slice(0, -1)
            .find((candidate) => pattern.test(candidate));
          if (line !== undefined) finish(() => resolve(line));
          else if (ending !== undefined) {
            const how = `${options.program} ended (${ending.code ?? ending.signal}) before it printed ${pattern}`;
            finish(() => reject(new Error(`${how}\n${report()}`)));
          }
        };
        const timer = setTimeout(() => {
          const what = `${options.program} did not print ${pattern} within ${milliseconds} ms`;
          finish(() => reject(new Error(`${what}\n${report()}`)));
        }, milliseconds);
        listeners.add(look);
        look();
      }),
    stop: async (name, milliseconds) => {
      child.kill(name);
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        child.kill("SIGKILL");
      }, milliseconds);
      const how = await ended;
      clearTimeout(timer);
      if (late) throw new Error(`${options.program} did not end within ${milliseconds} ms of ${name}\n${report()}`);
      return how;
    },
  };
}

/** Runs a program to its end. Rejects when it takes longer than the deadline. */
export async function runProgram(
  options: ChildOptions & { readonly milliseconds: number },
): Promise<Ending & { readonly stdout: string; readonly stderr: string }> {
  const child = startChild(options);
  const timer = setTimeout(() => child.signal("SIGKILL"), options.milliseconds);
  const ending = await child.ended;
  clearTimeout(timer);
  if (ending.signal === "SIGKILL") {
    throw new Error(`${options.program} took longer than ${options.milliseconds} ms\n${child.stderr()}`);
  }
  return { ...ending, stdout: child.stdout(), stderr: child.stderr() };
}

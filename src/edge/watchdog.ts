// Somebody who rolls a change back when its confirmation does not come: a transient timer where systemd runs, otherwise
// a process of its own that belongs to no terminal. Both survive the command line and the connection it came over; a
// reboot is the boot unit's to handle, which restores what was confirmed last.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { failureOf, runProgram } from "../io/program.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Watcher } from "./ledger.ts";

/** `command` is run when the time is over; it must look itself whether it is still wanted. */
export async function armWatchdog(
  id: string,
  milliseconds: number,
  command: readonly [string, ...string[]],
): Promise<Result<Watcher, string>> {
  return existsSync("/run/systemd/system") ? armTimer(id, milliseconds, command) : armProcess(milliseconds, command);
}

/** Whether it still watches. */
export async function isWatching(watcher: Watcher): Promise<boolean> {
  if (watcher.kind === "process") return startOf(watcher.pid) === watcher.started;
  const asked = await runProgram({
    program: "systemctl",
    parameters: ["is-active", "--quiet", `${watcher.unit}.timer`],
    milliseconds: 10_000,
  });
  return asked.kind === "ended" && asked.code === 0;
}

export async function disarm(watcher: Watcher): Promise<void> {
  if (watcher.kind === "systemd") {
    await runProgram({
      program: "systemctl",
      parameters: ["stop", `${watcher.unit}.timer`],
      milliseconds: 10_000,
    });
  } else if (startOf(watcher.pid) === watcher.started) {
    process.kill(watcher.pid, "SIGTERM");
  }
}

async function armTimer(
  id: string,
  milliseconds: number,
  command: readonly string[],
): Promise<Result<Watcher, string>> {
  const unit = `sekimori-net-confirm-${id}`;
  const outcome = await runProgram({
    program: "systemd-run",
    parameters: [
      "--collect",
      `--unit=${unit}`,
      `--on-active=${Math.ceil(milliseconds / 1000)}s`,
      "--timer-property=AccuracySec=1s",
      "--",
      ...command,
    ],
    milliseconds: 10_000,
  });
  if (outcome.kind === "ended" && outcome.code === 0) return success({ kind: "systemd", unit });
  return failure(`systemd-run: ${failureOf(outcome)}`);
}

/** A shell is not needed: `sleep` would be, so the process waits itself (see wait.ts). */
function armProcess(milliseconds: number, command: readonly [string, ...string[]]): Promise<Result<Watcher, string>> {
  return new Promise((resolve) => {
    const script = new URL("./wait.ts", import.meta.url).pathname;
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", script, String(milliseconds), ...command],
      { detached: true, stdio: "ignore", cwd: "/" },
    );
    child.once("error", (error) => resolve(failure(error.message)));
    child.once("spawn", () => {
      const started = startOf(child.pid!);
      child.unref();
      resolve(
        started === undefined
          ? failure("the process that watches ended at once")
          : success({ kind: "process", pid: child.pid!, started }),
      );
    });
  });
}

/** When a process was started, in the kernel's ticks (proc(5), field 22 of stat). */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The second field is the name in parentheses and may hold anything.
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

// The processes of one server, counted together: CPU time with that of processes that have ended, and memory.
//
// A cgroup (v2, also beside v1) where we may make one: exact, and nothing escapes it. Elsewhere the process tree in
// /proc: clock ticks of 10 ms, and what an ended process used is known once its parent has waited for it.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface ProcessGroup {
  readonly accounting: "cgroup" | "/proc";
  /** Microseconds, user and system, threads and ended processes included. */
  cpu(): number;
  /** Proportional set size of all processes now, octets. */
  memory(): number;
  /** Ends what is left and removes the group. */
  close(): Promise<void>;
}

/** Whatever `start` spawns belongs to the group. Nothing else may be spawned meanwhile. When it fails, nothing is left. */
export async function startInGroup<T>(
  name: string,
  priority: "usual" | "high",
  start: () => Promise<T>,
): Promise<{ readonly group: ProcessGroup; readonly value: T }> {
  const members = enterCgroup(name) ?? enterTree();
  const group = makeGroup(members);
  try {
    const value = await start();
    members.leave();
    if (priority === "high") raisePriority(members.pids());
    return { group, value };
  } catch (error) {
    members.leave();
    await group.close();
    throw error;
  }
}

interface Members {
  readonly accounting: "cgroup" | "/proc";
  readonly pids: () => readonly number[];
  readonly cpu: () => number;
  /** What is spawned from now on belongs to nobody. */
  readonly leave: () => void;
  readonly remove: () => void;
}

function makeGroup({ accounting, pids, cpu, remove }: Members): ProcessGroup {
  return {
    accounting,
    cpu,
    memory: () => pids().reduce((sum, pid) => sum + proportionalSetSize(pid), 0),
    close: async () => {
      for (let round = 0; round < 100 && pids().length > 0; round++) {
        if (round % 40 === 20) signalAll(pids(), round < 50 ? "SIGTERM" : "SIGKILL");
        // oxlint-disable-next-line no-await-in-loop -- polling
        await sleep(50);
      }
      remove();
    },
  };
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended meanwhile.
    }
  }
}

// --- cgroup ----------------------------------------------------------------------------------------------------

/** Undefined where no group can be made. */
function enterCgroup(name: string): Members | undefined {
  const own = ownCgroup();
  if (own === undefined) return undefined;
  const folder = join(own, `sekimori-bench-${process.pid}-${name}`);
  const cpu = (): number => Number(/^usage_usec (\d+)/m.exec(read(join(folder, "cpu.stat")))?.[1]);
  const leave = (): void => moveTo(own);
  const remove = (): void => tryTo(() => rmdirSync(folder));
  try {
    mkdirSync(folder);
    // Children are born where their parent is.
    moveTo(folder);
    if (!Number.isFinite(cpu())) throw new Error("no accounting");
  } catch {
    tryTo(leave);
    remove();
    return undefined;
  }
  const pids = (): readonly number[] =>
    read(join(folder, "cgroup.procs"))
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
  return { accounting: "cgroup", pids, cpu, leave, remove };
}

function moveTo(folder: string): void {
  writeFileSync(join(folder, "cgroup.procs"), String(process.pid));
}

function ownCgroup(): string | undefined {
  const mount = /^\S+ (\S+) cgroup2 /m.exec(read("/proc/mounts"))?.[1];
  const path = /^0::(.*)$/m.exec(read("/proc/self/cgroup"))?.[1];
  return mount === undefined || path === undefined ? undefined : join(mount, path);
}

// --- /proc -----------------------------------------------------------------------------------------------------

function enterTree(): Members {
  const before = new Set(childrenOf(process.pid));
  let after: ReadonlySet<number> | undefined;
  const roots = (): readonly number[] =>
    childrenOf(process.pid).filter((pid) => !before.has(pid) && after?.has(pid) !== false);
  const pids = (): readonly number[] => roots().flatMap((root) => treeOf(root));
  const tick = 1_000_000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return {
    accounting: "/proc",
    pids,
    cpu: () => pids().reduce((sum, pid) => sum + ticksOf(pid), 0) * tick,
    leave: () => void (after = new Set(childrenOf(process.pid))),
    remove: () => undefined,
  };
}

/** Fields after the command name, which may hold anything (proc_pid_stat(5)); the first is the state. */
function statOf(pid: number): readonly string[] {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Of its own and of the children it has waited for: utime, stime, cutime, cstime. */
function ticksOf(pid: number): number {
  return statOf(pid)
    .slice(11, 15)
    .reduce((sum, field) => sum + Number(field), 0);
}

function childrenOf(parent: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statOf(pid)[1] === String(parent));
}

function treeOf(pid: number): readonly number[] {
  if (statOf(pid).length < 15) return [];
  return [pid, ...childrenOf(pid).flatMap((child) => treeOf(child))];
}

// --- both ------------------------------------------------------------------------------------------------------

function proportionalSetSize(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
}

/** While the scheduler groups by session, nice values of different sessions are not compared (sched(7), autogroup). */
export function raisePriority(pids: readonly number[]): void {
  for (const pid of pids) tryTo(() => writeFileSync(`/proc/${pid}/autogroup`, "-19"));
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // As good as it can be had.
  }
}

/** Empty when the process or file is not there. */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

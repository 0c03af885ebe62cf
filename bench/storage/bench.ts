// The storage table: an append log with group commit against bodies in SQLite. Each run is a process of its own, the
// candidates of a row take turns, and one candidate is in each row twice: the difference between the two is noise.

import { execFile } from "node:child_process";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { machine, median } from "../figures.ts";
import { slowSyncEnvironment } from "../slow-sync.ts";
import type { RunOptions, RunResult } from "./one.ts";
import type { StoreName } from "./stores.ts";

interface Row {
  readonly title: string;
  readonly disk: "as it is" | "slow";
  readonly stores: readonly StoreName[];
  readonly options: Omit<RunOptions, "store">;
}

interface Cell {
  readonly store: StoreName;
  readonly runs: readonly RunResult[];
}

export interface StorageTable {
  readonly machine: readonly string[];
  readonly rows: readonly { readonly title: string; readonly cells: readonly Cell[] }[];
}

const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const candidates: readonly StoreName[] = ["log, 1 lane", "log, 2 lanes", "SQLite", "log, 1 lane (again)"];
const time = { warmUp: 200, milliseconds: 500 };

function rows(): Row[] {
  const list: Row[] = [];
  for (const size of [4096, 102_400]) {
    for (const writers of [1, 20, 100]) {
      const options = { size, writers, work: "accept", source: "inside", ...time } as const;
      list.push({ title: `${size / 1024} kB, ${writers} writers`, disk: "as it is", stores: candidates, options });
    }
  }
  for (const writers of [20, 100]) {
    const options = { size: 4096, writers, work: "accept and settle", source: "inside", ...time } as const;
    const stores: StoreName[] = [...candidates, "log + index for 10 %"];
    list.push({ title: `4 kB, ${writers} writers, accept and settle`, disk: "as it is", stores, options });
  }
  for (const disk of ["as it is", "slow"] as const) {
    for (const writers of disk === "slow" ? [1, 20, 100] : [20, 100]) {
      const options = { size: 4096, writers, work: "accept and settle", source: "sockets", ...time } as const;
      const title = `4 kB, ${writers} senders on sockets, accept and settle${disk === "slow" ? ", sync + 2 ms" : ""}`;
      list.push({ title, disk, stores: candidates, options });
    }
  }
  return list;
}

/** Prints every run. `runs`: of each candidate in each row. */
export async function benchStorage(runs = 9): Promise<StorageTable> {
  const directory = await mkdtemp(join(tmpdir(), "bench-shim-"));
  try {
    const slow = await slowSyncEnvironment(directory);
    if (slow === undefined) console.log("no C compiler: the rows with a slow disk are left out");
    const table: { title: string; cells: Cell[] }[] = [];
    for (const { title, disk, stores, options } of rows()) {
      if (disk === "slow" && slow === undefined) continue;
      const cells = stores.map((store) => ({ store, runs: [] as RunResult[] }));
      for (let i = 0; i < runs; i++) {
        for (const cell of cells) {
          const env = disk === "slow" ? { ...process.env, ...slow } : process.env;
          const argument = JSON.stringify({ ...options, store: cell.store });
          const { stdout } = await run(process.execPath, [here("one.ts"), argument], { env });
          const result: RunResult = JSON.parse(stdout);
          cell.runs.push(result);
          const { perSecond, cpuMicroseconds } = result;
          console.log(`${title} | ${cell.store}: ${perSecond.toFixed(0)} msg/s, ${cpuMicroseconds.toFixed(1)} µs`);
        }
      }
      table.push({ title, cells });
    }
    return { machine: await machineWithDisk(), rows: table };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function machineWithDisk(): Promise<readonly string[]> {
  const { type } = await statfs(tmpdir());
  const names: Record<number, string> = { 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x01021994: "tmpfs" };
  return [...machine(), `file system ${names[type] ?? type.toString(16)}`];
}

function span(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} – ${Math.max(...values).toFixed(digits)}`;
}

export function storageMarkdown(table: StorageTable): string {
  const lines = [
    "# Storage: an append log or SQLite",
    "",
    `Made by \`node bench/storage/run.ts\`. ${table.machine.join(", ")}.`,
    "",
    "msg/s until durable; CPU is that of the whole process, kernel time and worker thread included. Runs of one row took",
    "turns. The same candidate stands in each row twice: what differs between the two is noise.",
    "SQLite: WAL, synchronous = FULL, in a worker thread, bodies transferred, one transaction for all that waits.",
    "Settled is always the message accepted 1,000 messages earlier.",
    "",
    "| case | store | msg/s, median | min – max | CPU µs per message, median | min – max |",
    "|---|---|---:|---:|---:|---:|",
  ];
  const raw = ["", "## Every run, msg/s", ""];
  for (const { title, cells } of table.rows) {
    for (const { store, runs } of cells) {
      const rates = runs.map(({ perSecond }) => perSecond);
      const costs = runs.map(({ cpuMicroseconds }) => cpuMicroseconds);
      const figures = [median(rates).toFixed(0), span(rates, 0), median(costs).toFixed(1), span(costs, 1)];
      lines.push(`| ${[title, store, ...figures].join(" | ")} |`);
      raw.push(`- ${title}, ${store}: ${rates.map((rate) => rate.toFixed(0)).join(" ")}`);
    }
  }
  return [...lines, ...raw, ""].join("\n");
}

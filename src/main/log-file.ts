// The log on disk: one file a day (UTC), JSON lines, mode 640. Lines that cannot be written are counted and the first
// failure is told on standard error: a full disk must not stop mail that still fits elsewhere. A line that a crash or a
// full disk cut short is ended before the next one begins: it is lost itself and spoils no other.

import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../io/clock.ts";

export interface LogFile {
  write(lines: string): void;
  lost(): number;
  close(): void;
}

export function openLogFile(directory: string, clock: Clock): LogFile {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  let day = "";
  let file: number | undefined;
  let lost = 0;
  let cut = false;
  return {
    write: (lines) => {
      try {
        const today = new Date(clock.wall()).toISOString().slice(0, 10);
        if (file === undefined || today !== day) {
          if (file !== undefined) closeSync(file);
          file = undefined;
          file = openSync(join(directory, `${today}.jsonl`), "a+", 0o640);
          day = today;
          cut = endsInsideLine(file);
        }
        const bytes = Buffer.from(cut ? `\n${lines}` : lines);
        for (let written = 0; written < bytes.length;) {
          written += writeSync(file, bytes, written);
          cut = written < bytes.length;
        }
      } catch (error) {
        if (lost === 0) process.stderr.write(`the log cannot be written: ${String(error)}\n`);
        lost++;
      }
    },
    lost: () => lost,
    close: () => {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

function endsInsideLine(file: number): boolean {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== 10;
}

// Searching the log. Files that were read are kept for the next look, up to a bound; one beyond it is in memory alone and is read
// again. A line is parsed only when the needle occurs in its bytes.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface LogLine {
  readonly event: string;
  readonly time: string;
  readonly [field: string]: unknown;
}

/** The log's files, newest first. An absent directory is an empty log. */
export function logFiles(directory: string): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((name) => /^\d{4}-\d\d-\d\d\.jsonl$/.test(name))
    .toSorted()
    .toReversed()
    .map((name) => join(directory, name));
}

export type ReadLog = (file: string) => Buffer;

/** Octets of the log that are kept: more days than most questions need. */
const KEPT = 256 * 2 ** 20;

/** For two looks at each file: it is let go with the second. */
export function readTwice(kept = KEPT, read: ReadLog = (file) => readFileSync(file)): ReadLog {
  const held = new Map<string, Buffer>();
  let octets = 0;
  return (file) => {
    const known = held.get(file);
    if (known !== undefined) {
      held.delete(file);
      octets -= known.length;
      return known;
    }
    const bytes = read(file);
    if (octets + bytes.length <= kept) {
      held.set(file, bytes);
      octets += bytes.length;
    }
    return bytes;
  };
}

/** Lines in which any of the needles occurs, in order. */
export function linesWith(bytes: Buffer, needles: readonly string[]): readonly LogLine[] {
  /** Start of line → line. */
  const found = new Map<number, LogLine>();
  for (const needle of needles) {
    let at = bytes.indexOf(needle);
    while (at >= 0) {
      const start = bytes.lastIndexOf(10, at) + 1;
      const end = bytes.indexOf(10, at);
      const stop = end < 0 ? bytes.length : end;
      if (!found.has(start)) {
        const line = parse(bytes.toString("utf8", start, stop));
        if (line !== undefined) found.set(start, line);
      }
      at = end < 0 ? -1 : bytes.indexOf(needle, end);
    }
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, line]) => line);
}

/** A line cut short by a crash is no line. */
function parse(text: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "event" in value && "time" in value) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- just checked
      return value as LogLine;
    }
  } catch {
    return undefined;
  }
  return undefined;
}

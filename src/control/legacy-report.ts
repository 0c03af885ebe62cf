// Who still needs a legacy or a substitute listener: per account how much, since when, how, and from which programs. From the log, as far back as it is
// kept or as one asks; what it says can be sent to the person it names.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { systemClock } from "../io/clock.ts";
import type { Clock } from "../io/clock.ts";
import { linesWith, logFiles } from "./log-search.ts";
import type { LogLine } from "./log-search.ts";

export interface LegacyUse {
  readonly account: string;
  readonly messages: number;
  /** Of these, without a login to send. */
  readonly popBeforeSmtp: number;
  /** Of these, over a substitute listener. */
  readonly substitute: number;
  /** ISO 8601. */
  readonly first: string;
  readonly last: string;
  /** Addresses they came from, and names the programs gave themselves; the last ones. */
  readonly clients: readonly string[];
  readonly programs: readonly string[];
}

const MOST_NAMES = 8;
const DAY = 86_400_000;

/** Of the last so many days; by account, who sends most first. */
export function legacyReport(
  logDirectory: string,
  days: number,
  report: (done: number, total: number) => void = () => undefined,
  clock: Pick<Clock, "wall"> = systemClock,
): readonly LegacyUse[] {
  const since = clock.wall() - days * DAY;
  const uses = new Map<string, Draft>();
  const files = logFiles(logDirectory).filter((file) => Date.parse(basename(file, ".jsonl")) + DAY > since);
  // Oldest first.
  for (const [index, file] of files.toReversed().entries()) {
    report(index, files.length);
    const content = readFileSync(file);
    for (const kind of ["legacy", "substitute"] as const) {
      for (const line of linesWith(content, [`"listener":"${kind}`])) {
        if (line.event === "message.accepted" && Date.parse(line.time) >= since) note(uses, line, kind);
      }
    }
  }
  return [...uses]
    .map(([account, { clients, programs, ...rest }]) => ({
      account,
      ...rest,
      clients: [...clients].slice(-MOST_NAMES),
      programs: [...programs].slice(-MOST_NAMES),
    }))
    .toSorted((a, b) => b.messages - a.messages);
}

interface Draft {
  messages: number;
  popBeforeSmtp: number;
  substitute: number;
  first: string;
  last: string;
  readonly clients: Set<string>;
  readonly programs: Set<string>;
}

function note(
  uses: Map<string, Draft>,
  { time, account, client, facts }: LogLine,
  kind: "legacy" | "substitute",
): void {
  if (typeof account !== "string") return;
  let use = uses.get(account);
  if (use === undefined) {
    use = {
      messages: 0,
      popBeforeSmtp: 0,
      substitute: 0,
      first: time,
      last: time,
      clients: new Set(),
      programs: new Set(),
    };
    uses.set(account, use);
  }
  use.messages++;
  // The kinds come one after the other, each in the order of time.
  if (time < use.first) use.first = time;
  if (time > use.last) use.last = time;
  if (kind === "substitute") use.substitute++;
  const notes = Array.isArray(facts) ? facts.filter((fact) => typeof fact === "string") : [];
  if (notes.some((fact) => fact.endsWith("with POP-before-SMTP"))) use.popBeforeSmtp++;
  remember(use.clients, String(client));
  const hello = notes.find((fact) => /^(?:EHLO|HELO) /.test(fact));
  if (hello !== undefined) remember(use.programs, hello.slice(5));
}

/** The last one is the last of the set. */
function remember(names: Set<string>, name: string): void {
  names.delete(name);
  names.add(name);
}

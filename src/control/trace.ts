// What happened to a message, or to the mail of an address: the log's lines about it, told in plain words.
//
// The question is a Message-ID, a queue id or an address. Lines that name it lead to queue ids and sessions, their lines
// to the whole story, without regard to case; delivery status notifications about a message belong to its story.

import type { EventFields, EventName } from "../observe/events.ts";
import { linesWith, logFiles, readTwice } from "./log-search.ts";
import type { LogLine, ReadLog } from "./log-search.ts";
import { reasons } from "../verdict/reasons.ts";

export interface TraceStep {
  readonly time: string;
  readonly event: string;
  /** One sentence. */
  readonly text: string;
}

export interface TraceStory {
  /** Queue id, or the session when there was no message. */
  readonly subject: string;
  readonly steps: readonly TraceStep[];
}

export interface Trace {
  readonly stories: readonly TraceStory[];
  /** True when older stories were left out. */
  readonly more: boolean;
}

const MOST_STORIES = 20;

/** `report`: how much of the log is read so far, of how much that may be. */
export function trace(
  logDirectory: string,
  question: string,
  report: (done: number, total: number) => void = () => undefined,
  read: ReadLog = readTwice(),
): Trace {
  if (question === "") return { stories: [], more: false };
  // As it was asked and in lower case: addresses are written both ways.
  const needles = [...new Set([question, question.toLowerCase()])].map((text) => JSON.stringify(text).slice(1, -1));
  const stories = new Map<string, LogLine[]>();
  let more = false;
  const files = logFiles(logDirectory);
  let looks = 0;
  // For the question, and for the stories.
  const step = (): void => report(++looks, files.length * 2);
  for (const file of files) {
    step();
    const hits = linesWith(read(file), needles).filter((line) => names(line, question));
    const found = [...new Set(hits.toReversed().flatMap(subjectsOf))].filter((subject) => !stories.has(subject));
    const room = MOST_STORIES - stories.size;
    // A message that arrived before midnight goes on in a newer file, which was read already: both are looked at again.
    for (const subject of found.slice(0, room)) stories.set(subject, []);
    more = found.length > room;
    if (more) break;
  }
  if (stories.size > 0) gather(files, stories, read, step);
  return {
    stories: [...stories].map(([subject, lines]) => ({ subject, steps: lines.map(toStep) })).toReversed(),
    more,
  };
}

/** Fills the stories with their lines, oldest first. What became of a notification belongs to the story it is about. */
function gather(
  files: readonly string[],
  stories: ReadonlyMap<string, LogLine[]>,
  read: ReadLog,
  step: () => void,
): void {
  /** Id of a notification → the story. One that is a subject itself has its own. */
  const notifications = new Map<string, string>();
  for (const file of files.toReversed()) {
    step();
    const bytes = read(file);
    const subjects = [...stories.keys()];
    for (const { message, about } of linesWith(bytes, subjects)) {
      if (typeof message !== "string" || typeof about !== "string" || stories.has(message)) continue;
      if (stories.has(about)) notifications.set(message, about);
    }
    for (const line of linesWith(bytes, [...subjects, ...notifications.keys()])) {
      const told = subjects.filter((subject) => mentions(line, subject));
      const about = typeof line["message"] === "string" ? notifications.get(line["message"]) : undefined;
      if (about !== undefined && !told.includes(about)) told.push(about);
      for (const subject of told) stories.get(subject)!.push(line);
    }
  }
}

/** A whole field, or a whole entry of a list: bob@… does not ask about jimbob@…. */
function names(line: LogLine, question: string): boolean {
  const wanted = bare(question);
  return Object.values(line)
    .flat()
    .some((value) => typeof value === "string" && bare(value) === wanted);
}

/** A Message-ID is asked for with and without its brackets. */
function bare(text: string): string {
  return text.toLowerCase().replace(/^<(.*)>$/, "$1");
}

/** A line about a message belongs to the message; about a session without one, to the session. */
function subjectsOf(line: LogLine): readonly string[] {
  const about = typeof line["about"] === "string" ? [line["about"]] : [];
  if (typeof line["message"] === "string" && line["message"] !== "") return [line["message"], ...about];
  return typeof line["session"] === "string" ? [line["session"]] : [];
}

function mentions(line: LogLine, subject: string): boolean {
  return line["message"] === subject || line["session"] === subject || line["about"] === subject;
}

function toStep(line: LogLine): TraceStep {
  return { time: line.time, event: line.event, text: narrate(line) };
}

type Narrators = { readonly [N in EventName]?: (fields: EventFields[N]) => string };

const narrators: Narrators = {
  "session.opened": (f) => `${f.client} port ${f.port} connected to ${f.listener}`,
  "session.refused": (f) => `the session was refused: ${because(f)}`,
  "session.closed": (f) =>
    `the session ended (${f.cause}) after ${count(f.commands, "command")}, ${count(f.messages, "message")}`,
  "session.secured": (f) => `TLS is up: ${f.protocol} ${f.cipher}`,
  "auth.succeeded": (f) => `${f.client} logged in as ${f.account} with ${f.mechanism}`,
  "auth.failed": (f) => `${f.client} failed to log in${f.account === "" ? "" : ` as ${f.account}`}: ${because(f)}`,
  "sender.accepted": (f) => `sender <${f.sender}> accepted`,
  "sender.refused": (f) => `sender <${f.sender}> refused: ${because(f)}`,
  "recipient.accepted": (f) => `recipient <${f.recipient}> accepted: ${because(f)}`,
  "recipient.refused": (f) => `recipient <${f.recipient}> refused: ${because(f)}`,
  "message.refused": (f) => `message from <${f.sender}> to ${list(f.recipients)} refused: ${because(f)}`,
  "message.accepted": (f) =>
    `accepted from ${f.client} port ${f.port} on ${f.listener}: <${f.sender}> to ${list(f.recipients)}, ${f.size} octets, ` +
    `Message-ID ${f.messageId || "none"}; ${f.facts.join("; ")}`,
  "message.created": (f) => `delivery status notification ${f.message} made about ${f.about} for ${list(f.recipients)}`,
  "message.recovered": (f) => `found in the spool at start, still open for ${list(f.recipients)}`,
  "message.deleted": (f) => `deleted by ${f.by}`,
  "delivery.started": (f) => `attempt ${f.attempt} begins, to ${f.destination}`,
  "delivery.delivered": (f) =>
    `delivered to ${list(f.recipients)} by ${f.destination} in ${f.milliseconds} ms${f.tls === undefined ? "" : ` inside ${f.tls}`}: ${f.reply}`,
  "delivery.deferred": (f) =>
    `not yet delivered to ${list(f.recipients)} (${f.destination}: ${f.reply}), again at ${f.next}`,
  "delivery.failed": (f) => `failed for ${list(f.recipients)} (${f.destination}: ${f.status} ${f.reply})`,
  "bounce.dropped": (f) => `failed for ${list(f.recipients)} (${f.reply}); it came from <>, so nobody is told`,
  "mailbox.opened": (f) => `${f.account} opened the mailbox: ${count(f.messages, "message")}`,
  "mailbox.deleted": (f) => `${f.account} deleted ${count(f.messages, "message")}`,
  "mailbox.read": (f) => `${f.account} fetched ${f.file}`,
  "queue.changed": (f) => `${f.change} by ${f.by}`,
};

function narrate(line: LogLine): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the log is written from the same table
  const narrator = narrators[line.event as EventName] as ((fields: LogLine) => string) | undefined;
  try {
    if (narrator !== undefined) return narrator(line);
  } catch {
    // Written by an older version, which had other fields: told as it is.
  }
  const { event: _event, time: _time, level: _level, ...fields } = line;
  return JSON.stringify(fields);
}

interface Decided {
  readonly reason: string;
  readonly reply: string;
  readonly evidence?: string;
}

function because({ reason, reply, evidence }: Decided): string {
  const meaning = Object.entries(reasons).find(([id]) => id === reason)?.[1].meaning ?? "";
  return `${reply} [${reason}${evidence === undefined ? "" : `; ${evidence}`}] ${meaning}`.trimEnd();
}

function list(recipients: readonly string[]): string {
  const shown = recipients.slice(0, 5).map((recipient) => `<${recipient}>`);
  return recipients.length > 5 ? `${shown.join(", ")} and ${recipients.length - 5} more` : shown.join(", ");
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

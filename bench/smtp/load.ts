// One run: the load, its time, and what the server spent on it.

import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram, startChild } from "../../test/lab/child.ts";
import { atEnd } from "../../test/lab/cleanup.ts";
import type { Where } from "../../test/lab/client.ts";
import { loopbackAddress } from "../../test/lab/loopback.ts";
import { findProgram } from "../../test/lab/packages.ts";
import type { FoundProgram } from "../../test/lab/skip.ts";
import { temporaryDirectory } from "../../test/lab/temporary.ts";
import { waitFor } from "../../test/lab/wait.ts";
import type { IdleOptions } from "./idle-load.ts";
import { localRecipient, remoteRecipient, sender, strangeSender } from "./peers/peer.ts";
import type { Peer } from "./peers/peer.ts";
import { requireFree } from "./peers/start.ts";
import type { Load, Metric } from "./rows.ts";
import { NotPossible } from "./scope.ts";
import type { RowScope } from "./scope.ts";
import type { SubmitOptions } from "./submit.ts";

export interface Run {
  /** Messages, sessions or connections. */
  readonly count: number;
  readonly figures: Readonly<Partial<Record<Metric, number>>>;
}

export interface Sink extends Where {
  /** With -c it writes a line of counters at every event: into a file, so that nobody has to read them all. */
  readonly counters: string;
}

const runLimit = 60_000;
/** What a server still does after its last answer counts too: log, index. */
const settleTime = 300;
const size = 4096;

export async function run(load: Load, peer: Peer, sink: Sink | undefined, count: number): Promise<Run> {
  const cpu = peer.group.cpu();
  const begun = performance.now();
  const memory = await work(load, peer, sink, count);
  const seconds = (memory?.milliseconds ?? performance.now() - begun) / 1000;
  await sleep(settleTime);
  const figures = {
    rate: count / seconds,
    cpu: (peer.group.cpu() - cpu) / count,
    ...(memory === undefined ? {} : { memory: memory.octets / count }),
  };
  return { count, figures };
}

async function work(load: Load, peer: Peer, sink: Sink | undefined, count: number): Promise<Held | undefined> {
  switch (load.kind) {
    case "source":
    case "slow-source":
      return source(load.options, peer, count);
    case "relay":
      return relay(load, peer, sink!, count);
    case "store":
      return store(load.options, peer, sink!, count);
    case "submit":
      return submit({ connections: load.connections, perConnection: "one" }, peer, count);
    case "idle":
      return hold(peer, count);
  }
}

async function source(options: string, { name, where }: Peer, messages: number): Promise<undefined> {
  const program = await requireProgram("smtp-source");
  const envelope = ["-f", strangeSender, "-t", localRecipient, "-m", String(messages)];
  const { code, stderr } = await runProgram({
    program: program.path,
    parameters: [...options.split(" "), ...envelope, `inet:${where.address}:${where.port}`],
    environment: program.environment,
    milliseconds: runLimit,
  });
  if (code !== 0) throw new Error(`smtp-source against ${name}: ${stderr.slice(-1000)}`);
}

type Sessions = Pick<SubmitOptions, "connections" | "perConnection">;

function submit(sessions: Sessions, peer: Peer, messages: number): Promise<undefined> {
  return submitTo([remoteRecipient], sessions, peer, messages);
}

/** TLS sessions with mail for these in turn. */
export async function submitTo(
  recipients: readonly string[],
  sessions: Sessions,
  { name, where, credentials }: Peer,
  messages: number,
): Promise<undefined> {
  const options: SubmitOptions = { ...where, ...sessions, sender, recipients, size, messages, credentials };
  const { code, stderr } = await runProgram({
    program: process.execPath,
    parameters: [join(import.meta.dirname, "submit.ts"), JSON.stringify(options)],
    milliseconds: runLimit,
  });
  if (code !== 0) {
    const reason = /^Error: .*/m.exec(stderr)?.[0] ?? stderr.slice(-1000);
    throw new Error(`submission to ${name}: ${reason}`);
  }
}

/** From the first connection to the last arrival at the sink. */
async function relay(
  { connections, perConnection }: Sessions,
  peer: Peer,
  sink: Sink,
  messages: number,
): Promise<undefined> {
  const before = await arrivals(sink);
  await submit({ connections, perConnection }, peer, messages);
  await arrived(sink, before + messages, peer);
}

/** As relay, by smtp-source. */
async function store(options: string, peer: Peer, sink: Sink, messages: number): Promise<undefined> {
  const before = await arrivals(sink);
  await source(options, peer, messages);
  await arrived(sink, before + messages, peer);
}

async function arrived(sink: Sink, messages: number, peer: Peer): Promise<void> {
  await waitFor(`${messages} messages at the sink from ${peer.name}`, runLimit, async () =>
    (await arrivals(sink)) >= messages ? true : undefined,
  );
}

interface Held {
  /** That opening took. */
  readonly milliseconds: number;
  readonly octets: number;
}

/** What the server's processes grew by, all connections open. */
async function hold(peer: Peer, connections: number): Promise<Held> {
  await sleep(1000);
  const before = peer.group.memory();
  const begun = performance.now();
  const options: IdleOptions = { ...peer.where, connections };
  const child = startChild({
    program: process.execPath,
    parameters: [join(import.meta.dirname, "idle-load.ts"), JSON.stringify(options)],
  });
  try {
    const line = await child.waitForLine(/^held /, 2 * runLimit);
    const milliseconds = performance.now() - begun;
    if (line !== `held ${connections} of ${connections}`) throw new NotPossible(`${peer.name} ${line} connections`);
    await sleep(1000);
    return { milliseconds, octets: peer.group.memory() - before };
  } finally {
    child.signal("SIGKILL");
    await child.ended;
  }
}

export async function startSmtpSink(scope: RowScope, protocol: "smtp" | "lmtp"): Promise<Sink> {
  const program = await requireProgram("smtp-sink");
  const where = { address: loopbackAddress(), port: 2525 };
  // It listens with SO_REUSEPORT: one that was forgotten there would take half of the mail, silently.
  await requireFree(where);
  const counters = join(await temporaryDirectory(scope), "counters");
  const command = `exec ${program.path} -c ${protocol === "lmtp" ? "-L " : ""}-u nobody inet:${where.address}:${where.port} 4096 >${counters}`;
  const child = startChild({ program: "sh", parameters: ["-c", command], environment: program.environment });
  atEnd(scope, async () => void (await child.stop("SIGTERM", 5000)));
  await waitFor("smtp-sink", 5000, () =>
    requireFree(where).then(
      () => undefined,
      () => true,
    ),
  );
  return { ...where, counters };
}

/** Messages so far. */
export async function arrivals({ counters }: Sink): Promise<number> {
  const file = await open(counters);
  try {
    const { size: end } = await file.stat();
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(400), position: Math.max(0, end - 400) });
    const counts = [...buffer.toString("latin1", 0, bytesRead).matchAll(/mesg=(\d+)\s/g)];
    return Number(counts.at(-1)?.[1] ?? 0);
  } finally {
    await file.close();
  }
}

async function requireProgram(name: "smtp-sink" | "smtp-source"): Promise<FoundProgram> {
  const program = await findProgram(name);
  if (program.kind === "absent") throw new NotPossible(program.reason);
  return program;
}

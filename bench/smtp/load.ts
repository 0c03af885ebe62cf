// One run: the load, its time, and what the server spent on it.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram, startChild } from "../../test/lab/child.ts";
import type { Child } from "../../test/lab/child.ts";
import { atEnd } from "../../test/lab/cleanup.ts";
import type { Where } from "../../test/lab/client.ts";
import { loopbackAddress } from "../../test/lab/loopback.ts";
import { findProgram } from "../../test/lab/packages.ts";
import type { FoundProgram } from "../../test/lab/skip.ts";
import { waitFor } from "../../test/lab/wait.ts";
import { localRecipient, remoteRecipient, requireFree, sender, strangeSender } from "./peers.ts";
import type { Peer } from "./peers.ts";
import type { AcceptRow, RelayRow, Row } from "./rows.ts";
import { NotPossible } from "./scope.ts";
import type { RowScope } from "./scope.ts";
import type { SubmitOptions } from "./submit.ts";

export interface Run {
  readonly messages: number;
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

export interface Sink extends Where {
  readonly child: Child;
}

const runLimit = 120_000;
/** What a server still does after its last answer counts too: log, index. */
const settleTime = 300;

export async function run(row: Row, peer: Peer, sink: Sink | undefined, messages: number): Promise<Run> {
  const cpu = peer.group.cpu();
  const begun = performance.now();
  await (row.kind === "accept" ? accept(row, peer, messages) : relay(row, peer, sink!, messages));
  const seconds = (performance.now() - begun) / 1000;
  await sleep(settleTime);
  return { messages, perSecond: messages / seconds, cpuMicroseconds: (peer.group.cpu() - cpu) / messages };
}

async function accept({ load }: AcceptRow, { name, where }: Peer, messages: number): Promise<void> {
  const source = await requireProgram("smtp-source");
  const envelope = ["-f", strangeSender, "-t", localRecipient, "-m", String(messages)];
  const { code, stderr } = await runProgram({
    program: source.path,
    parameters: [...load, ...envelope, `inet:${where.address}:${where.port}`],
    environment: source.environment,
    milliseconds: runLimit,
  });
  if (code !== 0) throw new Error(`smtp-source against ${name}: ${stderr.slice(-1000)}`);
}

/** From the first connection to the last arrival at the sink. */
async function relay({ connections, size }: RelayRow, peer: Peer, sink: Sink, messages: number): Promise<void> {
  const before = arrivals(sink);
  const { credentials, where } = peer;
  const envelope = { sender, recipient: remoteRecipient };
  const options: SubmitOptions = { ...where, ...envelope, connections, size, messages, credentials };
  const { code, stderr } = await runProgram({
    program: process.execPath,
    parameters: [join(import.meta.dirname, "submit.ts"), JSON.stringify(options)],
    milliseconds: runLimit,
  });
  if (code !== 0) throw new Error(`submission to ${peer.name}: ${stderr.slice(-1000)}`);
  await waitFor(`${messages} messages at the sink from ${peer.name}`, runLimit, () =>
    arrivals(sink) - before >= messages ? true : undefined,
  );
}

export async function startSmtpSink(scope: RowScope): Promise<Sink> {
  const program = await requireProgram("smtp-sink");
  const where = { address: loopbackAddress(), port: 2525 };
  // It listens with SO_REUSEPORT: one that was forgotten there would take half of the mail, silently.
  await requireFree(where);
  const child = startChild({
    program: program.path,
    parameters: ["-c", "-u", "nobody", `inet:${where.address}:${where.port}`, "4096"],
    environment: program.environment,
  });
  atEnd(scope, async () => void (await child.stop("SIGTERM", 5000)));
  await waitFor("smtp-sink", 5000, () =>
    requireFree(where).then(
      () => undefined,
      () => true,
    ),
  );
  return { ...where, child };
}

/** With -c it rewrites a line of counters at every event. */
function arrivals({ child }: Sink): number {
  const counts = [
    ...child
      .stdout()
      .slice(-400)
      .matchAll(/mesg=(\d+)\s/g),
  ];
  return Number(counts.at(-1)?.[1] ?? 0);
}

async function requireProgram(name: "smtp-sink" | "smtp-source"): Promise<FoundProgram> {
  const program = await findProgram(name);
  if (program.kind === "absent") throw new NotPossible(program.reason);
  return program;
}

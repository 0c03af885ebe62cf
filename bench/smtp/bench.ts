// The SMTP table: our server beside Postfix, on this machine, in one run of this program.
//
// Per row all servers start fresh, are warmed up, and then take turns; the order changes from run to run. Ours is in
// each row twice: what differs between the two is noise. Load and servers share the CPUs, so the rate belongs to both;
// CPU time per message is the server's alone and the steadier figure.

import { runProgram } from "../../test/lab/child.ts";
import { findProgram } from "../../test/lab/packages.ts";
import type { ProcessGroup } from "./group.ts";
import { run, startSmtpSink } from "./load.ts";
import type { Run, Sink } from "./load.ts";
import { startPeer } from "./peers.ts";
import type { Peer, PeerName } from "./peers.ts";
import type { Row } from "./rows.ts";
import { createScope, NotPossible, withDirectories } from "./scope.ts";
import type { RowScope } from "./scope.ts";

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly runs: number;
  /** How long one run should last, about. */
  readonly seconds: number;
  readonly peers: readonly PeerName[];
  readonly priority: "usual" | "high";
  /** True once somebody wants this to end. */
  readonly interrupted: () => boolean;
  readonly tell: (line: string) => void;
}

export interface Cell {
  readonly peer: PeerName;
  readonly runs: readonly Run[];
  /** Octets: the peak of samples in a further run that is not timed. */
  readonly memory: number;
}

export interface TableRow {
  readonly row: Row;
  readonly cells: readonly Cell[];
}

export interface SmtpTable {
  readonly postfixVersion: string;
  readonly accounting: ProcessGroup["accounting"];
  readonly rows: readonly TableRow[];
}

/** Throws NotPossible when this machine lacks what is needed. */
export function benchSmtp(options: BenchOptions): Promise<SmtpTable> {
  return withDirectories(() => measure(options));
}

async function measure(options: BenchOptions): Promise<SmtpTable> {
  const table: TableRow[] = [];
  let accounting: ProcessGroup["accounting"] = "/proc";
  for (const row of options.rows) {
    const scope = createScope();
    try {
      // oxlint-disable-next-line no-await-in-loop -- one row at a time is the point
      const measured = await measureRow(row, scope, options);
      table.push({ row, cells: measured.cells });
      accounting = measured.accounting;
    } finally {
      // oxlint-disable-next-line no-await-in-loop
      await scope.close();
    }
  }
  return { postfixVersion: await postfixVersion(), accounting, rows: table };
}

interface Contender {
  readonly peer: Peer;
  readonly runs: Run[];
  messages: number;
  memory: number;
}

/* oxlint-disable no-await-in-loop -- servers take turns on the same CPUs */

async function measureRow(
  row: Row,
  scope: RowScope,
  options: BenchOptions,
): Promise<{ readonly cells: readonly Cell[]; readonly accounting: ProcessGroup["accounting"] }> {
  const { priority, tell } = options;
  const check = (): void => {
    if (options.interrupted()) throw new NotPossible("interrupted");
  };
  const sink = row.kind === "relay" ? await startSmtpSink(scope) : undefined;
  const contenders: Contender[] = [];
  for (const name of options.peers) {
    check();
    const peer = await startPeer(name, { scope, priority, relayTo: sink });
    contenders.push({ peer, runs: [], messages: 0, memory: 0 });
  }
  for (const contender of contenders) {
    check();
    contender.messages = await warmUp(row, contender.peer, sink, options.seconds);
  }
  for (let round = 0; round < options.runs; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      check();
      const { peer, runs, messages } = contenders[(round + turn) % contenders.length]!;
      const one = await run(row, peer, sink, messages);
      runs.push(one);
      tell(`${row.name} | ${peer.name}: ${one.perSecond.toFixed(0)} msg/s, ${one.cpuMicroseconds.toFixed(0)} µs`);
    }
  }
  for (const contender of contenders) {
    check();
    contender.memory = await peakMemory(row, contender, sink);
  }
  return {
    cells: contenders.map(({ peer, runs, memory }) => ({ peer: peer.name, runs, memory })),
    accounting: contenders[0]!.peer.group.accounting,
  };
}

/** Resolves with the number of messages that take about so long. */
async function warmUp(row: Row, peer: Peer, sink: Sink | undefined, seconds: number): Promise<number> {
  const within = (messages: number): number => Math.min(row.most, Math.max(200, Math.round(messages / 100) * 100));
  let { perSecond } = await run(row, peer, sink, 300);
  // The second one tells what the compiled code can do.
  for (const share of [0.5, 1]) ({ perSecond } = await run(row, peer, sink, within(perSecond * seconds * share)));
  return within(perSecond * seconds);
}

async function peakMemory(row: Row, { peer, messages }: Contender, sink: Sink | undefined): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, peer.group.memory())), 100);
  try {
    await run(row, peer, sink, messages);
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, peer.group.memory());
}

/* oxlint-enable no-await-in-loop */

async function postfixVersion(): Promise<string> {
  const program = await findProgram("postfix");
  if (program.kind === "absent" || program.tree === undefined) return "unknown";
  const { stdout } = await runProgram({
    program: `${program.tree}/usr/sbin/postconf`,
    parameters: ["-d", "-h", "mail_version"],
    environment: program.environment,
    milliseconds: 10_000,
  });
  return stdout.trim() === "" ? "unknown" : stdout.trim();
}

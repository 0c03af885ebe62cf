// The SMTP table: our server beside others, on this machine, in one run of this program.
//
// Per row all servers start fresh, are warmed up, and then take turns; the order changes from run to run. Ours is in
// each row twice: what differs between the two is noise. Load and servers share the CPUs, so the rate belongs to both;
// CPU time per message is the server's alone and the steadier figure. Idle connections are the exception: they fill a server
// for good, so each run has a fresh one.

import { slowSyncEnvironment } from "../slow-sync.ts";
import { temporaryDirectory } from "../../test/lab/temporary.ts";
import type { ProcessGroup } from "./group.ts";
import { run, startSmtpSink } from "./load.ts";
import type { Run, Sink } from "./load.ts";
import { ours } from "./peers/peer.ts";
import type { Mode, Peer, PeerName, StartOptions } from "./peers/peer.ts";
import { startPeer } from "./peers/start.ts";
import type { Row } from "./rows.ts";
import { createScope, NotPossible, withDirectories } from "./scope.ts";
import type { RowScope } from "./scope.ts";

export interface BenchOptions {
  readonly runs: number;
  /** How long one run should last, about. */
  readonly seconds: number;
  /** Of those in the row: undefined for all. */
  readonly peers: readonly PeerName[] | undefined;
  readonly priority: "usual" | "high";
  /** True once somebody wants this to end. */
  readonly interrupted: () => boolean;
  readonly tell: (line: string) => void;
}

export interface Cell {
  readonly peer: PeerName;
  readonly version: string;
  readonly runs: readonly Run[];
  /** Octets: the peak of samples in a further run that is not timed. 0: not sampled. */
  readonly memory: number;
}

export interface Measured {
  readonly cells: readonly Cell[];
  /** Others that were wanted, and why they are not here. */
  readonly absent: Readonly<Record<string, string>>;
  readonly accounting: ProcessGroup["accounting"];
}

/** Throws NotPossible when this machine lacks what is needed. */
export function benchRow(row: Row, options: BenchOptions): Promise<Measured> {
  return withDirectories(async () => {
    const scope = createScope();
    try {
      return await measure(row, scope, options);
    } finally {
      await scope.close();
    }
  });
}

interface Contender {
  readonly name: PeerName;
  readonly runs: Run[];
  version: string;
  count: number;
  memory: number;
}

/* oxlint-disable no-await-in-loop -- servers take turns on the same CPUs */

async function measure(row: Row, scope: RowScope, options: BenchOptions): Promise<Measured> {
  const { load } = row;
  const absent: Record<string, string> = { ...row.without };
  const sink = await sinkFor(row, scope);
  const environment = load.kind === "slow-source" ? await slowDisk(scope) : {};
  const names = row.peers.filter((name) => options.peers === undefined || options.peers.includes(name));
  const field: Field = { row, scope, options, sink, environment };
  const measured = load.kind === "idle" ? await fresh(field, names, absent) : await inTurns(field, names, absent);
  const cells = measured.contenders.map(({ name, version, runs, memory }) => ({ peer: name, version, runs, memory }));
  return { cells, absent, accounting: measured.accounting };
}

interface Field {
  readonly row: Row;
  readonly scope: RowScope;
  readonly options: BenchOptions;
  readonly sink: Sink | undefined;
  readonly environment: StartOptions["environment"];
}

interface Outcome {
  readonly contenders: readonly Contender[];
  readonly accounting: ProcessGroup["accounting"];
}

async function inTurns(field: Field, names: readonly PeerName[], absent: Record<string, string>): Promise<Outcome> {
  const { row, scope, options, sink } = field;
  const started: (Contender & { readonly peer: Peer })[] = [];
  for (const name of names) {
    await unlessAbsent(name, field, absent, async () => {
      const peer = await start(name, field, scope);
      started.push({ name, peer, version: peer.version, runs: [], count: 0, memory: 0 });
    });
  }
  const contenders: typeof started = [];
  for (const contender of started) {
    await unlessAbsent(contender.name, field, absent, async () => {
      contender.count = await warmUp(row, contender.peer, sink, options.seconds);
      contenders.push(contender);
    });
  }
  for (let round = 0; round < options.runs; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const { name, peer, runs, count } = contenders[(round + turn) % contenders.length]!;
      if (absent[name] !== undefined) continue;
      await unlessAbsent(name, field, absent, async () => {
        const one = await run(row.load, peer, sink, count);
        runs.push(one);
        tellOne(field, name, one);
      });
    }
  }
  for (const contender of contenders) {
    if (absent[contender.name] !== undefined) continue;
    await unlessAbsent(contender.name, field, absent, async () => {
      contender.memory = await peakMemory(row, contender, sink);
    });
  }
  return {
    contenders: contenders.filter(({ name }) => absent[name] === undefined),
    accounting: contenders[0]!.peer.group.accounting,
  };
}

async function fresh(field: Field, names: readonly PeerName[], absent: Record<string, string>): Promise<Outcome> {
  const { load } = field.row;
  if (load.kind !== "idle") throw new Error("only idle connections want a fresh server each time");
  let accounting: ProcessGroup["accounting"] = "/proc";
  const contenders: Contender[] = names.map((name) => ({ name, version: "", runs: [], count: 0, memory: 0 }));
  for (let round = 0; round < field.options.runs; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]!;
      const { name, runs } = contender;
      // Others differ by a factor, not by a tenth: once is enough.
      if (absent[name] !== undefined || (round > 0 && !ours.includes(name))) continue;
      const scope = createScope();
      try {
        await unlessAbsent(name, field, absent, async () => {
          const peer = await start(name, field, scope, load.connections(name));
          contender.version = peer.version;
          ({ accounting } = peer.group);
          // Its first connections also fill caches and compile code.
          await run(load, peer, undefined, 20);
          const one = await run(load, peer, undefined, load.connections(name));
          runs.push(one);
          tellOne(field, name, one);
        });
      } finally {
        await scope.close();
      }
    }
  }
  return { contenders: contenders.filter(({ name }) => absent[name] === undefined), accounting };
}

/** What another server cannot do goes into the table; of ours it is an error. */
async function unlessAbsent(
  name: PeerName,
  { options }: Field,
  absent: Record<string, string>,
  act: () => Promise<void>,
): Promise<void> {
  if (options.interrupted()) throw new NotPossible("interrupted");
  try {
    await act();
  } catch (error) {
    if (options.interrupted() || ours.includes(name)) throw error;
    absent[name] = (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
    options.tell(`${name}: ${String(error)}`);
  }
}

function start(
  name: PeerName,
  { row, options, sink, environment }: Field,
  scope: RowScope,
  connections = 100,
): Promise<Peer> {
  const { priority } = options;
  return startPeer(name, { scope, priority, environment, connections, mode: modeOf(row, sink) });
}

function modeOf({ load }: Row, sink: Sink | undefined): Mode {
  switch (load.kind) {
    case "source":
    case "slow-source":
    case "idle":
      return { kind: "keep" };
    case "submit":
      return { kind: "submission" };
    case "relay":
      return { kind: "relay", to: sink! };
    case "store":
      return { kind: "store", to: sink! };
  }
}

async function sinkFor({ load }: Row, scope: RowScope): Promise<Sink | undefined> {
  if (load.kind === "relay") return startSmtpSink(scope, "smtp");
  return load.kind === "store" ? startSmtpSink(scope, "lmtp") : undefined;
}

async function slowDisk(scope: RowScope): Promise<StartOptions["environment"]> {
  const environment = await slowSyncEnvironment(await temporaryDirectory(scope));
  if (environment === undefined) throw new NotPossible("slow syncs are made by a preloaded library: no C compiler");
  return environment;
}

/** Resolves with the number of messages that take about so long. */
async function warmUp(row: Row, peer: Peer, sink: Sink | undefined, seconds: number): Promise<number> {
  const within = (count: number): number => Math.min(row.most, Math.max(100, Math.round(count / 100) * 100));
  // A hundred first logins at once from an address nobody has used look like guesses, and ours answers some of them 454.
  if (row.load.kind === "submit") await run({ ...row.load, connections: 1 }, peer, sink, 1);
  let rate = 200;
  // The last one tells what the compiled code can do.
  for (const share of [0.5, 0.5, 1]) {
    const { figures } = await run(row.load, peer, sink, within(rate * seconds * share));
    ({ rate = rate } = figures);
  }
  return within(rate * seconds);
}

async function peakMemory(
  row: Row,
  { peer, count }: { readonly peer: Peer; readonly count: number },
  sink: Sink | undefined,
): Promise<number> {
  let peak = 0;
  const timer = setInterval(() => (peak = Math.max(peak, peer.group.memory())), 100);
  try {
    await run(row.load, peer, sink, Math.ceil(count / 2));
  } finally {
    clearInterval(timer);
  }
  return Math.max(peak, peer.group.memory());
}

/* oxlint-enable no-await-in-loop */

function tellOne({ row, options }: Field, name: PeerName, { figures }: Run): void {
  const { rate = 0, cpu = 0, memory } = figures;
  const held = memory === undefined ? "" : `, ${(memory / 1024).toFixed(1)} KiB`;
  options.tell(`${row.name} | ${name}: ${rate.toFixed(0)} ${row.unit}s/s, ${cpu.toFixed(0)} µs${held}`);
}

// Does mail for dead hosts hold back mail for healthy ones? Two servers alike, one of which has dead mail queued and hanging: for hosts
// that accept a connection and never answer. Both relay the same number of messages to the same healthy sink, in alternation; the
// time runs from the first submission to the last arrival. What one server does while it is the other's turn is in both figures.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "../../test/lab/child.ts";
import type { Child } from "../../test/lab/child.ts";
import { atEnd } from "../../test/lab/cleanup.ts";
import { arrivals, startSmtpSink, submitTo } from "../smtp/load.ts";
import type { Sink } from "../smtp/load.ts";
import { ours, remoteRecipient } from "../smtp/peers/peer.ts";
import type { Peer, PeerName, Route } from "../smtp/peers/peer.ts";
import { startPeer } from "../smtp/peers/start.ts";
import { createScope, NotPossible, withDirectories } from "../smtp/scope.ts";
import type { RowScope } from "../smtp/scope.ts";

export interface Scenario {
  readonly name: "one" | "many";
  readonly title: string;
  readonly hosts: number;
  /** Messages for them, in all. */
  readonly dead: number;
}

export const scenarios: readonly Scenario[] = [
  { name: "one", title: "2,000 messages for one dead host", hosts: 1, dead: 2000 },
  { name: "many", title: "4,000 messages for 200 dead hosts", hosts: 200, dead: 4000 },
];

/** Those that can be compared. */
export const competitors: readonly PeerName[] = ["sekimori", "Postfix", "Haraka"];

export interface LineOptions {
  /** Alternating pairs of ours. */
  readonly pairs: number;
  /** Healthy messages in each run of ours. */
  readonly messages: number;
  readonly peers: readonly PeerName[];
  readonly priority: "usual" | "high";
  readonly interrupted: () => boolean;
  readonly tell: (line: string) => void;
}

export interface Pair {
  /** Milliseconds; undefined: not all had arrived when the time was over. */
  readonly alone: number | undefined;
  readonly withDead: number | undefined;
  /** How many had arrived with dead mail. */
  readonly arrived: number;
  /** CPU of the server, µs for each message that arrived. */
  readonly cpuAlone: number;
  readonly cpuWithDead: number;
}

export interface LineResult {
  readonly peer: PeerName;
  readonly version: string;
  readonly messages: number;
  /** Connections to dead hosts that were open before the first run. */
  readonly hanging: number;
  readonly pairs: readonly Pair[];
}

/** Of others fewer: they are slower, and the effect is larger. */
const others = { pairs: 1, messages: 2000, milliseconds: 40_000 } as const;
const milliseconds = 60_000;
const warmUp = 0.15;
const load = { connections: 20, perConnection: "all" } as const;

/* oxlint-disable no-await-in-loop -- one after the other is the point */

export async function benchHeadOfLine(scenario: Scenario, options: LineOptions): Promise<readonly LineResult[]> {
  const results: LineResult[] = [];
  for (const name of options.peers) {
    await withDirectories(async () => {
      const scope = createScope();
      try {
        results.push(await measure(name, scenario, scope, options));
      } finally {
        await scope.close();
      }
    });
  }
  return results;
}

async function measure(name: PeerName, scenario: Scenario, scope: RowScope, options: LineOptions): Promise<LineResult> {
  const mine = ours.includes(name);
  const { pairs: rounds, messages } = mine ? options : others;
  const limit = mine ? milliseconds : others.milliseconds;
  const dead = await startDeadHosts(scope);
  const sink = await startSmtpSink(scope, "smtp");
  const routes = deadRoutes(scenario, dead.port);
  const start = (): Promise<Peer> =>
    startPeer(name, {
      scope,
      priority: options.priority,
      environment: {},
      connections: 50,
      mode: { kind: "relay", to: sink, others: routes },
    });
  const alone = await start();
  const hindered = await start();
  for (const peer of [alone, hindered]) await relay(peer, sink, Math.ceil(messages * warmUp), limit);
  await submitTo(
    routes.map(({ domain }) => `nobody@${domain}`),
    load,
    hindered,
    scenario.dead,
  );
  const hanging = await dead.settled();
  options.tell(`${scenario.name} | ${name}: ${scenario.dead} dead messages queued, ${hanging} connections hang`);
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds; round++) {
    const times = new Map<Peer, Arrival>();
    for (const peer of round % 2 === 0 ? [alone, hindered] : [hindered, alone]) {
      if (options.interrupted()) throw new NotPossible("interrupted");
      times.set(peer, await relay(peer, sink, messages, limit));
    }
    const withDead = times.get(hindered)!;
    const { milliseconds: time, cpu } = times.get(alone)!;
    const { milliseconds: timeWithDead, arrived } = withDead;
    pairs.push({ alone: time, withDead: timeWithDead, arrived, cpuAlone: cpu, cpuWithDead: withDead.cpu });
    options.tell(`${scenario.name} | ${name}: ${show(times.get(alone)!)} alone, ${show(withDead)} with dead mail`);
  }
  return { peer: name, version: alone.version, messages, hanging, pairs };
}

interface Arrival {
  readonly milliseconds: number | undefined;
  readonly arrived: number;
  /** CPU of the server, µs for each message that arrived. */
  readonly cpu: number;
}

function show({ milliseconds: time, arrived, cpu }: Arrival): string {
  const took = time === undefined ? `only ${arrived} arrived` : `${(time / 1000).toFixed(2)} s`;
  return `${took} (CPU ${cpu.toFixed(0)} µs a message)`;
}

async function relay(peer: Peer, sink: Sink, messages: number, limit: number): Promise<Arrival> {
  const before = await arrivals(sink);
  const cpuBefore = peer.group.cpu();
  const cpu = (arrived: number): number => (peer.group.cpu() - cpuBefore) / Math.max(1, arrived);
  const begun = performance.now();
  await submitTo([remoteRecipient], load, peer, messages);
  for (;;) {
    const arrived = (await arrivals(sink)) - before;
    const taken = performance.now() - begun;
    if (arrived >= messages) return { milliseconds: taken, arrived, cpu: cpu(arrived) };
    if (taken > limit) return { milliseconds: undefined, arrived, cpu: cpu(arrived) };
    await sleep(10);
  }
}

function deadRoutes({ hosts }: Scenario, port: number): readonly Route[] {
  return Array.from({ length: hosts }, (_each, index) => ({
    domain: `d${index}.dead.example`,
    to: { address: `127.200.0.${index + 1}`, port },
  }));
}

interface DeadHosts {
  readonly port: number;
  /** Resolves with the number of open connections once it has stood still for a second, or after ten. */
  settled(): Promise<number>;
}

async function startDeadHosts(scope: RowScope): Promise<DeadHosts> {
  const child = startChild({ program: process.execPath, parameters: [join(import.meta.dirname, "dead.ts")] });
  atEnd(scope, async () => void (await child.stop("SIGTERM", 5000)));
  const port = Number((await child.waitForLine(/^port /, 10_000)).slice(5));
  return {
    port,
    settled: async () => {
      let last = openNow(child);
      let same = 0;
      for (let look = 0; look < 50 && same < 5; look++) {
        await sleep(200);
        const now = openNow(child);
        same = now === last ? same + 1 : 0;
        last = now;
      }
      return last;
    },
  };
}

/* oxlint-enable no-await-in-loop */

function openNow(child: Child): number {
  return Number([...child.stdout().matchAll(/^open (\d+)$/gm)].at(-1)?.[1] ?? 0);
}

// The hot update itself, in a world of its own (../world.ts): `inside.ts JSON` builds the lab's network, lets a customer of
// a dynamic pool and one of a static pool connect to a stranger's port 25 all the time beside one long stream, and
// meanwhile applies two policies in turn that have all but a few of their prefixes different. Prints what happened as JSON.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { AddressSetBuilder } from "../../../src/base/address-set.ts";
import { failure } from "../../../src/base/result.ts";
import type { Program } from "../../../src/compile/ir.ts";
import { project } from "../../../src/compile/project.ts";
import { nftables } from "../../../src/compile/targets/nftables/index.ts";
import { createEdge } from "../../../src/edge/apply.ts";
import { buildNetwork } from "../../../src/edge/lab/network.ts";
import { addressOf } from "../../../src/edge/lab/topology.ts";
import type { LabHost } from "../../../src/edge/lab/topology.ts";
import { openLedger } from "../../../src/edge/ledger.ts";
import { createNftTarget } from "../../../src/edge/nft-target.ts";
import { createNft } from "../../../src/edge/nft.ts";
import { systemClock } from "../../../src/io/clock.ts";
import { policyOf } from "../../../src/policy/network/test-policy.ts";
import type { AgentRole, Ends, Outcomes, StreamReport } from "./agent.ts";
import type { HotOptions, HotReport } from "./run.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by run.ts
const { applies, elements, perSecond, how } = JSON.parse(process.argv[2] ?? "") as HotOptions;

const since = Date.UTC(2026, 0, 1);

/** The dynamic customer's prefix and others, none of which is in the other half. */
function programOf(half: 0 | 1): Program {
  const policy = policyOf({
    pools: [
      {
        kind: "dynamic",
        prefixes: ["198.51.100.0/25", "2001:db8:a:d000::/52"],
        stages: [{ at: since, stage: "full" }],
        inbound: { from: since, until: undefined },
        sav: undefined,
        lines: [],
      },
    ],
    servers: [{ role: "msa25", prefixes: ["192.0.2.5", "2001:db8:a:1::5"] }],
  });
  const builder = new AddressSetBuilder();
  const pool = policy.pools[0]!;
  builder.addSets(pool.addresses);
  for (let index = 0; index < elements - 2; index++) {
    const place = index * 4 + 2 * half;
    if (index % 8 === 7) builder.addPrefix(6, Uint32Array.of(0x2a00_0000 + place, 0, 0, 0), 32);
    else builder.addPrefix(4, Uint32Array.of(0x1400_0000 + place * 8), 29);
  }
  const filled = { ...policy, pools: [{ ...pool, addresses: builder.build() }] };
  const nowhere = { customers: [], upstreams: [] };
  return project(filled, systemClock.wall(), { kind: "edge" }, nowhere, nftables.capabilities).program;
}

/** Counts at the edge before and after everything that filters: an agent may miss something, the edge does not. */
const watch = `
table inet hot_watch {
  counter probes_arrived { }
  counter probes_left { }
  counter permitted_arrived { }
  counter permitted_left { }
  counter permitted_reset { }
  counter stream_arrived { }
  counter stream_left { }
  chain arrive { type filter hook prerouting priority -500; policy accept;
    iifname "v-bot" tcp dport 25 tcp flags & (syn | ack) == syn counter name probes_arrived
    iifname "v-biz" tcp dport 25 counter name permitted_arrived
    iifname "t-ix" ip daddr ${addressOf("biz", 4)} tcp sport 25 counter name permitted_arrived
    iifname "t-ix" ip6 daddr ${addressOf("biz", 6)} tcp sport 25 counter name permitted_arrived
    iifname "v-biz" tcp dport 80 counter name stream_arrived
    iifname "t-ix" tcp sport 80 counter name stream_arrived
  }
  chain leave { type filter hook postrouting priority 500; policy accept;
    oifname "t-ix" ip saddr ${addressOf("bot", 4)} tcp dport 25 counter name probes_left
    oifname "t-ix" ip6 saddr ${addressOf("bot", 6)} tcp dport 25 counter name probes_left
    oifname "t-ix" ip saddr ${addressOf("biz", 4)} tcp dport 25 counter name permitted_left
    oifname "t-ix" ip6 saddr ${addressOf("biz", 6)} tcp dport 25 counter name permitted_left
    iifname "t-ix" oifname "v-biz" tcp sport 25 counter name permitted_left
    oifname "t-ix" tcp dport 80 counter name stream_left
    oifname "v-biz" tcp sport 80 counter name stream_left
  }
  chain own { type filter hook output priority 500; policy accept;
    oifname "v-biz" tcp flags & rst == rst counter name permitted_reset
  }
}
`;

interface Agent {
  readonly ready: Promise<void>;
  /** Ends it; what it said. */
  finish(): Promise<unknown>;
}

function start(host: LabHost, role: AgentRole): Agent {
  const script = join(import.meta.dirname, "agent.ts");
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", script, JSON.stringify(role)];
  const child: ChildProcess = spawn("ip", ["netns", "exec", host, ...node], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout! });
  const first = new Promise<void>((resolve) => lines.once("line", () => resolve()));
  let last = "";
  lines.on("line", (line) => (last = line));
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    ready: first,
    finish: async () => {
      child.stdin!.end();
      await ended;
      return JSON.parse(last);
    },
  };
}

/** Towards the stranger, in both families. */
function endsOf(host: LabHost): readonly Ends[] {
  return ([4, 6] as const).map((family) => ({ from: addressOf(host, family), to: addressOf("mx", family) }));
}

async function update(ledger: string): Promise<HotReport> {
  await buildNetwork();
  const nft = createNft("edge");
  const target = createNftTarget({ customerInterfaces: [], upstreamInterfaces: [] });
  const edge = createEdge({
    nft,
    ledger: openLedger(ledger),
    target,
    watchdog: {
      arm: () => Promise.resolve(failure("nothing is on probation here")),
      isWatching: () => Promise.resolve(false),
      disarm: () => Promise.resolve(),
    },
    clock: systemClock,
  });
  const programs = [programOf(0), programOf(1)] as const;
  const apply = async (turn: number): Promise<void> => {
    const program = programs[turn % 2 === 0 ? 0 : 1];
    if (turn > 0 && how === "delete and add") {
      const text = target.print(program, { revision: `r${turn}`, at: systemClock.wall(), validUntil: undefined });
      if (!text.ok) throw new Error(text.error);
      const loaded = await nft.load(`delete table inet ${target.table}\n${text.value}`);
      if (!loaded.ok) throw new Error(loaded.error);
      return;
    }
    const outcome = await edge.apply({ program, validUntil: undefined, by: "test" });
    if (outcome.kind !== "applied") throw new Error(`${outcome.kind}: ${outcome.cause}`);
  };
  await apply(0);
  const watching = await nft.load(watch);
  if (!watching.ok) throw new Error(watching.error);
  const server = start("mx", { role: "server" });
  await server.ready;
  const stream = start("biz", { role: "stream", ends: endsOf("biz")[0]!, octetsPerSecond: 2_500_000 });
  const blocked = start("bot", { role: "prober", ends: endsOf("bot"), perSecond, until: "connect" });
  const permitted = start("biz", { role: "prober", ends: endsOf("biz"), perSecond, until: "data" });
  const seen = async (name: string): Promise<number> => {
    const counters = await nft.counters("hot_watch");
    if (!counters.ok) throw new Error(counters.error);
    return counters.value.get(name)!.packets;
  };
  while ((await seen("probes_arrived")) < 50 || (await seen("stream_arrived")) < 50) await sleep(50);
  const [arrivedBefore, began] = [await seen("probes_arrived"), performance.now()];
  const milliseconds: number[] = [];
  for (let turn = 1; turn <= applies; turn++) {
    const before = performance.now();
    await apply(turn);
    milliseconds.push(performance.now() - before);
  }
  const seconds = (performance.now() - began) / 1000;
  const during = (await seen("probes_arrived")) - arrivedBefore;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by agent.ts
  const [streamed, refused, opened] = (await Promise.all([stream.finish(), blocked.finish(), permitted.finish()])) as [
    StreamReport,
    Outcomes,
    Outcomes,
  ];
  await server.finish();
  return {
    seconds,
    milliseconds,
    probesPerSecond: during / seconds,
    blocked: refused,
    permitted: opened,
    probesLeft: await seen("probes_left"),
    permittedStopped: (await seen("permitted_arrived")) - (await seen("permitted_left")),
    permittedReset: await seen("permitted_reset"),
    stream: { ...streamed, stopped: (await seen("stream_arrived")) - (await seen("stream_left")) },
  };
}

const ledger = await mkdtemp(join(tmpdir(), "sekimori-hot-"));
try {
  console.log(JSON.stringify(await update(ledger)));
} finally {
  await rm(ledger, { recursive: true, force: true });
}

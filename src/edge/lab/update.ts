// Replaces the filter of the edge again and again, each time in one transaction, while customers connect without pause and
// one connection goes on. Not one may be decided wrongly, and no segment of the connection may be lost at the edge.

import type { Agents } from "./agents.ts";
import type { Nft } from "../nft.ts";
import type { UpdateScenario } from "./scenarios.ts";
import { addressOf } from "./topology.ts";

export interface Updating {
  readonly agents: Agents;
  readonly edge: Nft;
  /** The texts that take turns. */
  readonly texts: readonly [string, string];
}

export interface UpdateResult {
  /** Figures, for people. */
  readonly notes: readonly string[];
  readonly faults: readonly string[];
}

const batch = 4;
const every = 6;

export async function replaceUnderTraffic(
  { agents, edge, texts }: Updating,
  { updates, probes, stream }: UpdateScenario,
): Promise<UpdateResult> {
  await load(edge, texts[0]);
  const watch = await watchStream(edge, stream);
  const running = probes.map(({ from, to }) =>
    agents.count(from, {
      operation: "probe",
      host: addressOf(to, 4),
      port: 25,
      from: addressOf(from, 4),
      batch,
      every,
    }),
  );
  const streaming = agents.count(stream.from, {
    operation: "stream",
    host: addressOf(stream.to, 4),
    port: 25,
    from: addressOf(stream.from, 4),
  });
  const started = performance.now();
  for (let update = 1; update <= updates; update++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
    await load(edge, texts[update % 2 === 0 ? 0 : 1]);
  }
  const seconds = (performance.now() - started) / 1000;
  await Promise.all([...probes.map(({ from }) => from), stream.from].map((host) => agents.stop(host)));
  const counts = await Promise.all(running);
  const sent = await streaming;
  const segments = await watch();
  const faults = probes.flatMap(({ from, to, expected }, index) => {
    const { [expected]: right = 0, ...wrong } = counts[index]!;
    return [
      ...Object.entries(wrong).map(([result, count]) => `${from} → ${to}:25: ${count} times ${result}`),
      ...(right === 0 ? [`${from} → ${to}:25: not once ${expected}`] : []),
    ];
  });
  const lost = segments.arrived - segments.left;
  return {
    notes: [
      `${updates} updates in ${seconds.toFixed(1)} s`,
      ...probes.map(({ from, to, expected }, index) => {
        const right = counts[index]![expected] ?? 0;
        return `${from} → ${to}:25: ${right} connections, ${Math.round(right / seconds)} a second, all ${expected}`;
      }),
      `${stream.from} → ${stream.to}:25: ${sent["octets"]} octets in ${segments.arrived} segments, ${lost} lost`,
    ],
    faults: [
      ...faults,
      ...(lost === 0 ? [] : [`${lost} segments of the stream were lost at the edge`]),
      ...(segments.arrived === 0 || sent["broken"] !== 0 ? ["the stream did not last"] : []),
    ],
  };
}

const table = "lab_stream";

/** Counts the segments of the stream before and behind everything that filters. */
async function watchStream(
  edge: Nft,
  { from, to }: UpdateScenario["stream"],
): Promise<() => Promise<{ readonly arrived: number; readonly left: number }>> {
  const match = `ip saddr ${addressOf(from, 4)} ip daddr ${addressOf(to, 4)} tcp dport 25`;
  await load(
    edge,
    `table inet ${table} {
  counter arrived { }
  counter left { }
  chain arrive { type filter hook prerouting priority -500; policy accept; ${match} counter name arrived; }
  chain leave { type filter hook postrouting priority 500; policy accept; ${match} counter name left; }
}
`,
  );
  return async () => {
    const counters = await edge.counters(table);
    await load(edge, `delete table inet ${table}\n`);
    if (!counters.ok) throw new Error(counters.error);
    const count = (name: string): number => counters.value.get(name)?.packets ?? 0;
    return { arrived: count("arrived"), left: count("left") };
  };
}

async function load(edge: Nft, text: string): Promise<void> {
  const loaded = await edge.load(text);
  if (!loaded.ok) throw new Error(loaded.error);
}

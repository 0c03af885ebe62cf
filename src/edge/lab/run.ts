// Runs the scenarios one after the other and holds what came out against what must come out. A cell counts only with its
// evidence: an open one with the banner of the server that was meant, in both families; a blocked one with its first
// segment seen arriving at the edge and not leaving it (or, where the answer is what is blocked, with the answer seen),
// and with as many packets in the filter's counters as segments that were stopped.

import { setTimeout as sleep } from "node:timers/promises";
import type { Nft } from "../nft.ts";
import type { Agents } from "./agents.ts";
import type { Probe } from "./agent.ts";
import { routeBy } from "./network.ts";
import { destinations, scenarios, sources, targets } from "./scenarios.ts";
import type {
  AttackScenario,
  Cell,
  ConversationScenario,
  Destination,
  EdgeVariant,
  MatrixScenario,
  Scenario,
  UpdateScenario,
} from "./scenarios.ts";
import { hold } from "./hold.ts";
import type { ConversationResult } from "./hold.ts";
import { addressOf, labLinks } from "./topology.ts";
import type { LabHost } from "./topology.ts";
import { replaceUnderTraffic } from "./update.ts";
import { takeSightings } from "./watch.ts";
import type { Sightings } from "./watch.ts";

/** What is loaded, made by whoever knows policies. Texts for `nft -f`, whole transactions. */
export interface LabFilters {
  /** Takes away whatever the lab loaded before. */
  readonly nothing: string;
  /** Policy of the edge at an instant (ISO 8601). */
  edge(at: string, manner: "drop" | "admin-prohibited" | undefined): string;
  /** The same with a pool that is larger by so many prefixes: two texts that differ in half of them. */
  large(at: string, prefixes: number): readonly [string, string];
  /** Source address validation of the other provider. */
  other(kind: "strict" | "list" | "loose"): string;
  /** Packets in all counters that stand at a block, of a table's named counters. */
  blocked(counters: ReadonlyMap<string, { readonly packets: number }>): number;
  readonly table: string;
}

export interface CellResult {
  readonly source: LabHost;
  readonly destination: LabHost;
  readonly port: number;
  readonly family: 4 | 6;
  readonly expected: Cell;
  readonly got: Cell | "?";
  readonly milliseconds: number;
  /** What is wrong with it; empty when all is as it must be. */
  readonly faults: readonly string[];
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly cells: readonly CellResult[];
  readonly conversations: readonly ConversationResult[];
  /** Figures besides. */
  readonly notes: readonly string[];
  /** What the counters say beside the cells. */
  readonly faults: readonly string[];
  readonly counted: number;
  readonly passed: boolean;
}

export interface LabNetwork {
  readonly agents: Agents;
  readonly edge: Nft;
  readonly other: Nft;
  readonly filters: LabFilters;
  /** Of the accounts of the real server, by address. */
  readonly passwords: ReadonlyMap<string, string>;
}

/** A filter that drops is known after this; the second SYN comes after 1000 ms. */
const silence = 600;
/** IPv6 learns of "prohibited" only with its second SYN. */
const silenceWithIcmp = 1500;
const slowMachine = 8000;

export async function runScenarios(
  network: LabNetwork,
  done: (result: ScenarioResult) => void,
  chosen: readonly Scenario[] = scenarios,
): Promise<readonly ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (const scenario of chosen) {
    const result = await runOne(network, scenario);
    results.push(result);
    done(result);
  }
  return results;
}

function runOne(network: LabNetwork, scenario: Scenario): Promise<ScenarioResult> {
  switch (scenario.kind) {
    case "matrix":
      return runMatrix(network, scenario);
    case "attack":
      return runAttack(network, scenario);
    case "conversation":
      return runConversations(network, scenario);
    case "update":
      return runUpdates(network, scenario);
  }
}

async function runUpdates(network: LabNetwork, scenario: UpdateScenario): Promise<ScenarioResult> {
  await must(network.other.load(network.filters.nothing));
  const texts = network.filters.large(scenario.at, scenario.prefixes);
  await must(network.edge.load(texts[0]));
  const before = await blockedPackets(network);
  await takeSightings(network.edge);
  const { notes, faults } = await replaceUnderTraffic({ ...network, texts }, scenario);
  const counted = (await blockedPackets(network)) - before;
  const result = conclude(scenario, [], counted, await takeSightings(network.edge));
  return { ...result, notes, faults: [...result.faults, ...faults], passed: result.passed && faults.length === 0 };
}

async function runConversations(network: LabNetwork, scenario: ConversationScenario): Promise<ScenarioResult> {
  await must(network.other.load(network.filters.nothing));
  await loadEdge(network, scenario.edge);
  const before = await blockedPackets(network);
  await takeSightings(network.edge);
  const conversations: ConversationResult[] = [];
  for (const conversation of scenario.conversations) {
    for (const family of conversation.families) {
      // One after the other: later ones ask for what earlier ones did.
      conversations.push(await hold(network, conversation, family));
    }
  }
  const counted = (await blockedPackets(network)) - before;
  return conclude(scenario, [], counted, await takeSightings(network.edge), conversations);
}

async function runMatrix(network: LabNetwork, scenario: MatrixScenario): Promise<ScenarioResult> {
  await must(network.other.load(network.filters.nothing));
  await loadEdge(network, scenario.edge);
  const wanted = sources.flatMap((source) => {
    const row = scenario.expected[source].split(" ");
    return destinations.flatMap((destination, column) =>
      ([4, 6] as const).map((family) => ({ source, destination, family, expected: cellOf(row[column]) })),
    );
  });
  const before = await blockedPackets(network);
  await takeSightings(network.edge);
  const probes = await Promise.all(wanted.map((want) => probe(network, want, patienceFor(scenario.edge))));
  const seen = await takeSightings(network.edge);
  const counted = (await blockedPackets(network)) - before;
  const cells = wanted.map((want, index) => judge(want, probes[index]!, seen));
  return conclude(scenario, cells, counted, seen);
}

async function runAttack(network: LabNetwork, scenario: AttackScenario): Promise<ScenarioResult> {
  await must(
    network.other.load(scenario.other === "nothing" ? network.filters.nothing : network.filters.other(scenario.other)),
  );
  await loadEdge(network, scenario.edge);
  const own = labLinks.find(({ host }) => host === "attacker")!;
  const router = scenario.through === "same provider" ? "edge" : "edgec";
  const line = labLinks.findLast((each) => each.host === "attacker" && each.router === router)!;
  const before = await blockedPackets(network);
  await takeSightings(network.edge);
  await routeBy("attacker", line.device, own);
  try {
    const row = scenario.expected.split(" ");
    const wanted = targets.flatMap((destination, column) =>
      ([4, 6] as const).map((family) => ({
        source: "attacker" as const,
        destination,
        family,
        expected: cellOf(row[column]),
      })),
    );
    const probes = await Promise.all(wanted.map((want) => probe(network, want, silence)));
    const seen = await takeSightings(network.edge);
    const counted = (await blockedPackets(network)) - before;
    const cells = wanted.map((want, index) => {
      const { got, faults } = compare(want, probes[index]!);
      return { ...place(want), got, milliseconds: probes[index]!.milliseconds, faults };
    });
    return conclude(scenario, cells, counted, seen);
  } finally {
    await routeBy("attacker", own.device, own);
  }
}

/** The counters of the edge must have counted exactly the segments that came and did not go on. */
function conclude(
  scenario: Scenario,
  cells: readonly CellResult[],
  counted: number,
  { syn, answer }: Sightings,
  conversations: readonly ConversationResult[] = [],
): ScenarioResult {
  const stopped = total(syn.arrived) - total(syn.left) + total(answer.arrived) - total(answer.left);
  const faults =
    counted === stopped ? [] : [`${stopped} segments were stopped at the edge, but its counters say ${counted}`];
  return {
    scenario,
    cells,
    conversations,
    notes: [],
    faults,
    counted,
    passed: faults.length === 0 && [...cells, ...conversations].every((each) => each.faults.length === 0),
  };
}

interface Wanted {
  readonly source: LabHost;
  readonly destination: Destination;
  readonly family: 4 | 6;
  readonly expected: Cell;
}

function judge(want: Wanted, probed: Probe, { syn }: Sightings): CellResult {
  const { got, faults } = compare(want, probed);
  const key = `${addressOf(want.source, want.family)} ${addressOf(want.destination.host, want.family)} ${want.destination.port}`;
  const evidence =
    got === "Y" || got === "?"
      ? []
      : [
          ...((syn.arrived.get(key) ?? 0) > 0 ? [] : ["its SYN was not seen arriving at the edge"]),
          ...((syn.left.get(key) ?? 0) === 0 ? [] : ["its SYN left the edge"]),
        ];
  return { ...place(want), got, milliseconds: probed.milliseconds, faults: [...faults, ...evidence] };
}

function compare(want: Wanted, probed: Probe): { readonly got: Cell | "?"; readonly faults: readonly string[] } {
  const got = cellFrom(probed);
  if (got !== want.expected) return { got, faults: [`expected ${want.expected}, got ${got} (${probed.result})`] };
  if (got !== "Y" || probed.banner.startsWith(want.destination.banner)) return { got, faults: [] };
  return { got, faults: [`somebody else answered: ${probed.banner}`] };
}

function place({ source, destination, family, expected }: Wanted): Omit<CellResult, "got" | "faults" | "milliseconds"> {
  return { source, destination: destination.host, port: destination.port, family, expected };
}

function cellFrom({ result }: Probe): Cell | "?" {
  switch (result) {
    case "open":
      return "Y";
    case "timeout":
      return "-";
    case "ECONNREFUSED":
      return "R";
    // IPv4 and IPv6 learn of "administratively prohibited" by different errors.
    case "EHOSTUNREACH":
    case "EACCES":
      return "U";
    case "closed":
    default:
      return "?";
  }
}

function cellOf(text: string | undefined): Cell {
  if (text === "Y" || text === "R" || text === "U" || text === "-") return text;
  throw new Error(`no cell of the expected matrix: ${text}`);
}

/** Silence where an answer must come may be a busy machine's: asked again, with patience. */
async function probe(network: LabNetwork, want: Wanted, milliseconds: number): Promise<Probe> {
  const first = await connect(network, want, milliseconds);
  return first.result === "timeout" && want.expected !== "-" ? connect(network, want, slowMachine) : first;
}

function connect(
  { agents }: LabNetwork,
  { source, destination, family }: Wanted,
  milliseconds: number,
): Promise<Probe> {
  return agents.connect(source, {
    host: addressOf(destination.host, family),
    port: destination.port,
    from: addressOf(source, family),
    ...(destination.tls === undefined ? {} : { tls: true as const }),
    milliseconds,
  });
}

function patienceFor(edge: EdgeVariant): number {
  return edge.kind === "policy" && edge.manner === "admin-prohibited" ? silenceWithIcmp : silence;
}

async function loadEdge({ edge, filters }: LabNetwork, variant: EdgeVariant): Promise<void> {
  switch (variant.kind) {
    case "nothing":
      return must(edge.load(filters.nothing));
    case "policy":
      return must(edge.load(filters.edge(variant.at, variant.manner)));
    case "unchanged":
      await sleep(variant.after);
  }
}

async function blockedPackets({ edge, filters }: LabNetwork): Promise<number> {
  const counters = await edge.counters(filters.table);
  return counters.ok ? filters.blocked(counters.value) : 0;
}

async function must(loaded: ReturnType<Nft["load"]>): Promise<void> {
  const result = await loaded;
  if (!result.ok) throw new Error(result.error);
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}

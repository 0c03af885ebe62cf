// Who still speaks to port 25, and towards which class: from the counting table of this edge, or from flows that a router
// exported; with the subscriber where accounting records tell him, otherwise the address and the time. This is traffic
// data: the answer is for the people who must write to these customers, and asking is itself noted by the caller.

import { parseAddress } from "../../base/address.ts";
import type { Address } from "../../base/address.ts";
import { hasAddress } from "../../base/address-set.ts";
import type { AddressSets } from "../../base/address-set.ts";
import type { NetworkPolicy } from "../../policy/network/policy.ts";
import { unionOf } from "../../policy/network/sets.ts";
import type { Assignments } from "./assignments.ts";
import { classes } from "./counting.ts";
import type { DestinationClass, SourceCount } from "./counting.ts";
import type { Flow } from "./flows.ts";

export interface SurveyRow {
  readonly address: string;
  readonly pool: string;
  /** Where accounting records tell him. */
  readonly subscriber: string | undefined;
  readonly conversations: Readonly<Partial<Record<DestinationClass, number>>>;
  /** Wall ms; of flows only. */
  readonly firstSeen: number | undefined;
  readonly lastSeen: number | undefined;
}

/** Most port 25 first. `asOf`: when the counters were read. */
export function surveyCounts(
  policy: NetworkPolicy,
  counts: readonly SourceCount[],
  assignments: Assignments | undefined,
  asOf: number,
): readonly SurveyRow[] {
  const rows = new Rows(policy);
  for (const { source, destination, conversations } of counts) {
    rows.add(source, assignments?.at(source, asOf)?.subscriber, destination, conversations, undefined);
  }
  return rows.sorted();
}

export interface FlowSurvey {
  readonly add: (flow: Flow) => void;
  rows(): readonly SurveyRow[];
  /** Conversations beyond what is held in memory. */
  readonly notCounted: number;
}

/** What a survey of flows holds at most; a provider's busiest day has far fewer conversations with mail ports. */
const mostConversations = 2_000_000;

/** Flows of one source, destination and port within one minute of the clock are one conversation, in whatever order they come. */
export function createFlowSurvey(
  policy: NetworkPolicy,
  assignments: Assignments | undefined,
  most = mostConversations,
): FlowSurvey {
  const rows = new Rows(policy);
  const classOf = classifier(policy);
  const seen = new Set<string>();
  let notCounted = 0;
  return {
    add: ({ at, source, destination, destinationPort }) => {
      const kind = classOf(destination, destinationPort);
      if (kind === undefined || !rows.knows(source)) return;
      const key = `${source} ${destination} ${destinationPort} ${Math.floor(at / 60_000)}`;
      const isNew = !seen.has(key);
      if (isNew && seen.size >= most) {
        notCounted++;
        return;
      }
      seen.add(key);
      rows.add(source, assignments?.at(source, at)?.subscriber, kind, isNew ? 1 : 0, at);
    },
    rows: () => rows.sorted(),
    get notCounted() {
      return notCounted;
    },
  };
}

class Rows {
  readonly #pools: readonly { readonly name: string; readonly addresses: AddressSets }[];
  readonly #rows = new Map<string, SurveyRow>();

  constructor(policy: NetworkPolicy) {
    this.#pools = policy.pools.filter(({ kind }) => kind === "dynamic");
  }

  add(
    source: string,
    subscriber: string | undefined,
    destination: DestinationClass,
    conversations: number,
    at: number | undefined,
  ): void {
    const address = parseAddress(source);
    const pool = address === undefined ? undefined : this.#poolOf(address);
    if (pool === undefined) return;
    const key = `${source} ${subscriber ?? ""}`;
    const row = this.#rows.get(key) ?? {
      address: source,
      pool,
      subscriber,
      conversations: {},
      firstSeen: at,
      lastSeen: at,
    };
    this.#rows.set(key, {
      ...row,
      firstSeen: at === undefined ? row.firstSeen : Math.min(at, row.firstSeen ?? at),
      lastSeen: at === undefined ? row.lastSeen : Math.max(at, row.lastSeen ?? at),
      conversations: { ...row.conversations, [destination]: (row.conversations[destination] ?? 0) + conversations },
    });
  }

  /** Whether it is in a dynamic pool: others are nobody's to survey. */
  knows(source: string): boolean {
    const address = parseAddress(source);
    return address !== undefined && this.#poolOf(address) !== undefined;
  }

  sorted(): readonly SurveyRow[] {
    return [...this.#rows.values()].toSorted((a, b) => port25(b) - port25(a));
  }

  #poolOf(address: Address): string | undefined {
    return this.#pools.find(({ addresses }) => hasAddress(addresses, address))?.name;
  }
}

/** All but the classes of submission. */
function port25({ conversations }: SurveyRow): number {
  return classes.slice(0, 5).reduce((sum, name) => sum + (conversations[name] ?? 0), 0);
}

function classifier(policy: NetworkPolicy): (destination: string, port: number) => DestinationClass | undefined {
  const own = unionOf(policy.servers.map(({ addresses }) => addresses));
  const ordered: readonly (readonly [DestinationClass, AddressSets])[] = [
    ["own servers", own],
    ["partners", unionOf(policy.partners.flatMap((each) => (each.relation === "gives" ? [each.msa] : [])))],
    ["third parties", unionOf(policy.thirdParties.map(({ addresses }) => addresses))],
    ["mobile carriers", unionOf(policy.carriers.map(({ addresses }) => addresses))],
  ];
  return (destination, port) => {
    const address = parseAddress(destination);
    if (address === undefined) return undefined;
    if (port === 465 || port === 587) return hasAddress(own, address) ? "own submission" : "other submission";
    if (port !== 25) return undefined;
    return ordered.find(([, addresses]) => hasAddress(addresses, address))?.[0] ?? "others";
  };
}

// Eyes on a router of the lab: which conversations' first segments arrived at it, and which left it again. A table of
// its own, hooked before and after everything that filters. What arrives and does not leave was stopped here.

import type { Nft } from "../nft.ts";
import { itemsOf } from "../nft.ts";

/** Segments counted by `source destination port`, and how many of them came in and went out again. */
export interface Sighting {
  readonly arrived: ReadonlyMap<string, number>;
  readonly left: ReadonlyMap<string, number>;
}

export interface Sightings {
  /** First segments, by destination port. */
  readonly syn: Sighting;
  /** Their answers (SYN and ACK), by source port. */
  readonly answer: Sighting;
}

const table = "lab_watch";

const text = `
table inet ${table} {
${(["syn", "answer"] as const)
  .flatMap((segment) => ["arrived", "left"].flatMap((when) => [4, 6].map((family) => setOf(segment, when, family))))
  .join("\n")}
  chain arrive { type filter hook prerouting priority -500; policy accept;
${rules("arrived")}
  }
  chain leave { type filter hook postrouting priority 500; policy accept;
${rules("left")}
  }
}
`;

function setOf(segment: string, when: string, family: number): string {
  const address = family === 4 ? "ip" : "ip6";
  const port = segment === "syn" ? "tcp dport" : "tcp sport";
  return `  set ${segment}_${when}${family} { typeof ${address} saddr . ${address} daddr . ${port}; size 65535; flags dynamic; }`;
}

function rules(when: string): string {
  return [
    ["syn", "syn", "dport"],
    ["answer", "syn|ack", "sport"],
  ]
    .flatMap(([segment, flags, port]) =>
      ["ip", "ip6"].map(
        (address) =>
          `    tcp flags & (syn|ack) == ${flags} update @${segment}_${when}${address === "ip" ? 4 : 6} { ${address} saddr . ${address} daddr . tcp ${port} counter }`,
      ),
    )
    .join("\n");
}

export async function startWatch(nft: Nft): Promise<void> {
  const loaded = await nft.load(text);
  if (!loaded.ok) throw new Error(loaded.error);
}

/** What was seen since the last call, and forgets it. */
export async function takeSightings(nft: Nft): Promise<Sightings> {
  const listed = await nft.json(["list", "table", "inet", table]);
  if (!listed.ok) throw new Error(listed.error);
  const sets = new Map(itemsOf(listed.value, "set").map((set) => [String(set["name"]), countsOf(set["elem"])]));
  const flushed = await nft.load([...sets.keys()].map((name) => `flush set inet ${table} ${name}\n`).join(""));
  if (!flushed.ok) throw new Error(flushed.error);
  const both = (name: string): ReadonlyMap<string, number> =>
    new Map([4, 6].flatMap((family) => [...(sets.get(`${name}${family}`) ?? [])]));
  const sighting = (segment: string): Sighting => ({
    arrived: both(`${segment}_arrived`),
    left: both(`${segment}_left`),
  });
  return { syn: sighting("syn"), answer: sighting("answer") };
}

/** Elements as `{elem: {val: {concat: [source, destination, port]}, counter: {packets}}}` (libnftables-json(5)). */
function countsOf(elements: unknown): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  if (!Array.isArray(elements)) return counts;
  for (const each of elements) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nft's own output, checked below
    const element = (each as { elem?: { val?: { concat?: unknown[] }; counter?: { packets?: number } } }).elem;
    const key = element?.val?.concat;
    if (Array.isArray(key)) counts.set(key.join(" "), element?.counter?.packets ?? 0);
  }
  return counts;
}

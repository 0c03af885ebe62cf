// What the dynamic pools do with mail ports, as a table of nftables that counts and never decides: its chain accepts, and
// stands before the filter, so that it sees the same attempts whether they are blocked or not. It speaks of conversations:
// a source, a destination and a port within one minute count once, however often the SYN is repeated.
//
// Everything is bounded: elements end after a day, the sets hold so many and no more. When one is full, further
// conversations are not counted; nothing else happens. What it holds is traffic data: who asks, and for how long it is
// kept, is the caller's to log.

import type { AddressSets } from "../../base/address-set.ts";
import type { NetworkPolicy } from "../../policy/network/policy.ts";
import { families, ofFamily, unionOf } from "../../policy/network/sets.ts";
import { itemsOf } from "../nft.ts";
import type { Nft } from "../nft.ts";

/** Whom a conversation on port 25 is with; the first that fits. The last two are the ports of submission. */
export const classes = [
  "own servers",
  "partners",
  "third parties",
  "mobile carriers",
  "others",
  "own submission",
  "other submission",
] as const;
export type DestinationClass = (typeof classes)[number];

export interface PoolCount {
  readonly pool: string;
  readonly destination: DestinationClass;
  readonly conversations: number;
}

export interface SourceCount {
  readonly source: string;
  readonly destination: DestinationClass;
  /** In the day before. */
  readonly conversations: number;
}

const countingTable = "sekimori_count";
const capacity = 65_535;

/** One transaction; counters go on when the table is there already. */
export function countingText(policy: NetworkPolicy): string {
  const pools = policy.pools.filter(({ kind }) => kind === "dynamic");
  const sets = [
    ...pools.map(({ addresses }, index) => ({ name: `pool${index}`, addresses })),
    { name: "pools", addresses: unionOf(pools.map(({ addresses }) => addresses)) },
    ...destinationSets(policy),
  ];
  const names = sets.flatMap(({ name }) => families.map((family) => `${name}_${family}`));
  const counters = pools.flatMap((_, pool) => classes.map((__, index) => counterName(pool, index)));
  return [
    `table inet ${countingTable} {`,
    ...families.flatMap((family) => [
      `  set minute_${family} { typeof ${ip(family)} saddr . ${ip(family)} daddr . tcp dport; size ${capacity}; flags dynamic,timeout; timeout 1m; }`,
      ...classes.map(
        (_, index) =>
          `  set source${index}_${family} { typeof ${ip(family)} saddr; size ${capacity}; flags dynamic,timeout; timeout 1d; }`,
      ),
    ]),
    ...sets.flatMap(({ name }) =>
      families.map(
        (family) =>
          `  set ${name}_${family} { type ${ip(family) === "ip" ? "ipv4_addr" : "ipv6_addr"}; flags interval; }`,
      ),
    ),
    ...counters.map((name) => `  counter ${name} { }`),
    "  chain seen { }",
    "  chain count { type filter hook forward priority -20; policy accept; }",
    "}",
    ...names.map((name) => `flush set inet ${countingTable} ${name}`),
    `flush chain inet ${countingTable} seen`,
    `flush chain inet ${countingTable} count`,
    ...sets.flatMap(({ name, addresses }) => elements(name, addresses)),
    `table inet ${countingTable} {`,
    "  chain count {",
    ...families.map(
      (family) =>
        `    tcp flags & (syn|ack) == syn tcp dport { 25, 465, 587 } ${ip(family)} saddr @pools_${family} jump seen`,
    ),
    "  }",
    "  chain seen {",
    ...families.flatMap((family) => {
      const key = `${ip(family)} saddr . ${ip(family)} daddr . tcp dport`;
      return [`    ${key} @minute_${family} return`, `    add @minute_${family} { ${key} }`];
    }),
    ...families.flatMap((family) => rulesOf(family, pools.length)),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** What was counted since the table was made. */
export async function readPoolCounts(nft: Nft, policy: NetworkPolicy): Promise<readonly PoolCount[] | undefined> {
  const counters = await nft.counters(countingTable);
  if (!counters.ok) return undefined;
  return policy.pools
    .filter(({ kind }) => kind === "dynamic")
    .flatMap(({ name }, pool) =>
      classes.map((destination, index) => ({
        pool: name,
        destination,
        conversations: counters.value.get(counterName(pool, index))?.packets ?? 0,
      })),
    );
}

/** Who it was, in the day before. */
export async function readSources(nft: Nft): Promise<readonly SourceCount[] | undefined> {
  const listed = await nft.json(["list", "table", "inet", countingTable]);
  if (!listed.ok) return undefined;
  const found: SourceCount[] = [];
  for (const set of itemsOf(listed.value, "set")) {
    const index = /^source(\d+)_[46]$/.exec(String(set["name"]))?.[1];
    const destination = index === undefined ? undefined : classes[Number(index)];
    if (destination === undefined || !Array.isArray(set["elem"])) continue;
    for (const each of set["elem"]) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nft's own output, checked below
      const element = (each as { elem?: { val?: unknown; counter?: { packets?: number } } }).elem;
      if (typeof element?.val !== "string") continue;
      found.push({ source: element.val, destination, conversations: element.counter?.packets ?? 0 });
    }
  }
  return found;
}

function destinationSets(policy: NetworkPolicy): readonly { readonly name: string; readonly addresses: AddressSets }[] {
  return [
    { name: "class0", addresses: unionOf(policy.servers.map(({ addresses }) => addresses)) },
    {
      name: "class1",
      addresses: unionOf(policy.partners.flatMap((each) => (each.relation === "gives" ? [each.msa] : []))),
    },
    { name: "class2", addresses: unionOf(policy.thirdParties.map(({ addresses }) => addresses)) },
    { name: "class3", addresses: unionOf(policy.carriers.map(({ addresses }) => addresses)) },
  ];
}

function rulesOf(family: 4 | 6, pools: number): readonly string[] {
  const address = ip(family);
  const count = (match: string, index: number): readonly string[] => [
    `    ${match} update @source${index}_${family} { ${address} saddr counter }`,
    ...Array.from(
      { length: pools },
      (_, pool) => `    ${match} ${address} saddr @pool${pool}_${family} counter name ${counterName(pool, index)}`,
    ),
    `    ${match} return`,
  ];
  const mail = "tcp dport 25";
  const submission = "tcp dport { 465, 587 }";
  return [
    ...[0, 1, 2, 3].flatMap((index) => count(`${mail} ${address} daddr @class${index}_${family}`, index)),
    ...count(`${mail} meta nfproto ${address === "ip" ? "ipv4" : "ipv6"}`, 4),
    ...count(`${submission} ${address} daddr @class0_${family}`, 5),
    ...count(`${submission} meta nfproto ${address === "ip" ? "ipv4" : "ipv6"}`, 6),
  ];
}

function elements(name: string, addresses: AddressSets): readonly string[] {
  return families.flatMap((family) => {
    const prefixes = ofFamily(addresses, family).prefixes();
    return prefixes.length === 0
      ? []
      : [`add element inet ${countingTable} ${name}_${family} { ${prefixes.join(", ")} }`];
  });
}

function counterName(pool: number, index: number): string {
  return `pool${pool}_class${index}`;
}

function ip(family: 4 | 6): "ip" | "ip6" {
  return family === 4 ? "ip" : "ip6";
}

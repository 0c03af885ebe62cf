// What the dynamic pools do with mail ports, as a table of nftables that counts and never decides: its chains accept. One
// stands before the filter and sees the same attempts whether they are blocked or not; one stands behind it and sees what
// has passed. It speaks of conversations: a source, a destination and a port within one minute count once, however often
// the SYN is repeated.
//
// Everything is bounded: elements end after a day, the sets hold so many and no more. When one is full, further
// conversations are not counted; nothing else happens. What it holds is traffic data: who asks, and for how long it is
// kept, is the caller's to log.

import type { AddressSets } from "../../base/address-set.ts";
import { failure, success } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";
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
  /** Of these, those that were not blocked. */
  readonly passed: number;
}

export interface SourceCount {
  readonly source: string;
  readonly destination: DestinationClass;
  /** In the day before. */
  readonly conversations: number;
}

const countingTable = "sekimori_count";
export const capacity = 65_535;

/** One transaction; counters go on when the table is there already. */
export function countingText(policy: NetworkPolicy): string {
  const pools = policy.pools.filter(({ kind }) => kind === "dynamic");
  const sets = [
    ...pools.map(({ addresses }, index) => ({ name: `pool${index}`, addresses })),
    { name: "pools", addresses: unionOf(pools.map(({ addresses }) => addresses)) },
    ...destinationSets(policy),
  ];
  const names = sets.flatMap(({ name }) => families.map((family) => `${name}_${family}`));
  const counters = pools.flatMap((_, pool) =>
    classes.flatMap((__, index) => [counterName(pool, index), passedName(pool, index)]),
  );
  return [
    `table inet ${countingTable} {`,
    ...families.flatMap((family) => [
      ...["minute", "passed"].map(
        (name) =>
          `  set ${name}_${family} { typeof ${ip(family)} saddr . ${ip(family)} daddr . tcp dport; size ${capacity}; flags dynamic,timeout; timeout 1m; }`,
      ),
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
    "  chain let { }",
    "  chain count { type filter hook forward priority -20; policy accept; }",
    "  chain passed { type filter hook forward priority 20; policy accept; }",
    "}",
    ...names.map((name) => `flush set inet ${countingTable} ${name}`),
    ...["seen", "let", "count", "passed"].map((name) => `flush chain inet ${countingTable} ${name}`),
    ...sets.flatMap(({ name, addresses }) => elements(name, addresses)),
    `table inet ${countingTable} {`,
    ...[
      ["count", "seen"],
      ["passed", "let"],
    ].flatMap(([hook, chain]) => [
      `  chain ${hook} {`,
      ...families.map(
        (family) =>
          `    tcp flags & (syn|ack) == syn tcp dport { 25, 465, 587 } ${ip(family)} saddr @pools_${family} jump ${chain}`,
      ),
      "  }",
    ]),
    "  chain seen {",
    ...families.flatMap((family) => onceAMinute(family, "minute")),
    ...families.flatMap((family) =>
      rulesOf(
        family,
        pools.length,
        counterName,
        (index) => `update @source${index}_${family} { ${ip(family)} saddr counter }`,
      ),
    ),
    "  }",
    "  chain let {",
    ...families.flatMap((family) => onceAMinute(family, "passed")),
    ...families.flatMap((family) => rulesOf(family, pools.length, passedName, undefined)),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** What was counted since the table was made. */
export async function readPoolCounts(nft: Nft, policy: NetworkPolicy): Promise<Result<readonly PoolCount[], string>> {
  const counters = await nft.counters(countingTable);
  if (!counters.ok) return uncounted(counters.error);
  const counts = policy.pools
    .filter(({ kind }) => kind === "dynamic")
    .flatMap(({ name }, pool) =>
      classes.map((destination, index) => ({
        pool: name,
        destination,
        conversations: counters.value.get(counterName(pool, index))?.packets ?? 0,
        passed: counters.value.get(passedName(pool, index))?.packets ?? 0,
      })),
    );
  return success(counts);
}

function uncounted(cause: string): Result<never, string> {
  const isAbsent = cause.includes("No such file or directory");
  return failure(isAbsent ? "nothing is counted on this edge: sekimori net apply begins it" : cause);
}

/** Who it was, in the day before. */
export async function readSources(nft: Nft): Promise<Result<readonly SourceCount[], string>> {
  const listed = await nft.json(["list", "table", "inet", countingTable]);
  if (!listed.ok) return uncounted(listed.error);
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
  return success(found);
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

function onceAMinute(family: 4 | 6, set: string): readonly string[] {
  const key = `${ip(family)} saddr . ${ip(family)} daddr . tcp dport`;
  return [`    ${key} @${set}_${family} return`, `    add @${set}_${family} { ${key} }`];
}

function rulesOf(
  family: 4 | 6,
  pools: number,
  counter: (pool: number, index: number) => string,
  /** What else is done with one of a class. */
  besides: ((index: number) => string) | undefined,
): readonly string[] {
  const address = ip(family);
  const count = (match: string, index: number): readonly string[] => [
    ...(besides === undefined ? [] : [`    ${match} ${besides(index)}`]),
    ...Array.from(
      { length: pools },
      (_, pool) => `    ${match} ${address} saddr @pool${pool}_${family} counter name ${counter(pool, index)}`,
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

function passedName(pool: number, index: number): string {
  return `${counterName(pool, index)}_passed`;
}

function ip(family: 4 | 6): "ip" | "ip6" {
  return family === 4 ? "ip" : "ip6";
}

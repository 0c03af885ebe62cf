// The policy in words, for people who decide about it: what is in force, what changes when, who an address is. Instants
// are written by the caller's `date`, which knows the operator's zone.

import type { Address } from "../../base/address.ts";
import type { AddressSets } from "../../base/address-set.ts";
import { hasAddress } from "../../base/address-set.ts";
import { isInForce, policyAt, stageAt } from "./in-force.ts";
import type { NetworkPolicy, Period, Pool, ServerRole, Stage } from "./policy.ts";

export interface Change {
  readonly at: number;
  readonly what: string;
}

type DateText = (at: number) => string;

/** Everything that ever begins or ends, in order of time. */
export function changesOf(policy: NetworkPolicy): readonly Change[] {
  const changes: Change[] = [];
  const add = (at: number | undefined, what: string): void => {
    if (at !== undefined) changes.push({ at, what });
  };
  const period = (of: Period | undefined, what: string): void => {
    add(of?.from, `${what} begins`);
    add(of?.until, `${what} ends`);
  };
  for (const { name, stages, inbound, sav } of policy.pools) {
    for (const { at, stage } of stages) add(at, `pool ${name}: ${stageWords[stage]}`);
    period(inbound, `pool ${name}: blocking of packets from port 25 (IP25B)`);
    period(sav, `pool ${name}: validation of sources (SAV)`);
  }
  for (const partner of policy.partners) {
    if (partner.relation === "gives") period(partner.period, `permit for partner ${partner.name}`);
    else add(partner.request?.begins, `partner ${partner.name} blocks port 25 of our users`);
    if (partner.relation === "depends")
      add(partner.request?.until, `partner ${partner.name} permits our MSA no longer`);
  }
  for (const third of policy.thirdParties) period(third.period, `exception ${third.name}`);
  for (const { id, period: of, owner } of policy.exemptions) {
    period(of, `exemption ${id}${owner === undefined ? "" : ` (${owner})`}`);
  }
  return changes.toSorted((a, b) => a.at - b.at);
}

const stageWords: Readonly<Record<Stage, string>> = {
  off: "nothing is done about port 25",
  observe: "port 25 passes and is counted",
  "mobile-only": "port 25 of mobile carriers' mail servers is blocked",
  full: "port 25 is blocked, but for what is permitted",
};

export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
}

export function describeAt(policy: NetworkPolicy, at: number, date: DateText): readonly Section[] {
  const { lines } = policyAt(policy, at);
  const pools = policy.pools.map((pool) => ({ title: `pool ${pool.name}`, lines: poolLines(pool, at, date) }));
  const permits = permitLines(policy, at, date);
  const exemptions = policy.exemptions.filter(({ period }) => isInForce(period, at));
  const depends = policy.partners.flatMap((partner) => {
    if (partner.relation !== "depends") return [];
    const { request, migration } = partner;
    const begins =
      request === undefined ? "nothing was asked of it yet" : `it blocks port 25 from ${date(request.begins)}`;
    const until = request === undefined ? "" : `, and permits our MSA until ${date(request.until)}`;
    const moved = migration.moved === undefined ? "" : `, ${migration.moved} % have moved to 587`;
    return [`partner ${partner.name}: ${begins}${until}; our users: ${migration.state}${moved}`];
  });
  return [
    ...pools,
    ...(permits.length === 0 ? [] : [{ title: "reachable on port 25 from blocked pools", lines: permits }]),
    ...(exemptions.length === 0
      ? []
      : [
          {
            title: "exempt",
            lines: exemptions.map(({ id, owner, subject, period: { until } }) => {
              const whom =
                subject.kind === "subscriber" ? `subscriber ${subject.subscriber}` : listOf(subject.addresses);
              return `${id}: ${whom}${owner === undefined ? "" : `, ${owner}`}${untilText(until, date)}`;
            }),
          },
        ]),
    ...(lines.length === 0
      ? []
      : [{ title: "lines whose sources are validated", lines: lines.map(({ line, sav }) => `${line} (${sav})`) }]),
    ...(depends.length === 0 ? [] : [{ title: "on others' backbone", lines: depends }]),
  ];
}

function poolLines(pool: Pool, at: number, date: DateText): readonly string[] {
  const size = `${pool.kind}, ${countOf(pool.addresses)}`;
  if (pool.kind === "static") return [size, "never blocked"];
  const stage = stageAt(pool, at);
  const since = pool.stages.findLast((begin) => begin.at <= at)?.at;
  const now = `${stageWords[stage]} (${stage}${since === undefined ? "" : ` since ${date(since)}`})`;
  const next = pool.stages.find((begin) => begin.at > at);
  return [
    size,
    now,
    ...(isInForce(pool.inbound, at)
      ? ["packets from port 25 towards it are blocked, with the same permits (IP25B)"]
      : []),
    ...(isInForce(pool.sav, at) ? ["sources on its lines are validated (SAV)"] : []),
    ...(next === undefined ? [] : [`next: ${next.stage} from ${date(next.at)}`]),
  ];
}

function permitLines(policy: NetworkPolicy, at: number, date: DateText): readonly string[] {
  const open = policy.servers.filter(({ role }) => role === "msa25" || (role === "mx" && policy.ownMx === "permitted"));
  const timed = [
    ...policy.partners.flatMap((partner) =>
      partner.relation === "gives"
        ? [{ what: `partner ${partner.name}`, addresses: partner.msa, period: partner.period }]
        : [],
    ),
    ...policy.thirdParties.map((third) => ({ what: `exception ${third.name}`, ...third })),
  ];
  return [
    ...open.map(({ name, role, addresses }) => `own ${role} ${name}: ${listOf(addresses)}`),
    ...timed
      .filter(({ period }) => isInForce(period, at))
      .map(({ what, addresses, period }) => `${what}: ${listOf(addresses)}${untilText(period.until, date)}`),
  ];
}

function untilText(until: number | undefined, date: DateText): string {
  return until === undefined ? "" : `, until ${date(until)}`;
}

/** A few prefixes as they are, more as a number. */
function listOf(sets: AddressSets): string {
  const prefixes: string[] = [];
  if (sets.v4.rangeCount + sets.v6.rangeCount > 4) return countOf(sets);
  for (const set of [sets.v4, sets.v6]) prefixes.push(...set.prefixes());
  return prefixes.length === 0 ? "no address" : prefixes.length > 6 ? countOf(sets) : prefixes.join(", ");
}

function countOf({ v4, v6 }: AddressSets): string {
  return `${v4.size} IPv4 addresses, ${v6.rangeCount} IPv6 ${v6.rangeCount === 1 ? "range" : "ranges"}`;
}

const roleWords: Readonly<Record<ServerRole, string>> = {
  mta: "own MTA",
  msa25: "own MSA on port 25",
  msa587: "own MSA on 587 and 465",
  mx: "own MX",
};

/** What the policy knows about an address, and where it says so (as in problems.ts). */
export function whoIs(
  policy: NetworkPolicy,
  address: Address,
): readonly { readonly what: string; readonly at: readonly (string | number)[] }[] {
  const known = [
    ...policy.pools.map(({ name, kind, addresses }, index) => {
      return { what: `${kind} pool ${name}`, addresses, at: ["pool", index] };
    }),
    ...policy.servers.map(({ name, role, addresses }, index) => {
      return { what: `${roleWords[role]} ${name}`, addresses, at: ["server", index] };
    }),
    ...policy.partners.flatMap((partner, index) =>
      partner.relation === "gives"
        ? [{ what: `MSA of partner ${partner.name}`, addresses: partner.msa, at: ["partner", index] }]
        : [],
    ),
    ...policy.carriers.map(({ name, addresses }, index) => {
      return { what: `mail server of carrier ${name}`, addresses, at: ["carrier", index] };
    }),
    ...policy.thirdParties.map(({ name, addresses }, index) => {
      return { what: `exception ${name}`, addresses, at: ["third-party", index] };
    }),
    ...policy.exemptions.flatMap(({ id, subject }, index) =>
      subject.kind === "addresses"
        ? [{ what: `exemption ${id}`, addresses: subject.addresses, at: ["exemption", index] }]
        : [],
    ),
  ];
  return known.flatMap(({ what, addresses, at }) => (hasAddress(addresses, address) ? [{ what, at }] : []));
}

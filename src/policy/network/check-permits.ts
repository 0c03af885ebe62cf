// Checks of all that lets somebody through: partners, third parties, exemptions, and of what carriers are made of. Every
// permit has an end, a reason where it is unusual, and an effect.

import { nowhere } from "../../base/address-set.ts";
import type { AddressSets } from "../../base/address-set.ts";
import type { Report } from "./check.ts";
import { show } from "./check-pools.ts";
import type { Exemption, NetworkPolicy, Partner, Period } from "./policy.ts";
import { commonAddress, families, isEmpty, isWithin, ofFamily, overlap, unionOf } from "./sets.ts";

const day = 86_400_000;
/** About a year, with room to renew. */
const longest = 400 * day;
/** Bits of the shortest prefix that a provider's MSAs need. */
const shortest = { 4: 24, 6: 48 } as const;

export function checkPermits(policy: NetworkPolicy, at: number, report: Report): void {
  const roleOf = (role: string): AddressSets =>
    unionOf(policy.servers.filter((server) => server.role === role).map(({ addresses }) => addresses));
  const exchangers = unionOf([
    roleOf("mx"),
    ...policy.carriers.map(({ addresses }) => addresses),
    ...policy.partners.map((partner) => (partner.relation === "gives" ? partner.exchangers : nowhere)),
  ]);
  const always = roleOf("msa25");
  for (const [index, partner] of policy.partners.entries()) {
    const subject = ["partner", index] as const;
    if (partner.relation === "gives") checkGiven(partner, subject, { policy, at, exchangers, report });
    else checkDepending(partner, subject, { at, msa: always, report });
  }
  for (const [index, third] of policy.thirdParties.entries()) {
    const subject = ["third-party", index] as const;
    const what = `the exception ${third.name}`;
    if (isEmpty(third.addresses)) report("empty-set", subject, `${what} has no addresses`);
    if (third.reason === undefined) report("third-party-without-reason", subject, `${what} has no reason`);
    checkPeriod(third.period, subject, what, at, report);
    checkLength(third.period, subject, what, at, report);
    checkExchangers(third.addresses, exchangers, subject, what, report);
  }
  checkShadows(policy, always, report);
  checkExemptions(policy, at, report);
  checkCarriers(policy, report);
}

type Subject = readonly (string | number)[];

interface Context {
  readonly policy: NetworkPolicy;
  readonly at: number;
  readonly exchangers: AddressSets;
  readonly report: Report;
}

function checkGiven(
  partner: Extract<Partner, { relation: "gives" }>,
  subject: Subject,
  { at, exchangers, report }: Context,
): void {
  const { name, msa, period, reason, request } = partner;
  const what = `the permit for partner ${name}`;
  if (isEmpty(msa)) report("empty-set", subject, `${what} has no addresses`);
  checkPeriod(period, subject, what, at, report);
  if (reason === undefined) {
    checkLength(period, subject, what, at, report);
    checkWidth(msa, subject, what, report);
    checkExchangers(msa, exchangers, subject, what, report);
  }
  if (request === undefined) return;
  if (request.signedOff === undefined)
    report("request-unsigned", [...subject, "request"], `nobody signed the request of ${name} off`);
  if (period.until !== undefined && period.until > request.until) {
    report("permit-beyond-request", [...subject, "until"], `${what} lasts longer than the request says`);
  }
}

function checkDepending(
  { name, request, migration }: Extract<Partner, { relation: "depends" }>,
  subject: Subject,
  { at, msa, report }: { readonly at: number; readonly msa: AddressSets; readonly report: Report },
): void {
  if (request === undefined) {
    report("migration-late", subject, `nothing was asked of partner ${name} yet: there is no request`);
    return;
  }
  const path = [...subject, "request"];
  if (request.signedOff === undefined)
    report("request-unsigned", path, `partner ${name} has not signed the request off`);
  if (!isWithin(request.msa, msa) || !isWithin(msa, request.msa)) {
    report("request-differs", path, `the request to partner ${name} names other prefixes than the own msa25 servers`);
  }
  if (migration.state === "done") return;
  if (request.until <= at) {
    report("migration-late", subject, `partner ${name} does not permit the MSA any more, and the users have not moved`);
  } else if (request.begins <= at && migration.state === "planned") {
    report("migration-late", subject, `partner ${name} already blocks port 25, and the users have not been told`);
  }
}

function checkPeriod({ from, until }: Period, subject: Subject, what: string, at: number, report: Report): void {
  if (until === undefined) report("permit-without-end", subject, `${what} has no end`);
  else if (from !== undefined && until <= from)
    report("period-reversed", [...subject, "until"], `${what} ends before it begins`);
  else if (until <= at) report("permit-expired", [...subject, "until"], `${what} has expired`);
}

/** From its beginning; from now where it began at some time before. */
function checkLength({ from, until }: Period, subject: Subject, what: string, at: number, report: Report): void {
  if (until === undefined || until - (from ?? at) <= longest) return;
  const days = Math.ceil((until - (from ?? at)) / day);
  report("permit-too-long", [...subject, "until"], `${what} lasts ${days} days`);
}

/** Neighbouring prefixes count as the one that they make together. */
function checkWidth(sets: AddressSets, subject: Subject, what: string, report: Report): void {
  for (const family of families) {
    let told = false;
    ofFamily(sets, family).forEachPrefix((address, length) => {
      if (told || length >= shortest[family]) return;
      told = true;
      const first = address.slice();
      report("permit-too-wide", subject, `${what} holds ${show(first)}/${length}`, first);
    });
  }
}

function checkExchangers(
  sets: AddressSets,
  exchangers: AddressSets,
  subject: Subject,
  what: string,
  report: Report,
): void {
  const shared = commonAddress(sets, exchangers);
  if (shared === undefined) return;
  report("permit-holds-exchanger", subject, `${what} holds ${show(shared)}, where somebody receives mail`, shared);
}

/** Permits that others which last at least as long make idle. */
function checkShadows({ partners, thirdParties }: NetworkPolicy, always: AddressSets, report: Report): void {
  const permits = [
    ...partners.flatMap((partner, index) =>
      partner.relation === "gives"
        ? [{ what: `partner ${partner.name}`, sets: partner.msa, period: partner.period, subject: ["partner", index] }]
        : [],
    ),
    ...thirdParties.map(({ name, addresses, period }, index) => {
      return { what: `the exception ${name}`, sets: addresses, period, subject: ["third-party", index] };
    }),
  ];
  for (const [index, permit] of permits.entries()) {
    if (isEmpty(permit.sets)) continue;
    if (isWithin(permit.sets, always)) {
      report("permit-shadowed", permit.subject, `the own msa25 servers already contain all of ${permit.what}`);
      continue;
    }
    const other = permits.find(
      (each, place) =>
        place !== index &&
        isWithin(permit.sets, each.sets) &&
        covers(each.period, permit.period) &&
        // Of two that are the same the later one is told.
        (place < index || !isWithin(each.sets, permit.sets) || !covers(permit.period, each.period)),
    );
    if (other !== undefined) {
      report("permit-shadowed", permit.subject, `${other.what} already permits all of ${permit.what}, as long`);
    }
  }
}

function covers(outer: Period, inner: Period): boolean {
  const begins = outer.from === undefined || (inner.from !== undefined && inner.from >= outer.from);
  return begins && (outer.until === undefined || (inner.until !== undefined && inner.until <= outer.until));
}

function checkExemptions(policy: NetworkPolicy, at: number, report: Report): void {
  const dynamic = policy.pools.filter(({ kind }) => kind === "dynamic");
  const all = unionOf(dynamic.map(({ addresses }) => addresses));
  const servers = unionOf(policy.servers.map(({ addresses }) => addresses));
  const radius = policy.targets.filter(({ kind }) => kind === "radius");
  const others = policy.targets.filter(({ kind }) => !["radius", "json", "dnsbl"].includes(kind));
  for (const [index, exemption] of policy.exemptions.entries()) {
    const subject = ["exemption", index] as const;
    const what = `exemption ${exemption.id}`;
    checkPeriod(exemption.period, subject, what, at, report);
    const missing = missingOf(exemption);
    if (missing.length > 0) report("exemption-incomplete", subject, `${what} has no ${missing.join(" and no ")}`);
    if (exemption.subject.kind === "subscriber") {
      const { subscriber } = exemption.subject;
      if (others.length === 0 && radius.length > 0) continue;
      const where =
        others[0] === undefined ? "there is no RADIUS target" : `target ${others[0].name} knows addresses only`;
      report("subscriber-unsayable", subject, `${what} is for the subscriber ${subscriber}, and ${where}`);
      continue;
    }
    const { addresses } = exemption.subject;
    const shared = dynamic.find((pool) => pool.cgn === "external" && overlap(addresses, pool.addresses));
    if (shared !== undefined) {
      report("cgn-exemption", subject, `${what} is for addresses that subscribers of pool ${shared.name} share`);
    }
    if (isWithin(addresses, servers)) {
      report("permit-shadowed", subject, `${what} is for an own server, which passes anyway`);
      continue;
    }
    const first = addresses.v4.first ?? addresses.v6.first;
    if (first !== undefined && !overlap(addresses, all)) {
      report("permit-without-effect", subject, `${what}: ${show(first)} is in no dynamic pool`, first);
    }
  }
}

function missingOf({ owner, reason, ticket }: Exemption): readonly string[] {
  return Object.entries({ owner, reason, ticket }).flatMap(([name, value]) => (value === undefined ? [name] : []));
}

function checkCarriers({ carriers, pools }: NetworkPolicy, report: Report): void {
  const isStaged = pools.some(({ stages }) => stages.some(({ stage }) => stage === "mobile-only"));
  for (const [index, { name, addresses, unresolved, domains }] of carriers.entries()) {
    const subject = ["carrier", index] as const;
    for (const domain of unresolved) {
      const place = [...subject, "domains", domains.indexOf(domain)];
      report("carrier-unresolved", place, `nobody has looked up the exchangers of ${domain} yet`);
    }
    if (isEmpty(addresses) && unresolved.length === 0)
      report("empty-set", subject, `the carrier ${name} has no addresses`);
  }
  if (!isStaged || carriers.length > 0) return;
  for (const [index, { stages }] of pools.entries()) {
    const stage = stages.findIndex((each) => each.stage === "mobile-only");
    if (stage !== -1) report("no-carriers", ["pool", index, "stage", stage], "the stage mobile-only has no carriers");
  }
}

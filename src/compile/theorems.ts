// What a projected policy must keep to, whatever the operator wrote: each statement is proved for all packets, or comes with
// one that breaks it. A statement "these packets are not touched" is the equality of the program with itself behind a
// gate that lets them through. What holds for the program holds for each text that is equal to it.

import { nowhere } from "../base/address-set.ts";
import type { AddressSets } from "../base/address-set.ts";
import { policyAt } from "../policy/network/in-force.ts";
import type { NetworkPolicy } from "../policy/network/policy.ts";
import { difference, unionOf } from "../policy/network/sets.ts";
import { familySet, namedSet, pass } from "./ir.ts";
import type { Binding, Filter, Match, NamedSet, Program, Scope, SourceValidation, Term } from "./ir.ts";
import { tcp } from "./packet.ts";
import type { FilteredPacket } from "./packet.ts";
import type { Projection } from "./project.ts";
import { verify } from "./verify.ts";

export interface Theorem {
  readonly name: TheoremName;
  readonly statement: string;
  readonly outcome: TheoremOutcome;
}

export type TheoremName =
  | "port-25-only"
  | "foreign-sources-only"
  | "replies-pass"
  | "families-alike"
  | "others-untouched"
  | "permits-end";

export type TheoremOutcome =
  | { readonly kind: "proved" }
  | { readonly kind: "broken"; readonly packet: FilteredPacket; readonly rule: string }
  | { readonly kind: "broken-without-packet"; readonly detail: string };

export function proveTheorems(policy: NetworkPolicy, at: number, projection: Projection): readonly Theorem[] {
  const dynamic = poolsOf(policy, "dynamic");
  const { program, scope } = projection;
  const filtersOnly: Program = { ...program, validations: [] };
  return [
    {
      name: "port-25-only",
      statement:
        "OP25B and IP25B touch nothing but TCP: to port 25 from dynamic pools, and from port 25 to dynamic pools",
      outcome: untouched(filtersOnly, scope, everythingButPort25(namedSet("dynamic", dynamic), scope)),
    },
    {
      name: "foreign-sources-only",
      statement: "source validation touches nothing but sources that do not belong to the line",
      outcome: foreignOnly(policy, at, program, scope),
    },
    {
      name: "replies-pass",
      statement: "the replies of every permitted conversation with a server on port 25 pass",
      outcome: repliesPass(filtersOnly, scope),
    },
    {
      name: "families-alike",
      statement: "every rule speaks of IPv4 and of IPv6",
      outcome: familiesAlike(program),
    },
    {
      name: "others-untouched",
      statement: "static customers and own servers are untouched, except in conversations with dynamic pools",
      outcome: untouched(filtersOnly, scope, others(policy, dynamic)),
    },
    {
      name: "permits-end",
      statement: "every permit with a date is gone on that date, and the text is valid no longer",
      outcome: permitsEnd(policy, at, projection),
    },
  ];
}

function poolsOf(policy: NetworkPolicy, wanted: "dynamic" | "static"): AddressSets {
  return unionOf(policy.pools.filter(({ kind }) => kind === wanted).map(({ addresses }) => addresses));
}

/** `gate` accepts the packets that must not be touched and passes on the others. */
function untouched(program: Program, scope: Scope, gates: readonly Gate[]): TheoremOutcome {
  const result = verify(program, behind(program, gates), scope);
  if (result.kind === "equal") return { kind: "proved" };
  return { kind: "broken", packet: result.packet, rule: result.left.rule };
}

interface Gate {
  readonly direction: Binding["direction"];
  readonly terms: readonly Term[];
  readonly otherwise: "pass" | "accept";
}

function behind(program: Program, gates: readonly Gate[]): Program {
  const filters = gates.map(({ terms, otherwise }, index): Filter => ({
    name: `gate ${index}`,
    terms,
    otherwise: otherwise === "pass" ? pass : { kind: "accept" },
  }));
  const bindings = gates.map(({ direction }, index): Binding => ({
    filter: `gate ${index}`,
    place: { kind: "everywhere" },
    direction,
    family: "both",
  }));
  return { ...program, filters: [...filters, ...program.filters], bindings: [...bindings, ...program.bindings] };
}

const port25 = [{ first: 25, last: 25 }];
const notPort25 = [
  { first: 0, last: 24 },
  { first: 26, last: 65_535 },
];

/** Where a filter knows the direction, OP25B is for what goes up and IP25B for what comes down. */
function everythingButPort25(dynamic: NamedSet, scope: Scope): readonly Gate[] {
  const outbound = letOn({ protocol: tcp, destinationPorts: port25, source: dynamic });
  const inbound = letOn({ protocol: tcp, sourcePorts: port25, destination: dynamic });
  const tellsDirections =
    scope.lines.every((line) => line !== undefined) || scope.upstreams.every((one) => one !== undefined);
  if (!tellsDirections) return [{ direction: "both", terms: [outbound, inbound], otherwise: "accept" }];
  return [
    { direction: "up", terms: [outbound], otherwise: "accept" },
    { direction: "down", terms: [inbound], otherwise: "accept" },
  ];
}

function letOn(match: Match): Term {
  return { id: "gate", match, action: pass };
}

function acceptOn(match: Match): Term {
  return { id: "gate", match, action: { kind: "accept" } };
}

function others(policy: NetworkPolicy, dynamicAddresses: AddressSets): readonly Gate[] {
  const own = unionOf(policy.servers.map(({ addresses }) => addresses));
  const quiet = difference(unionOf([poolsOf(policy, "static"), own]), dynamicAddresses);
  const [theirs, dynamic] = [namedSet("others", quiet), namedSet("dynamic", dynamicAddresses)];
  const terms = [
    letOn({ source: theirs, destination: dynamic }),
    letOn({ source: dynamic, destination: theirs }),
    acceptOn({ source: theirs }),
    acceptOn({ destination: theirs }),
  ];
  return [{ direction: "both", terms, otherwise: "pass" }];
}

/** The validations let no less through when each line's own sources are added to what they allow. */
function foreignOnly(policy: NetworkPolicy, at: number, program: Program, scope: Scope): TheoremOutcome {
  const own = new Map(policyAt(policy, at).lines.map(({ line, addresses }) => [line, addresses]));
  const widened = program.validations.map((validation): SourceValidation => {
    const { family, check, line } = validation;
    const more = familySet(own.get(line) ?? nowhere, family);
    return check.kind === "list"
      ? { ...validation, check: { ...check, allowed: check.allowed.union(more) } }
      : { ...validation, check: { ...check, besides: check.besides.union(more) } };
  });
  const alone: Program = { filters: [], bindings: [], validations: program.validations };
  const result = verify(alone, { ...alone, validations: widened }, scope);
  if (result.kind === "equal") return { kind: "proved" };
  return { kind: "broken", packet: result.packet, rule: result.left.rule };
}

/**
 * A packet to port 25 that passes, and whose mirror image does not, breaks it: the program and its own mirror image
 * together must block no more such packets than the program alone. The other end does not use port 25 itself.
 */
function repliesPass(program: Program, scope: Scope): TheoremOutcome {
  const toServers: Gate = {
    direction: "both",
    terms: [letOn({ protocol: tcp, sourcePorts: notPort25, destinationPorts: port25 })],
    otherwise: "accept",
  };
  const mirrored = mirror(program);
  const both: Program = {
    filters: [...program.filters, ...mirrored.filters],
    bindings: [...program.bindings, ...mirrored.bindings],
    validations: [],
  };
  // A place that sees one direction only lets the other one pass as far as it is concerned.
  if (scope.directions.length < 2) return { kind: "proved" };
  const result = verify(behind(program, [toServers]), behind(both, [toServers]), scope);
  if (result.kind === "equal") return { kind: "proved" };
  return { kind: "broken", packet: result.packet, rule: result.right.rule };
}

/** What the program does with the reply to a packet, as a program about that packet. */
function mirror({ filters, bindings }: Program): Program {
  return {
    filters: filters.map((filter) => ({
      ...filter,
      name: `reply ${filter.name}`,
      terms: filter.terms.map((term) => ({ ...term, match: mirrorMatch(term.match) })),
    })),
    bindings: bindings.map((binding) => ({
      ...binding,
      filter: `reply ${binding.filter}`,
      direction: binding.direction === "both" ? "both" : binding.direction === "up" ? "down" : "up",
    })),
    validations: [],
  };
}

function mirrorMatch({ source, destination, sourcePorts, destinationPorts, ...match }: Match): Match {
  return {
    ...match,
    ...(source === undefined ? {} : { destination: source }),
    ...(destination === undefined ? {} : { source: destination }),
    ...(sourcePorts === undefined ? {} : { destinationPorts: sourcePorts }),
    ...(destinationPorts === undefined ? {} : { sourcePorts: destinationPorts }),
  };
}

function withoutPacket(detail: string): TheoremOutcome {
  return { kind: "broken-without-packet", detail };
}

function familiesAlike({ filters, bindings, validations }: Program): TheoremOutcome {
  for (const { terms } of filters) {
    const one = terms.find(({ match }) => match.family !== undefined);
    if (one !== undefined) return withoutPacket(`rule ${one.id} speaks of IPv${one.match.family} only`);
  }
  const binding = bindings.find(({ family }) => family !== "both");
  if (binding !== undefined) return withoutPacket(`filter ${binding.filter} is bound for IPv${binding.family} only`);
  const alone = validations.find(
    ({ line, family }) => !validations.some((other) => other.line === line && other.family !== family),
  );
  return alone === undefined
    ? { kind: "proved" }
    : withoutPacket(`sources on line ${alone.line} are looked at in IPv${alone.family} only`);
}

function permitsEnd(policy: NetworkPolicy, at: number, { validUntil }: Projection): TheoremOutcome {
  const rulesAt = (instant: number): readonly { readonly id: string; readonly until: number | undefined }[] =>
    policyAt(policy, instant).pools.flatMap(({ outbound, inbound }) => [...outbound, ...inbound]);
  for (const { id, until } of rulesAt(at)) {
    if (until === undefined) continue;
    const end = new Date(until).toISOString();
    if (rulesAt(until).some((rule) => rule.id === id && rule.until === until)) {
      return withoutPacket(`${id} is still there at ${end}`);
    }
    if (validUntil === undefined || validUntil > until) {
      return withoutPacket(`the text outlives ${id}, which ends at ${end}`);
    }
  }
  return { kind: "proved" };
}

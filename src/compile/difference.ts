// Whom two programs treat differently, as sets of addresses: what verify.ts answers with one packet, answered for all of
// them. For people who are about to change a filter, so it speaks of conversations: the near end is the side that has no
// service port, the far end the other one. Exact within the scope for packets of which at most one port is named by either
// program and whose subscriber nobody knows; whether anything else differs is verify's to say.

import { kindsOf } from "./classes.ts";
import type { Kind } from "./classes.ts";
import { bindingMeets, matchesBeforeAddresses } from "./decide.ts";
import { familySet } from "./ir.ts";
import type { Action, Filter, Program, Scope } from "./ir.ts";
import type { Direction, FilteredPacket } from "./packet.ts";
import { isIn, SetRegistry, signaturesOf } from "./signatures.ts";
import { all, none } from "../base/address-set.ts";
import type { AddressSet } from "../base/address-set.ts";
import type { Address, Family } from "../base/address.ts";

export interface Reach {
  readonly family: Family;
  readonly kind: Kind;
  readonly nearEnd: "source" | "destination";
  /** What these conversations become. */
  readonly becomes: "blocked" | "open";
  readonly near: AddressSet;
  readonly far: AddressSet;
  readonly directions: readonly Direction[];
  /** Lines on which it is so; undefined stands for any that no filter names. */
  readonly lines: readonly (string | undefined)[];
}

export function reachBetween(before: Program, after: Program, scope: Scope): readonly Reach[] {
  const programs = [before, after] as const;
  const named = namedPorts(programs);
  const kinds = kindsOf(programs, false).filter(
    ({ sourcePort, destinationPort, subscriber }) =>
      subscriber === undefined && !(isNamed(named.source, sourcePort) && isNamed(named.destination, destinationPort)),
  );
  const found = new Map<string, Reach>();
  const registry = new SetRegistry();
  for (const way of waysOf(programs, scope)) {
    for (const kind of kinds) {
      const nearEnd = isNamed(named.source, kind.sourcePort) ? "destination" : "source";
      const within =
        nearEnd === "source" && way.direction === "up"
          ? scope.sources
          : nearEnd === "destination" && way.direction === "down"
            ? scope.destinations
            : undefined;
      for (const part of compare(programs, way, kind, nearEnd)) {
        const near = within === undefined ? part.near : part.near.intersection(familySet(within, way.family));
        if (near.isEmpty) continue;
        // The same difference on other lines, in the other direction and of other ports that nobody names is told once.
        const service = [named.source, named.destination].map((ports, end) => {
          const port = end === 0 ? kind.sourcePort : kind.destinationPort;
          return isNamed(ports, port) ? port : "any";
        });
        const key = `${way.family} ${kind.protocol} ${service.join()} ${part.becomes} ${registry.numberOf(near)} ${registry.numberOf(part.far)}`;
        const known = found.get(key);
        found.set(key, {
          family: way.family,
          kind: known?.kind ?? kind,
          nearEnd,
          becomes: part.becomes,
          near,
          far: part.far,
          directions: [...new Set([...(known?.directions ?? []), way.direction])],
          lines: [...new Set([...(known?.lines ?? []), ...way.lines])],
        });
      }
    }
  }
  return [...found.values()];
}

interface Ways {
  readonly family: Family;
  readonly direction: Direction;
  readonly lines: readonly (string | undefined)[];
  /** One of those that meet the same filters. */
  readonly one: Pick<FilteredPacket, "family" | "direction" | "line" | "upstream">;
}

/** Validation of sources is not part of it. */
function waysOf(programs: readonly [Program, Program], scope: Scope): readonly Ways[] {
  const ways = new Map<string, Ways>();
  for (const family of [4, 6] as const) {
    for (const direction of scope.directions) {
      for (const upstream of scope.upstreams) {
        for (const line of scope.lines) {
          const one = { family, direction, line, upstream };
          const met = programs.map(({ bindings }) =>
            bindings.flatMap((each, at) => (bindingMeets(each, one) ? at : [])),
          );
          const key = `${family} ${direction} ${met.map((some) => some.join()).join("|")}`;
          const known = ways.get(key);
          ways.set(key, { family, direction, one: known?.one ?? one, lines: [...(known?.lines ?? []), line] });
        }
      }
    }
  }
  return [...ways.values()];
}

interface Term {
  readonly near: AddressSet;
  readonly far: AddressSet;
  readonly outcome: Action["kind"];
}

interface Part {
  readonly becomes: Reach["becomes"];
  readonly near: AddressSet;
  readonly far: AddressSet;
}

function compare(
  programs: readonly [Program, Program],
  { one, family }: Ways,
  kind: Kind,
  nearEnd: Reach["nearEnd"],
): readonly Part[] {
  const before = listsOf(programs[0], one, kind, nearEnd);
  const after = listsOf(programs[1], one, kind, nearEnd);
  const fars = [...new Set([...before, ...after].flat().map(({ far }) => far))].filter(
    (far) => !far.isEmpty && !far.complement().isEmpty,
  );
  const parts: { becomes: Reach["becomes"]; near: AddressSet; far: AddressSet }[] = [];
  for (const signature of signaturesOf(family, fars)) {
    const was = blockedTowards(before, signature.address, family);
    const willBe = blockedTowards(after, signature.address, family);
    for (const [becomes, near] of [
      ["blocked", willBe.difference(was)],
      ["open", was.difference(willBe)],
    ] as const) {
      if (near.isEmpty) continue;
      let far = all(family);
      for (const [index, set] of fars.entries()) {
        far = isIn(signature, index) ? far.intersection(set) : far.difference(set);
      }
      const same = parts.find((part) => part.becomes === becomes && part.near.equals(near));
      if (same === undefined) parts.push({ becomes, near, far });
      else same.far = same.far.union(far);
    }
  }
  return parts;
}

function listsOf(program: Program, one: Ways["one"], kind: Kind, nearEnd: Reach["nearEnd"]): Term[][] {
  const { family } = one;
  const anything = all(family);
  const setOf = (set: Filter["terms"][number]["match"]["source"]): AddressSet =>
    set === undefined ? anything : familySet(set, family);
  return program.bindings
    .filter((binding) => bindingMeets(binding, one))
    .map(({ filter: name }) => {
      const filter = program.filters.find((each) => each.name === name);
      if (filter === undefined) throw new Error(`a binding names the filter ${name}, which is not there`);
      const terms = filter.terms
        .filter(({ match }) => matchesBeforeAddresses(match, { family, ...kind }))
        .map(({ match, action }): Term => {
          const [source, destination] = [setOf(match.source), setOf(match.destination)];
          const [near, far] = nearEnd === "source" ? [source, destination] : [destination, source];
          return { near, far, outcome: action.kind };
        });
      return [...terms, { near: anything, far: anything, outcome: filter.otherwise.kind }];
    });
}

/** The near ends that may not speak with this far end. */
function blockedTowards(lists: readonly (readonly Term[])[], far: Address, family: Family): AddressSet {
  let blocked = none(family);
  let asked = all(family);
  for (const list of lists) {
    let left = asked;
    for (const term of list) {
      if (left.isEmpty) break;
      if (!term.far.has(far)) continue;
      const part = left.intersection(term.near);
      left = left.difference(term.near);
      if (term.outcome === "block") blocked = blocked.union(part);
      if (term.outcome !== "pass") asked = asked.difference(part);
    }
  }
  return blocked;
}

interface NamedPorts {
  readonly source: ReadonlySet<number>;
  readonly destination: ReadonlySet<number>;
}

/** The first port of each range that a program speaks of. */
function namedPorts(programs: readonly Program[]): NamedPorts {
  const matches = programs.flatMap(({ filters }) => filters.flatMap(({ terms }) => terms.map(({ match }) => match)));
  const firsts = (end: "sourcePorts" | "destinationPorts"): ReadonlySet<number> =>
    new Set(matches.flatMap((match) => (match[end] ?? []).map(({ first }) => first)));
  return { source: firsts("sourcePorts"), destination: firsts("destinationPorts") };
}

function isNamed(ports: ReadonlySet<number>, port: number | undefined): boolean {
  return port !== undefined && ports.has(port);
}

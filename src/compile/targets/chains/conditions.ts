// The conditions of a rule, which all must hold, as matches of the IR, of which one must hold: a list of protocols becomes
// one match for each, "not" becomes the others, and what can never hold none.

import type { AddressSet, AddressSets } from "../../../base/address-set.ts";
import { none } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { namedSet } from "../../ir.ts";
import type { Match, NamedSet, PortRange } from "../../ir.ts";
import { tcp, udp } from "../../packet.ts";
import type { RuleMatch } from "./rule.ts";

/** What a named set holds; undefined: there is none of that name for addresses. */
export type SetLookup = (name: string) => NamedSet | undefined;

interface End {
  addresses: NamedSet | undefined;
  ports: readonly PortRange[] | undefined;
}

/** A set that the text names and does not have throws what `missing` makes. */
export function matchesOf(
  conditions: readonly RuleMatch[],
  lookup: SetLookup,
  missing: (set: string) => Error,
): readonly Match[] {
  let families: readonly Family[] = [4, 6];
  let protocols: readonly number[] | undefined;
  let flags: Match["flags"];
  const ends: Record<"source" | "destination", End> = {
    source: { addresses: undefined, ports: undefined },
    destination: { addresses: undefined, ports: undefined },
  };
  const only = (some: readonly number[]): void => {
    protocols = protocols === undefined ? some : protocols.filter((protocol) => some.includes(protocol));
  };
  for (const condition of conditions) {
    switch (condition.kind) {
      case "family":
        families = families.filter((family) => family === condition.family);
        break;
      case "address": {
        families = families.filter((family) => family === condition.family);
        const { among, isNegated, family } = condition;
        const found = "set" in among ? lookup(among.set) : namedSet("inline", both(among.addresses));
        if (found === undefined) throw missing("set" in among ? among.set : "");
        const end = ends[condition.end];
        end.addresses = narrowed(end.addresses, isNegated ? complementOf(found, family) : found);
        break;
      }
      case "protocol":
        only(
          condition.isNegated
            ? allProtocols.filter((protocol) => !condition.protocols.includes(protocol))
            : condition.protocols,
        );
        break;
      case "ports": {
        only(condition.protocol === undefined ? [tcp, udp] : [condition.protocol]);
        const end = ends[condition.end];
        end.ports = commonPorts(end.ports, condition.isNegated ? otherPorts(condition.ranges) : condition.ranges);
        break;
      }
      case "flags":
        only([tcp]);
        if (flags !== undefined && flags !== condition.flags) return [];
        flags = condition.flags;
        break;
      case "interface":
      case "pair":
      case "no-reverse-path":
        throw new Error("conditions on interfaces are not for here");
    }
  }
  const { source, destination } = ends;
  if (families.length === 0 || source.ports?.length === 0 || destination.ports?.length === 0) return [];
  const match: Match = {
    ...(families.length === 1 ? { family: families[0]! } : {}),
    ...(source.addresses === undefined ? {} : { source: source.addresses }),
    ...(destination.addresses === undefined ? {} : { destination: destination.addresses }),
    ...(source.ports === undefined ? {} : { sourcePorts: source.ports }),
    ...(destination.ports === undefined ? {} : { destinationPorts: destination.ports }),
    ...(flags === undefined ? {} : { flags }),
  };
  return protocols === undefined ? [match] : [...new Set(protocols)].map((protocol) => ({ ...match, protocol }));
}

const allProtocols = Array.from({ length: 256 }, (_, protocol) => protocol);

function both(addresses: AddressSet): AddressSets {
  return addresses.family === 4 ? { v4: addresses, v6: none(6) } : { v4: none(4), v6: addresses };
}

function complementOf({ name, v4, v6 }: NamedSet, family: Family): NamedSet {
  return namedSet(`not-${name}`, both(family === 4 ? v4.complement() : v6.complement()));
}

function narrowed(known: NamedSet | undefined, more: NamedSet): NamedSet {
  if (known === undefined) return more;
  const addresses = { v4: known.v4.intersection(more.v4), v6: known.v6.intersection(more.v6) };
  return namedSet(`${known.name}-and-${more.name}`, addresses);
}

function commonPorts(known: readonly PortRange[] | undefined, more: readonly PortRange[]): readonly PortRange[] {
  if (known === undefined) return more;
  return known.flatMap((one) =>
    more
      .map((other) => ({ first: Math.max(one.first, other.first), last: Math.min(one.last, other.last) }))
      .filter(({ first, last }) => first <= last),
  );
}

function otherPorts(ranges: readonly PortRange[]): readonly PortRange[] {
  const others: PortRange[] = [];
  let next = 0;
  for (const { first, last } of ranges.toSorted((a, b) => a.first - b.first)) {
    if (first > next) others.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  if (next <= 65_535) others.push({ first: next, last: 65_535 });
  return others;
}

// All that filters ask of a packet besides its two addresses, cut into classes of which each member is treated like the
// others by both programs: one combination of members stands for all of them.

import { none } from "../base/address-set.ts";
import type { AddressSet } from "../base/address-set.ts";
import { bindingMeets } from "./decide.ts";
import type { Match, Program, Scope, SourceValidation } from "./ir.ts";
import { tcp, udp } from "./packet.ts";
import type { Direction, FilteredPacket, Fragment } from "./packet.ts";
import type { Family } from "../base/address.ts";

const families: readonly Family[] = [4, 6];

/** What is asked of a packet besides its addresses and its way. */
export type Kind = Pick<
  FilteredPacket,
  "subscriber" | "protocol" | "flags" | "fragment" | "sourcePort" | "destinationPort"
>;

export function kindsOf(programs: readonly [Program, Program], withLaterFragments: boolean): readonly Kind[] {
  const matches = programs.flatMap(({ filters }) => filters.flatMap(({ terms }) => terms.map(({ match }) => match)));
  const sourcePorts = portClasses(matches.map((match) => match.sourcePorts));
  const destinationPorts = portClasses(matches.map((match) => match.destinationPorts));
  const subscribers = [undefined, ...new Set(matches.flatMap(({ subscriber }) => subscriber ?? []))];
  const fragments = fragmentClasses(matches, withLaterFragments);
  const flagClasses = matches.some(({ flags }) => flags !== undefined)
    ? (["syn", "other"] as const)
    : (["syn"] as const);
  const kinds: Kind[] = [];
  for (const subscriber of subscribers) {
    for (const protocol of protocolClasses(matches)) {
      for (const flags of protocol === tcp ? flagClasses : (["other"] as const)) {
        for (const fragment of fragments) {
          const hasPorts = (protocol === tcp || protocol === udp) && fragment !== "rest";
          for (const sourcePort of hasPorts ? sourcePorts : [undefined]) {
            for (const destinationPort of hasPorts ? destinationPorts : [undefined]) {
              kinds.push({ subscriber, protocol, flags, fragment, sourcePort, destinationPort });
            }
          }
        }
      }
    }
  }
  return kinds;
}

/** Those that are named, TCP, UDP (which have ports) and one that nobody names. */
function protocolClasses(matches: readonly Match[]): readonly number[] {
  const named = new Set([tcp, udp, ...matches.flatMap(({ protocol }) => protocol ?? [])]);
  const other = Array.from({ length: 256 }, (_, index) => 255 - index).find((protocol) => !named.has(protocol));
  return other === undefined ? [...named] : [...named, other];
}

/** One port of each stretch between the ends of all ranges. */
function portClasses(ranges: readonly Match["sourcePorts"][]): readonly number[] {
  const ends = new Set([0]);
  for (const { first, last } of ranges.flatMap((some) => some ?? [])) ends.add(first).add(last + 1);
  return [...ends].filter((port) => port <= 65_535);
}

function fragmentClasses(matches: readonly Match[], withLaterFragments: boolean): readonly Fragment[] {
  const isAsked = matches.some(({ fragment }) => fragment !== undefined);
  return ["whole", ...(isAsked ? (["first"] as const) : []), ...(withLaterFragments ? (["rest"] as const) : [])];
}

/** A way through the device, and how validation is looked at on it. */
export interface Way {
  readonly family: Family;
  readonly direction: Direction;
  readonly line: string | undefined;
  readonly upstream: string | undefined;
  /**
   * Customer lines can be thousands. Of those that meet the same filters and whose validation is the same in both
   * programs, one stands for all, with its validation set aside: without a difference there, there is none on any of
   * them. With one, `each` must be looked at.
   */
  readonly validation: "looked at" | { readonly each: readonly Way[] };
}

export function waysOf(
  programs: readonly [Program, Program],
  validations: readonly [Validations, Validations],
  scope: Scope,
): readonly Way[] {
  const ways: Way[] = [];
  for (const direction of scope.directions) {
    for (const family of families) {
      const seen = new Set<string>();
      const alike = new Map<string, Way[]>();
      for (const upstream of scope.upstreams) {
        for (const line of scope.lines) {
          const way: Way = { family, direction, line, upstream, validation: "looked at" };
          const met = programs.map(({ bindings }) => bindings.flatMap((one, at) => (bindingMeets(one, way) ? at : [])));
          const key = met.map((some) => some.join()).join("|");
          const [left, right] = validations.map((some) => some.allowedOn(way));
          if (left === undefined && right === undefined) {
            if (!seen.has(key)) ways.push(way);
            seen.add(key);
          } else if (left !== undefined && right?.equals(left) === true) {
            const others = alike.get(key) ?? [];
            others.push(way);
            alike.set(key, others);
          } else ways.push(way);
        }
      }
      for (const [key, each] of alike) if (!seen.has(key)) ways.push({ ...each[0]!, validation: { each } });
    }
  }
  return ways;
}

/** What the validations of a program let up each line. */
export class Validations {
  readonly #allowed = new Map<string, AddressSet>();

  constructor(validations: readonly SourceValidation[]) {
    for (const { line, family, check } of validations) {
      const key = `${family} ${line}`;
      const allowed = check.kind === "list" ? check.allowed : check.besides.union(check.routes ?? none(family));
      this.#allowed.set(key, this.#allowed.get(key)?.intersection(allowed) ?? allowed);
    }
  }

  /** undefined: everything. */
  allowedOn({ family, direction, line }: Pick<Way, "family" | "direction" | "line">): AddressSet | undefined {
    return direction === "down" || line === undefined ? undefined : this.#allowed.get(`${family} ${line}`);
  }
}

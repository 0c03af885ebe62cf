// One FlowSpec rule as far as filters of port 25 need it, and the order in which routers try rules: that of RFC 8955 §5.1
// (and RFC 8956 §4 for IPv6), whatever the order of a text is. The first that matches decides, as no rule here says that
// others follow (the terminal bit of traffic-action).

import { formatAddress, hostMask } from "../../../base/address.ts";
import type { Address, Family } from "../../../base/address.ts";
import type { PortRange } from "../../ir.ts";

export interface FlowPrefix {
  readonly address: Address;
  readonly length: number;
}

/** undefined: the component is not there. */
export interface FlowMatch {
  readonly family: Family;
  readonly destination: FlowPrefix | undefined;
  readonly source: FlowPrefix | undefined;
  readonly protocol: number | undefined;
  readonly destinationPorts: readonly PortRange[] | undefined;
  readonly sourcePorts: readonly PortRange[] | undefined;
}

export interface FlowRule extends FlowMatch {
  readonly action: "accept" | "discard";
  /** The policy's rule, or the line of a text. */
  readonly rule: string;
}

/** Negative: the first one is tried first. 0: they are one rule, and of two the later announcement holds. */
export function compareRules(a: FlowMatch, b: FlowMatch): number {
  return (
    compareComponents(a.destination, b.destination, comparePrefixes) ||
    compareComponents(a.source, b.source, comparePrefixes) ||
    compareComponents(a.protocol, b.protocol, (left, right) => left - right) ||
    compareComponents(a.destinationPorts, b.destinationPorts, comparePorts) ||
    compareComponents(a.sourcePorts, b.sourcePorts, comparePorts)
  );
}

/** The lower type comes first, so of two rules that are alike up to here the one that has this component. */
function compareComponents<T>(a: T | undefined, b: T | undefined, compare: (a: T, b: T) => number): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return compare(a, b);
}

/** The lower address, where they do not overlap; otherwise the longer prefix. */
function comparePrefixes(a: FlowPrefix, b: FlowPrefix): number {
  const bits = Math.min(a.length, b.length);
  for (let word = 0; word < a.address.length; word++) {
    const mask = ~hostMask(word, bits) >>> 0;
    const [left, right] = [(a.address[word]! & mask) >>> 0, (b.address[word]! & mask) >>> 0];
    if (left !== right) return left - right;
  }
  return b.length - a.length;
}

/** As octets of the NLRI: the lower ones, and where one begins the other, the longer. */
function comparePorts(a: readonly PortRange[], b: readonly PortRange[]): number {
  const [left, right] = [portOctets(a), portOctets(b)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    if (left[at] !== right[at]) return left[at]! - right[at]!;
  }
  return right.length - left.length;
}

const operators = { end: 0x80, and: 0x40, twoOctets: 0x10, equal: 0x01, atLeast: 0x03, atMost: 0x05 } as const;

/** RFC 8955 §4.2.1.1: an operator before each value, the value in as few octets as hold it. */
function portOctets(ports: readonly PortRange[]): readonly number[] {
  const octets: number[] = [];
  for (const [index, { first, last }] of ports.entries()) {
    const end = index === ports.length - 1 ? operators.end : 0;
    if (first === last) octets.push(...valueOctets(end | operators.equal, first));
    else {
      octets.push(...valueOctets(operators.atLeast, first));
      octets.push(...valueOctets(end | operators.and | operators.atMost, last));
    }
  }
  return octets;
}

function valueOctets(operator: number, value: number): readonly number[] {
  return value < 256 ? [operator, value] : [operator | operators.twoOctets, value >>> 8, value & 0xff];
}

function containsPrefix(wide: FlowPrefix, narrow: FlowPrefix): boolean {
  if (wide.length > narrow.length) return false;
  for (let word = 0; word < wide.address.length; word++) {
    const mask = ~hostMask(word, wide.length) >>> 0;
    if (((wide.address[word]! ^ narrow.address[word]!) & mask) !== 0) return false;
  }
  return true;
}

/** undefined: nothing is in both. */
export function intersectPrefixes(
  a: FlowPrefix | undefined,
  b: FlowPrefix | undefined,
): FlowPrefix | "none" | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return containsPrefix(a, b) ? b : containsPrefix(b, a) ? a : "none";
}

export function writePrefix({ address, length }: FlowPrefix, family: Family): string {
  return `${formatAddress(address, family)}/${length}`;
}

export function keyOf({ family, destination, source, protocol, destinationPorts, sourcePorts }: FlowMatch): string {
  const ends = [destination, source].map((end) => (end === undefined ? "" : writePrefix(end, family)));
  return JSON.stringify([family, ...ends, protocol ?? "", destinationPorts ?? "", sourcePorts ?? ""]);
}

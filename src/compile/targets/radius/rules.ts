// Filter rules as RADIUS carries them: IPFilterRule of RFC 6733 §4.3.1, a list of which is NAS-Filter-Rule (RFC 4849).
//
// What the standard says of packets that no rule matches (dropped if the last rule was a permit, passed if it was a deny)
// and what access servers do (most drop) are not the same. So a list that is printed ends, in each direction, in a rule
// for all that is left; and one that is read without it is taken to drop the rest, which is the worse of the two.

import { AddressSetBuilder, nowhere } from "../../../base/address-set.ts";
import type { Family } from "../../../base/address.ts";
import { parseAddress } from "../../../base/address.ts";
import type { NamedSet, PortRange } from "../../ir.ts";
import { namedSet } from "../../ir.ts";
import type { LineAddress, LineMatch } from "../../merge.ts";
import { tcp, udp } from "../../packet.ts";

export interface FilterRule {
  readonly action: "permit" | "deny";
  /** `in` is from the subscriber, `out` to the subscriber. */
  readonly direction: "in" | "out";
  readonly protocol: number | undefined;
  /** "any" or a prefix. */
  readonly source: string;
  readonly sourcePorts: readonly PortRange[] | undefined;
  readonly destination: string;
  readonly destinationPorts: readonly PortRange[] | undefined;
}

export function writeRule(rule: FilterRule): string {
  const { action, direction, protocol, source, sourcePorts, destination, destinationPorts } = rule;
  return [
    action,
    direction,
    protocol === undefined ? "ip" : String(protocol),
    "from",
    withPorts(source, sourcePorts),
    "to",
    withPorts(destination, destinationPorts),
  ].join(" ");
}

function withPorts(address: string, ports: readonly PortRange[] | undefined): string {
  if (ports === undefined) return address;
  return `${address} ${ports.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`)).join(",")}`;
}

export interface ReadRule {
  readonly action: "permit" | "deny";
  readonly direction: "in" | "out";
  readonly match: LineMatch;
  readonly source: LineAddress;
  readonly destination: LineAddress;
}

/** A string is what is wrong with it. `assigned` is what the subscriber's own addresses are. */
export function readRule(text: string, assigned: NamedSet): ReadRule | string {
  const words = text.trim().toLowerCase().split(/\s+/);
  const [action, direction, protocolWord = "", from] = words;
  if (action !== "permit" && action !== "deny") return `a filter rule permits or denies: ${text}`;
  if (direction !== "in" && direction !== "out") return `a filter rule says in or out: ${text}`;
  const protocol = protocolOf(protocolWord);
  if (protocol === "wrong") return `${protocolWord} is no protocol`;
  if (from !== "from") return `"from" is missing: ${text}`;
  const source = readEnd(words.slice(4), assigned);
  if (typeof source === "string") return source;
  const [to, ...rest] = source.rest;
  if (to !== "to") return `"to" is missing: ${text}`;
  const destination = readEnd(rest, assigned);
  if (typeof destination === "string") return destination;
  const options = readOptions(destination.rest);
  if (typeof options === "string") return options;
  const hasPorts = source.ports !== undefined || destination.ports !== undefined;
  if (hasPorts && protocol !== tcp && protocol !== udp) return "ports go with TCP or UDP";
  if (options.flags !== undefined && protocol !== tcp) return "setup goes with TCP";
  if (options.fragment !== undefined && hasPorts) return "later fragments have no ports";
  const families = new Set([source.family, destination.family].filter((family) => family !== undefined));
  if (families.size > 1) return "the two ends are of different families";
  const [family] = families;
  return {
    action,
    direction,
    match: {
      ...(family === undefined ? {} : { family }),
      ...(protocol === undefined ? {} : { protocol }),
      ...(source.ports === undefined ? {} : { sourcePorts: source.ports }),
      ...(destination.ports === undefined ? {} : { destinationPorts: destination.ports }),
      ...options,
    },
    source: source.address,
    destination: destination.address,
  };
}

interface ReadEnd {
  readonly address: LineAddress;
  readonly family: Family | undefined;
  readonly ports: readonly PortRange[] | undefined;
  readonly rest: readonly string[];
}

function readEnd([word = "", next = "", ...more]: readonly string[], assigned: NamedSet): ReadEnd | string {
  const address = readAddress(word, assigned);
  if (typeof address === "string") return address;
  // Where a word may stand for ports, digits begin it; the other words are names.
  const ports = /^\d/.test(next) ? readPorts(next) : undefined;
  if (typeof ports === "string") return ports;
  const rest = ports === undefined ? [next, ...more].filter((one) => one !== "") : more;
  return { ...address, ports, rest };
}

function readAddress(word: string, assigned: NamedSet): Pick<ReadEnd, "address" | "family"> | string {
  if (word === "any") return { address: undefined, family: undefined };
  if (word === "assigned") return { address: assigned, family: undefined };
  const isNegated = word.startsWith("!");
  const prefix = isNegated ? word.slice(1) : word;
  const [written = "", length] = prefix.split("/");
  const parsed = parseAddress(written);
  if (parsed === undefined) return `${word} is no address`;
  const family = parsed.length === 1 ? 4 : 6;
  const whole = `${written}/${length ?? (family === 4 ? 32 : 128)}`;
  if (!isNegated) return { address: whole, family };
  const builder = new AddressSetBuilder();
  const wrong = builder.addText(whole);
  if (wrong !== undefined) return `${word} ${wrong}`;
  const { v4, v6 } = builder.build();
  const others = family === 4 ? { ...nowhere, v4: v4.complement() } : { ...nowhere, v6: v6.complement() };
  return { address: namedSet(`not-${prefix}`, others), family };
}

function readPorts(word: string): readonly PortRange[] | string {
  const ranges: PortRange[] = [];
  for (const part of word.split(",")) {
    const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    const first = Number(found?.[1] ?? Number.NaN);
    const last = Number(found?.[2] ?? first);
    if (!(first <= last && last <= 65_535)) return `${part} is no port`;
    ranges.push({ first, last });
  }
  return ranges;
}

function readOptions(words: readonly string[]): Pick<LineMatch, "flags" | "fragment"> | string {
  const [word, ...more] = words;
  if (word === undefined) return {};
  if (more.length > 0 || (word !== "setup" && word !== "frag")) return `${words.join(" ")} is not understood in a rule`;
  return word === "setup" ? { flags: "syn" } : { fragment: "rest" };
}

/** The standard takes numbers; servers take these names too. */
const protocols: Readonly<Record<string, number>> = { icmp: 1, tcp, udp, gre: 47, esp: 50, icmpv6: 58 };

function protocolOf(word: string): number | undefined | "wrong" {
  if (word === "ip") return undefined;
  if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return Number(word);
  return protocols[word] ?? "wrong";
}

// The network side of a site without its server: checked, explained and told in words. Nothing is changed here.

import { formatProblem } from "../config/problem.ts";
import type { Place } from "../config/problem.ts";
import { loadNetwork } from "../config/network.ts";
import type { NetworkSite } from "../config/network.ts";
import { readDate } from "../config/scalars.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { formatAddress, familyOf, parseAddress } from "../base/address.ts";
import type { Address } from "../base/address.ts";
import { hasAddress } from "../base/address-set.ts";
import { checkPolicy } from "../policy/network/check.ts";
import { changesOf, describeAt, whoIs } from "../policy/network/describe.ts";
import type { Section } from "../policy/network/describe.ts";
import { prepareOracle } from "../policy/network/evaluate.ts";
import { nextChange } from "../policy/network/in-force.ts";
import type { Decision, Packet } from "../policy/network/packet.ts";
import type { Placement } from "../policy/network/policy.ts";
import { problemKinds, stops } from "../policy/network/problems.ts";
import type { ProblemId } from "../policy/network/problems.ts";
import { configFile } from "./site.ts";
import type { SiteOptions } from "./site.ts";

export type OpenedNetwork = NetworkSite & { readonly file: string };

/** The problems are whole lines, as in `loadSite`. */
export function openNetwork(
  options: SiteOptions,
): Result<OpenedNetwork, { readonly file: string; readonly problems: readonly string[] }> {
  const file = configFile(options);
  if (file === undefined) {
    const why = "there is no configuration file, and the demonstration has no network side: name one with --config";
    return failure({ file: "the demonstration", problems: [why] });
  }
  const loaded = loadNetwork(file, process.env);
  if (loaded.ok) return success({ ...loaded.value, file });
  return failure({ file, problems: loaded.error.map(formatProblem) });
}

export interface PolicyFinding extends Place {
  readonly id: ProblemId;
  readonly severity: "error" | "warning";
  /** Whether no filter may be made of the policy. */
  readonly stops: boolean;
  readonly message: string;
  readonly hint: string;
}

/** Everything that is wrong with the policy from an instant on, in the order of the file. */
export function checkNetwork(site: NetworkSite, at: number): readonly PolicyFinding[] {
  return checkPolicy(site.policy, at)
    .map((problem): PolicyFinding => {
      const { severity, hint } = problemKinds[problem.id];
      const { id, message } = problem;
      return { ...site.placeOf(problem.at, problem.address), id, severity, stops: stops(problem), message, hint };
    })
    .toSorted((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : 0));
}

/** `file:line:column: error: message (hint) [id]`. */
export function formatFinding({ severity, id, message, ...rest }: PolicyFinding): string {
  return `${formatProblem({ ...rest, message: `${severity}: ${message}` })} [${id}]`;
}

/** Wall time as the file's zone has it: the day alone where it begins. */
export function formatInstant({ utcOffset }: Pick<NetworkSite, "utcOffset">, at: number): string {
  const local = new Date(at + utcOffset * 60_000).toISOString();
  if (local.endsWith("T00:00:00.000Z")) return local.slice(0, 10);
  const sign = utcOffset < 0 ? "-" : "+";
  const minutes = Math.abs(utcOffset);
  const zone = `${sign}${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
  return `${local.slice(0, 19)}${utcOffset === 0 ? "Z" : zone}`;
}

/** A date as in the file; undefined: now. */
export function readInstant(site: NetworkSite, text: string | undefined): Result<number, string> {
  if (text === undefined || text === "now") return success(Date.now());
  const read = readDate(text, "begin");
  if (!read.ok) return failure([read.error.message, read.error.hint].filter((part) => part !== undefined).join(": "));
  return success(read.value.zoned ? read.value.at : read.value.at - site.utcOffset * 60_000);
}

export interface NetworkPlan {
  readonly at: string;
  /** When the policy next decides differently. */
  readonly nextChange: string | undefined;
  readonly now: readonly Section[];
  readonly changes: readonly { readonly at: string; readonly what: string }[];
}

export function planNetwork(site: NetworkSite, at: number): NetworkPlan {
  const { policy } = site;
  const date = (instant: number): string => formatInstant(site, instant);
  const next = nextChange(policy, at);
  return {
    at: date(at),
    nextChange: next === undefined ? undefined : date(next),
    now: describeAt(policy, at, date),
    changes: changesOf(policy)
      .filter((change) => change.at > at)
      .map(({ at: instant, what }) => ({ at: date(instant), what })),
  };
}

export interface Question {
  readonly source: string;
  readonly destination: string;
  readonly destinationPort: number | undefined;
  readonly sourcePort: number | undefined;
  readonly protocol: number;
  readonly direction: "up" | "down" | undefined;
  readonly line: string | undefined;
  readonly subscriber: string | undefined;
  readonly placement: string | undefined;
}

export interface Explanation {
  readonly at: string;
  readonly packet: string;
  readonly decision: Decision["decision"];
  readonly manner: Decision["manner"];
  readonly rule: string;
  readonly why: string;
  readonly source: readonly string[];
  readonly destination: readonly string[];
  readonly nextChange: string | undefined;
}

/** What happens to one packet, and why. */
export function explainPacket(site: NetworkSite, question: Question, at: number): Result<Explanation, string> {
  const source = parseAddress(question.source);
  const destination = parseAddress(question.destination);
  if (source === undefined) return failure(`${question.source} is not an IP address`);
  if (destination === undefined) return failure(`${question.destination} is not an IP address`);
  if (source.length !== destination.length) return failure("source and destination are of different families");
  const placement = readPlacement(site, question.placement ?? "edge");
  if (!placement.ok) return placement;
  const hasPorts = question.protocol === 6 || question.protocol === 17;
  const direction = question.direction ?? directionOf(site, source, destination);
  const packet: Packet = {
    family: familyOf(source),
    source,
    destination,
    protocol: question.protocol,
    sourcePort: hasPorts ? (question.sourcePort ?? 40_000) : undefined,
    destinationPort: hasPorts ? (question.destinationPort ?? 25) : undefined,
    flags: "syn",
    fragment: "whole",
    direction,
    line: question.line,
    subscriber: question.subscriber,
  };
  const decision = prepareOracle(site.policy)(packet, at, placement.value);
  const next = nextChange(site.policy, at);
  return success({
    at: formatInstant(site, at),
    packet: describePacket(packet),
    ...decision,
    source: knownAs(site, source),
    destination: knownAs(site, destination),
    nextChange: next === undefined ? undefined : formatInstant(site, next),
  });
}

function knownAs(site: NetworkSite, address: Address): readonly string[] {
  return whoIs(site.policy, address).map(({ what, at }) => {
    const { file, line, column } = site.placeOf(at, address);
    return `${what} (${file}:${line}:${column})`;
  });
}

function describeEnd(address: Address, port: number | undefined): string {
  return `${formatAddress(address, familyOf(address))}${port === undefined ? "" : ` port ${port}`}`;
}

function describePacket({
  source,
  destination,
  protocol,
  sourcePort,
  destinationPort,
  direction,
  line,
}: Packet): string {
  const name = protocol === 6 ? "TCP" : protocol === 17 ? "UDP" : `protocol ${protocol}`;
  const where = line === undefined ? "" : ` by line ${line}`;
  const way = direction === "up" ? "from customers" : "to customers";
  return `${name} ${describeEnd(source, sourcePort)} → ${describeEnd(destination, destinationPort)}, ${way}${where}`;
}

/** From customers, unless only the destination is one. */
function directionOf({ policy }: NetworkSite, source: Address, destination: Address): "up" | "down" {
  const isCustomer = (address: Address): boolean => policy.pools.some((pool) => hasAddress(pool.addresses, address));
  return !isCustomer(source) && isCustomer(destination) ? "down" : "up";
}

function readPlacement({ policy }: NetworkSite, text: string): Result<Placement, string> {
  if (text === "edge" || text === "interfaces" || text === "edge-out" || text === "edge-in") {
    return success({ kind: text });
  }
  const [kind, pool] = text.split(":", 2);
  if ((kind === "line" || kind === "line-out") && policy.pools.some(({ name }) => name === pool)) {
    return success({ kind, pool: pool! });
  }
  return failure(`${text} is no place for a filter: edge, interfaces, edge-out, edge-in, line:POOL or line-out:POOL`);
}

// What a program does with one packet, term by term: the plain meaning of the IR, against which the quick ways (verify.ts)
// are tested.

import { familySet } from "./ir.ts";
import type { Action, Binding, Match, NamedSet, PortRange, Program, SourceValidation } from "./ir.ts";
import type { FilteredPacket } from "./packet.ts";

export interface ProgramDecision {
  readonly action: Action;
  /** The term that decided, "otherwise" of a filter, or "unfiltered". */
  readonly rule: string;
}

export function decide(program: Program, packet: FilteredPacket): ProgramDecision {
  for (const validation of program.validations) {
    if (validationBlocks(validation, packet)) {
      return { action: { kind: "block", manners: validation.manners }, rule: validation.id };
    }
  }
  let last: ProgramDecision = { action: { kind: "pass" }, rule: "unfiltered" };
  for (const binding of program.bindings) {
    if (!bindingMeets(binding, packet)) continue;
    const filter = program.filters.find(({ name }) => name === binding.filter);
    if (filter === undefined) throw new Error(`a binding names the filter ${binding.filter}, which is not there`);
    const term = filter.terms.find(({ match }) => matches(match, packet));
    const decision =
      term === undefined
        ? { action: filter.otherwise, rule: `${filter.name} otherwise` }
        : { action: term.action, rule: term.id };
    if (decision.action.kind !== "pass") return decision;
    if (last.rule === "unfiltered" || term !== undefined) last = decision;
  }
  return last;
}

export function bindingMeets(
  binding: Binding,
  packet: Pick<FilteredPacket, "family" | "direction" | "line" | "upstream">,
): boolean {
  if (binding.family !== "both" && binding.family !== packet.family) return false;
  if (binding.direction !== "both" && binding.direction !== packet.direction) return false;
  switch (binding.place.kind) {
    case "everywhere":
      return true;
    case "line":
      return packet.line === binding.place.name;
    case "upstream":
      return packet.upstream === binding.place.name;
  }
}

function validationBlocks(validation: SourceValidation, packet: FilteredPacket): boolean {
  if (packet.direction !== "up" || packet.line !== validation.line || packet.family !== validation.family) return false;
  const { check } = validation;
  switch (check.kind) {
    case "list":
      return !check.allowed.has(packet.source);
    case "strict":
      if (check.routes === undefined) throw new Error(`which routes lead to ${validation.line} is not known`);
      return !check.routes.has(packet.source) && !check.besides.has(packet.source);
  }
}

function matches(match: Match, packet: FilteredPacket): boolean {
  return (
    matchesBeforeAddresses(match, packet) &&
    (match.source === undefined || isMember(match.source, packet.family, packet.source)) &&
    (match.destination === undefined || isMember(match.destination, packet.family, packet.destination))
  );
}

/** All conditions but those on the two addresses. */
export function matchesBeforeAddresses(
  match: Match,
  packet: Omit<FilteredPacket, "source" | "destination" | "direction" | "line" | "upstream">,
): boolean {
  return (
    (match.family === undefined || match.family === packet.family) &&
    (match.protocol === undefined || match.protocol === packet.protocol) &&
    (match.sourcePorts === undefined || hasPort(match.sourcePorts, packet.sourcePort)) &&
    (match.destinationPorts === undefined || hasPort(match.destinationPorts, packet.destinationPort)) &&
    (match.flags === undefined || match.flags === packet.flags) &&
    (match.fragment === undefined || match.fragment === packet.fragment) &&
    (match.subscriber === undefined || match.subscriber === packet.subscriber)
  );
}

function hasPort(ranges: readonly PortRange[], port: number | undefined): boolean {
  return port !== undefined && ranges.some(({ first, last }) => first <= port && port <= last);
}

function isMember(set: NamedSet, family: 4 | 6, address: Uint32Array): boolean {
  return familySet(set, family).has(address);
}

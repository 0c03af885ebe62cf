// What a change of the filter would do, in the policy's words: who is blocked from now on and who no longer, whose sources
// are validated, which rules come and go, and what the sets gain and lose. Between two programs, whatever they were read
// from; so it also tells what somebody else did to the filter in the kernel.

import type { AddressSet, AddressSets } from "../base/address-set.ts";
import { reachBetween } from "../compile/difference.ts";
import type { Reach } from "../compile/difference.ts";
import { familySet } from "../compile/ir.ts";
import type { Program, Scope, SourceValidation } from "../compile/ir.ts";
import type { NetworkPolicy } from "../policy/network/policy.ts";
import { policyAt } from "../policy/network/in-force.ts";

export interface Preview {
  /** Who may do something else than before. */
  readonly reach: readonly string[];
  readonly validation: readonly string[];
  readonly rules: readonly string[];
  readonly sets: readonly string[];
}

export interface PreviewWords {
  readonly policy: NetworkPolicy;
  /** The instant of the new program. */
  readonly at: number;
  readonly date: (at: number) => string;
}

/** Both as a text of the filter says them, so that their sets have the same names. */
export function previewOf(before: Program, after: Program, scope: Scope, words: PreviewWords): Preview {
  return {
    reach: withBothFamilies(
      reachBetween(before, after, scope).map((reach) => [reach.family, reachText(reach, words, scope)]),
    ),
    validation: withBothFamilies(validationChanges(before, after)),
    rules: ruleChanges(before, after, words),
    sets: setChanges(before, after, words),
  };
}

export function isNothing({ reach, validation, rules, sets }: Preview): boolean {
  return [reach, validation, rules, sets].every((lines) => lines.length === 0);
}

function reachText(
  { kind, nearEnd, becomes, near, far, lines }: Reach,
  { policy }: PreviewWords,
  scope: Scope,
): string {
  const protocol = kind.protocol === 6 ? "TCP" : kind.protocol === 17 ? "UDP" : `protocol ${kind.protocol}`;
  const groups = groupsOf(policy);
  const [nearText, farText] = [namesOf(near, groups), namesOf(far, groups)];
  const what =
    nearEnd === "source"
      ? `${protocol}${kind.destinationPort === undefined ? "" : ` to port ${kind.destinationPort}`} from ${nearText} to ${farText}`
      : `${protocol} from port ${kind.sourcePort} of ${farText} to ${nearText}`;
  const named = lines.filter((line) => line !== undefined);
  const where = lines.length === scope.lines.length || named.length === 0 ? "" : `, on ${some(named)}`;
  return `${becomes === "blocked" ? "blocked" : "no longer blocked"}: ${what}${where}`;
}

interface Group {
  readonly name: string;
  readonly addresses: AddressSets;
}

/** The narrow ones first: who has a name of his own is not told as part of his pool. */
function groupsOf(policy: NetworkPolicy): readonly Group[] {
  return [
    ...policy.exemptions.flatMap(({ id, subject }) =>
      subject.kind === "addresses" ? [{ name: `exemption ${id}`, addresses: subject.addresses }] : [],
    ),
    ...policy.servers.map(({ role, name, addresses }) => ({ name: `own ${role} ${name}`, addresses })),
    ...policy.partners.flatMap((partner) =>
      partner.relation === "gives" ? [{ name: `partner ${partner.name}`, addresses: partner.msa }] : [],
    ),
    ...policy.thirdParties.map(({ name, addresses }) => ({ name: `exception ${name}`, addresses })),
    ...policy.carriers.map(({ name, addresses }) => ({ name: `carrier ${name}`, addresses })),
    ...policy.pools.map(({ name, addresses }) => ({ name: `pool ${name}`, addresses })),
  ];
}

/** Half of all addresses or more is "anybody else". */
const anybody = { 4: 2 ** 31, 6: 2 ** 127 } as const;

function namesOf(set: AddressSet, groups: readonly Group[]): string {
  if (set.complement().isEmpty) return "anybody";
  const names: string[] = [];
  let left = set;
  let taken = set.difference(set);
  for (const { name, addresses } of groups) {
    const group = familySet(addresses, set.family);
    const inside = left.intersection(group);
    if (inside.isEmpty) continue;
    // What narrower groups took of it does not make it a part.
    const isWhole = group.difference(taken).equals(inside);
    names.push(isWhole ? name : `part of ${name} (${amount(inside)})`);
    taken = taken.union(group);
    left = left.difference(group);
  }
  if (!left.isEmpty) {
    const isMost = left.size >= anybody[set.family];
    names.push(isMost ? "anybody else" : `unknown addresses (${amount(left)})`);
  }
  return some(names, 8);
}

/** A few in full, then how many more. */
function some(names: readonly string[], most = 4): string {
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/** The prefixes when they are few. */
function amount(set: AddressSet): string {
  const count = set.family === 4 ? plural(set.size, "address", "addresses") : plural(set.rangeCount, "range");
  return set.rangeCount > 3 ? count : `${count}: ${some(set.prefixes(), 3)}`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function validationChanges(before: Program, after: Program): readonly (readonly [4 | 6, string])[] {
  const [was, willBe] = [before, after].map(
    ({ validations }) =>
      new Map(validations.map((each): [string, SourceValidation] => [`${each.family} ${each.line}`, each])),
  );
  const changes: (readonly [4 | 6, string])[] = [];
  for (const [key, { family, line, check }] of willBe!) {
    const known = was!.get(key)?.check;
    const allowed =
      check.kind === "list"
        ? `sources other than ${some(check.allowed.prefixes())}`
        : "sources whose way back is another line";
    if (known === undefined) changes.push([family, `line ${line}: ${allowed} are blocked`]);
    else if (known.kind !== check.kind) changes.push([family, `line ${line}: now ${allowed} are blocked`]);
    else if (known.kind === "list" && check.kind === "list" && !known.allowed.equals(check.allowed)) {
      changes.push([family, `line ${line}: ${gainAndLoss(known.allowed, check.allowed)}`]);
    }
  }
  for (const [key, { family, line }] of was!) {
    if (!willBe!.has(key)) changes.push([family, `line ${line}: sources are no longer validated`]);
  }
  return changes;
}

/** By rule id. That its sets have changed is told there. */
function ruleChanges(before: Program, after: Program, { policy, at }: PreviewWords): readonly string[] {
  const [was, willBe] = [actionsOf(before), actionsOf(after)];
  const { pools } = policyAt(policy, at);
  const reasons = new Map(
    pools.flatMap(({ outbound, inbound }) => [...outbound, ...inbound]).map(({ id, why }) => [id, why]),
  );
  const told = (id: string): string => `${id}${reasons.has(id) ? ` (${reasons.get(id)})` : ""}`;
  return [
    ...[...willBe].filter(([id]) => !was.has(id)).map(([id, action]) => `new: ${told(id)}, ${action}`),
    ...[...was].filter(([id]) => !willBe.has(id)).map(([id, action]) => `gone: ${id}, ${action}`),
    ...[...willBe]
      .filter(([id, action]) => was.has(id) && was.get(id) !== action)
      .map(([id, action]) => `changed: ${told(id)}, from ${was.get(id)} to ${action}`),
  ];
}

function actionsOf({ filters }: Program): ReadonlyMap<string, string> {
  return new Map(
    filters.flatMap(({ terms }) =>
      terms.map(({ id, action }) => [id, action.kind === "block" ? `blocks (${action.manners[0]})` : "passes"]),
    ),
  );
}

/** By set, both families of it together. */
function setChanges(before: Program, after: Program, { date }: PreviewWords): readonly string[] {
  const [was, willBe] = [setsOf(before), setsOf(after)];
  return [...new Set([...was.keys(), ...willBe.keys()])].toSorted().flatMap((name) => {
    const [old, next] = [was.get(name), willBe.get(name)];
    const parts = ([4, 6] as const).flatMap((family) => {
      const [left, right] = [old?.get(family), next?.get(family)];
      const none = (left ?? right)?.addresses.difference((left ?? right)!.addresses);
      const changes = none === undefined ? "" : gainAndLoss(left?.addresses ?? none, right?.addresses ?? none);
      const ends = endsText(left?.ends ?? [], right?.ends ?? [], date);
      return [changes, ...ends].filter((text) => text !== "");
    });
    return parts.length === 0 ? [] : [`${name}: ${parts.join("; ")}`];
  });
}

interface KernelSet {
  readonly addresses: AddressSet;
  readonly ends: readonly number[];
}

/** Names as in the filter, without what the filter adds to them. */
function setsOf({ filters }: Program): ReadonlyMap<string, ReadonlyMap<4 | 6, KernelSet>> {
  const sets = new Map<string, Map<4 | 6, KernelSet>>();
  for (const { match } of filters.flatMap(({ terms }) => terms)) {
    for (const set of [match.source, match.destination]) {
      if (set === undefined) continue;
      const name = set.name.replace(/^set_/, "").replace(/_t?[46]$/, "");
      const known = sets.get(name) ?? new Map<4 | 6, KernelSet>();
      sets.set(name, known);
      for (const family of [4, 6] as const) {
        const addresses = familySet(set, family);
        if (addresses.isEmpty) continue;
        const ends = set.timeouts
          .filter((each) => !familySet(each.addresses, family).isEmpty)
          .map(({ until }) => until);
        known.set(family, { addresses, ends: [...new Set(ends)] });
      }
    }
  }
  return sets;
}

/** The kernel keeps remaining times to the millisecond, and it took some to ask. */
const sameEnd = 60_000;

function endsText(
  before: readonly number[],
  after: readonly number[],
  date: (at: number) => string,
): readonly string[] {
  const [was, willBe] = [before[0], after[0]];
  if (before.length > 1 || after.length > 1 || was === undefined || willBe === undefined) return [];
  return Math.abs(was - willBe) < sameEnd ? [] : [`ends ${date(willBe)}, before ${date(was)}`];
}

function gainAndLoss(before: AddressSet, after: AddressSet): string {
  const [more, less] = [after.difference(before), before.difference(after)];
  return [...(more.isEmpty ? [] : [`+ ${amount(more)}`]), ...(less.isEmpty ? [] : [`- ${amount(less)}`])].join(", ");
}

/** A line that is true of both families is said once. */
function withBothFamilies(lines: readonly (readonly [4 | 6, string])[]): readonly string[] {
  const families = new Map<string, (4 | 6)[]>();
  for (const [family, text] of lines) families.set(text, [...(families.get(text) ?? []), family]);
  return [...families].map(([text, own]) => (own.length > 1 ? text : `${text} (IPv${own[0]})`));
}

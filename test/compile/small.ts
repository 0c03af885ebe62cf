// A universe so small that every packet of it can be tried, and programs over it. What verify says of two programs is held
// against trying them all; targets print and read back programs from here.

import * as fc from "fast-check";
import { AddressSetBuilder } from "../../src/base/address-set.ts";
import type { AddressSets } from "../../src/base/address-set.ts";
import { parseAddress } from "../../src/base/address.ts";
import type { Family } from "../../src/base/address.ts";
import { namedSet, pass } from "../../src/compile/ir.ts";
import type {
  Action,
  Binding,
  Filter,
  Match,
  NamedSet,
  Program,
  Scope,
  SourceValidation,
  Term,
} from "../../src/compile/ir.ts";
import { decide } from "../../src/compile/decide.ts";
import type { FilteredPacket } from "../../src/compile/packet.ts";

/** Of each family, what sets are made of; the last one is in no set but those of everything. */
export const addressTexts: Readonly<Record<Family, readonly string[]>> = {
  4: ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "203.0.113.9"],
  6: ["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::", "2001:db8:f::9"],
};

/** Whole blocks of what the small addresses stand for, so that texts have prefixes of several lengths. */
const blockTexts: Readonly<Record<Family, readonly string[]>> = {
  4: ["192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.0/31", "192.0.2.0/30", "0.0.0.0/0"],
  6: ["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::", "2001:db8::/64", "2001:db8::/63", "::/0"],
};

export const smallScope: Scope = {
  directions: ["up", "down"],
  lines: [undefined, "cust0", "cust1"],
  upstreams: [undefined, "up0"],
  sources: sets(["0.0.0.0/0", "::/0"]),
  destinations: sets(["0.0.0.0/0", "::/0"]),
};

function sets(texts: readonly string[]): AddressSets {
  const builder = new AddressSetBuilder();
  for (const text of texts) builder.addText(text);
  return builder.build();
}

export const anyAddresses: fc.Arbitrary<AddressSets> = fc
  .tuple(fc.subarray([...blockTexts[4]], { maxLength: 3 }), fc.subarray([...blockTexts[6]], { maxLength: 3 }))
  .map(([four, six]) => sets([...four, ...six]));

const setNames = ["alpha", "beta", "gamma", "delta"];
const anySets: fc.Arbitrary<readonly NamedSet[]> = fc.tuple(
  ...setNames.map((name) => anyAddresses.map((addresses) => namedSet(name, addresses))),
);

const port25 = [{ first: 25, last: 25 }];
const anyPorts = fc.constantFrom(
  port25,
  [{ first: 25, last: 26 }],
  [{ first: 0, last: 24 }],
  [
    { first: 24, last: 24 },
    { first: 26, last: 65_535 },
  ],
);
const anyAction: fc.Arbitrary<Action> = fc.constantFrom<Action>(
  pass,
  { kind: "block", manners: ["drop"] },
  { kind: "accept" },
);

function anyMatch(named: readonly NamedSet[]): fc.Arbitrary<Match> {
  const anySet = fc.constantFrom(...named);
  return fc
    .record(
      {
        family: fc.constantFrom<Family>(4, 6),
        source: anySet,
        destination: anySet,
        kind: fc.oneof(
          fc.record({ protocol: fc.constant(6), destinationPorts: anyPorts }),
          fc.record({ protocol: fc.constant(6), sourcePorts: anyPorts }),
          fc.record({ protocol: fc.constant(6), flags: fc.constantFrom("syn" as const, "other" as const) }),
          fc.record({ protocol: fc.constantFrom(6, 17, 1) }),
          fc.record({ fragment: fc.constantFrom("whole" as const, "rest" as const) }),
        ),
      },
      { requiredKeys: [] },
    )
    .map(({ kind, ...rest }) => ({ ...rest, ...kind }));
}

function anyFilter(name: string, named: readonly NamedSet[]): fc.Arbitrary<Filter> {
  return fc
    .tuple(fc.array(fc.tuple(anyMatch(named), anyAction), { maxLength: 6 }), anyAction)
    .map(([terms, otherwise]) => ({
      name,
      terms: terms.map(([match, action], index): Term => ({ id: `${name}-${index}`, match, action })),
      otherwise,
    }));
}

const anyBinding = (filter: string): fc.Arbitrary<Binding> =>
  fc.record({
    filter: fc.constant(filter),
    place: fc.constantFrom<Binding["place"]>(
      { kind: "everywhere" },
      { kind: "line", name: "cust0" },
      { kind: "upstream", name: "up0" },
    ),
    direction: fc.constantFrom("up" as const, "down" as const, "both" as const),
    family: fc.constantFrom<Family | "both">(4, 6, "both"),
  });

const anyValidation: fc.Arbitrary<SourceValidation> = fc
  .tuple(fc.constantFrom("cust0", "cust1"), fc.constantFrom<Family>(4, 6), anyAddresses)
  .map(([line, family, addresses]) => ({
    id: `sav-${line}-${family}`,
    line,
    family,
    check: { kind: "list", allowed: family === 4 ? addresses.v4 : addresses.v6 },
    manners: ["drop"],
  }));

export const anyProgram: fc.Arbitrary<Program> = anySets.chain((named) =>
  fc.record({
    filters: fc.tuple(anyFilter("one", named), anyFilter("two", named)),
    bindings: fc
      .tuple(fc.array(anyBinding("one"), { maxLength: 2 }), fc.array(anyBinding("two"), { maxLength: 1 }))
      .map((bindings) => bindings.flat()),
    validations: fc.uniqueArray(anyValidation, { maxLength: 2, selector: ({ id }) => id }),
  }),
);

export function* everyPacket(laterFragments: boolean): Generator<FilteredPacket> {
  for (const family of [4, 6] as const) {
    const addresses = addressTexts[family].map((text) => parseAddress(text)!);
    for (const source of addresses) {
      for (const destination of addresses) {
        for (const way of everyWay())
          for (const kind of everyKind(laterFragments)) yield { family, source, destination, ...way, ...kind };
      }
    }
  }
}

function* everyWay(): Generator<Pick<FilteredPacket, "direction" | "line" | "upstream">> {
  for (const direction of smallScope.directions) {
    for (const line of smallScope.lines) {
      for (const upstream of smallScope.upstreams) yield { direction, line, upstream };
    }
  }
}

type SmallKind = Omit<FilteredPacket, "family" | "source" | "destination" | "direction" | "line" | "upstream">;

function* everyKind(laterFragments: boolean): Generator<SmallKind> {
  const plain = { subscriber: undefined, sourcePort: undefined, destinationPort: undefined };
  for (const fragment of laterFragments ? (["whole", "first", "rest"] as const) : (["whole", "first"] as const)) {
    yield { ...plain, protocol: 1, flags: "other", fragment };
    yield { ...plain, protocol: 47, flags: "other", fragment };
    for (const sourcePort of fragment === "rest" ? [undefined] : [24, 25, 26]) {
      for (const destinationPort of fragment === "rest" ? [undefined] : [24, 25, 26]) {
        yield { ...plain, protocol: 17, flags: "other", fragment, sourcePort, destinationPort };
        yield { ...plain, protocol: 6, flags: "syn", fragment, sourcePort, destinationPort };
        yield { ...plain, protocol: 6, flags: "other", fragment, sourcePort, destinationPort };
      }
    }
  }
}

/** Whether two programs do the same with every packet of the universe. */
export function areAlike(left: Program, right: Program, laterFragments: boolean): boolean {
  for (const packet of everyPacket(laterFragments)) {
    if ((decide(left, packet).action.kind === "block") !== (decide(right, packet).action.kind === "block"))
      return false;
  }
  return true;
}

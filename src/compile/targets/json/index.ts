// The filters as data, for programs that are no device: sets by name, terms in order, bindings. It can say all that a
// program says, times included, and is read back by the same schema; unknown keys are a problem.

import { AddressSetBuilder } from "../../../base/address-set.ts";
import type { AddressSets } from "../../../base/address-set.ts";
import { failure, success } from "../../../base/result.ts";
import { z } from "zod";
import { familySet, namedSet } from "../../ir.ts";
import type { Match, NamedSet, Program, SourceValidation } from "../../ir.ts";
import { tcp } from "../../packet.ts";
import type { Capabilities, RenderOptions, Target } from "../../target.ts";

const capabilities: Capabilities = {
  placements: ["edge", "interfaces", "edge-out", "edge-in", "line", "line-out"],
  families: [4, 6],
  manners: ["reset", "admin-prohibited", "drop"],
  sets: "prefix-lists",
  timeouts: true,
  counters: true,
  flags: true,
  fragments: true,
  subscribers: true,
  validation: ["list", "strict"],
};

const format = "sekimori port 25 filters";
const version = 1;

const family = z.union([z.literal(4), z.literal(6)]);
const addresses = z.strictObject({ ipv4: z.array(z.string()), ipv6: z.array(z.string()) });
const ports = z.array(z.strictObject({ first: z.int().min(0).max(65_535), last: z.int().min(0).max(65_535) }));
const manners = z.array(z.enum(["reset", "admin-prohibited", "drop"])).min(1);
const action = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("pass") }),
  z.strictObject({ kind: z.literal("accept") }),
  z.strictObject({ kind: z.literal("block"), manners }),
]);
const match = z.strictObject({
  family: family.optional(),
  source: z.string().optional(),
  destination: z.string().optional(),
  protocol: z.int().min(0).max(255).optional(),
  sourcePorts: ports.optional(),
  destinationPorts: ports.optional(),
  flags: z.enum(["syn", "other"]).optional(),
  fragment: z.enum(["whole", "first", "rest"]).optional(),
  subscriber: z.string().optional(),
});
const place = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("everywhere") }),
  z.strictObject({ kind: z.literal("line"), name: z.string() }),
  z.strictObject({ kind: z.literal("upstream"), name: z.string() }),
]);
const check = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("list"), allowed: z.array(z.string()) }),
  z.strictObject({ kind: z.literal("strict"), routes: z.array(z.string()).optional(), besides: z.array(z.string()) }),
]);
const document = z.strictObject({
  format: z.literal(format),
  version: z.literal(version),
  revision: z.string(),
  at: z.iso.datetime(),
  validUntil: z.iso.datetime().optional(),
  hypotheses: z.array(z.string()),
  sets: z.record(
    z.string(),
    addresses.extend({ timeouts: z.array(addresses.extend({ until: z.iso.datetime() })).optional() }),
  ),
  filters: z.array(
    z.strictObject({
      name: z.string(),
      terms: z.array(
        z.strictObject({
          id: z.string(),
          match,
          action,
          counter: z.string().optional(),
          purpose: z.literal("count").optional(),
        }),
      ),
      otherwise: action,
    }),
  ),
  bindings: z.array(
    z.strictObject({
      filter: z.string(),
      place,
      direction: z.enum(["up", "down", "both"]),
      family: z.union([family, z.literal("both")]),
    }),
  ),
  validations: z.array(
    z.strictObject({ id: z.string(), line: z.string(), family, check, manners, counter: z.string().optional() }),
  ),
});
type Document = z.infer<typeof document>;

export const json: Target = {
  name: "json",
  capabilities,
  render: (program, options) =>
    success([{ path: "filters.json", text: `${JSON.stringify(documentOf(program, options), undefined, 2)}\n` }]),
  parse: (files) => {
    const [file, second] = files;
    if (file === undefined || second !== undefined) {
      return failure({ path: second?.path ?? "", line: 1, message: "the filters are one document" });
    }
    const problem = (message: string, line = 1): ReturnType<Target["parse"]> =>
      failure({ path: file.path, line, message });
    let data: unknown;
    try {
      data = JSON.parse(file.text);
    } catch (error) {
      return problem(error instanceof Error ? error.message : String(error));
    }
    const checked = document.safeParse(data);
    if (!checked.success) {
      const [issue] = checked.error.issues;
      return problem(`${issue!.path.join(".") || "the document"}: ${issue!.message}`);
    }
    try {
      return success(programOf(checked.data));
    } catch (error) {
      if (error instanceof Unreadable) return problem(error.message);
      throw error;
    }
  },
};

function documentOf(program: Program, options: RenderOptions): Document {
  const names = new Map<NamedSet, string>();
  const used = new Set<string>();
  const uses = program.filters.flatMap(({ terms }) =>
    terms.flatMap(({ match: { source, destination } }) => [source, destination]),
  );
  for (const set of new Set(uses.filter((use) => use !== undefined))) {
    let name = set.name;
    for (let count = 2; used.has(name); count++) name = `${set.name}-${count}`;
    used.add(name);
    names.set(set, name);
  }
  const setName = (set: NamedSet | undefined): string | undefined => (set === undefined ? undefined : names.get(set));
  return {
    format,
    version,
    revision: options.revision,
    at: new Date(options.at).toISOString(),
    ...(options.validUntil === undefined ? {} : { validUntil: new Date(options.validUntil).toISOString() }),
    hypotheses: [...options.hypotheses],
    sets: Object.fromEntries(
      [...names].map(([set, name]) => [
        name,
        {
          ...written(set),
          ...(set.timeouts.length === 0
            ? {}
            : {
                timeouts: set.timeouts.map((timeout) => ({
                  ...written(timeout.addresses),
                  until: new Date(timeout.until).toISOString(),
                })),
              }),
        },
      ]),
    ),
    filters: program.filters.map(({ name, terms, otherwise }) => ({
      name,
      terms: terms.map((term) => ({
        id: term.id,
        match: {
          ...withoutSets(term.match),
          ...given("source", setName(term.match.source)),
          ...given("destination", setName(term.match.destination)),
        },
        action: copied(term.action),
        ...given("counter", term.counter),
        ...given("purpose", term.purpose),
      })),
      otherwise: copied(otherwise),
    })),
    bindings: program.bindings.map((binding) => ({ ...binding })),
    validations: program.validations.map(({ check: how, manners: ways, ...rest }) => ({
      ...rest,
      manners: [...ways],
      check:
        how.kind === "list"
          ? { kind: "list", allowed: [...how.allowed.prefixes()] }
          : {
              kind: "strict",
              besides: [...how.besides.prefixes()],
              ...given("routes", how.routes === undefined ? undefined : [...how.routes.prefixes()]),
            },
    })),
  };
}

class Unreadable extends Error {}

function programOf(data: Document): Program {
  const sets = new Map(
    Object.entries(data.sets).map(([name, { timeouts = [], ...own }]) => [
      name,
      namedSet(
        name,
        read(own, name),
        timeouts.map(({ until, ...each }) => ({ addresses: read(each, name), until: Date.parse(until) })),
      ),
    ]),
  );
  const setOf = (name: string | undefined): NamedSet | undefined => {
    if (name === undefined) return undefined;
    const set = sets.get(name);
    if (set === undefined) throw new Unreadable(`there is no set ${name}`);
    return set;
  };
  const filters = data.filters.map(({ name, terms, otherwise }) => ({
    name,
    otherwise,
    terms: terms.map(({ match: { source, destination, ...rest }, counter, purpose, ...term }) => ({
      ...term,
      match: { ...defined(rest), ...given("source", setOf(source)), ...given("destination", setOf(destination)) },
      ...given("counter", counter),
      ...given("purpose", purpose),
    })),
  }));
  for (const { match: each } of filters.flatMap(({ terms }) => terms)) {
    const hasPorts = each.sourcePorts !== undefined || each.destinationPorts !== undefined;
    if (hasPorts && each.protocol !== tcp && each.protocol !== 17) throw new Unreadable("ports go with TCP or UDP");
    if (each.flags !== undefined && each.protocol !== tcp) throw new Unreadable("flags go with TCP");
  }
  for (const { filter } of data.bindings) {
    if (!filters.some(({ name }) => name === filter)) throw new Unreadable(`there is no filter ${filter}`);
  }
  return {
    filters,
    bindings: data.bindings,
    validations: data.validations.map(({ check: how, counter, ...rest }): SourceValidation => {
      const setFor = (prefixes: readonly string[]) =>
        familySet(read({ ipv4: prefixes, ipv6: [] }, rest.id), rest.family);
      return {
        ...rest,
        ...given("counter", counter),
        check:
          how.kind === "list"
            ? { kind: "list", allowed: setFor(how.allowed) }
            : {
                kind: "strict",
                besides: setFor(how.besides),
                routes: how.routes === undefined ? undefined : setFor(how.routes),
              },
      };
    }),
  };
}

function written(sets: AddressSets): { ipv4: string[]; ipv6: string[] } {
  return { ipv4: [...sets.v4.prefixes()], ipv6: [...sets.v6.prefixes()] };
}

/** The family of a prefix is told by its spelling; both lists are taken as they are. */
function read(
  { ipv4, ipv6 }: { readonly ipv4: readonly string[]; readonly ipv6: readonly string[] },
  where: string,
): AddressSets {
  const builder = new AddressSetBuilder();
  for (const prefix of [...ipv4, ...ipv6]) {
    const wrong = builder.addText(prefix);
    if (wrong !== undefined) throw new Unreadable(`${where}: ${prefix} ${wrong}`);
  }
  return builder.build();
}

function copies(ranges: Match["sourcePorts"]): { first: number; last: number }[] | undefined {
  return ranges?.map((range) => ({ ...range }));
}

type WrittenMatch = Document["filters"][0]["terms"][0]["match"];

function withoutSets(conditions: Match): Omit<WrittenMatch, "source" | "destination"> {
  const { source: _source, destination: _destination, sourcePorts, destinationPorts, ...rest } = conditions;
  return {
    ...rest,
    ...given("sourcePorts", copies(sourcePorts)),
    ...given("destinationPorts", copies(destinationPorts)),
  };
}

function copied(from: Program["filters"][0]["otherwise"]): Document["filters"][0]["otherwise"] {
  return from.kind === "block" ? { kind: "block", manners: [...from.manners] } : from;
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one key, or none
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}

/** Without the keys that are there and say nothing. */
function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys that remain have values
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

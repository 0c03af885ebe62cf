import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { setOf } from "../base/address-set.ts";
import type { NetworkPolicy } from "../policy/network/policy.ts";
import { anyPlacement, anyPolicy, lastInstant, policyOf } from "../policy/network/test-policy.ts";
import type { PolicySketch } from "../policy/network/test-policy.ts";
import { namedSet } from "./ir.ts";
import type { Program, Term } from "./ir.ts";
import { project } from "./project.ts";
import type { Projection } from "./project.ts";
import { proveTheorems } from "./theorems.ts";
import type { TheoremName } from "./theorems.ts";

const can = { validation: ["list", "strict"], counters: true } as const;
const noInterfaces = { customers: [], upstreams: [] };

const sketch: Partial<PolicySketch> = {
  pools: [
    {
      kind: "dynamic",
      prefixes: ["198.51.100.0/25", "2001:db8:a::/52"],
      stages: [{ at: 0, stage: "full" }],
      inbound: { from: 0, until: undefined },
      sav: { from: 0, until: undefined },
      lines: [{ name: "cust0", prefixes: ["198.51.100.0/27", "2001:db8:a::/56"] }],
    },
    {
      kind: "static",
      prefixes: ["198.51.100.128/25", "2001:db8:a:f000::/52"],
      stages: [],
      inbound: undefined,
      sav: undefined,
      lines: [],
    },
  ],
  servers: [
    { role: "msa25", prefixes: ["192.0.2.5", "2001:db8:25::5"] },
    { role: "mta", prefixes: ["192.0.2.6", "2001:db8:25::6"] },
  ],
  partners: [{ from: 0, until: 5, prefixes: ["203.0.113.0/28", "2001:db8:b::/64"] }],
};

function outcomes(policy: NetworkPolicy, projection: Projection): Readonly<Record<TheoremName, string>> {
  const theorems = proveTheorems(policy, 1, projection);
  return Object.fromEntries(theorems.map(({ name, outcome }) => [name, outcome.kind])) as Record<TheoremName, string>;
}

test("all theorems hold for a sound policy", () => {
  const policy = policyOf(sketch);
  for (const kind of ["edge", "interfaces", "edge-out", "edge-in"] as const) {
    const found = outcomes(policy, project(policy, 1, { kind }, noInterfaces, can));
    assert.deepEqual(new Set(Object.values(found)), new Set(["proved"]), `${kind}: ${JSON.stringify(found)}`);
  }
  const line = project(policy, 1, { kind: "line", pool: "pool0" }, noInterfaces, can);
  assert.deepEqual(new Set(Object.values(outcomes(policy, line))), new Set(["proved"]));
});

test("whatever the policy, what it touches is port 25 of dynamic pools, in both families", () => {
  fc.assert(
    fc.property(
      anyPolicy.map(policyOf),
      fc.integer({ min: 0, max: lastInstant }),
      anyPlacement,
      (policy, at, placement) => {
        const theorems = proveTheorems(policy, at, project(policy, at, placement, noInterfaces, can));
        for (const { name, outcome } of theorems) {
          // What the policy's own check refuses can break these two.
          if (name === "replies-pass" || name === "others-untouched") continue;
          assert.equal(outcome.kind, "proved", `${name} ${JSON.stringify(outcome)}`);
        }
      },
    ),
    { numRuns: 100 },
  );
});

function blocks(term: Term): boolean {
  return term.action.kind === "block";
}

function changed(projection: Projection, change: (term: Term) => Term): Projection {
  const { program } = projection;
  const filters = program.filters.map((filter) => ({ ...filter, terms: filter.terms.map(change) }));
  return { ...projection, program: { ...program, filters } };
}

test("each theorem is broken by a program that breaks it", () => {
  const policy = policyOf(sketch);
  const edge = project(policy, 1, { kind: "edge" }, noInterfaces, can);
  const broken: readonly (readonly [TheoremName, Projection])[] = [
    [
      "port-25-only",
      changed(edge, (term) =>
        blocks(term) && term.match.destinationPorts !== undefined
          ? { ...term, match: { ...term.match, destinationPorts: [{ first: 25, last: 26 }] } }
          : term,
      ),
    ],
    [
      "port-25-only",
      changed(edge, (term) => {
        const { protocol: _protocol, destinationPorts, ...match } = term.match;
        return blocks(term) && destinationPorts !== undefined ? { ...term, match } : term;
      }),
    ],
    [
      "foreign-sources-only",
      {
        ...edge,
        program: {
          ...edge.program,
          validations: edge.program.validations.map((validation) => ({
            ...validation,
            check: {
              kind: "list",
              allowed: setOf("198.51.100.0/28", "2001:db8:a::/56")[validation.family === 4 ? "v4" : "v6"],
            },
          })),
        } satisfies Program,
      },
    ],
    [
      "replies-pass",
      changed(edge, (term) =>
        term.id === "ip25b:msa25" ? { ...term, match: { ...term.match, source: namedSet("none", setOf()) } } : term,
      ),
    ],
    [
      "families-alike",
      changed(edge, (term) => (blocks(term) ? { ...term, match: { ...term.match, family: 4 } } : term)),
    ],
    [
      "others-untouched",
      changed(edge, (term) => {
        const { source: _source, ...match } = term.match;
        return blocks(term) ? { ...term, match } : term;
      }),
    ],
    ["permits-end", { ...edge, validUntil: 6 }],
  ];
  for (const [name, projection] of broken) {
    assert.notEqual(outcomes(policy, projection)[name], "proved", name);
  }
});

// Texts that another generator wrote. Capirca gets the terms of a policy of ours and prints access lists and filters of its
// own; they must read as the policy, and its known ways to lose something must be found with a packet that shows it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { proveText } from "../../src/compile/compile.ts";
import type { Filter } from "../../src/compile/ir.ts";
import { project } from "../../src/compile/project.ts";
import { targetNamed } from "../../src/compile/targets/index.ts";
import type { Verification } from "../../src/compile/verify.ts";
import { runCapirca } from "../lab/capirca.ts";
import type { CapircaPolicy } from "../lab/capirca.ts";
import { requires } from "../lab/skip.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const places = [
  { kind: "edge-out", way: "Out" },
  { kind: "edge-in", way: "In" },
] as const;
type Way = (typeof places)[number]["way"];

const filters = Object.fromEntries(
  places.map(({ kind, way }) => {
    const { program } = project(
      specimen,
      specimenAt,
      { kind },
      { customers: [], upstreams: [] },
      { validation: [], counters: false },
    );
    assert.equal(program.filters.length, 1);
    return [way, program.filters[0]!];
  }),
) as Readonly<Record<Way, Filter>>;

/** What the last term permits is left to what the device does. */
function without(filter: Filter, lost: "the final permit" | "the first permit"): Filter {
  return lost === "the final permit"
    ? { ...filter, otherwise: { kind: "block", manners: ["drop"] } }
    : { ...filter, terms: filter.terms.slice(1) };
}

const forms: readonly (readonly [string, string, "cisco-ios-xe" | "cisco-ios-xr" | "arista-eos" | "junos"])[] = [
  ["Mixed", "cisco mixed", "cisco-ios-xe"],
  ["Groups", "cisco object-group", "cisco-ios-xe"],
  ["V4", "cisco extended", "cisco-ios-xe"],
  ["Xr", "ciscoxr mixed", "cisco-ios-xr"],
  ["Eos", "arista mixed", "arista-eos"],
  ["Junos", "juniper mixed", "junos"],
  ["Inet", "juniper inet", "junos"],
];

test("what Capirca prints for the policy reads as the policy, and what it loses is found", async (t) => {
  const python = await requires(t, "python3");
  if (python === undefined) return;
  const capirca = await requires(t, "capirca");
  if (capirca === undefined) return;
  const policies: CapircaPolicy[] = [];
  for (const { way } of places) {
    for (const [name, form] of forms) policies.push({ name: `${name}${way}`, form, filter: filters[way] });
    for (const [name, form] of [
      ["Mixed", "cisco mixed"],
      ["Junos", "juniper mixed"],
    ] as const) {
      const noRest = without(filters[way], "the final permit");
      const noPermit = without(filters[way], "the first permit");
      policies.push({ name: `${name}NoRest${way}`, form, filter: noRest });
      policies.push({ name: `${name}NoPermit${way}`, form, filter: noPermit });
    }
  }
  const { texts } = await runCapirca(capirca, python, policies);
  const held = (name: string, kind: (typeof forms)[number][2], place: (typeof places)[number]): Verification => {
    const text = texts.get(`${name}${place.way}`);
    assert.ok(text !== undefined && text.length > 200, `${name}: ${[...texts.keys()].join()}`);
    const settings = specimenSettings(kind, { placement: { kind: place.kind } });
    const proved = proveText(specimen, settings, targetNamed(kind)!, [{ path: name, text }], specimenAt);
    assert.ok(proved.ok, `${name}: ${JSON.stringify(proved)}\n${text}`);
    return proved.value.verification;
  };
  for (const place of places) {
    for (const [name, form, kind] of forms) {
      const result = held(name, kind, place);
      if (form.endsWith("mixed")) {
        assert.equal(result.kind, "equal", `${name}: ${JSON.stringify(result)}\n${texts.get(`${name}${place.way}`)}`);
        continue;
      }
      // Lists of IPv4 alone: nothing was said of IPv6, and nothing was.
      assert.ok(result.kind === "different", name);
      assert.equal(result.packet.family, 6, name);
      assert.equal(result.right.action.kind, "pass", name);
    }
    for (const [name, kind] of [
      ["Mixed", "cisco-ios-xe"],
      ["Junos", "junos"],
    ] as const) {
      const noRest = held(`${name}NoRest`, kind, place);
      assert.ok(
        noRest.kind === "different" && noRest.right.action.kind === "block",
        `${name} without the final permit`,
      );
      const noPermit = held(`${name}NoPermit`, kind, place);
      assert.ok(noPermit.kind === "different" && noPermit.left.action.kind !== "block", `${name} without a permit`);
    }
  }
});

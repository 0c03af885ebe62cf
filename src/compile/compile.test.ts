import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { plainTarget } from "../policy/network/policy.ts";
import type { TargetSettings } from "../policy/network/policy.ts";
import { anyPolicy, lastInstant, policyOf } from "../policy/network/test-policy.ts";
import { compileTarget, proveText } from "./compile.ts";
import { readHead } from "./target.ts";
import { targetNamed } from "./targets/index.ts";

const nftables = targetNamed("nftables")!;
const settings: TargetSettings = { name: "edge", kind: "nftables", ...plainTarget };

/** One in four has an exemption in force that no packet filter can say, so that both outcomes are seen in every run. */
const anySketch = fc.tuple(anyPolicy, fc.nat(3)).map(([sketch, one]) => {
  if (one > 0) return sketch;
  const whole = { from: undefined, until: undefined, subscriber: "carol" };
  return { ...sketch, exemptions: [...sketch.exemptions, whole] };
});

test("any policy becomes a proved text or an error that names the rule", () => {
  const seen = { proved: 0, refused: 0 };
  fc.assert(
    fc.property(anySketch.map(policyOf), fc.integer({ min: 0, max: lastInstant }), (policy, at) => {
      const compiled = compileTarget(policy, settings, nftables, at);
      if (!compiled.ok) {
        seen.refused++;
        for (const { rule, message } of compiled.error) {
          assert.match(rule ?? "", /exemption/, message);
          assert.match(message, /subscriber/);
        }
        return;
      }
      seen.proved++;
      const { files, revision, projection } = compiled.value;
      const head = readHead(files[0]!.text);
      assert.deepEqual(head, { revision, at, validUntil: projection.validUntil });
      const proved = proveText(policy, settings, nftables, files, at);
      assert.ok(proved.ok && proved.value.verification.kind === "equal");
    }),
    { numRuns: 150 },
  );
  assert.ok(seen.proved > 20 && seen.refused > 5, JSON.stringify(seen));
});

test("a target stands only where it can", () => {
  const policy = policyOf({});
  const wrong = compileTarget(policy, { ...settings, placement: { kind: "line", pool: "x" } }, nftables, 0);
  assert.ok(!wrong.ok && /cannot stand at "line"/.test(wrong.error[0]!.message));
});

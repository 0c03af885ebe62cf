import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { combine } from "./combine.ts";
import { reasons } from "./reasons.ts";
import type { ReasonId } from "./reasons.ts";
import type { Verdict } from "./verdict.ts";

const reason = fc.constantFrom(...(Object.keys(reasons) as ReasonId[]));

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ kind: fc.constantFrom("accept", "reject", "defer", "disconnect"), reason }),
  fc.record({ kind: fc.constant("slow"), milliseconds: fc.nat(10_000), reason }),
  fc.record({ kind: fc.constant("unknown"), cause: fc.string() }),
);

const verdicts = fc.array(verdict, { maxLength: 8 });

/** The law in the words of the file, strongest first. */
const precedence = ["disconnect", "reject", "defer", "unknown", "accept"] as const;

function expectedKind(list: readonly Verdict[]): string {
  const strongest = precedence.find((kind) => list.some((each) => each.kind === kind));
  return strongest === undefined || strongest === "unknown" ? "defer" : strongest;
}

test("the strongest verdict wins, and its reason is that of a rule which said so", () => {
  fc.assert(
    fc.property(verdicts, (list) => {
      const { verdict: combined } = combine(list);
      assert.equal(combined.kind, expectedKind(list));
      const spoke = list.some((each) => each.kind === combined.kind && each.reason === combined.reason);
      const silent = !list.some(({ kind }) => kind === combined.kind);
      assert.ok(spoke || (silent && combined.reason === "internal.unknown"));
    }),
  );
});

test("the order of the rules changes neither what happens nor the delay", () => {
  const shuffled = verdicts.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(shuffled, ([list, other]) => {
      const [one, two] = [combine(list), combine(other)];
      assert.equal(one.verdict.kind, two.verdict.kind);
      assert.equal(one.delay, two.delay);
    }),
  );
});

test("a rule that defers by its own reason is not hidden behind an unknown, in either order", () => {
  const unknown: Verdict = { kind: "unknown", cause: "no answer" };
  const defer: Verdict = { kind: "defer", reason: "sender.no-space" };
  assert.equal(combine([unknown, defer]).verdict.reason, "sender.no-space");
  assert.equal(combine([defer, unknown]).verdict.reason, "sender.no-space");
});

test("an unknown never accepts, and its cause is kept for the log", () => {
  fc.assert(
    fc.property(verdicts, fc.string(), (list, cause) => {
      assert.notEqual(combine([...list, { kind: "unknown", cause }]).verdict.kind, "accept");
    }),
  );
  const { verdict: combined } = combine([
    { kind: "accept", reason: "recipient.local" },
    { kind: "unknown", cause: "the directory is away" },
  ]);
  assert.deepEqual(combined, {
    kind: "defer",
    reason: "internal.unknown",
    evidence: { cause: "the directory is away" },
  });
});

test("no verdict at all is a deferral", () => {
  assert.equal(combine([]).verdict.kind, "defer");
  assert.equal(combine([{ kind: "slow", milliseconds: 5, reason: "auth.credentials" }]).verdict.kind, "defer");
});

test("slow adds delay, the longest one, and changes nothing else", () => {
  fc.assert(
    fc.property(verdicts, (list) => {
      const { verdict: combined, delay } = combine(list);
      const rest = list.filter(({ kind }) => kind !== "slow");
      assert.deepEqual(combine(rest).verdict, combined);
      assert.equal(combine(rest).delay, 0);
      assert.equal(delay, Math.max(0, ...list.map((each) => (each.kind === "slow" ? each.milliseconds : 0))));
    }),
  );
});

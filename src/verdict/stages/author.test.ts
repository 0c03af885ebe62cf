// Laws of authorship over random messages: whatever fields there are, whoever they name, whatever the plan says.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ClaimedMailbox, ForeignSender } from "../facts.ts";
import { decideAuthors } from "./author.ts";

const anyRight = fc.constantFrom("own" as const, "delegate" as const, "foreign" as const);
const anyMailbox: fc.Arbitrary<ClaimedMailbox> = fc.record({
  field: fc.constantFrom(
    "from" as const,
    "from" as const,
    "sender" as const,
    "resent-from" as const,
    "resent-sender" as const,
  ),
  address: fc.constantFrom("a@x.test", "b@x.test", "c@y.test"),
  right: anyRight,
});
const anyMessage = fc
  .tuple(fc.record({ address: fc.constant("a@x.test"), right: anyRight }), fc.array(anyMailbox, { maxLength: 5 }))
  .map(([first, rest]): readonly ClaimedMailbox[] => [{ field: "from", ...first }, ...rest]);
const policies: readonly ForeignSender[] = ["refuse", "tag", "rewrite"];

const isOwn = (mailboxes: readonly ClaimedMailbox[], wanted: string): boolean =>
  mailboxes.some(({ field, right }) => field === wanted && right === "own");

test("what passes untouched names the account: all of it is its own, or its own Sender stands beside what it was lent", () => {
  let passed = 0;
  fc.assert(
    fc.property(anyMessage, fc.constantFrom(...policies), (mailboxes, policy) => {
      const { verdicts, sender } = decideAuthors(mailboxes, policy);
      if (verdicts.length > 0 || sender === "set") return;
      passed++;
      for (const { field, right } of mailboxes) {
        assert.notEqual(right, "foreign");
        if (right === "own") continue;
        assert.ok(field === "from" || field === "resent-from", "a Sender is never lent");
        assert.ok(isOwn(mailboxes, field === "from" ? "sender" : "resent-sender"));
      }
    }),
    { numRuns: 3000, examples: [[[{ field: "from", address: "a@x.test", right: "own" }], "refuse"]] },
  );
  assert.ok(passed > 0);
});

test("a foreign mailbox anywhere is refused, or with the other plans tagged; without one nothing is refused", () => {
  fc.assert(
    fc.property(anyMessage, fc.constantFrom(...policies), (mailboxes, policy) => {
      const { verdicts, sender } = decideAuthors(mailboxes, policy);
      const isForeign = mailboxes.some(({ right }) => right === "foreign");
      assert.equal(
        verdicts.some(({ kind }) => kind === "reject"),
        isForeign && policy === "refuse",
      );
      if (isForeign && policy !== "refuse") assert.equal(sender, "set");
    }),
    { numRuns: 3000 },
  );
});

test("the order of the fields and the names in them mean nothing", () => {
  fc.assert(
    fc.property(anyMessage, fc.constantFrom(...policies), (mailboxes, policy) => {
      const { verdicts, sender } = decideAuthors(mailboxes, policy);
      const turned = decideAuthors(mailboxes.toReversed(), policy);
      assert.deepEqual([turned.verdicts.length, turned.sender], [verdicts.length, sender]);
    }),
  );
});

test("what was proved counts as the account's own, and what may not be used now is refused whatever the plan says", () => {
  const asOwn = fc.constantFrom<readonly ClaimedMailbox["right"][]>(
    [{ kind: "valid", way: "direct" }],
    [{ kind: "valid", way: "relay" }],
  );
  fc.assert(
    fc.property(anyMessage, fc.nat(), asOwn, fc.constantFrom(...policies), (mailboxes, at, [proved], policy) => {
      const index = at % mailboxes.length;
      const own = mailboxes.with(index, { ...mailboxes[index]!, right: "own" });
      const there = mailboxes.with(index, { ...mailboxes[index]!, right: proved! });
      assert.equal(decideAuthors(there, policy).verdicts.length, decideAuthors(own, policy).verdicts.length);
      const over = mailboxes.with(index, { ...mailboxes[index]!, right: { kind: "expired", since: "2026-12-31" } });
      assert.equal(decideAuthors(over, policy).verdicts[0]?.kind, "reject");
    }),
  );
});

test("one more right never makes a message worse", () => {
  const better = { foreign: "delegate", delegate: "own", own: "own" } as const;
  const raise = (right: ClaimedMailbox["right"]): ClaimedMailbox["right"] =>
    typeof right === "string" ? better[right] : right;
  fc.assert(
    fc.property(anyMessage, fc.nat(), (mailboxes, at) => {
      const index = at % mailboxes.length;
      const raised = mailboxes.with(index, { ...mailboxes[index]!, right: raise(mailboxes[index]!.right) });
      const [before, after] = [decideAuthors(mailboxes, "refuse"), decideAuthors(raised, "refuse")];
      assert.ok(after.verdicts.length <= before.verdicts.length);
    }),
    { numRuns: 1000 },
  );
});

test("the boss's From with the secretary's Sender stays as it is; without it one is put there", () => {
  const from = { field: "from", address: "boss@x.test", right: "delegate" } as const;
  const sender = { field: "sender", address: "secretary@x.test", right: "own" } as const;
  assert.deepEqual(decideAuthors([from, sender], "refuse"), { verdicts: [], sender: "kept" });
  assert.deepEqual(decideAuthors([from], "refuse"), { verdicts: [], sender: "set" });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { unlimitedPlan } from "../config/test-plan.ts";
import { accountTerms } from "../directory/terms.ts";
import { createDirectory } from "../directory/directory.ts";
import { asRemote } from "../io/rpc.ts";
import { firstHolds, holds } from "../queue/classes.ts";
import type { SpooledMessage } from "../spool/message.ts";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import { createHandOver } from "./hand-over.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const key = "bob@b.test";
const message: SpooledMessage = {
  id: "m1",
  receivedAt: NOW,
  origin: "submission",
  sender: key,
  recipients: ["x@r.test"],
  eightBit: false,
  messageId: "<x@y>",
  size: 3,
  account: key,
};

function world() {
  const store = openMemoryStore();
  const account = { key, address: key, passwordHash: "h", aliases: [], createdAt: NOW, suspended: false };
  store.addAccount(account);
  const directory = createDirectory([], asRemote(store));
  const clock = { wall: () => NOW };
  const terms = accountTerms({
    directory,
    limits: () => ({ standard: unlimitedPlan, plans: new Map(), domainRamp: unlimitedPlan.ramp }),
    domains: () => [],
    clock,
  });
  const accepted: SpooledMessage[] = [];
  const failures: unknown[] = [];
  const trouble = { broken: false };
  const handOver = createHandOver(
    (who) => (trouble.broken ? Promise.reject(new Error("disk I/O error")) : terms(who)),
    (each) => void accepted.push(each),
    (cause) => void failures.push(cause),
  );
  /** What the dispatcher makes of the message that was at the disk meanwhile, and why. */
  const held = async (then: SpooledMessage = message): Promise<readonly unknown[]> => {
    directory.forget([key]);
    await handOver(then, []);
    const last = accepted.at(-1)!;
    return [firstHolds(last)(0), last.suspended ?? last.suspected];
  };
  return { store, held, trouble, failures };
}

const restraint = { step: "hold", since: NOW, score: 13, evidence: [] } as const;
const suspected = `account.suspected: hold since ${new Date(NOW).toISOString()}`;
const suspended = "account.suspended: by an operator";

test("what was at the disk while its account was suspended or deleted is held, and goes when that is over by then", async () => {
  const { store, held } = world();
  assert.deepEqual(await held(), [holds.none, undefined]);
  store.setSuspended(key, true);
  assert.deepEqual(await held(), [holds.suspension, suspended]);
  store.setRestraint(key, restraint);
  assert.deepEqual(
    await held({ ...message, suspected }),
    [holds.suspension, suspended],
    "an operator's word goes first",
  );
  store.setSuspended(key, false);
  assert.deepEqual(await held({ ...message, suspended }), [holds.suspicion, suspected]);
  store.setRestraint(key, undefined);
  assert.deepEqual(await held({ ...message, suspended }), [holds.none, undefined]);
  assert.deepEqual(await held({ ...message, suspected }), [holds.none, undefined]);
  store.deleteAccount(key);
  assert.deepEqual(await held(), [holds.suspension, "account.deleted"]);
});

test("mail from others has no account to ask about", async () => {
  const { held } = world();
  const { account: _account, ...others } = message;
  assert.deepEqual(await held({ ...others, origin: "mx" }), [holds.none, undefined]);
});

test("where the store cannot say how the account stands the message is held, and somebody hears of it", async () => {
  const { held, trouble, failures } = world();
  trouble.broken = true;
  assert.deepEqual(await held(), [holds.suspension, "account.unknown: the store could not say how it stands"]);
  assert.equal(failures.length, 1);
  trouble.broken = false;
  assert.deepEqual(await held(), [holds.none, undefined]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { unlimitedPlan } from "../config/test-plan.ts";
import type { DomainSettings, PlanSettings } from "../config/settings.ts";
import { parseDomain } from "../address/domain.ts";
import type { Account } from "../store/store.ts";
import { accountTerms, growth } from "./terms.ts";

const DAY = 86_400_000;
const NOW = 1_800_000_000_000;

const standard = unlimitedPlan;
const office: PlanSettings = {
  ...standard,
  messages: [{ name: "1h", length: 3_600_000, recipients: 10 }],
  recipientsPerMessage: 50,
  over: "reject",
  ramp: { length: 10 * DAY, share: 20 },
};

const domainRamp = { length: 10 * DAY, share: 20 };
const limitsNow = () => ({ standard, plans: new Map([["office", office]]), domainRamp });

async function termsOf(change: Partial<Account>, domains: readonly Pick<DomainSettings, "name" | "since">[] = []) {
  const account: Account = {
    key: "alice@sekimori.test",
    address: "alice@sekimori.test",
    passwordHash: "",
    aliases: [],
    createdAt: 0,
    suspended: false,
    ...change,
  };
  const directory = { findAccount: () => account };
  return accountTerms({ directory, limits: limitsNow, domains: () => domains, clock: { wall: () => NOW } })(
    account.key,
  );
}

test("an account has the terms of its plan; of a plan that is gone, those of all", async () => {
  const same = { foreignSender: "refuse", identityHeader: "none", address: "alice@sekimori.test" };
  const plain = {
    ...same,
    recipientsPerMessage: 1000,
    over: "defer",
    counts: { messages: false, newRecipients: false, bytes: false },
    share: 1,
    plan: "",
  };
  assert.deepEqual(await termsOf({}), { account: "alice@sekimori.test", ...plain });
  assert.deepEqual(await termsOf({ plan: "gone" }), { account: "alice@sekimori.test", ...plain });
  const own = {
    ...same,
    recipientsPerMessage: 50,
    over: "reject",
    counts: { messages: true, newRecipients: false, bytes: false },
    share: 1,
    plan: "office",
  };
  assert.deepEqual(await termsOf({ plan: "office" }), { account: "alice@sekimori.test", ...own });
});

test("a new account grows in ten steps, and its growth never falls", () => {
  const { ramp } = office;
  const shares = Array.from({ length: 12 }, (_each, day) => growth(ramp, day * DAY));
  assert.deepEqual([shares[0], shares[5], shares[10], shares[11]], [0.2, 0.6, 1, 1]);
  assert.ok(shares.every((share, index) => index === 0 || share >= shares[index - 1]!));
  assert.equal(growth(ramp, -DAY), 0.2, "a clock that was set back");
  assert.equal(growth(standard.ramp, 0), 1);
});

test("growth counts from when the account was made, whatever plan it has by now", async () => {
  const half = NOW - 5 * DAY;
  assert.equal((await termsOf({ createdAt: half })).share, 1);
  assert.equal((await termsOf({ createdAt: half, plan: "office" })).share, 0.6);
  assert.equal((await termsOf({ createdAt: NOW, plan: "office" })).share, 0.2);
  assert.equal(
    (await termsOf({ createdAt: NOW - 400 * DAY, plan: "office" })).share,
    1,
    "moved here, and long a customer",
  );
});

test("a domain grows from the first day of its contract, and one without such a day is not new", async () => {
  const parsed = parseDomain("sekimori.test");
  assert.ok(parsed.ok);
  const name = parsed.value;
  const after = async (days: number) => {
    const since = { written: "", at: NOW - days * DAY, zoned: true };
    return (await termsOf({}, [{ name, since }])).domainShare;
  };
  assert.deepEqual([await after(-3), await after(0), await after(5), await after(10)], [0.2, 0.2, 0.6, undefined]);
  assert.equal((await termsOf({}, [{ name }])).domainShare, undefined);
});

test("a raise multiplies until its time is over, also what a new account has", async () => {
  const raise = { factor: 5, until: NOW + 1, by: "carol", reason: "new year" };
  assert.equal((await termsOf({ raise })).share, 5);
  assert.equal((await termsOf({ raise: { ...raise, until: NOW } })).share, 1);
  assert.equal((await termsOf({ raise, plan: "office", createdAt: NOW })).share, 1);
});

const restrainedTo = async (restraint: Account["restraint"]) => {
  const { restrained, suspected } = await termsOf(restraint === undefined ? {} : { restraint });
  return [restrained, suspected];
};

test("an account that somebody else may be using is slowed until that ends, or its mail is held", async () => {
  const grounds = { since: NOW - 5, score: 12, evidence: [] };
  const held = `since ${new Date(NOW - 5).toISOString()}`;
  assert.deepEqual(await restrainedTo({ step: "slow", until: NOW + 1, ...grounds }), ["slow", undefined]);
  assert.deepEqual(await restrainedTo({ step: "slow", until: NOW, ...grounds }), [undefined, undefined]);
  assert.deepEqual(await restrainedTo({ step: "hold", ...grounds }), ["hold", `account.suspected: hold ${held}`]);
  assert.deepEqual(await restrainedTo({ step: "suspend", ...grounds }), ["hold", `account.suspected: suspend ${held}`]);
  assert.deepEqual(await restrainedTo(undefined), [undefined, undefined]);
});

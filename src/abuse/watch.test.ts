// The watch over many accounts: what it tells, and when; what it remembers; and what somebody who guesses names cannot make it remember.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openMemoryStore } from "../store/memory/memory-store.ts";
import type { ProfileStore } from "../store/store.ts";
import { createAbuseTap } from "./tap.ts";
import type { Step } from "./steps.ts";
import type { Observed } from "./tap.ts";
import { createAbuseWatch } from "./watch.ts";
import type { AbuseWatch, Suspicion, WatchServices } from "./watch.ts";

const peer = { session: "s", listener: "submission", client: "192.0.2.7", port: 4321 };
const HOUR = 3_600_000;

function asyncStore(store: ProfileStore): WatchServices["store"] {
  return {
    profile: (account) => Promise.resolve(store.profile(account)),
    saveProfiles: (profiles) => Promise.resolve(store.saveProfiles(profiles)),
  };
}

/** Another name of the account. */
const aliases: Readonly<Record<string, string>> = { "sales@b": "a@b" };

interface Bench {
  readonly watch: AbuseWatch;
  readonly told: Suspicion[];
}

function fail(cause: unknown): void {
  assert.fail(String(cause));
}

function watchOver(store: ProfileStore, farthest: Step = "notice"): Bench {
  const told: Suspicion[] = [];
  return {
    watch: createAbuseWatch({
      store: asyncStore(store),
      accountOf: (name) => Promise.resolve(aliases[name] ?? name),
      suspect: (one) => void told.push({ ...one, evidence: [...one.evidence] }),
      farthest: () => farthest,
      failed: fail,
    }),
    told,
  };
}

function unknown(count: number, at = 20_000 * 24 * HOUR): readonly Observed[] {
  const login = { kind: "login", at, network: "192.0.2.0/24", country: undefined } as const;
  return [
    { account: "a@b", observation: login, times: 1 },
    ...Array.from({ length: count }, (_each, index): Observed => ({
      account: "a@b",
      observation: { kind: "outcome", at: at + index, result: "unknown" },
      times: 1,
    })),
  ];
}

test("each step is told once, in rising order, over a restart too", async () => {
  const store = openMemoryStore();
  const first = watchOver(store);
  await first.watch.observed(unknown(10));
  await first.watch.save();
  const second = watchOver(store);
  await second.watch.observed(unknown(15));
  const steps = [...first.told, ...second.told].map(({ step }) => step);
  assert.deepEqual(steps, ["notice", "slow", "hold", "suspend"]);
  assert.ok(second.told.at(-1)!.evidence.length > 0);
});

test("somebody who has looked ends it, and it begins anew from nothing", async () => {
  const { watch, told } = watchOver(openMemoryStore());
  await watch.observed(unknown(6));
  assert.equal(told.length, 1);
  await watch.clear("a@b");
  await watch.observed(unknown(2));
  assert.equal(told.length, 1);
  await watch.observed(unknown(6));
  assert.equal(told[1]?.step, "notice");
});

test("what is to be done rises with the steps, and outlives a restart", async () => {
  const store = openMemoryStore();
  const first = watchOver(store, "suspend");
  await first.watch.observed(unknown(10));
  assert.deepEqual(store.suspects(), ["a@b"]);
  const second = watchOver(store, "suspend");
  await second.watch.observed(unknown(15));
  const changes = [...first.told, ...second.told].map(({ step, before, taken }) => [step, before?.step, taken?.step]);
  assert.deepEqual(changes, [
    ["notice", undefined, undefined],
    ["slow", undefined, "slow"],
    ["hold", "slow", "hold"],
    ["suspend", "hold", "suspend"],
  ]);
});

test("as far as it is allowed, and no farther; the rest is told", async () => {
  const { watch, told } = watchOver(openMemoryStore(), "slow");
  await watch.observed(unknown(25));
  assert.deepEqual(
    told.map(({ step, taken }) => [step, taken?.step]),
    [
      ["notice", undefined],
      ["slow", "slow"],
      ["hold", "slow"],
      ["suspend", "slow"],
    ],
  );
});

test("what could not be done is asked for again, and told when it is done", async () => {
  const store = openMemoryStore();
  const done: string[] = [];
  const failures: string[] = [];
  let isThere = false;
  const watch = createAbuseWatch({
    store: asyncStore(store),
    accountOf: (name) => Promise.resolve(name),
    suspect: ({ step, taken }) => {
      if (!isThere) throw new Error("the store does not answer");
      done.push(`${step} ${taken?.step}`);
    },
    farthest: () => "suspend",
    failed: (cause) => void failures.push(String(cause)),
  });
  await watch.observed(unknown(25));
  assert.deepEqual(done, []);
  assert.ok(failures.length > 1, "it was tried with each observation");
  isThere = true;
  await watch.observed(unknown(1, 20_000 * 24 * HOUR + 60_000));
  assert.deepEqual(done, ["suspend suspend"]);
});

test("clearing undoes what was done before anything else is seen, and says when that failed", async () => {
  const store = openMemoryStore();
  const { watch, told } = watchOver(store, "suspend");
  await watch.observed(unknown(25));
  const order: string[] = [];
  const cleared = watch.clear("a@b", async () => {
    await Promise.resolve();
    order.push(`lifted after ${told.length}`);
  });
  const next = watch.observed(unknown(6)).then(() => order.push(`seen ${told.length}`));
  await Promise.all([cleared, next]);
  assert.deepEqual(order, ["lifted after 4", "seen 5"]);
  assert.equal(told.at(-1)?.before, undefined);
  await assert.rejects(
    watch.clear("a@b", () => Promise.reject(new Error("no"))),
    /no/,
  );
  await watch.clear("a@b");
  assert.deepEqual(store.suspects(), []);
});

test("a slowing ends by itself, and that is asked for as well", async () => {
  const { watch, told } = watchOver(openMemoryStore(), "slow");
  const at = 20_000 * 24 * HOUR;
  await watch.observed(unknown(9, at));
  assert.equal(told.at(-1)?.taken?.step, "slow");
  const quiet = { kind: "outcome", at: at + 14 * 24 * HOUR, result: "taken" } as const;
  await watch.observed([{ account: "a@b", observation: quiet, times: 1 }]);
  assert.deepEqual([told.at(-1)?.step, told.at(-1)?.before?.step, told.at(-1)?.taken], [undefined, "slow", undefined]);
});

test("guesses at an alias are guesses at its account", async () => {
  const store = openMemoryStore();
  const { watch } = watchOver(store);
  const at = 20_000 * 24 * HOUR;
  await watch.observed(unknown(0, at));
  const guess = { kind: "failure", at: at + HOUR, network: "198.51.100.0/24" } as const;
  await watch.observed([{ account: "sales@b", observation: guess, times: 6 }]);
  const login = { kind: "login", at: at + 2 * HOUR, network: "198.51.100.0/24", country: undefined } as const;
  await watch.observed([{ account: "a@b", observation: login, times: 1 }]);
  await watch.save();
  assert.match(store.profile("a@b")!, /guessed-password/);
  assert.equal(store.profile("sales@b"), undefined);
});

test("a thousand guessed names leave nothing behind", async () => {
  const store = openMemoryStore();
  const { watch } = watchOver(store);
  const guesses = Array.from({ length: 1000 }, (_each, index): Observed => ({
    account: `guess${index}@b`,
    observation: { kind: "failure", at: 1, network: "192.0.2.0/24" },
    times: 1,
  }));
  await watch.observed(guesses);
  await watch.save();
  assert.equal(store.profileSpan(0).items, 0);
});

test("more accounts than fit into memory are all remembered", async () => {
  const store = openMemoryStore();
  const { watch } = watchOver(store);
  for (let round = 0; round < 2; round++) {
    const batch = Array.from({ length: 6000 }, (_each, index): Observed => ({
      account: `u${index}@b`,
      observation: { kind: "login", at: (1 + round) * 24 * HOUR, network: `n${round}`, country: undefined },
      times: 1,
    }));
    // oxlint-disable-next-line no-await-in-loop -- one day after the other
    await watch.observed(batch);
  }
  await watch.save();
  assert.equal(store.profileSpan(0).items, 6000);
  for (const account of ["u0@b", "u5999@b"]) {
    const profile = JSON.parse(store.profile(account)!) as { readonly networks: object };
    assert.deepEqual(Object.keys(profile.networks), ["n0", "n1"]);
  }
});

test("the tap gives an account what belongs to it, and no more", () => {
  const seen: Observed[] = [];
  const tap = createAbuseTap(
    () => 1000,
    (observed) => seen.push(observed),
  );
  const decision = { reason: "recipient.unknown", reply: "550 no" };
  tap.emit("auth.succeeded", { ...peer, client: "2001:db8:1:2::9", account: "Alice@b", mechanism: "PLAIN" });
  const login = { ...peer, account: "Alice@b", mechanism: "PLAIN", reply: "no" };
  // Of these nobody looked at the password, or it was the right one.
  for (const reason of ["auth.held", "auth.busy", "auth.unavailable", "auth.scope", "auth.client-logins"]) {
    tap.emit("auth.failed", { ...login, reason });
  }
  tap.emit("auth.failed", { ...login, reason: "auth.credentials" });
  tap.emit("recipient.refused", { ...peer, ...decision, sender: "x@y", recipient: "z@b" });
  tap.emit("recipient.refused", { ...peer, ...decision, sender: "alice@b", recipient: "z@b", account: "alice@b" });
  const message = { ...peer, messageId: "", size: 1, facts: [], sender: "Alice@b", recipients: ["u@v", "w@v", "x@v"] };
  tap.emit("message.accepted", { ...message, message: "m0" });
  const authors = ["Alice@b", "Other@b"];
  tap.emit("message.accepted", { ...message, message: "m1", account: "alice@b", newRecipients: 2, authors });
  const remote = { destination: "d", reply: "r", milliseconds: 1 };
  tap.emit("delivery.delivered", { ...remote, message: "m1", recipients: ["u@v", "w@v"] });
  tap.emit("delivery.failed", { ...remote, message: "m1", recipients: ["x@v"], status: "5.1.1" });
  tap.emit("delivery.failed", { ...remote, message: "m1", recipients: ["x@v"], status: "5.7.1" });
  tap.emit("delivery.delivered", { ...remote, message: "m0", recipients: ["u@v"] });
  assert.deepEqual(
    seen.map(({ account, observation, times }) => [account, observation.kind, times]),
    [
      ["alice@b", "login", 1],
      ["alice@b", "failure", 1],
      ["alice@b", "outcome", 1],
      ["alice@b", "message", 1],
      ["alice@b", "outcome", 2],
      ["alice@b", "outcome", 1],
    ],
  );
  const sent = { kind: "message", at: 1000, recipients: 3, newRecipients: 2, authors: ["alice@b", "other@b"] };
  assert.deepEqual(seen.find(({ observation }) => observation.kind === "message")?.observation, sent);
  assert.deepEqual(seen[0]?.observation, { kind: "login", at: 1000, network: "2001:db8:1::/48", country: undefined });
});

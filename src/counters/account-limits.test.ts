import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createAccountLimits, heldTo, slowedTo } from "./account-limits.ts";
import type { AccountLimits, AccountRules, Held, QuotaAnswer, Subject } from "./account-limits.ts";

const HOUR = 3_600_000;
const hour = (limit: number) => [{ name: "1h", length: HOUR, limit }];
const day = (limit: number) => [{ name: "1d", length: 24 * HOUR, limit }];

const none = { "new-recipients": [], bytes: [] };
const plain = { newRecipients: 0, octets: 0 };

const rules: AccountRules = {
  standard: { recipients: hour(10), attempts: hour(20), messages: [], ...none },
  plans: { office: { recipients: [...hour(20), ...day(40)], attempts: hour(50), messages: hour(3), ...none } },
  domain: [],
};

function limitsAt(clock: { now: number; wall?: number }, given = rules): AccountLimits {
  return createAccountLimits(given, { wall: () => clock.wall ?? clock.now, monotonic: () => clock.now });
}

const subject = (account: string, more: Partial<Subject> = {}): Subject => ({ account, plan: "", share: 1, ...more });
const heldOf = (answer: QuotaAnswer): readonly Held[] => (answer.kind === "within" ? answer.held : []);
const usedOf = (limits: AccountLimits, whose: Subject, layer = "recipients"): number =>
  limits.uses(whose).quota.find((use) => use.layer === layer)!.used;

test("attempts are never given back, reservations are", () => {
  const limits = limitsAt({ now: 1 });
  const a = subject("a");
  for (let taken = 0; taken < 20; taken++) assert.equal(limits.attempt(a).kind, "within");
  assert.equal(limits.attempt(a).kind, "over");
  for (let round = 0; round < 3; round++) {
    const answers = Array.from({ length: 11 }, () => limits.reserve(a));
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      [...Array.from({ length: 10 }, () => "within"), "over"],
    );
    limits.release(answers.flatMap(heldOf));
  }
  assert.equal(usedOf(limits, a), 0);
  assert.equal(limits.uses(a).attempts[0]!.used, 20);
  assert.equal(limits.reserve(subject("b")).kind, "within", "another account has its own");
});

test("replayed charges fill the windows by their age, and one from the future counts as one of now", () => {
  const clock = { now: 1000, wall: 100_000_000 };
  const limits = limitsAt(clock);
  const a = subject("a");
  limits.replay([
    { account: "a", at: clock.wall - 1_800_000, recipients: 4, ...plain },
    { account: "a", at: clock.wall - 3_700_000, recipients: 5, ...plain },
    { account: "a", at: clock.wall + 9_000_000, recipients: 3, ...plain },
  ]);
  assert.equal(usedOf(limits, a), 7);
  clock.now += 1_900_000;
  assert.equal(usedOf(limits, a), 3, "the older one has left by the monotonic clock");
  clock.now += 3_700_000;
  limits.sweep();
  assert.equal(usedOf(limits, a), 0);
});

test("what was charged before the plan was known counts in all windows of the plan, messages too", () => {
  const clock = { now: 0, wall: 100 * HOUR };
  const limits = limitsAt(clock);
  limits.replay([
    { account: "a", at: 90 * HOUR, recipients: 30, ...plain },
    { account: "a", at: 100 * HOUR, recipients: 5, ...plain },
  ]);
  const a = subject("a", { plan: "office" });
  assert.deepEqual(limits.uses(a).quota, [
    { layer: "recipients", window: "1h", used: 5, limit: 20 },
    { layer: "recipients", window: "1d", used: 35, limit: 40 },
    { layer: "messages", window: "1h", used: 1, limit: 3 },
  ]);
  assert.equal(usedOf(limits, subject("a")), 5, "and goes back with the account");
  assert.equal(usedOf(limits, a), 5);
});

test("a share makes limits smaller or larger, never less than one, and keeps what is counted", () => {
  const limits = limitsAt({ now: 0 });
  const fresh = subject("a", { share: 0.2 });
  assert.deepEqual(
    [limits.reserve(fresh), limits.reserve(fresh), limits.reserve(fresh)].map(({ kind }) => kind),
    ["within", "within", "over"],
  );
  const raised = subject("a", { share: 2 });
  const answers = Array.from({ length: 19 }, () => limits.reserve(raised));
  assert.equal(answers.filter(({ kind }) => kind === "within").length, 18);
  assert.equal(limits.reserve(subject("a")).kind, "over");
  limits.release(answers.flatMap(heldOf));
  assert.equal(usedOf(limits, subject("a")), 2, "taken under one share, given back under another");
  assert.equal(limits.uses(subject("b", { share: 0.001 })).quota[0]!.limit, 1);
});

test("a domain's accounts share its limit, and who is refused there has taken nothing anywhere", () => {
  const limits = limitsAt({ now: 0 }, { ...rules, domain: hour(5) });
  const [a, b, other] = ["a@x.jp", "b@x.jp", "a@y.jp"].map((name) => subject(name));
  for (let taken = 0; taken < 4; taken++) limits.reserve(a!);
  assert.equal(limits.reserve(b!).kind, "within");
  const refused = limits.reserve(b!);
  assert.ok(refused.kind === "over" && refused.layer === "domain" && refused.used === 5);
  assert.equal(usedOf(limits, b!), 1);
  assert.equal(limits.reserve(other!).kind, "within");
});

test("a new domain has a share of its limit, and takes its counts along as it grows", () => {
  const clock = { now: 0 };
  const limits = limitsAt(clock, { ...rules, domain: hour(10) });
  const many = Array.from({ length: 20 }, (_each, index) => `a${index}@x.jp`);
  const reach = (domainShare?: number): number =>
    many.filter((account) => {
      const more = domainShare === undefined ? {} : { domainShare };
      return limits.reserve(subject(account, more)).kind === "within";
    }).length;
  assert.equal(reach(0.2), 2, "however many accounts it has");
  assert.equal(limits.reserve(subject("a@y.jp")).kind, "within");
  clock.now += 1000;
  assert.equal(reach(0.5), 3);
  limits.sweep();
  assert.equal(reach(), 5);
  assert.equal(usedOf(limits, subject("new@x.jp"), "domain"), 10);
  // Somebody who asked a moment before it grew, in another thread.
  const late = limits.reserve(subject("a0@x.jp", { domainShare: 0.5 }));
  assert.ok(late.kind === "over" && late.used === 10 && late.limit === 5);
  limits.replaceRules({ ...rules, domain: hour(20) });
  assert.equal(reach(0.6), 2);
  clock.now += 2 * HOUR;
  limits.sweep();
  assert.equal(usedOf(limits, subject("a0@x.jp", { domainShare: 0.6 }), "domain"), 0);
});

test("a stranger costs one unit however many open transactions name it, and it goes back with the last of them", () => {
  const clock = { now: 0 };
  const standard = { ...rules.standard, "new-recipients": day(2) };
  const limits = limitsAt(clock, { ...rules, standard });
  const a = subject("a");
  const [one, two, three] = [1, 2, 1].map((stranger) => limits.reserve(a, stranger));
  assert.equal(usedOf(limits, a, "new-recipients"), 2);
  const refused = limits.reserve(a, 3);
  assert.ok(refused.kind === "over" && refused.layer === "new-recipients");
  assert.equal(usedOf(limits, a), 3, "who is refused has taken nothing");
  assert.equal(limits.reserve(a, undefined).kind, "within", "whom it knows it reaches");
  limits.release(heldOf(one!));
  assert.equal(usedOf(limits, a, "new-recipients"), 2, "another transaction still names it");
  limits.release(heldOf(three!));
  limits.release(heldOf(two!));
  assert.equal(usedOf(limits, a, "new-recipients"), 0);
  assert.equal(limits.reserve(a, 1).kind, "within");
  assert.equal(limits.reserve(subject("b"), 1).kind, "within", "others have theirs");
  clock.now += 23 * HOUR;
  limits.sweep();
  assert.equal(limits.reserve(a, 1).kind, "within");
  assert.equal(usedOf(limits, a, "new-recipients"), 1, "charged once, also while the store does not know it yet");
});

test("octets fit as a whole or not at all, and count again after a restart", () => {
  const clock = { now: 0, wall: 100 * HOUR };
  const limits = limitsAt(clock, { ...rules, standard: { ...rules.standard, bytes: hour(1000) } });
  const a = subject("a");
  limits.replay([{ account: "a", at: clock.wall, recipients: 1, newRecipients: 1, octets: 400 }]);
  const answer = limits.reserveOctets(a, 600);
  assert.equal(usedOf(limits, a, "bytes"), 1000);
  assert.equal(limits.reserveOctets(a, 1).kind, "over");
  limits.release(heldOf(answer));
  assert.equal(limits.reserveOctets(a, 601).kind, "over");
  assert.equal(usedOf(limits, a, "bytes"), 400);
});

test("whether octets fit can be asked beforehand: it takes nothing, and names a window that is too small for ever first", () => {
  const clock = { now: 0 };
  const bytes = [
    { name: "1h", length: HOUR, limit: 500 },
    { name: "1d", length: 24 * HOUR, limit: 400 },
  ];
  const limits = limitsAt(clock, { ...rules, standard: { ...rules.standard, bytes } });
  const a = subject("a");
  assert.deepEqual(limits.octetsFit(a, 400), { kind: "fits" });
  assert.equal(usedOf(limits, a, "bytes"), 0);
  limits.reserveOctets(a, 300);
  const asked = limits.octetsFit(a, 450);
  assert.deepEqual(asked.kind === "over" ? [asked.window, asked.opensIn] : [], ["1d", Number.POSITIVE_INFINITY]);
  const later = limits.octetsFit(a, 150);
  assert.ok(later.kind === "over" && later.window === "1d" && later.opensIn > 0 && later.opensIn <= 25 * HOUR);
  assert.deepEqual(limits.octetsFit(a, 100), { kind: "fits" });
  limits.reserveOctets(a, 50);
  const full = limits.octetsFit(a, 80);
  assert.deepEqual(full.kind === "over" ? full.notices.map(({ level }) => level) : [], ["reached"]);
  const again = limits.octetsFit(a, 80);
  assert.deepEqual(again.kind === "over" ? again.notices : undefined, [], "told once");
});

test("80 % and the limit are told once in an interval, whatever comes and goes", () => {
  const clock = { now: 0 };
  const limits = limitsAt(clock);
  const a = subject("a");
  const told: string[] = [];
  const reserve = (): QuotaAnswer => {
    const answer = limits.reserve(a);
    for (const { level, used } of answer.notices) told.push(`${level} ${used}`);
    return answer;
  };
  for (let round = 0; round < 3; round++) {
    const answers = Array.from({ length: 12 }, reserve);
    limits.release(answers.flatMap(heldOf));
    clock.now += 1000;
  }
  assert.deepEqual(told, ["near 8", "reached 10"]);
  clock.now += 2 * HOUR;
  limits.sweep();
  for (let taken = 0; taken < 11; taken++) reserve();
  assert.deepEqual(told, ["near 8", "reached 10", "near 8", "reached 10"]);
});

test("what was told before a restart is not told after it, what comes after it is", () => {
  const clock = { now: 0, wall: 100 * HOUR };
  const limits = limitsAt(clock, { ...rules, domain: hour(12) });
  const charge = { account: "a@x.jp", at: clock.wall, recipients: 8, ...plain };
  limits.replay([charge]);
  const a = subject("a@x.jp");
  const told = Array.from({ length: 5 }, () => limits.reserve(a).notices).flat();
  assert.deepEqual(
    told.map(({ layer, level, used }) => `${layer} ${level} ${used}`),
    ["recipients reached 10", "domain near 10"],
  );
});

test("whatever is asked in whatever order: never over a limit, and all given back leaves nothing", () => {
  const step = fc.record({
    account: fc.constantFrom("a@x.jp", "b@x.jp", "a@y.jp"),
    plan: fc.constantFrom("", "office"),
    share: fc.constantFrom(0.5, 1, 2),
    kind: fc.constantFrom("reserve", "message", "release", "rules"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const given = { ...rules, domain: hour(12) };
      const limits = limitsAt({ now: 0 }, given);
      let held: Held[] = [];
      for (const { kind, ...who } of steps) {
        if (kind === "reserve" || kind === "message") {
          const before = limits.uses(who).quota;
          const answer = kind === "reserve" ? limits.reserve(who) : limits.reserveMessage(who);
          held.push(...heldOf(answer));
          if (answer.kind === "within")
            for (const { used, limit } of limits.uses(who).quota) {
              const grew = before.every((one) => one.used <= one.limit);
              if (grew) assert.ok(used <= limit);
            }
          else assert.deepEqual(limits.uses(who).quota, before);
        } else if (kind === "release") {
          limits.release(held);
          held = [];
        } else limits.replaceRules(given);
      }
      limits.release(held);
      for (const account of ["a@x.jp", "b@x.jp", "a@y.jp"]) {
        for (const { used } of limits.uses(subject(account)).quota) assert.equal(used, 0);
      }
    }),
  );
});

test("an account that is slowed may name one recipient in two minutes, a refused one too, whoever asks", () => {
  const clock = { now: 0 };
  const limits = limitsAt(clock, { ...rules, domain: hour(100) });
  const slow = subject("a@x.jp", { restrained: "slow", over: "hold" });
  assert.equal(limits.attempt(slow).kind, "within");
  const second = limits.attempt(slow);
  assert.ok(second.kind === "over" && "layer" in second, "not even where others would be held");
  assert.deepEqual([second.layer, second.used, second.limit], ["restrained", 1, 1]);
  assert.ok(second.opensIn >= slowedTo.length && second.opensIn <= 1.01 * slowedTo.length);
  assert.equal(limits.attempt(subject("b@x.jp")).kind, "within", "another account goes on");
  limits.release(heldOf(limits.reserve(slow)));
  assert.equal(limits.attempt(slow).kind, "over", "a try is never given back");
  clock.now += 1.01 * slowedTo.length;
  limits.sweep();
  assert.equal(limits.attempt(slow).kind, "within");
  assert.equal(limits.attempt(subject("a@x.jp")).kind, "within", "when it is over nothing is left of it");
  assert.ok(limits.uses(slow).quota.every(({ layer }) => layer === "recipients" || layer === "domain"));
});

for (const [restrained, { length, limit }, restarts] of [
  ["slow", slowedTo, true],
  ["hold", heldTo, false],
] as const) {
  test(`in no ${length / 60_000} minutes may an account on ${restrained} name more than ${limit}`, () => {
    fc.assert(
      fc.property(fc.array(fc.nat(length / limit), { minLength: 1, maxLength: 60 }), fc.nat(60), (waits, restart) => {
        const clock = { now: 0, wall: 1_800_000_000_000 };
        let limits = limitsAt(clock);
        const sent: number[] = [];
        for (const [index, wait] of waits.entries()) {
          clock.now += wait;
          clock.wall += wait;
          if (restarts && index === restart) {
            limits = limitsAt(clock);
            limits.replay(sent.map((at) => ({ account: "a", at, recipients: 1, ...plain })));
          }
          if (limits.attempt(subject("a", { restrained, share: 100 })).kind === "within") sent.push(clock.wall);
        }
        for (const [index, at] of sent.entries()) {
          if (index >= limit) assert.ok(at - sent[index - limit]! >= length);
        }
        assert.ok(sent.length > 0);
      }),
    );
  });
}

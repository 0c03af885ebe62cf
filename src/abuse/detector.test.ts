// The detector by its promises: ordinary traffic is left alone, an abuser is seen after few messages, ordinary traffic of one kind does not
// hide another, and a profile that was stored goes on as if it had not been.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { observe, standardRules } from "./detector.ts";
import type { Observation } from "./observation.ts";
import { DAY, kinds, scoreOf, startProfile } from "./profile.ts";
import type { Profile } from "./profile.ts";
import { goesBeyond, standardThresholds, stepFor, steps } from "./steps.ts";

const HOUR = 3_600_000;

/** Two networks, mail in the morning and the evening, now and then somebody new. */
function ordinaryDay(day: number): readonly Observation[] {
  const at = day * DAY;
  const place = { network: day % 3 === 0 ? "office" : "home", country: "JP" };
  const sent = [1, 2].flatMap((each): readonly Observation[] => [
    {
      kind: "message",
      at: at + (each + 1) * HOUR,
      recipients: 2,
      newRecipients: day % 5 === 0 ? 1 : 0,
      authors: ["a"],
    },
    { kind: "outcome", at: at + (each + 1) * HOUR + 1000, result: day % 20 === 0 ? "unknown" : "taken" },
  ]);
  return [{ kind: "login", at: at + HOUR, ...place }, ...sent];
}

function lived(days: number): Profile {
  const profile = startProfile(0);
  for (let day = 0; day < days; day++) for (const each of ordinaryDay(day)) observe(profile, each, standardRules);
  return profile;
}

test("an account that goes on as always is never noticed", () => {
  const profile = startProfile(0);
  for (let day = 0; day < 400; day++) {
    for (const each of ordinaryDay(day)) {
      observe(profile, each, standardRules);
      assert.ok(scoreOf(profile) < standardThresholds.notice, `day ${day}: ${JSON.stringify(profile.evidence)}`);
    }
  }
});

test("logins from one unknown network after the other are stopped within few recipients, and the evidence says why", () => {
  const profile = lived(60);
  let recipients = 0;
  for (let login = 0; login < 50 && stepFor(scoreOf(profile), standardThresholds) !== "suspend"; login++) {
    const at = 60 * DAY + login * 10 * 60_000;
    observe(profile, { kind: "login", at, network: `n${login}`, country: undefined }, standardRules);
    observe(profile, { kind: "message", at, recipients: 2, newRecipients: 2, authors: ["a"] }, standardRules);
    recipients += 2;
  }
  assert.ok(recipients <= 20, String(recipients));
  assert.ok(profile.evidence.some(({ sign, text }) => sign === "new-network" && text.includes("never seen before")));
});

test("a harvester is seen by those who do not exist, though all else is as always", () => {
  const profile = lived(60);
  let tried = 0;
  for (; tried < 200 && (stepFor(scoreOf(profile), standardThresholds) ?? "notice") === "notice"; tried++) {
    const result = tried % 10 === 0 ? "taken" : "unknown";
    observe(profile, { kind: "outcome", at: 60 * DAY + tried * 1000, result }, standardRules);
  }
  assert.ok(tried < 30, String(tried));
});

test("much ordinary mail does not make foreign logins ordinary", () => {
  const profile = lived(60);
  const at = 60 * DAY + 5 * HOUR;
  for (let each = 0; each < 3; each++) {
    observe(profile, { kind: "login", at, network: `n${each}`, country: `C${each}` }, standardRules);
  }
  const before = scoreOf(profile);
  for (let each = 0; each < 5000; each++)
    observe(profile, { kind: "outcome", at: at + each, result: "taken" }, standardRules);
  assert.equal(profile.scores.place, before - profile.scores.habit - profile.scores.volume);
});

/** Of a login after so many wrong passwords. */
function weightOf(failures: number): number {
  const profile = lived(60);
  const at = 60 * DAY;
  for (let each = 0; each < failures; each++)
    observe(profile, { kind: "failure", at, network: "there" }, standardRules);
  observe(profile, { kind: "login", at: at + 1000, network: "there", country: undefined }, standardRules);
  return scoreOf(profile);
}

test("wrong passwords count when a login from there follows", () => {
  assert.ok(weightOf(6) > weightOf(2) + 1);
});

test("a stranger who guesses every day accuses nobody, wherever the owner goes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 40 }), fc.integer({ min: 1, max: 4 }), (guesses, places) => {
      const profile = startProfile(0);
      let accused = 0;
      for (let day = 0; day < 90; day++) {
        for (let place = 0; place < places; place++) {
          const at = day * DAY + (1 + place) * HOUR;
          if (day >= 45) {
            for (let each = 0; each < guesses; each++)
              observe(profile, { kind: "failure", at, network: `g${each % 7}` }, standardRules);
          }
          const network = `n${day} ${place}`;
          for (const { sign, weight } of observe(
            profile,
            { kind: "login", at, network, country: "JP" },
            standardRules,
          )) {
            if (sign === "guessed-password") accused += weight;
          }
        }
      }
      assert.ok(accused < 2, String(accused));
    }),
    { numRuns: 20 },
  );
});

test("who has guessed for days and then gets in from there is seen, though everybody guesses", () => {
  const profile = lived(60);
  for (let day = 60; day < 75; day++) {
    for (let each = 0; each < 30; each++)
      observe(profile, { kind: "failure", at: day * DAY + each, network: `g${each}` }, standardRules);
    for (const each of ordinaryDay(day)) observe(profile, each, standardRules);
  }
  for (let each = 0; each < 5; each++)
    observe(profile, { kind: "failure", at: 75 * DAY + each, network: "there" }, standardRules);
  const at = 76 * DAY;
  const told = observe(profile, { kind: "login", at, network: "there", country: "JP" }, standardRules);
  const guessed = told.find(({ sign }) => sign === "guessed-password");
  assert.ok(guessed !== undefined && guessed.weight > 1.5, JSON.stringify(told));
});

test("wrong passwords from where the account is used are its owner's", () => {
  const profile = lived(60);
  for (let each = 0; each < 50; each++)
    observe(profile, { kind: "failure", at: 60 * DAY + each, network: "office" }, standardRules);
  const login = { kind: "login", at: 60 * DAY + HOUR, network: "elsewhere", country: "JP" } as const;
  assert.ok(observe(profile, login, standardRules).every(({ sign }) => sign !== "guessed-password"));
});

/** Score of so many messages on one day, each with the authors that belong to its number. */
function writtenBy(
  profile: Profile,
  messages: number,
  day: number,
  authors: (index: number) => readonly string[],
): number {
  for (let each = 0; each < messages; each++) {
    const at = day * DAY + 2 * HOUR + each * 1000;
    observe(profile, { kind: "message", at, recipients: 1, newRecipients: 0, authors: authors(each) }, standardRules);
  }
  return profile.scores.habit;
}

test("a new author in each message, or many in one, speak for somebody else, and the evidence names one", () => {
  for (const [messages, authors] of [
    [40, (index: number) => [`x${index}@example.net`]],
    [1, () => Array.from({ length: 40 }, (_each, index) => `x${index}@example.net`)],
  ] as const) {
    const profile = lived(60);
    assert.equal(
      writtenBy(profile, 40, 60, () => ["a"]),
      0,
    );
    assert.ok(writtenBy(profile, messages, 60, authors) > 4);
    const { text } = profile.evidence.findLast(({ sign }) => sign === "new-author")!;
    assert.match(text, /^x\d+@example\.net and \d+ more in From today, never seen before; usual are up to \d+$/);
  }
});

test("one new author is nobody's evidence, and who always has many is not noticed for it", () => {
  const profile = lived(60);
  assert.equal(
    writtenBy(profile, 5, 60, () => ["a", "second"]),
    0,
  );
  for (let day = 61; day < 200; day++) {
    const score = writtenBy(profile, 30, day, (index) => [`customer ${day} ${index}`]);
    assert.ok(day < 80 || score < 1, `day ${day}: ${score}`);
  }
});

const anyObservation: fc.Arbitrary<Omit<Observation, "at"> & { readonly step: number }> = fc.oneof(
  fc.record({
    kind: fc.constant("login" as const),
    step: fc.nat(2 * DAY),
    network: fc.constantFrom("a", "b", "c", "d", "__proto__", "constructor"),
    country: fc.constantFrom(undefined, "JP", "US", "__proto__"),
  }),
  fc.record({ kind: fc.constant("failure" as const), step: fc.nat(HOUR), network: fc.constantFrom("a", "z") }),
  fc.record({
    kind: fc.constant("message" as const),
    step: fc.nat(DAY),
    recipients: fc.nat(5000),
    newRecipients: fc.nat(5000),
    authors: fc.uniqueArray(fc.constantFrom("x", "y", "z", "toString", "__proto__")),
  }),
  fc.record({
    kind: fc.constant("content" as const),
    step: fc.nat(HOUR),
    body: fc.constantFrom("", "a1", "b2", "constructor"),
    programs: fc.subarray(["exe", "js"]),
  }),
  fc.record({ kind: fc.constant("outcome" as const), step: fc.nat(HOUR), result: fc.constantFrom("taken", "unknown") }),
);

test("whatever comes: scores are sound, what is kept is bounded, and a stored profile goes on the same", () => {
  fc.assert(
    fc.property(fc.array(anyObservation, { maxLength: 120 }), fc.nat(120), (sketch, stored) => {
      let at = 20_000 * DAY;
      let profile = startProfile(at);
      const same = startProfile(at);
      for (const [index, { step, ...rest }] of sketch.entries()) {
        at += step;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the sketch with its time
        const observation = { ...rest, at } as Observation;
        if (index === stored) profile = JSON.parse(JSON.stringify(profile)) as Profile;
        observe(profile, observation, standardRules);
        observe(same, observation, standardRules);
        for (const kind of kinds) assert.ok(profile.scores[kind] >= 0 && Number.isFinite(profile.scores[kind]));
        assert.ok(profile.evidence.length <= 50);
      }
      assert.deepEqual(JSON.parse(JSON.stringify(profile)), JSON.parse(JSON.stringify(same)));
    }),
  );
});

test("a journey is one sign, not three: nobody is noticed for it, and who is in two countries by turns is", () => {
  const travelled = lived(60);
  const at = 60 * DAY + 3 * HOUR;
  const login = (profile: Profile, hours: number, network: string, country: string): void =>
    void observe(profile, { kind: "login", at: at + hours * HOUR, network, country }, standardRules);
  login(travelled, 0, "home", "JP");
  login(travelled, 1, "airport", "KR");
  for (let day = 0; day < 5; day++) login(travelled, 4 + 24 * day, `hotel${day % 2}`, "KR");
  assert.ok(scoreOf(travelled) < standardThresholds.notice, JSON.stringify(travelled.evidence));
  assert.deepEqual(
    travelled.evidence.filter(({ at: when }) => when === at + HOUR).map(({ sign }) => sign),
    ["new-country"],
  );
  const both = lived(60);
  for (let hour = 0; hour < 4; hour++)
    login(both, hour, hour % 2 === 0 ? "home" : "there", hour % 2 === 0 ? "JP" : "C1");
  assert.ok(scoreOf(both) > standardThresholds.notice, JSON.stringify(both.evidence));
  assert.ok(both.evidence.some(({ sign }) => sign === "two-countries"));
});

test("the same text again and again, and a program that was never sent, speak for somebody else", () => {
  const profile = lived(60);
  const sent = (index: number, body: string, programs: readonly string[]): void =>
    void observe(profile, { kind: "content", at: 60 * DAY + index * 1000, body, programs }, standardRules);
  for (let each = 0; each < 20; each++) sent(each, "text", []);
  assert.equal(scoreOf(profile), 0, "nobody wonders");
  for (let each = 20; each < 200; each++) sent(each, "text", []);
  const repeated = scoreOf(profile);
  assert.ok(repeated > 3, String(repeated));
  sent(200, "other", ["exe"]);
  assert.ok(scoreOf(profile) > repeated + 1);
  const before = scoreOf(profile);
  sent(201, "other", ["exe"]);
  assert.equal(scoreOf(profile), before);
  const signs = new Set(profile.evidence.map(({ sign }) => sign));
  assert.ok(signs.has("repeated-text") && signs.has("new-program"));
});

test("who sends the same text to many every week is not noticed for it, and what is kept of texts is bounded", () => {
  const profile = startProfile(0);
  for (let week = 0; week < 20; week++) {
    for (let each = 0; each < 60; each++) {
      const at = week * 7 * DAY + each * 1000;
      observe(profile, { kind: "content", at, body: "news", programs: [] }, standardRules);
      assert.ok(scoreOf(profile) < standardThresholds.notice);
    }
  }
  assert.equal(scoreOf(profile) < 1, true, String(scoreOf(profile)));
  for (let each = 0; each < 5000; each++) {
    observe(profile, { kind: "content", at: 150 * DAY, body: `text ${each}`, programs: [] }, standardRules);
  }
  assert.ok(Object.keys(profile.today.texts ?? {}).length <= 101);
});

test("a profile stays small however many networks an account has", () => {
  const profile = startProfile(0);
  for (let each = 0; each < 20_000; each++) {
    observe(
      profile,
      { kind: "login", at: each * 60_000, network: `n${each}`, country: `C${each % 700}` },
      standardRules,
    );
  }
  assert.ok(JSON.stringify(profile).length < 50_000);
});

test("steps rise with the score and are taken once", () => {
  const scores = steps.map((step) => standardThresholds[step]);
  assert.deepEqual(
    scores.toSorted((a, b) => a - b),
    scores,
  );
  assert.equal(stepFor(standardThresholds.notice - 0.01, standardThresholds), undefined);
  for (const step of steps) assert.equal(stepFor(standardThresholds[step], standardThresholds), step);
  assert.ok(goesBeyond("hold", "slow") && !goesBeyond("slow", "slow") && !goesBeyond("notice", "hold"));
});

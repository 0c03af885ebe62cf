// Is somebody else using this account? A sequential test of its own traffic against its own history (CUSUM; Page 1954, Wald 1945).
//
// Each observation adds the logarithm of how much likelier it is with an abuser at work than without, and the score never falls below
// zero. With an abuser at work half of what is seen is still the owner's, so an ordinary observation takes away at most ln 2,
// however many there are: nobody washes himself clean with ordinary traffic. Dependent observations count once: a network, a
// country and an hour of the day once a day, the new recipients of a day as one number whose distribution has a heavy tail.
//
// Where the figures come from: probabilities under the owner are the account's own counts, smoothed by the priors below;
// probabilities under an abuser are the constants below. Both are tried in bench/abuse, on seeds that were not used to choose them.

import { guessedBefore, noteGuess } from "./guessing.ts";
import type { Evidence, Observation, Sign } from "./observation.ts";
import { advance, DAY, note, remember } from "./profile.ts";
import type { Kind, Profile } from "./profile.ts";

export interface DetectorRules {
  /** Days after which a score that nothing adds to is half. */
  readonly scoreHalfLife: number;
  /** Recipients a day, and new ones, that surprise nobody, whatever the history. */
  readonly usualRecipients: number;
  readonly usualNewRecipients: number;
  /** Authors that were never seen, likewise. */
  readonly usualNewAuthors: number;
  /** Messages of one text on a day, likewise. */
  readonly usualRepeats: number;
}

export const standardRules: DetectorRules = {
  scoreHalfLife: 7,
  usualRecipients: 100,
  usualNewRecipients: 25,
  usualNewAuthors: 3,
  usualRepeats: 20,
};

/** Of abusers: logins come from networks and countries that the account never used; lists are old. */
const abuser = {
  newNetwork: 0.95,
  newCountry: 0.7,
  jump: 0.5,
  unknown: 0.25,
  newProgram: 0.2,
} as const;
/** Half of what is seen is still the owner's. */
const SHARE = 0.5;
/** Two countries within this are a jump, ms. */
const JUMP = 2 * 3_600_000;
/** So long somebody who has just arrived in a country is new there, days. */
const TRIP = 14;
/** Below this an observation is nobody's evidence. */
const WORTH_TELLING = 0.5;
/** Texts of a day that are told apart; the first ones are forgotten. */
const MOST_TEXTS = 100;

const kindOf: Readonly<Record<Sign, Kind>> = {
  "new-network": "place",
  "new-country": "place",
  "two-countries": "place",
  "guessed-password": "place",
  "many-recipients": "volume",
  "new-recipients": "volume",
  "unknown-recipients": "outcome",
  "unusual-hour": "habit",
  "new-author": "habit",
  "repeated-text": "volume",
  "new-program": "habit",
};

/** Updates the profile and gives what spoke for abuse now. */
export function observe(profile: Profile, observation: Observation, rules: DetectorRules): readonly Evidence[] {
  advance(profile, observation.at, rules.scoreHalfLife);
  const told: Evidence[] = [];
  const weigh = (sign: Sign, weight: number, text: string): void => {
    const kind = kindOf[sign];
    profile.scores[kind] = Math.max(0, profile.scores[kind] + weight);
    if (weight < WORTH_TELLING) return;
    const evidence = { at: observation.at, sign, weight, text };
    remember(profile, evidence);
    told.push(evidence);
  };
  switch (observation.kind) {
    case "login":
      login(profile, observation, weigh);
      break;
    case "failure":
      noteGuess(profile, observation.network);
      break;
    case "message":
      message(profile, observation, rules, weigh);
      break;
    case "content":
      content(profile, observation, rules, weigh);
      break;
    case "outcome":
      outcome(profile, observation, weigh);
      break;
  }
  return told;
}

type Weigh = (sign: Sign, weight: number, text: string) => void;

/** ln of (abuser or owner : owner alone). */
function ratio(underAbuser: number, underOwner: number): number {
  return Math.log((SHARE * underAbuser) / underOwner + (1 - SHARE));
}

/** Of something that happens or not, each time. */
function happened(did: boolean, abuserProbability: number, ownerProbability: number): number {
  return did ? ratio(abuserProbability, ownerProbability) : ratio(1 - abuserProbability, 1 - ownerProbability);
}

function login(
  profile: Profile,
  { at, network, country }: Extract<Observation, { kind: "login" }>,
  weigh: Weigh,
): void {
  const day = Math.floor(at / DAY);
  // In a country where the account has just arrived, new networks are what one expects.
  const { arrived } = profile;
  const isAbroad = arrived !== undefined && arrived.country === country && day - arrived.day <= TRIP;
  const seen = note(profile.networks, network, day);
  const { today } = profile;
  if (seen !== "again today") {
    // Before anything is known of an account, every fourth network is expected to be new.
    const usual = (profile.newNetworks + 1) / (profile.networkDays + 4);
    const owner = Math.min(0.9, isAbroad ? Math.max(0.5, usual) : usual);
    const isNew = seen === "new";
    // The first one of all is how an account begins; and in a country that is new every network is, which says nothing more.
    if (profile.networkDays + today.networkDays > 0 && !(isNew && isNewCountry(profile, country))) {
      weigh("new-network", happened(isNew, abuser.newNetwork, owner), `a login from ${network}, never seen before`);
    }
    today.networkDays++;
    if (isNew) today.newNetworks++;
  }
  if (seen === "new") guessed(profile, network, weigh);
  if (country !== undefined) countries(profile, country, at, weigh);
}

function isNewCountry({ countries: known }: Profile, country: string | undefined): boolean {
  return country !== undefined && Object.keys(known).length > 0 && !Object.hasOwn(known, country);
}

/** The same guesses count once a day, however many networks follow. */
function guessed(profile: Profile, network: string, weigh: Weigh): void {
  const found = guessedBefore(profile, network);
  if (found === undefined) return;
  const { today } = profile;
  const more = ratio(found.underAbuser, found.underOwner) - (today.guessedWeight ?? 0);
  if (more <= 0) return;
  today.guessedWeight = (today.guessedWeight ?? 0) + more;
  weigh("guessed-password", more, found.text);
}

function countries(profile: Profile, country: string, at: number, weigh: Weigh): void {
  const { today } = profile;
  const isFirst = Object.keys(profile.countries).length === 0;
  const seen = note(profile.countries, country, today.day);
  if (!isFirst && seen !== "again today") {
    // Until it is known how an account travels: once in some hundred days.
    const owner = (profile.newCountries + 0.25) / (profile.networkDays + 10);
    weigh(
      "new-country",
      happened(seen === "new", abuser.newCountry, Math.min(0.9, owner)),
      `a login from ${country}, a country never seen before`,
    );
    if (seen === "new") {
      today.newCountries++;
      profile.arrived = { country, day: today.day };
    }
  }
  const { last } = today;
  // Whoever arrives has come from somewhere; who is back at once has not been there.
  if (seen !== "new" && last !== undefined && last.country !== country && at - last.at < JUMP && !today.jumped) {
    today.jumped = true;
    const owner = (profile.countryJumps + 0.2) / (profile.networkDays + 10);
    const minutes = Math.round((at - last.at) / 60_000);
    weigh(
      "two-countries",
      ratio(abuser.jump, Math.min(0.9, owner)),
      `logins from ${last.country} and ${country} within ${minutes} minutes`,
    );
    today.countryJumps++;
  }
  today.last = { at, country };
}

function message(
  profile: Profile,
  { at, recipients, newRecipients, authors }: Extract<Observation, { kind: "message" }>,
  rules: DetectorRules,
  weigh: Weigh,
): void {
  const { today } = profile;
  const hour = Math.floor((at % DAY) / 3_600_000);
  if ((today.hours & (1 << hour)) === 0) {
    const total = profile.hours.reduce((sum, count) => sum + count, 0);
    // Neighbouring hours are nearly as usual; with little history no hour is unusual.
    const near = profile.hours[hour]! + 0.5 * (profile.hours[(hour + 23) % 24]! + profile.hours[(hour + 1) % 24]!);
    const owner = (near + 1) / (total + 24);
    weigh("unusual-hour", Math.min(0.7, ratio(1 / 24, owner)), `mail at ${hour} o'clock UTC, when it never sends`);
    today.hours |= 1 << hour;
    profile.hours[hour]!++;
  }

  today.recipients += recipients;
  const usual = Math.max(rules.usualRecipients, 1.5 * profile.mostRecipients);
  const more = beyond(today.recipients, usual) - today.recipientsWeight;
  if (more > 0) {
    today.recipientsWeight += more;
    weigh("many-recipients", more, `${today.recipients} recipients today; usual are up to ${Math.round(usual)}`);
  }
  today.newRecipients += newRecipients;
  const usualNew = Math.max(rules.usualNewRecipients, 1.5 * profile.mostNew);
  const moreNew = beyond(today.newRecipients, usualNew) - today.newRecipientsWeight;
  if (moreNew > 0) {
    today.newRecipientsWeight += moreNew;
    const text = `${today.newRecipients} recipients today that it never wrote to; usual are up to ${Math.round(usualNew)}`;
    weigh("new-recipients", moreNew, text);
  }

  newAuthors(profile, authors, rules, weigh);
}

function newAuthors(profile: Profile, authors: readonly string[], rules: DetectorRules, weigh: Weigh): void {
  const { today } = profile;
  // The first ones are how an account begins.
  const isFirst = Object.keys(profile.authors).length === 0;
  const fresh = authors.filter((author) => note(profile.authors, author, today.day) === "new");
  if (isFirst || fresh.length === 0) return;
  today.newAuthors = (today.newAuthors ?? 0) + fresh.length;
  const usual = Math.max(rules.usualNewAuthors, 1.5 * (profile.mostAuthors ?? 0));
  const more = beyond(today.newAuthors, usual) - (today.authorsWeight ?? 0);
  // In steps that are worth telling, as with texts.
  if (more < WORTH_TELLING) return;
  today.authorsWeight = (today.authorsWeight ?? 0) + more;
  const others = today.newAuthors - 1;
  weigh(
    "new-author",
    more,
    `${fresh[0]} and ${others} more in From today, never seen before; usual are up to ${Math.round(usual)}`,
  );
}

function content(
  profile: Profile,
  { body, programs }: Extract<Observation, { kind: "content" }>,
  rules: DetectorRules,
  weigh: Weigh,
): void {
  const { today } = profile;
  if (body !== "") {
    const texts = (today.texts ??= {});
    const count = (Object.hasOwn(texts, body) ? texts[body]! : 0) + 1;
    texts[body] = count;
    const names = Object.keys(texts);
    if (names.length > MOST_TEXTS) delete texts[names.find((name) => texts[name] === 1 && name !== body) ?? names[0]!];
    const usual = Math.max(rules.usualRepeats, 1.5 * (profile.mostRepeated ?? 0));
    const more = beyond(count, usual) - (today.textsWeight ?? 0);
    // In steps that are worth telling, or nobody would ever read why.
    if (more >= WORTH_TELLING) {
      today.textsWeight = (today.textsWeight ?? 0) + more;
      weigh("repeated-text", more, `the same text in ${count} messages today; usual are up to ${Math.round(usual)}`);
    }
  }
  const known = (profile.programs ??= {});
  for (const ending of programs) {
    if (note(known, ending, today.day) !== "new") continue;
    // Nobody can tell how often an owner sends his first program; seldom.
    weigh("new-program", ratio(abuser.newProgram, 0.02), `a file ending in .${ending}, never sent before`);
  }
}

/** P(a day with more) falls with the square: ten times the usual happens on one such day in a hundred. */
function beyond(count: number, usual: number): number {
  return count <= usual ? 0 : Math.log(SHARE * (count / usual) ** 2 + (1 - SHARE));
}

function outcome(profile: Profile, { result }: Extract<Observation, { kind: "outcome" }>, weigh: Weigh): void {
  // Four in a hundred until the account has a history of its own, and never fewer: on a bad day every list is that old.
  const owner = Math.max(0.04, (profile.unknown + 2) / (profile.unknown + profile.taken + 50));
  const isUnknown = result === "unknown";
  weigh(
    "unknown-recipients",
    happened(isUnknown, abuser.unknown, Math.min(0.5, owner)),
    "a recipient that does not exist",
  );
  if (isUnknown) profile.today.unknown++;
  else profile.today.taken++;
}

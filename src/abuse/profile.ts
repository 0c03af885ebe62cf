// The history of one account, as far as later events are compared with it: small, bounded, and fading, so that a change of habits is
// normal after some weeks. Plain data: it can be stored as JSON.

import { endGuessing } from "./guessing.ts";
import type { Guessing } from "./guessing.ts";
import type { Evidence } from "./observation.ts";
import type { Step, Taken } from "./steps.ts";

export interface Profile {
  /** When the account was first seen. */
  readonly since: number;
  /** When the counts below were last made to fade. */
  faded: number;
  /** Network → day on which it was last seen. */
  networks: Record<string, number>;
  countries: Record<string, number>;
  authors: Record<string, number>;
  /** The country that was seen last for the first time, and the day. */
  arrived: { readonly country: string; readonly day: number } | undefined;
  /** Days on which a network was seen, all and first ones (fading). */
  networkDays: number;
  newNetworks: number;
  newCountries: number;
  /** Days with logins from two countries within hours (fading). */
  countryJumps: number;
  /** Hours of the day in which mail was sent, counted once a day (fading). */
  hours: number[];
  /** The largest numbers of recipients, of new ones, and of new authors on a day (fading). */
  mostRecipients: number;
  mostNew: number;
  mostAuthors?: number;
  unknown: number;
  taken: number;
  /** With consent only: the most messages of one text on a day (fading), and endings of programs with the day they were last seen. */
  mostRepeated?: number;
  programs?: Record<string, number>;
  guessing?: Guessing;
  /** Nothing of today is history yet: what an abuser does now must not become the measure for what he does next. */
  today: Today;
  /** What speaks for abuse, in nats, by kind of sign; none is ever below zero. */
  readonly scores: Record<Kind, number>;
  /** What made the score, the newest last. */
  evidence: Evidence[];
  /** The farthest step that somebody was told of. */
  told?: Step | undefined;
  /** What was done about it. */
  done?: Taken | undefined;
}

/** Signs of one kind are weighed together; ordinary traffic of one kind says nothing about another. */
export type Kind = "place" | "volume" | "outcome" | "habit";

export interface Today {
  /** Days since 1970. */
  day: number;
  networkDays: number;
  newNetworks: number;
  newCountries: number;
  countryJumps: number;
  unknown: number;
  taken: number;
  recipients: number;
  newRecipients: number;
  /** What today's recipients, and the new ones, have added to the score so far. */
  recipientsWeight: number;
  newRecipientsWeight: number;
  hours: number;
  /** Authors never seen before, and what they have added to the score so far. */
  newAuthors?: number;
  authorsWeight?: number;
  /** Wrong passwords from where the account is not used, and what they have added to the score so far. */
  failures: number;
  guessedWeight?: number;
  last: { at: number; country: string } | undefined;
  jumped: boolean;
  /** With consent only: messages by fingerprint of their text, and what they have added to the score so far. */
  texts?: Record<string, number>;
  textsWeight?: number;
}

export const kinds = ["place", "volume", "outcome", "habit"] as const satisfies readonly Kind[];

export const DAY = 86_400_000;
/** After so long a count weighs half, days. */
const HALF_LIFE = 45;
/** Networks, countries and authors kept, the longest unseen go first. */
const MOST_KEPT = 300;
const MOST_EVIDENCE = 50;

export function startProfile(at: number): Profile {
  return {
    since: at,
    faded: at,
    networks: {},
    countries: {},
    authors: {},
    arrived: undefined,
    networkDays: 0,
    newNetworks: 0,
    newCountries: 0,
    countryJumps: 0,
    hours: Array.from({ length: 24 }, () => 0),
    mostRecipients: 0,
    mostNew: 0,
    unknown: 0,
    taken: 0,
    today: dayOf(at),
    scores: { place: 0, volume: 0, outcome: 0, habit: 0 },
    evidence: [],
  };
}

function dayOf(at: number): Today {
  return {
    day: Math.floor(at / DAY),
    networkDays: 0,
    newNetworks: 0,
    newCountries: 0,
    countryJumps: 0,
    unknown: 0,
    taken: 0,
    recipients: 0,
    newRecipients: 0,
    recipientsWeight: 0,
    newRecipientsWeight: 0,
    hours: 0,
    failures: 0,
    last: undefined,
    jumped: false,
  };
}

/** Brings the profile to this instant; a clock that went back leaves it as it is. */
export function advance(profile: Profile, at: number, scoreHalfLife: number): void {
  const day = Math.floor(at / DAY);
  if (day <= profile.today.day) return;
  const days = (at - profile.faded) / DAY;
  const share = 0.5 ** (days / HALF_LIFE);
  profile.faded = at;
  endGuessing(profile);
  const { today } = profile;
  profile.mostRecipients = Math.max(profile.mostRecipients * share, today.recipients);
  profile.mostNew = Math.max(profile.mostNew * share, today.newRecipients);
  profile.mostAuthors = Math.max((profile.mostAuthors ?? 0) * share, today.newAuthors ?? 0);
  if (profile.mostRepeated !== undefined || today.texts !== undefined) {
    profile.mostRepeated = Math.max((profile.mostRepeated ?? 0) * share, ...Object.values(today.texts ?? {}));
  }
  profile.networkDays = (profile.networkDays + today.networkDays) * share;
  profile.newNetworks = (profile.newNetworks + today.newNetworks) * share;
  profile.newCountries = (profile.newCountries + today.newCountries) * share;
  profile.countryJumps = (profile.countryJumps + today.countryJumps) * share;
  profile.unknown = (profile.unknown + today.unknown) * share;
  profile.taken = (profile.taken + today.taken) * share;
  for (let hour = 0; hour < 24; hour++) profile.hours[hour]! *= share;
  const left = 0.5 ** (days / scoreHalfLife);
  for (const kind of kinds) profile.scores[kind] *= left;
  profile.today = { ...dayOf(at), last: today.last };
}

/** Notes that it was seen today. Says whether it is new, and whether this is its first time today. */
export function note(seen: Record<string, number>, name: string, day: number): "new" | "again today" | "known" {
  const last = seen[name];
  seen[name] = day;
  if (last === undefined) {
    const names = Object.keys(seen);
    if (names.length > MOST_KEPT) {
      let oldest = names[0]!;
      for (const each of names) if (seen[each]! < seen[oldest]!) oldest = each;
      delete seen[oldest];
    }
    return "new";
  }
  return last === day ? "again today" : "known";
}

export function scoreOf({ scores }: Profile): number {
  return scores.place + scores.volume + scores.outcome + scores.habit;
}

export function remember(profile: Profile, evidence: Evidence): void {
  profile.evidence.push(evidence);
  if (profile.evidence.length > MOST_EVIDENCE) profile.evidence.shift();
}

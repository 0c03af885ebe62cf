// Honest accounts: what one of a class does on a day, as observations in order of time. Parameters are data/background.json; accounts of
// a class differ from each other by factors of their own.

import type { Observation } from "../../src/abuse/observation.ts";
import { DAY } from "../../src/abuse/profile.ts";
import type { Random } from "./random.ts";

export interface HonestClass {
  readonly name: string;
  readonly title: string;
  /** Days of life before the month that counts; absent: as the file says for all. */
  readonly history?: number;
  readonly networks: number;
  readonly networksPerDay: number;
  readonly newNetwork: number;
  readonly workdays: boolean;
  /** Local time, from and until. */
  readonly hours: readonly [number, number];
  /** Share of messages at any hour. */
  readonly late: number;
  readonly messages: number;
  readonly recipients: number;
  readonly newShare: number;
  /** Of recipients it never wrote to, and of the others. */
  readonly unknown: number;
  readonly unknownOld: number;
  /** Of messages: from another of its addresses, and from one that was never used. */
  readonly otherAuthor: number;
  readonly newAuthor: number;
  /** Chance a day to go abroad. */
  readonly trips: number;
  readonly tripDays: number;
  /** Chance of a day on which the password is typed wrong again and again, from somewhere new. */
  readonly wrongPasswords: number;
  /** Share of accounts that use a tunnel that ends abroad, now and then. */
  readonly vpn?: number;
  /** Of messages: with one of so many texts that it sends again and again, and with a program. */
  readonly texts: { readonly same: number; readonly kinds: number; readonly programs: number };
  readonly bulk?: {
    readonly every: number;
    readonly recipients: readonly [number, number];
    readonly newShare: number;
    readonly unknown: number;
  };
  readonly burst?: {
    /** Of the month that counts. */
    readonly day: number;
    readonly hour: number;
    readonly recipients: readonly [number, number];
    readonly newShare: number;
    readonly unknown: number;
    readonly perMessage: number;
  };
}

/** Of accounts of every class: strangers send wrong passwords for them, every day. */
export interface GuessedAt {
  readonly share: number;
  readonly perDay: readonly [number, number];
  readonly networks: number;
}

export interface HonestAccount {
  /** The observations of the day, counted from the beginning of the month that counts; history has negative days. */
  day(day: number): readonly Observation[];
}

const HOUR = 3_600_000;
/** Japan. */
const ZONE = 9 * HOUR;
const home = "JP";

/** `content`: its holder has consented; what is in it then comes from numbers of its own, and all else is as without. */
export function createHonest(
  kind: HonestClass,
  guessed: GuessedAt,
  epoch: number,
  random: Random,
  content?: Random,
): HonestAccount {
  const scale = random.logNormal(0.6);
  const networks = Array.from({ length: kind.networks }, () => newNetwork(random));
  const tunnel = random.chance(kind.vpn ?? 0) ? { network: newNetwork(random), country: foreign(random) } : undefined;
  const bulkDay = random.between([0, 6]);
  const bulkRecipients = kind.bulk === undefined ? 0 : random.between(kind.bulk.recipients);
  const authors = ["owner", "second", "third"];
  const guessers = random.chance(guessed.share)
    ? Array.from({ length: guessed.networks }, () => newNetwork(random))
    : undefined;
  let trip: { readonly until: number; readonly country: string; readonly networks: readonly string[] } | undefined;

  let written = 0;
  function textOf(numbers: Random): string {
    const { same, kinds } = kind.texts;
    return numbers.chance(same) ? `form ${numbers.between([1, kinds])}` : `text ${written++}`;
  }

  function message(
    at: number,
    recipients: number,
    newShare: number,
    unknown: number,
    out: Observation[],
    text?: string,
  ): void {
    if (content !== undefined) {
      const programs = content.chance(kind.texts.programs) ? [content.pick(["exe", "js", "docm"])] : [];
      out.push({ kind: "content", at, body: text ?? textOf(content), programs });
    }
    let fresh = 0;
    for (let each = 0; each < recipients; each++) {
      const isNew = random.chance(newShare);
      if (isNew) fresh++;
      const isUnknown = random.chance(isNew ? unknown : kind.unknownOld);
      out.push({ kind: "outcome", at: at + random.between([2, 3600]) * 1000, result: isUnknown ? "unknown" : "taken" });
    }
    const isNewAuthor = random.chance(kind.newAuthor);
    if (isNewAuthor) authors.push(`author ${authors.length}`);
    const author = isNewAuthor ? authors.at(-1)! : random.chance(kind.otherAuthor) ? random.pick(authors) : "owner";
    out.push({ kind: "message", at, recipients, newRecipients: fresh, authors: [author] });
  }

  function timeOn(start: number): number {
    const [from, until] = kind.hours;
    const hour = random.chance(kind.late) ? random.next() * 24 : from + random.next() * (until - from);
    return start + hour * HOUR;
  }

  return {
    day: (day) => {
      const start = epoch + day * DAY - ZONE;
      const out: Observation[] = [];
      const weekday = (((day + 3) % 7) + 7) % 7;
      const rests = kind.workdays && weekday >= 5 && !random.chance(0.1);

      if (trip !== undefined && day >= trip.until) trip = undefined;
      if (trip === undefined && random.chance(kind.trips)) {
        const length = 1 + random.poisson(kind.tripDays - 1);
        trip = { until: day + length, country: foreign(random), networks: [newNetwork(random), newNetwork(random)] };
      }
      if (!rests) {
        const places = 1 + random.poisson(Math.max(0, kind.networksPerDay - 1));
        for (let place = 0; place < places; place++) {
          const at = timeOn(start);
          if (trip !== undefined) {
            const abroad = random.chance(0.2) ? newNetwork(random) : random.pick(trip.networks);
            out.push({ kind: "login", at, network: abroad, country: trip.country });
            continue;
          }
          let network = random.pick(networks);
          if (random.chance(kind.newNetwork)) {
            network = newNetwork(random);
            if (random.chance(0.3)) networks[random.between([0, networks.length - 1])] = network;
          }
          out.push({ kind: "login", at, network, country: home });
          if (random.chance(kind.wrongPasswords / places)) {
            const elsewhere = newNetwork(random);
            for (let wrong = 0; wrong < 6; wrong++)
              out.push({ kind: "failure", at: at + wrong * 5000, network: elsewhere });
            out.push({ kind: "login", at: at + 60_000, network: elsewhere, country: home });
          }
        }
        if (tunnel !== undefined && random.chance(0.2)) out.push({ kind: "login", at: timeOn(start), ...tunnel });
        const messages = random.poisson(kind.messages * scale);
        for (let each = 0; each < messages; each++) {
          const recipients = Math.max(1, Math.round(kind.recipients * random.logNormal(0.7)));
          message(timeOn(start), recipients, kind.newShare, kind.unknown, out);
        }
      }
      if (guessers !== undefined) {
        const wrong = random.between(guessed.perDay);
        for (let each = 0; each < wrong; each++) {
          out.push({ kind: "failure", at: start + random.next() * DAY, network: random.pick(guessers) });
        }
      }
      const { bulk, burst } = kind;
      if (bulk !== undefined && weekday === bulkDay) {
        message(
          start + 10 * HOUR,
          Math.round(bulkRecipients * random.logNormal(0.05)),
          bulk.newShare,
          bulk.unknown,
          out,
        );
      }
      if (burst !== undefined && day === burst.day) {
        const all = random.between(burst.recipients);
        for (let sent = 0; sent < all; sent += burst.perMessage) {
          const at = start + burst.hour * HOUR + (sent / burst.perMessage) * 60_000;
          message(at, Math.min(burst.perMessage, all - sent), burst.newShare, burst.unknown, out, "greetings");
        }
      }
      return out.toSorted((a, b) => a.at - b.at);
    },
  };
}

export function newNetwork(random: Random): string {
  return `n${Math.floor(random.next() * 2 ** 40).toString(36)}`;
}

/** Large countries are likelier. */
export function foreign(random: Random): string {
  return `C${Math.floor(60 * random.next() ** 2)}`;
}

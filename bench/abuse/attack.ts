// Abusers: what one does with an account, step by step, as long as he is let. Parameters are data/attacks.json.

import type { Observation } from "../../src/abuse/observation.ts";
import { DAY } from "../../src/abuse/profile.ts";
import { foreign, newNetwork } from "./background.ts";
import type { Random } from "./random.ts";

export interface Attack {
  readonly name: string;
  readonly title: string;
  /** It is to be stopped within so many recipients. */
  readonly goal?: number;
  /** The account is the abuser's own, and has no history. */
  readonly fresh?: boolean;
  readonly networks: number;
  readonly countries: number;
  readonly foreign: boolean;
  /** Whether a database says where a network is (true). */
  readonly placed?: boolean;
  /** Wrong passwords in the hours before: from as many networks of others, and from the one that gets in. */
  readonly failures?: { readonly elsewhere: readonly [number, number]; readonly own: readonly [number, number] };
  /** Each message says it is somebody else's. */
  readonly changingAuthors?: boolean;
  /** One text in all messages, and what hangs on each: with consent it is seen. */
  readonly sameText?: boolean;
  readonly program?: string;
  readonly loginsPerDay: number;
  readonly recipientsPerLogin: readonly [number, number];
  readonly newShare: number;
  readonly unknown: number;
  /** Addresses are tried, and nothing is sent: every unknown one is refused in the session. */
  readonly allAtOnce?: boolean;
}

export interface Outcomes {
  readonly atOnce: number;
  readonly atOnceSeconds: readonly [number, number];
  readonly laterMinutes: readonly [number, number];
}

/** One login with its message: the observations, and how many recipients it reaches when it is let. */
export interface Act {
  readonly at: number;
  /** Before it, in order of time. */
  readonly failures: readonly Observation[];
  readonly login: Observation;
  readonly message: Extract<Observation, { kind: "message" }>;
  readonly content: Observation;
  readonly outcomes: readonly Observation[];
  readonly recipients: number;
}

/** In order of time, from the first login on. */
export function* actsOf(
  attack: Attack,
  begin: number,
  days: number,
  outcomes: Outcomes,
  random: Random,
): Generator<Act> {
  const countries = Array.from({ length: attack.countries }, (_each, index) => (attack.foreign ? `C${index}` : "JP"));
  if (attack.foreign && attack.countries === 1) countries[0] = foreign(random);
  const networks = Array.from({ length: attack.networks }, () => ({
    network: newNetwork(random),
    country: random.pick(countries),
  }));
  let at = begin;
  let messages = 0;
  while (at < begin + days * DAY) {
    at += (-Math.log(1 - random.next()) * DAY) / attack.loginsPerDay;
    const { network, country } = random.pick(networks);
    const failures =
      messages === 0 && attack.failures !== undefined ? guesses(attack.failures, at, network, random) : [];
    const recipients = random.between(attack.recipientsPerLogin);
    let fresh = 0;
    const ends: Observation[] = [];
    for (let each = 0; each < recipients; each++) {
      if (random.chance(attack.newShare)) fresh++;
      const seconds =
        attack.allAtOnce === true || random.chance(outcomes.atOnce)
          ? random.between(outcomes.atOnceSeconds)
          : 60 * random.between(outcomes.laterMinutes);
      ends.push({
        kind: "outcome",
        at: at + 1000 * seconds,
        result: random.chance(attack.unknown) ? "unknown" : "taken",
      });
    }
    const text = attack.sameText === true ? "bait" : `bait ${messages}`;
    const programs = attack.program === undefined ? [] : [attack.program];
    const authors = [attack.changingAuthors === true ? `author ${messages}` : "owner"];
    messages++;
    yield {
      at,
      failures,
      login: { kind: "login", at, network, country: attack.placed === false ? undefined : country },
      message: { kind: "message", at: at + 1000, recipients, newRecipients: fresh, authors },
      content: { kind: "content", at: at + 1000, body: text, programs },
      outcomes: ends,
      recipients,
    };
  }
}

/** A minute apart each. */
function guesses(
  { elsewhere, own }: NonNullable<Attack["failures"]>,
  at: number,
  network: string,
  random: Random,
): readonly Observation[] {
  const from = [
    ...Array.from({ length: random.between(elsewhere) }, () => newNetwork(random)),
    ...Array.from({ length: random.between(own) }, () => network),
  ];
  return from.map((each, index) => ({ kind: "failure", at: at - 60_000 * (from.length - index), network: each }));
}

// Abusers: what one does with an account, step by step, as long as he is let. Parameters are data/attacks.json.

import type { Observation } from "../../src/abuse/observation.ts";
import { DAY } from "../../src/abuse/profile.ts";
import { foreign, newNetwork } from "./background.ts";
import type { Random } from "./random.ts";

export interface Attack {
  readonly name: string;
  readonly title: string;
  /** The account is the abuser's own, and has no history. */
  readonly fresh?: boolean;
  readonly networks: number;
  readonly countries: number;
  readonly foreign: boolean;
  /** Whether a database says where a network is (true). */
  readonly placed?: boolean;
  readonly loginsPerDay: number;
  readonly recipientsPerLogin: readonly [number, number];
  readonly newShare: number;
  readonly unknown: number;
  /** Whether every unknown recipient is refused in the session. */
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
  readonly login: Observation;
  readonly message: Extract<Observation, { kind: "message" }>;
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
  while (at < begin + days * DAY) {
    at += (-Math.log(1 - random.next()) * DAY) / attack.loginsPerDay;
    const { network, country } = random.pick(networks);
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
    yield {
      at,
      login: { kind: "login", at, network, country: attack.placed === false ? undefined : country },
      message: { kind: "message", at: at + 1000, recipients, newRecipients: fresh, authors: ["owner"] },
      outcomes: ends,
      recipients,
    };
  }
}

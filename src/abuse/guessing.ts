// Wrong passwords, and then the right one from where the account was never used. Anybody who knows an address can send wrong passwords for
// it, from anywhere and every day: so they say little where they are usual, and a stranger who goes on with it accuses nobody. What
// he cannot make is a login from where he guesses.

import type { Profile } from "./profile.ts";

/** So many are no slip of a finger. */
const ENOUGH = 5;
/** What was seen within so many days is no surprise, and neither is it forgotten. */
const LATELY = 7;
/** Networks that guesses came from; those with the fewest go first. */
const MOST_NETWORKS = 16;

/** Of abusers, a fifth have guessed: here or elsewhere. */
const ABUSER = 0.2;
/** Of logins of an owner from somewhere new: with wrong passwords from elsewhere on that day, and with his own from there. */
const OWNER = { elsewhere: 0.05, here: 0.02 } as const;
const OWNER_LATELY = { elsewhere: 0.5, here: 0.3 } as const;

export interface Guessing {
  /** Day of the newest one, and how many within a week of each other. */
  networks: { readonly network: string; readonly day: number; readonly count: number }[];
  /** The last day with enough of them, before today; and the last on which a login came from where they came from. */
  elsewhere?: number;
  here?: number;
}

export interface Guessed {
  readonly underAbuser: number;
  readonly underOwner: number;
  readonly text: string;
}

/** Where the account is used, it is the owner who cannot type, or an old password in his telephone. */
export function noteGuess(profile: Profile, network: string): void {
  if (Object.hasOwn(profile.networks, network)) return;
  const { today } = profile;
  today.failures++;
  const guessing = (profile.guessing ??= { networks: [] });
  const others = guessing.networks.filter((each) => each.network !== network);
  const count = countOf(profile, network) + 1;
  if (others.length >= MOST_NETWORKS) {
    const fewest = Math.min(...others.map((each) => each.count));
    others.splice(
      others.findIndex((each) => each.count === fewest),
      1,
    );
  }
  guessing.networks = [...others, { network, day: today.day, count }];
}

/** At a login from a network that is new to the account; undefined: nobody has guessed. */
export function guessedBefore(profile: Profile, network: string): Guessed | undefined {
  const { today, guessing } = profile;
  if (guessing === undefined) return undefined;
  const count = countOf(profile, network);
  if (count >= ENOUGH) {
    const owner = isLately(guessing.here, today.day) ? OWNER_LATELY.here : OWNER.here;
    guessing.here = today.day;
    return guessed(owner, `${count} wrong passwords from ${network} within days, and then the right one`);
  }
  if (today.failures < ENOUGH) return undefined;
  const owner = isLately(guessing.elsewhere, today.day) ? OWNER_LATELY.elsewhere : OWNER.elsewhere;
  return guessed(owner, `${today.failures} wrong passwords today, then a login from ${network}`);
}

/** When a day is over. */
export function endGuessing({ today, guessing }: Profile): void {
  if (guessing !== undefined && today.failures >= ENOUGH) guessing.elsewhere = today.day;
}

/** Whoever guesses at an abuser's victim guesses at it in any case. */
function guessed(owner: number, text: string): Guessed {
  return { underAbuser: ABUSER + (1 - ABUSER) * owner, underOwner: owner, text };
}

function countOf({ today, guessing }: Profile, network: string): number {
  const known = guessing?.networks.find((each) => each.network === network);
  return known !== undefined && isLately(known.day, today.day) ? known.count : 0;
}

function isLately(day: number | undefined, today: number): boolean {
  return day !== undefined && today - day <= LATELY;
}

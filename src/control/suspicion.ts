// What speaks against an account, for an operator to read; and that he has looked, which ends it.

import { forgive } from "../abuse/watch.ts";
import type { Profile } from "../abuse/profile.ts";
import { scoreOf } from "../abuse/profile.ts";
import { standardThresholds, stepFor } from "../abuse/steps.ts";
import type { Remote } from "../io/rpc.ts";
import type { ProfileStore } from "../store/store.ts";
import type { SuspicionView } from "./control.ts";

/** undefined: nothing speaks against it. */
export async function suspicionOf(store: Remote<ProfileStore>, account: string): Promise<SuspicionView | undefined> {
  const profile = await profileOf(store, account);
  if (profile === undefined || profile.evidence.length === 0) return undefined;
  const score = scoreOf(profile);
  const step = stepFor(score, standardThresholds);
  return {
    score: Math.round(score * 10) / 10,
    ...(step === undefined ? {} : { step }),
    evidence: profile.evidence.map(({ at, sign, text }) => ({ at: new Date(at).toISOString(), sign, text })),
  };
}

/** Where no server watches. */
export async function clearSuspicion(store: Remote<ProfileStore>, account: string): Promise<void> {
  const profile = await profileOf(store, account);
  if (profile === undefined) return;
  forgive(profile);
  await store.saveProfiles([{ account, day: profile.today.day, profile: JSON.stringify(profile) }]);
}

async function profileOf(store: Remote<ProfileStore>, account: string): Promise<Profile | undefined> {
  const stored = await store.profile(account);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the watch
  return stored === undefined ? undefined : (JSON.parse(stored) as Profile);
}

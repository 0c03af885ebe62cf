// Accounts that somebody else may be using, for an operator: what speaks against each, what was done about it, and that he has looked,
// which ends both. What an operator himself has suspended stays suspended.

import { addressKey, parseAddress } from "../address/address.ts";
import { forgive } from "../abuse/watch.ts";
import type { Profile } from "../abuse/profile.ts";
import { scoreOf } from "../abuse/profile.ts";
import { standardThresholds, stepFor } from "../abuse/steps.ts";
import { restraintInForce } from "../directory/restraint.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { Account, AccountRestraint, QueueAction, QueueCount, QueueSelector, Store } from "../store/store.ts";
import { noticesTo } from "./abuse-notices.ts";
import type { Control, HeldMail, RestraintView, SuspectView, SuspicionView } from "./control.ts";

export interface SuspicionServices {
  readonly store: Remote<
    Pick<Store, "findAccount" | "setRestraint" | "restrained" | "suspects" | "profile" | "listWaiting">
  >;
  readonly observer: Observer;
  readonly clock: Clock;
  /** What spoke against an account is forgotten; then `lift`, before anything else is seen of it. */
  readonly forgive: (account: string, lift: () => Promise<void>) => Promise<void>;
  /** These keys changed: caches must forget them. */
  readonly changed: (keys: readonly string[]) => Promise<void>;
  readonly changeQueue: (change: QueueAction, selector: QueueSelector, by: string) => Promise<QueueCount>;
  /** Only a running server can return mail. */
  readonly returns: boolean;
}

const PAGE = 100;
const LONGEST_REASON = 500;

/** `by`: who it is that asks. */
export function suspicionControl(
  services: SuspicionServices,
  by: string,
): Pick<Control, "listSuspects" | "findSuspect" | "clearSuspect"> {
  const { store, observer, clock } = services;

  async function suspectOf(key: string): Promise<SuspectView | undefined> {
    const account = await store.findAccount(key);
    const suspicion = await suspicionOf(store, account?.key ?? key);
    const restraint = account === undefined ? undefined : restraintView(account, clock.wall());
    if (suspicion === undefined && restraint === undefined) return undefined;
    const { total } = await store.listWaiting({ state: "held", account: account?.key ?? key }, 1);
    return {
      address: account?.address ?? key,
      suspendedByOperator: account?.suspended ?? false,
      held: total,
      ...(suspicion === undefined ? {} : { suspicion }),
      ...(restraint === undefined ? {} : { restraint }),
    };
  }

  async function accountOf(address: string): Promise<Account | undefined> {
    const parsed = parseAddress(address);
    return parsed.ok ? store.findAccount(addressKey(parsed.value)) : undefined;
  }

  return {
    listSuspects: async ({ after = "", limit = PAGE }) => {
      const keys = [...new Set([...(await store.suspects()), ...(await store.restrained())])].toSorted();
      const entries: SuspectView[] = [];
      for (const key of keys.filter((each) => each > after.toLowerCase())) {
        // oxlint-disable-next-line no-await-in-loop -- no more than are asked for
        const found = await suspectOf(key);
        // Slowed, and over by itself.
        if (found === undefined) continue;
        if (entries.length === limit) return { entries, next: entries.at(-1)!.address };
        entries.push(found);
      }
      return { entries };
    },
    findSuspect: async (address) => {
      const account = await accountOf(address);
      return account === undefined ? undefined : suspectOf(account.key);
    },
    clearSuspect: async (address, { reason, mail }) => {
      if (reason.trim() === "" || reason.length > LONGEST_REASON) {
        return { done: false, kind: "invalid", why: "say why it is beyond suspicion, in a sentence" };
      }
      const account = await accountOf(address);
      if (account === undefined) return { done: false, kind: "not-found", why: `${address}: no such account` };
      if (mail === "returned" && !services.returns) {
        return { done: false, kind: "conflict", why: "only a running server can return mail to its sender" };
      }
      if (mail === "released" && account.suspended) {
        const why = `${address} is suspended by an operator, and so is its mail: resume it, then release that`;
        return { done: false, kind: "conflict", why };
      }
      const suspected = { kind: "suspected", account: account.key } as const;
      const { total } = await store.listWaiting({ state: "held", account: account.key }, 1);
      if ((await suspectOf(account.key)) === undefined && total === 0) {
        return { done: false, kind: "conflict", why: `nothing speaks against ${address}, and nothing of it is held` };
      }
      const step = restraintInForce(account, clock.wall())?.step ?? "none";
      await services.forgive(account.key, () => liftRestraint(services, account.key, mail));
      // What is held last: until then new mail of it was.
      const count = await settle(services, suspected, mail, by);
      const { recipients } = count;
      observer.emit("account.cleared", { account: account.key, step, reason, mail, recipients, by });
      return { done: true, ...count };
    },
  };
}

/**
 * Takes back what was done about the account. Its customer is to be told: of what ended by itself before, or of an account that is gone,
 * nobody is. `mail`: what becomes of what is held; resumed: it is kept, and what an operator did ends with it.
 */
export async function liftRestraint(
  {
    store,
    changed,
    clock,
  }: Pick<SuspicionServices, "changed" | "clock"> & {
    readonly store: Remote<Pick<Store, "findAccount" | "setRestraint">>;
  },
  key: string,
  mail: HeldMail | "resumed",
): Promise<void> {
  const account = await store.findAccount(key);
  if (account?.restraint === undefined) return;
  const now = clock.wall();
  const step = restraintInForce(account, now)?.step;
  // Whom an operator has suspended besides can use it no more than before.
  const isOver = step !== undefined && (mail === "resumed" || !account.suspended);
  const kept = mail === "resumed" ? "kept" : mail;
  const notices = isOver ? noticesTo(account, now, { kind: "ended", step, mail: kept }) : [];
  await store.setRestraint(account.key, undefined, notices);
  await changed([account.key, ...account.aliases]);
}

function settle(
  { changeQueue }: SuspicionServices,
  suspected: QueueSelector,
  mail: HeldMail,
  by: string,
): Promise<QueueCount> | QueueCount {
  switch (mail) {
    case "kept":
      return { messages: 0, recipients: 0 };
    case "released":
      return changeQueue("release", suspected, by);
    case "returned":
      return changeQueue("return", suspected, by);
  }
}

export function restraintView(account: Pick<Account, "restraint">, now: number): RestraintView | undefined {
  const restraint: AccountRestraint | undefined = restraintInForce(account, now);
  if (restraint === undefined) return undefined;
  const { step, since, until, score, evidence, clause } = restraint;
  return {
    step,
    since: new Date(since).toISOString(),
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    score,
    evidence,
    ...(clause === undefined ? {} : { clause }),
  };
}

/** undefined: nothing speaks against it. */
export async function suspicionOf(
  store: Remote<Pick<Store, "profile">>,
  account: string,
): Promise<SuspicionView | undefined> {
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
export async function forgetSuspicion(
  store: Remote<Pick<Store, "profile" | "saveProfiles">>,
  account: string,
): Promise<void> {
  const profile = await profileOf(store, account);
  if (profile === undefined) return;
  forgive(profile);
  const { day } = profile.today;
  await store.saveProfiles([{ account, day, profile: JSON.stringify(profile), suspect: false }]);
}

async function profileOf(store: Remote<Pick<Store, "profile">>, account: string): Promise<Profile | undefined> {
  const stored = await store.profile(account);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the watch
  return stored === undefined ? undefined : (JSON.parse(stored) as Profile);
}

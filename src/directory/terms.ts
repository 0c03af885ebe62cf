// Whose limits count for an account, and how much of them: its plan, less while the account is new, more while somebody has
// raised it. Answers come as the directory's do. Rejects when that cannot say.

import type { DomainSettings, LimitSettings, PlanSettings } from "../config/settings.ts";
import type { Clock } from "../io/clock.ts";
import type { Account } from "../store/store.ts";
import type { Directory } from "./directory.ts";
import { restraintInForce } from "./restraint.ts";

export interface AccountTerms {
  readonly account: string;
  /** Name; "" is that of accounts without one. */
  readonly plan: string;
  /** Times the limits of the plan. */
  readonly share: number;
  /** Times the limits of its domain, which is new; left out: all of them. */
  readonly domainShare?: number;
  readonly recipientsPerMessage: number;
  readonly over: PlanSettings["over"];
  readonly foreignSender: PlanSettings["foreignSender"];
  readonly identityHeader: PlanSettings["identityHeader"];
  /** Its own address; undefined: there is no such account any more. */
  readonly address: string | undefined;
  /** With consent: content may be looked at for signs of somebody else. */
  readonly contentChecks?: true;
  /** Somebody else may be using it: few recipients may be named (counters/account-limits.ts). */
  readonly restrained?: "slow" | "hold";
  /** For the same reason its mail is taken and held: which step, and since when. */
  readonly suspected?: string;
  /** The same, because an operator suspended it or it is gone. In words. */
  readonly suspended?: string;
  /** What is limited beside recipients. */
  readonly counts: { readonly messages: boolean; readonly newRecipients: boolean; readonly bytes: boolean };
}

export interface TermsServices {
  readonly directory: Pick<Directory, "findAccount">;
  /** In effect now. */
  readonly limits: () => Pick<LimitSettings, "standard" | "plans" | "domainRamp">;
  readonly domains: () => Domains;
  readonly clock: Pick<Clock, "wall">;
}

type Domains = readonly Pick<DomainSettings, "name" | "since">[];

/** An account or a domain grows in so many steps. */
const STEPS = 10;

export function accountTerms(services: TermsServices): (account: string) => AccountTerms | Promise<AccountTerms> {
  /** When the contract of each domain that has a date began, read once. */
  let read: { readonly of: Domains; readonly began: ReadonlyMap<string, number> } | undefined;

  function domainShare(key: string, now: number, ramp: LimitSettings["domainRamp"]): number {
    if (ramp.length === 0) return 1;
    const of = services.domains();
    if (read?.of !== of) {
      read = { of, began: new Map(of.flatMap(({ name, since }) => (since === undefined ? [] : [[name, since.at]]))) };
    }
    const began = read.began.get(key.slice(key.lastIndexOf("@") + 1));
    return began === undefined ? 1 : growth(ramp, now - began);
  }

  function terms(key: string, account: Account | undefined): AccountTerms {
    const { standard, plans, domainRamp } = services.limits();
    const own = account?.plan === undefined ? undefined : plans.get(account.plan);
    const plan = own ?? standard;
    const now = services.clock.wall();
    const ofDomain = domainShare(key, now, domainRamp);
    return {
      account: key,
      // A plan that the configuration does not know any more is none.
      plan: own === undefined ? "" : (account?.plan ?? ""),
      share: account === undefined ? 1 : growth(plan.ramp, now - account.createdAt) * raised(account, now),
      ...(ofDomain === 1 ? {} : { domainShare: ofDomain }),
      recipientsPerMessage: plan.recipientsPerMessage,
      over: plan.over,
      foreignSender: plan.foreignSender,
      identityHeader: plan.identityHeader,
      address: account?.address,
      ...(plan.contentChecks ? { contentChecks: true } : {}),
      ...(account === undefined ? { suspended: "account.deleted" } : restrained(account, now)),
      counts: {
        messages: plan.messages.length > 0,
        newRecipients: plan.newRecipients.length > 0,
        bytes: plan.bytes.length > 0,
      },
    };
  }

  return (key) => {
    const found = services.directory.findAccount(key);
    return found instanceof Promise ? found.then((account) => terms(key, account)) : terms(key, found);
  };
}

/** Why all of its mail waits, if it does. */
export function holdsOfAccount({
  suspected,
  suspended,
}: Pick<AccountTerms, "suspected" | "suspended">): Pick<AccountTerms, "suspected" | "suspended"> {
  return { ...(suspected === undefined ? {} : { suspected }), ...(suspended === undefined ? {} : { suspended }) };
}

/** A clock that was set back makes nobody newer than new. */
export function growth({ length, share }: PlanSettings["ramp"], age: number): number {
  if (age >= length || share >= 100) return 1;
  const steps = Math.floor((Math.max(0, age) / length) * STEPS);
  return (share + ((100 - share) * steps) / STEPS) / 100;
}

function restrained(account: Account, now: number): Pick<AccountTerms, "restrained" | "suspected" | "suspended"> {
  if (account.suspended) return { suspended: "account.suspended: by an operator" };
  const restraint = restraintInForce(account, now);
  if (restraint === undefined) return {};
  if (restraint.step === "slow") return { restrained: "slow" };
  return {
    restrained: "hold",
    suspected: `account.suspected: ${restraint.step} since ${new Date(restraint.since).toISOString()}`,
  };
}

function raised({ raise }: Account, now: number): number {
  return raise === undefined || raise.until <= now ? 1 : raise.factor;
}

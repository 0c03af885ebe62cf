// What one account may send and ask for (S7, law 8), in several layers at once, each over several windows:
//
//   attempts     every RCPT TO of the account, never given back
//   recipients   reserved at RCPT TO, kept when the message is durable, given back otherwise
//   new-recipients   of these, the ones the account had not written to before: one unit for each stranger, however many
//                open transactions name it, given back with the last of them
//   messages     the same for one message
//   bytes        the same for its octets
//   domain       recipients of all accounts of one domain together
//   restrained   RCPT TO of an account that somebody else may be using, never given back: one in two minutes where it is slowed,
//                ten in ten minutes where its mail is held. Refused ones too, or it would find out who is here all the same
//
// The limits are those of the account's plan, times its share: less than one while it is new, more than one while somebody
// has raised it; those of a domain are times a share of its own, while that is new. An account that changes plan or share takes its
// counts with it. A reservation takes from all layers or from none. What is kept across a restart is charge-ledger.ts, and for attempts try-ledger.ts.

import type { Clock } from "../io/clock.ts";
import { Limits } from "./limits.ts";
import type { LimitAnswer, Over, Reservation, WindowRule, WindowUse } from "./limits.ts";

/** Whom limits are for, and which. */
export interface Subject {
  /** Its address; what follows the @ is the domain. */
  readonly account: string;
  /** An unknown one is the default. */
  readonly plan: string;
  /** Above zero; 1 is the plan as it stands. */
  readonly share: number;
  /** The same of its domain's limits; left out: 1. */
  readonly domainShare?: number;
  /**
   * With "hold" what does not fit is taken all the same, where it is the account's own limit, and the answer says beyond what. Octets are
   * taken so up to twice their limit: held mail stays on disk until somebody looks at it.
   */
  readonly over?: "defer" | "reject" | "hold";
  /** Somebody else may be using it. Whoever that is and the owner share what is left: nothing here tells them apart. */
  readonly restrained?: Restrained;
}

export type Restrained = "slow" | "hold";

export type Layer = keyof Omit<PlanRules, "attempts"> | "domain";

/** What an account that is slowed still reaches. What it was charged in the two minutes before a restart counts after it. */
export const slowedTo: WindowRule = { name: "2m", length: 120_000, limit: 1 };
/**
 * Whom an account whose mail is held may still name: its owner goes on writing. After a restart it begins anew; what was charged
 * before may be from when the account was free.
 */
export const heldTo: WindowRule = { name: "10m", length: 600_000, limit: 10 };

/** What one accepted message costs its account. */
export interface AccountCharge {
  readonly account: string;
  /** Wall ms. */
  readonly at: number;
  readonly recipients: number;
  /** Of these, so many the account had not written to before. */
  readonly newRecipients: number;
  readonly octets: number;
}

/** What an account tried in one minute, written down a little later (try-ledger.ts). */
export interface AccountTries {
  readonly account: string;
  /** Its first moment, wall ms. */
  readonly at: number;
  readonly tries: number;
}

export const TRY_MINUTE = 60_000;

export interface LayerUse extends WindowUse {
  readonly layer: Layer;
}

export interface AccountUse {
  readonly quota: readonly LayerUse[];
  readonly attempts: readonly WindowUse[];
}

/** A window is nearly or wholly used up; told once until it is not any more. */
export interface LimitNotice extends LayerUse {
  readonly level: "near" | "reached";
}

/** What a reservation took, to be given back. */
export interface Held extends Reservation {
  readonly layer: Layer;
  /** Whom it stands for, where it is a stranger (directory/correspondents.ts). */
  readonly stranger?: number;
}

type Full = Over & { readonly layer: Layer };

/** One more RCPT TO. `restrained`: not the account's own limit, but what it is restrained to. */
export type TryAnswer = LimitAnswer | (Over & { readonly layer: "restrained" });

export type QuotaAnswer =
  | {
      readonly kind: "within";
      readonly held: readonly Held[];
      readonly notices: readonly LimitNotice[];
      /** The first window beyond which it was taken. */
      readonly beyond?: Full;
    }
  | NoRoom;

type NoRoom = Full & { readonly notices: readonly LimitNotice[] };

/** Whether something would fit, asked beforehand. */
export type FitAnswer = { readonly kind: "fits" } | NoRoom;

export interface AccountLimits {
  attempt(subject: Subject): TryAnswer;
  /** One recipient: of the account and of its domain. `stranger`: to whom it had not written before. */
  reserve(subject: Subject, stranger?: number): QuotaAnswer;
  /** One message, whatever its recipients. */
  reserveMessage(subject: Subject): QuotaAnswer;
  /** Whether so many octets would fit now; takes nothing, so later they may not. */
  octetsFit(subject: Subject, octets: number): FitAnswer;
  /** What it weighs. */
  reserveOctets(subject: Subject, octets: number): QuotaAnswer;
  release(held: readonly Held[]): void;
  /** Before the first message: the charges of earlier runs. */
  replay(charges: readonly AccountCharge[]): void;
  /** Likewise: what was tried, as of the end of its minute. */
  replayTries(tries: readonly AccountTries[]): void;
  uses(subject: Subject): AccountUse;
  sweep(): void;
  /** Other limits from now on, with what was counted so far. */
  replaceRules(rules: AccountRules): void;
}

export interface PlanRules {
  readonly recipients: readonly WindowRule[];
  readonly attempts: readonly WindowRule[];
  readonly messages: readonly WindowRule[];
  readonly "new-recipients": readonly WindowRule[];
  readonly bytes: readonly WindowRule[];
}

export interface AccountRules {
  /** Of accounts without a plan. */
  readonly standard: PlanRules;
  readonly plans: Readonly<Record<string, PlanRules>>;
  /** Recipients of all accounts of a domain. */
  readonly domain: readonly WindowRule[];
}

/** From here on a window is nearly used up. */
const NEAR = 0.8;
const layers: readonly Layer[] = ["recipients", "new-recipients", "messages", "bytes", "domain"];

/** With "hold", so many times the limit of octets. */
const HELD_AT_MOST = 2;

/** Of most questions. */
const none: readonly never[] = [];

type Counts = Readonly<Record<keyof PlanRules, Limits>>;
const counted: readonly (keyof PlanRules)[] = ["recipients", "attempts", "messages", "new-recipients", "bytes"];

/** Kept so long at least, ms: until the store knows of it. */
const ACQUAINTING = 60_000;

/** Somebody new to an account, as long as a unit is taken for it: named by so many reservations that were not given back. */
interface Stranger {
  readonly at: number;
  holders: number;
}

interface Part {
  readonly layer: Layer;
  readonly limits: Limits;
  readonly key: string;
  readonly units: number;
  readonly stranger?: number;
}

export function createAccountLimits(first: AccountRules, clock: Clock): AccountLimits {
  let rules = first;
  /** By share. Domains that nobody has asked about lie under 1. */
  let domains = new Map<number, Limits>([[1, new Limits(rules.domain)]]);
  /** Where a domain's counts are, unless under 1. */
  const domainPlaces = new Map<string, number>();
  const restrained = { slow: new Limits([slowedTo]), hold: new Limits([heldTo]) } as const;
  /** By share and plan. Until its account is asked about, what was replayed lies under "", in windows of every length there is. */
  let counts = new Map<string, Counts>([["", makeCounts(everyWindow(rules))]]);
  /** Where an account's counts are. */
  const places = new Map<string, string>();
  /** Whose counts are from before a restart and were not asked about since: who was to be told was told then. */
  const restored = new Set<string>();
  const strangers = new Map<string, Map<number, Stranger>>();
  /** Windows of which it was told that they are nearly or wholly used up, and until when it need not be told again. */
  const told = new Map<string, { readonly level: LimitNotice["level"]; readonly until: number }>();

  function countsOf({ account, plan, share }: Subject): Counts {
    const name = `${share} ${plan}`;
    let found = counts.get(name);
    if (found === undefined) {
      found = makeCounts(scaled(Object.hasOwn(rules.plans, plan) ? rules.plans[plan]! : rules.standard, share));
      counts.set(name, found);
    }
    const place = places.get(account) ?? "";
    if (place !== name) {
      const old = counts.get(place);
      if (old !== undefined) for (const each of counted) old[each].move(account, found[each]);
      places.set(account, name);
    }
    if (restored.delete(account)) {
      const now = clock.monotonic();
      for (const layer of layers) {
        if (layer !== "domain") notices({ layer, limits: found[layer], key: account, units: 0 }, now);
      }
    }
    return found;
  }

  /** Of its domain, under the share it has now. */
  function domainLimits({ account, domainShare = 1 }: Subject): Limits {
    let found = domains.get(domainShare);
    if (found === undefined) {
      found = new Limits(shareOf(rules.domain, domainShare));
      domains.set(domainShare, found);
    }
    const domain = domainOf(account);
    const place = domainPlaces.get(domain) ?? 1;
    if (place !== domainShare) {
      domains.get(place)?.move(domain, found);
      domainPlaces.set(domain, domainShare);
    }
    return found;
  }

  /** Wherever they are now. */
  function limitsOf(layer: Layer, key: string): Limits | undefined {
    return layer === "domain" ? domains.get(domainPlaces.get(key) ?? 1) : counts.get(places.get(key) ?? "")?.[layer];
  }

  function notices({ layer, limits, key }: Part, now: number, full?: string): readonly LimitNotice[] {
    const filled = limits.filled(key, NEAR, now);
    if (filled.length === 0) return none;
    return filled.flatMap(({ length, ...use }) => {
      const level = use.window === full || use.used >= use.limit ? "reached" : "near";
      const name = `${layer} ${use.window} ${key}`;
      const before = told.get(name);
      if (before !== undefined && before.until > now && (before.level === "reached" || level === "near")) return [];
      told.set(name, { level, until: now + length });
      return [{ layer, level, ...use }];
    });
  }

  function reserveAll({ over }: Subject, parts: readonly Part[]): QuotaAnswer {
    const now = clock.monotonic();
    const held: Held[] = [];
    let beyond: Full | undefined;
    let full: Map<Layer, string> | undefined;
    for (const part of parts) {
      const known = part.stranger === undefined ? undefined : strangers.get(part.key)?.get(part.stranger);
      if (known !== undefined) {
        known.holders++;
        held.push({ layer: part.layer, key: part.key, units: 0, at: known.at, stranger: part.stranger! });
        continue;
      }
      const answer = part.limits.reserve(part.key, part.units, now);
      if (answer.kind === "over") {
        full = (full ?? new Map<Layer, string>()).set(part.layer, answer.window);
        const final = finalOf(answer, over, part, now);
        if (final !== undefined) {
          release(held);
          return { ...final, layer: part.layer, notices: notices(part, now, answer.window) };
        }
        beyond ??= { ...answer, layer: part.layer };
        part.limits.count(part.key, part.units, now);
      }
      const { layer, key, units, stranger } = part;
      held.push(stranger === undefined ? { layer, key, units, at: now } : { layer, key, units, at: now, stranger });
      if (stranger !== undefined) meet(key, stranger, now);
    }
    const tell = parts.flatMap((part) => notices(part, now, full?.get(part.layer)));
    return { kind: "within", held, notices: tell, ...(beyond === undefined ? {} : { beyond }) };
  }

  function meet(account: string, stranger: number, at: number): void {
    let met = strangers.get(account);
    if (met === undefined) strangers.set(account, (met = new Map<number, Stranger>()));
    met.set(stranger, { at, holders: 1 });
  }

  function release(held: readonly Held[]): void {
    for (const { layer, stranger, ...reservation } of held) {
      if (stranger === undefined) limitsOf(layer, reservation.key)?.release(reservation);
      else forgive(reservation.key, stranger);
    }
  }

  /** The unit goes back with the last that holds it. */
  function forgive(account: string, stranger: number): void {
    const met = strangers.get(account);
    const known = met?.get(stranger);
    if (met === undefined || known === undefined || --known.holders > 0) return;
    met.delete(stranger);
    limitsOf("new-recipients", account)?.release({ key: account, units: 1, at: known.at });
  }

  function forgetStrangers(now: number): void {
    const every = [rules.standard, ...Object.values(rules.plans)].flatMap((plan) => plan["new-recipients"]);
    const before = now - 2 * Math.max(ACQUAINTING, ...every.map(({ length }) => length));
    for (const [account, met] of strangers) {
      for (const [stranger, { at }] of met) if (at < before) met.delete(stranger);
      if (met.size === 0) strangers.delete(account);
    }
  }

  return {
    attempt: (subject) => {
      const now = clock.monotonic();
      const tried = countsOf(subject).attempts.reserve(subject.account, 1, now);
      if (tried.kind === "over" || subject.restrained === undefined) return tried;
      const left = restrained[subject.restrained].reserve(subject.account, 1, now);
      return left.kind === "over" ? { ...left, layer: "restrained" } : tried;
    },
    reserve: (subject, stranger) => {
      const of = countsOf(subject);
      const key = subject.account;
      const parts: Part[] = [{ layer: "recipients", limits: of.recipients, key, units: 1 }];
      if (stranger !== undefined) {
        parts.push({ layer: "new-recipients", limits: of["new-recipients"], key, units: 1, stranger });
      }
      if (rules.domain.length > 0) {
        parts.push({ layer: "domain", limits: domainLimits(subject), key: domainOf(key), units: 1 });
      }
      return reserveAll(subject, parts);
    },
    reserveMessage: (subject) =>
      reserveAll(subject, [{ layer: "messages", limits: countsOf(subject).messages, key: subject.account, units: 1 }]),
    octetsFit: (subject, octets) => {
      const part: Part = { layer: "bytes", limits: countsOf(subject).bytes, key: subject.account, units: octets };
      const now = clock.monotonic();
      const over = part.limits.obstacle(part.key, octets, now);
      if (over === undefined) return { kind: "fits" };
      return { ...over, layer: part.layer, notices: notices(part, now, over.window) };
    },
    reserveOctets: (subject, octets) =>
      reserveAll(subject, [{ layer: "bytes", limits: countsOf(subject).bytes, key: subject.account, units: octets }]),
    release,
    replay: (charges) => {
      const now = clock.monotonic();
      const wall = clock.wall();
      for (const { account, at, recipients, newRecipients, octets } of charges) {
        // A charge from the future (the clock was set back) counts as one of now.
        const then = now - Math.max(0, wall - at);
        limitsOf("recipients", account)?.count(account, recipients, then);
        limitsOf("messages", account)?.count(account, 1, then);
        if (newRecipients > 0) limitsOf("new-recipients", account)?.count(account, newRecipients, then);
        limitsOf("bytes", account)?.count(account, octets, then);
        limitsOf("domain", domainOf(account))?.count(domainOf(account), recipients, then);
        if (now - then < slowedTo.length) restrained.slow.count(account, recipients, then);
        restored.add(account);
      }
      for (const account of restored) {
        const key = domainOf(account);
        notices({ layer: "domain", limits: limitsOf("domain", key)!, key, units: 0 }, now);
      }
    },
    replayTries: (every) => {
      const now = clock.monotonic();
      const wall = clock.wall();
      for (const { account, at, tries } of every) {
        const then = now - Math.max(0, wall - at - TRY_MINUTE);
        counts.get(places.get(account) ?? "")?.attempts.count(account, tries, then);
      }
    },
    uses: (subject) => {
      const now = clock.monotonic();
      const { attempts } = countsOf(subject);
      domainLimits(subject);
      const quota = layers.flatMap((layer) => {
        const key = layer === "domain" ? domainOf(subject.account) : subject.account;
        return limitsOf(layer, key)!
          .uses(key, now)
          .map((use) => ({ layer, ...use }));
      });
      return { quota, attempts: attempts.uses(subject.account, now) };
    },
    sweep: () => {
      const now = clock.monotonic();
      for (const each of domains.values()) each.sweep(now);
      for (const [domain, share] of domainPlaces) if (!domains.get(share)!.has(domain)) domainPlaces.delete(domain);
      restrained.slow.sweep(now);
      restrained.hold.sweep(now);
      forgetStrangers(now);
      for (const each of counts.values()) for (const name of counted) each[name].sweep(now);
      for (const [account, place] of places) {
        const of = counts.get(place);
        if (of === undefined || !counted.some((name) => of[name].has(account))) places.delete(account);
      }
      for (const account of restored)
        if (!places.has(account) && !counted.some((name) => counts.get("")?.[name].has(account) === true))
          restored.delete(account);
      for (const [name, { until }] of told) if (until <= now) told.delete(name);
    },
    replaceRules: (next) => {
      const everything = makeCounts(everyWindow(next));
      for (const each of counts.values()) for (const name of counted) each[name].moveAll(everything[name]);
      rules = next;
      const whole = new Limits(next.domain);
      for (const each of domains.values()) each.moveAll(whole);
      domains = new Map([[1, whole]]);
      domainPlaces.clear();
      // Each goes into the windows of its plan with the next question about it.
      counts = new Map([["", everything]]);
      places.clear();
    },
  };
}

/** What does not fit and is not taken to be held either: what others have used up nobody may go beyond, and disks are not endless. */
function finalOf(
  answer: Over,
  over: Subject["over"],
  { layer, limits, key, units }: Part,
  now: number,
): Over | undefined {
  if (over !== "hold" || layer === "domain") return answer;
  return layer === "bytes" ? limits.obstacleAt(HELD_AT_MOST, key, units, now) : undefined;
}

function domainOf(account: string): string {
  return account.slice(account.lastIndexOf("@") + 1);
}

function makeCounts(rules: PlanRules): Counts {
  return forEach((name) => new Limits(rules[name]));
}

/** A limit is never less than one. */
function scaled(rules: PlanRules, share: number): PlanRules {
  return share === 1 ? rules : forEach((name) => shareOf(rules[name], share));
}

function shareOf(rules: readonly WindowRule[], share: number): readonly WindowRule[] {
  return rules.map((window) => ({ ...window, limit: Math.max(1, Math.floor(window.limit * share)) }));
}

/** One window of each length that any plan has: what is counted in them can be asked for in all of those. */
function everyWindow({ standard, plans }: AccountRules): PlanRules {
  const every = [standard, ...Object.values(plans)];
  return forEach((name) => [
    ...new Map(every.flatMap((plan) => plan[name].map((window) => [window.length, window] as const))).values(),
  ]);
}

function forEach<T>(make: (name: keyof PlanRules) => T): Readonly<Record<keyof PlanRules, T>> {
  return {
    recipients: make("recipients"),
    attempts: make("attempts"),
    messages: make("messages"),
    "new-recipients": make("new-recipients"),
    bytes: make("bytes"),
  };
}

// The store in Maps: the same answers as the one on SQLite (conformance.test.ts holds both to them), and nothing of it
// survives the process. For tests that ask what a room does with a store, and a second reading of the interfaces.
// Not for a server: it forgets what was charged, and it looks at everything that waits whenever it is asked.

import { randomBytes } from "node:crypto";
import type {
  Account,
  AccountRestraint,
  AccountStore,
  Charge,
  ChargeStore,
  NewCharge,
  ProfileStore,
  SavedProfile,
  Store,
  Tries,
  TryStore,
} from "../store.ts";
import { createMemoryEnrolments } from "./memory-enrolments.ts";
import { createMemoryNotices } from "./memory-notices.ts";
import { takenIn } from "../taken.ts";
import { createMemoryQueue } from "./memory-queue.ts";

const DAY = 86_400_000;

type Draft = { -readonly [Field in keyof Account]: Account[Field] };

export function openMemoryStore(): Store {
  const accounts = createAccounts();
  const { store: enrolments, forget } = createMemoryEnrolments((key) => accounts.findAccount(key)?.key === key);
  const notices = createMemoryNotices();
  return {
    ...accounts,
    ...createMemoryQueue(),
    ...createCharges(),
    ...createProfiles(),
    ...createTries(),
    ...enrolments,
    ...notices.store,
    setRestraint: (key, restraint, told = []) => {
      const done = accounts.setRestraint(key, restraint);
      if (done) for (const notice of told) notices.add({ account: key, ...notice });
      return done;
    },
    deleteAccount: (key) => {
      forget(key);
      notices.forget(key);
      return accounts.deleteAccount(key);
    },
  };
}

function createAccounts(): AccountStore {
  const accounts = new Map<string, Account>();
  const origins = new Map<string, Map<number, number>>();
  let secret: string | undefined;

  function find(key: string): Account | undefined {
    return accounts.get(key) ?? [...accounts.values()].find(({ aliases }) => aliases.includes(key));
  }

  /** Makes another account of it: who has the one from before keeps what it was given. */
  function change(key: string, work: (account: Draft) => void): boolean {
    const account = accounts.get(key);
    if (account === undefined) return false;
    const changed = { ...account };
    work(changed);
    accounts.set(key, changed);
    return true;
  }

  function add(account: Account): void {
    accounts.set(account.key, { ...account, aliases: [...new Set(account.aliases)].toSorted() });
  }

  return {
    findAccount: find,
    listAccounts: ({ after, limit }) =>
      [...accounts.values()]
        .filter(({ key }) => key > after)
        .toSorted((one, other) => (one.key < other.key ? -1 : 1))
        .slice(0, limit),
    countAccounts: () => accounts.size,
    addAccount: (account) => {
      if ([account.key, ...account.aliases].some((key) => find(key) !== undefined)) return false;
      add(account);
      return true;
    },
    addAccounts: (added) => {
      const refused = takenIn(added, (key) => find(key) !== undefined);
      if (refused.length === 0) for (const account of added) add(account);
      return refused;
    },
    takenAccounts: (added) => takenIn(added, (key) => find(key) !== undefined),
    setPasswordHash: (key, passwordHash, scram, cram) =>
      change(key, (account) => {
        delete account.cram;
        Object.assign(account, { passwordHash, scram }, cram === undefined ? {} : { cram });
      }),
    countCram: () => [...accounts.values()].filter(({ cram }) => cram !== undefined).length,
    dropCram: () => {
      const had = [...accounts.values()].filter(({ cram }) => cram !== undefined);
      for (const { key } of had) change(key, (account) => delete account.cram);
      return had.flatMap(({ key, aliases }) => [key, ...aliases]).toSorted();
    },
    scrub: () => undefined,
    completeScram: (key, passwordHash, scram) => {
      const account = accounts.get(key);
      if (account?.passwordHash !== passwordHash || account.scram !== undefined) return false;
      return change(key, (draft) => (draft.scram = scram));
    },
    replacePasswordHash: (key, from, passwordHash, scram) => {
      if (accounts.get(key)?.passwordHash !== from) return false;
      return change(key, (account) => {
        delete account.scram;
        Object.assign(account, { passwordHash }, scram === undefined ? {} : { scram });
      });
    },
    loginSecret: () => (secret ??= randomBytes(32).toString("base64")),
    setSuspended: (key, suspended) => change(key, (account) => (account.suspended = suspended)),
    setQuota: (key, quota) =>
      change(key, (account) => {
        delete account.quota;
        if (quota !== undefined) account.quota = quota;
      }),
    setPlan: (key, plan) =>
      change(key, (account) => {
        delete account.plan;
        if (plan !== undefined) account.plan = plan;
      }),
    setContact: (key, contact) =>
      change(key, (account) => {
        delete account.contact;
        if (contact !== undefined) account.contact = contact;
      }),
    setRaise: (key, raise) =>
      change(key, (account) => {
        delete account.raise;
        if (raise !== undefined) account.raise = raise;
      }),
    setRestraint: (key, restraint) =>
      change(key, (account) => {
        delete account.restraint;
        if (restraint !== undefined) account.restraint = restraint;
      }),
    suspended: () =>
      [...accounts.values()]
        .filter(({ suspended, restraint }) => suspended || restraint?.step === "suspend")
        .map(({ key }) => key)
        .toSorted(),
    restrained: () =>
      [...accounts.values()]
        .filter(({ restraint }) => restraint !== undefined)
        .map(({ key }) => key)
        .toSorted(),
    purgeRestraints: (now) => {
      for (const { key, restraint } of accounts.values()) {
        if (hasEnded(restraint, now)) change(key, (account) => delete account.restraint);
      }
    },
    restraintSpan: (now) => {
      const all = [...accounts.values()].flatMap(({ restraint }) => restraint ?? []);
      return {
        items: all.length,
        oldest: all.length === 0 ? undefined : Math.min(...all.map(({ since }) => since)),
        expired: all.filter((each) => hasEnded(each, now)).length,
      };
    },
    addAlias: (key, alias) => {
      if (find(alias) !== undefined) return false;
      return change(key, (account) => (account.aliases = [...account.aliases, alias].toSorted()));
    },
    removeAlias: (key, alias) => {
      if (accounts.get(key)?.aliases.includes(alias) !== true) return false;
      return change(key, (account) => (account.aliases = account.aliases.filter((each) => each !== alias)));
    },
    setSenders: (key, senders) =>
      change(key, (account) => {
        delete account.senders;
        if (senders.length > 0)
          account.senders = senders.toSorted((one, other) => (one.sender < other.sender ? -1 : 1));
      }),
    addAppPassword: (key, added) => {
      const had = accounts.get(key)?.appPasswords ?? [];
      if (had.some(({ name }) => name === added.name)) return false;
      return change(key, (account) => {
        account.appPasswords = [...had, added].toSorted((one, other) => (one.name < other.name ? -1 : 1));
      });
    },
    removeAppPassword: (key, name) => {
      const had = accounts.get(key)?.appPasswords ?? [];
      const left = had.filter((each) => each.name !== name);
      if (left.length === had.length) return false;
      return change(key, (account) => {
        delete account.appPasswords;
        if (left.length > 0) account.appPasswords = left;
      });
    },
    originsOf: (key) =>
      [...(origins.get(key) ?? [])]
        .map(([origin, day]) => ({ origin, day }))
        .toSorted((one, other) => one.origin - other.origin),
    noteOrigin: (key, origin, day) => {
      if (!accounts.has(key)) return;
      const known = [
        ...(origins.get(key) ?? new Map<number, number>()).set(
          origin,
          Math.max(day, origins.get(key)?.get(origin) ?? day),
        ),
      ];
      const newest = known.toSorted(([one, first], [other, second]) => second - first || one - other);
      origins.set(key, new Map(newest.slice(0, 50)));
    },
    purgeOrigins: (before) => {
      for (const known of origins.values()) {
        for (const [origin, day] of known) if (day <= Math.floor(before / DAY)) known.delete(origin);
      }
    },
    originSpan: (before) => {
      const days = [...origins.values()].flatMap((known) => [...known.values()]);
      return {
        items: days.length,
        oldest: days.length === 0 ? undefined : Math.min(...days) * DAY,
        expired: days.filter((day) => day <= Math.floor(before / DAY)).length,
      };
    },
    noteAppPasswordUse: (key, name, lastUse) => {
      const had = accounts.get(key)?.appPasswords;
      if (had === undefined) return;
      change(key, (account) => {
        account.appPasswords = had.map((each) => (each.name === name ? { ...each, lastUse } : each));
      });
    },
    deleteAccount: (key) => {
      origins.delete(key);
      return accounts.delete(key);
    },
  };
}

function hasEnded(restraint: AccountRestraint | undefined, now: number): boolean {
  return restraint?.until !== undefined && restraint.until <= now;
}

function createCharges(): ChargeStore {
  let charges: Charge[] = [];
  const throughs = new Map<number, string>();
  /** Accounts with those they wrote to, and on which day they did last. */
  const correspondents = new Map<string, Map<number, number>>();

  function meet({ account, at, correspondents: named = [] }: NewCharge): number {
    let known = correspondents.get(account);
    if (known === undefined) correspondents.set(account, (known = new Map<number, number>()));
    let met = 0;
    for (const each of named) {
      if (!known.has(each)) met++;
      known.set(each, Math.max(known.get(each) ?? 0, Math.floor(at / DAY)));
    }
    return met;
  }

  const days = (): readonly number[] => [...correspondents.values()].flatMap((known) => [...known.values()]);

  return {
    addCharges: (added, through, lane = 0) => {
      const strangers = added.map(meet);
      charges = [
        ...charges,
        ...added.map(({ account, at, recipients, octets }, index) => {
          return { account, at, recipients, octets, newRecipients: strangers[index]! };
        }),
      ].toSorted((one, other) => one.at - other.at);
      throughs.set(lane, through);
      return strangers;
    },
    chargesSince: (time) => ({ charges: charges.filter(({ at }) => at > time), through: new Map(throughs) }),
    purgeCharges: (before) => {
      charges = charges.filter(({ at }) => at > before);
    },
    chargeSpan: (before) => ({
      items: charges.length,
      oldest: charges[0]?.at,
      expired: charges.filter(({ at }) => at <= before).length,
    }),
    isCorrespondent: (account, correspondent) => correspondents.get(account)?.has(correspondent) === true,
    purgeCorrespondents: (before) => {
      for (const known of correspondents.values()) {
        for (const [each, day] of known) if (day <= Math.floor(before / DAY)) known.delete(each);
      }
    },
    correspondentSpan: (before) => ({
      items: days().length,
      oldest: days().length === 0 ? undefined : Math.min(...days()) * DAY,
      expired: days().filter((day) => day <= Math.floor(before / DAY)).length,
    }),
  };
}

function createTries(): TryStore {
  let minutes: readonly Tries[] = [];
  return {
    addTries: (added) => {
      for (const { account, at, tries } of added) {
        const known = minutes.find((each) => each.account === account && each.at === at);
        const others = minutes.filter((each) => each !== known);
        minutes = [...others, { account, at, tries: tries + (known?.tries ?? 0) }];
      }
    },
    triesSince: (time) =>
      minutes
        .filter(({ at }) => at > time)
        .toSorted((one, other) => one.at - other.at || (one.account < other.account ? -1 : 1)),
    purgeTries: (before) => {
      minutes = minutes.filter(({ at }) => at > before);
    },
    trySpan: (before) => ({
      items: minutes.length,
      oldest: minutes.length === 0 ? undefined : Math.min(...minutes.map(({ at }) => at)),
      expired: minutes.filter(({ at }) => at <= before).length,
    }),
  };
}

function createProfiles(): ProfileStore {
  const profiles = new Map<string, Omit<SavedProfile, "account">>();
  const days = (): readonly number[] => [...profiles.values()].map(({ day }) => day);
  return {
    profile: (account) => profiles.get(account)?.profile,
    saveProfiles: (saved) => {
      for (const { account, ...rest } of saved) profiles.set(account, rest);
    },
    suspects: () =>
      [...profiles]
        .filter(([, { suspect }]) => suspect)
        .map(([account]) => account)
        .toSorted(),
    purgeProfiles: (before) => {
      for (const [account, { day }] of profiles) if (day <= Math.floor(before / DAY)) profiles.delete(account);
    },
    profileSpan: (before) => ({
      items: profiles.size,
      oldest: profiles.size === 0 ? undefined : Math.min(...days()) * DAY,
      expired: days().filter((day) => day <= Math.floor(before / DAY)).length,
    }),
  };
}

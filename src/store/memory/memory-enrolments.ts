// Addresses at third parties in Maps: the same answers as sqlite/enrolment-tables.ts.

import type { Enrolment, EnrolmentStore, ThirdParty } from "../store.ts";

type Draft = { -readonly [Field in keyof Enrolment]: Enrolment[Field] };

/** `forget`: the account is deleted. */
export function createMemoryEnrolments(exists: (account: string) => boolean): {
  readonly store: EnrolmentStore;
  readonly forget: (account: string) => void;
} {
  const enrolments = new Map<string, Map<string, Enrolment>>();
  /** By account and address: the end that was told. */
  const reminded = new Map<string, number>();
  const parties = new Map<string, ThirdParty>();
  let codes: { readonly account: string; readonly address: string; readonly at: number }[] = [];

  function change(account: string, address: string, work: (draft: Draft) => void): Enrolment | undefined {
    const found = enrolments.get(account)?.get(address);
    if (found === undefined) return undefined;
    const changed = { ...found };
    work(changed);
    enrolments.get(account)!.set(address, changed);
    return changed;
  }

  const store: EnrolmentStore = {
    enrolments: (account) =>
      [...(enrolments.get(account)?.values() ?? [])].toSorted((one, other) => (one.address < other.address ? -1 : 1)),
    findEnrolment: (account, address) => enrolments.get(account)?.get(address),
    takeCode: (account, address, at, windows) => {
      let free = at;
      for (const { length, limit } of windows) {
        for (const mine of [
          codes.filter((code) => code.account === account),
          codes.filter((code) => code.address === address),
        ]) {
          const times = mine.map((code) => code.at).filter((time) => time > at - length);
          const first = times.toSorted((one, other) => one - other)[times.length - limit];
          if (first !== undefined) free = Math.max(free, first + length);
        }
      }
      if (free > at) return free;
      codes.push({ account, address, at });
      return undefined;
    },
    putCode: (account, address, { hash, expires }) => {
      if (!exists(account)) return false;
      const mine = enrolments.get(account) ?? new Map<string, Enrolment>();
      enrolments.set(account, mine);
      mine.set(address, { ...mine.get(address), address, code: { hash, expires, tries: 0 } });
      return true;
    },
    tryCode: (account, address) => {
      if (enrolments.get(account)?.get(address)?.code === undefined) return undefined;
      return change(account, address, (draft) => {
        draft.code = { ...draft.code!, tries: draft.code!.tries + 1 };
      });
    },
    confirmEnrolment: (account, address, hash, validUntil) => {
      if (enrolments.get(account)?.get(address)?.code?.hash !== hash) return false;
      change(account, address, (draft) => {
        delete draft.code;
        draft.validUntil = validUntil;
      });
      return true;
    },
    removeEnrolment: (account, address) => enrolments.get(account)?.delete(address) ?? false,
    endingEnrolments: (after, before) =>
      [...enrolments]
        .flatMap(([account, mine]) => [...mine.values()].map((each) => ({ account, ...each })))
        .flatMap(({ account, address, validUntil }) =>
          validUntil !== undefined &&
          validUntil > after &&
          validUntil <= before &&
          reminded.get(`${account}\n${address}`) !== validUntil
            ? [{ account, address, validUntil }]
            : [],
        )
        .toSorted((one, other) => one.validUntil - other.validUntil || (one.address < other.address ? -1 : 1))
        .slice(0, 1000),
    noteReminded: (account, address, validUntil) => void reminded.set(`${account}\n${address}`, validUntil),
    enrolledDomains: () => [...domainsOf(enrolments)].toSorted(),
    purgeEnrolments: (now) => {
      for (const mine of enrolments.values()) {
        for (const { address, validUntil, code } of mine.values()) {
          if (validUntil === undefined && code !== undefined && code.expires <= now) mine.delete(address);
        }
      }
      const known = domainsOf(enrolments);
      for (const domain of parties.keys()) if (!known.has(domain)) parties.delete(domain);
    },
    purgeCodes: (before) => {
      codes = codes.filter(({ at }) => at > before);
    },
    codeSpan: (before) => ({
      items: codes.length,
      oldest: codes.length === 0 ? undefined : Math.min(...codes.map(({ at }) => at)),
      expired: codes.filter(({ at }) => at <= before).length,
    }),
    thirdParty: (domain) => parties.get(domain),
    putThirdParty: (party) => void parties.set(party.domain, party),
  };
  return { store, forget: (account) => void enrolments.delete(account) };
}

function domainsOf(enrolments: ReadonlyMap<string, ReadonlyMap<string, Enrolment>>): ReadonlySet<string> {
  const addresses = [...enrolments.values()].flatMap((mine) => [...mine.keys()]);
  return new Set(addresses.map((address) => address.slice(address.lastIndexOf("@") + 1)));
}

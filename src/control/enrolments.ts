// Addresses at third parties: an account proves one by a code that is mailed there and told here. Only its digest is kept, it works once,
// for a while, and five wrong ones end it. Passwords of third parties are neither asked for nor kept.
//
// Whether mail of the third party would arrive from here is read first: who could not send anyway is told so before anybody is mailed.

import { addressKey, formatAddress, parseAddress } from "../address/address.ts";
import { minuteOf } from "../base/minute.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { Settings } from "../config/settings.ts";
import { hashEnrolmentCode, isSameHash, makeEnrolmentCode } from "../directory/enrolment-code.ts";
import { wayOf } from "../directory/enrolments.ts";
import { isSuspended } from "../directory/restraint.ts";
import type { SubstituteMail } from "../egress/substitute-mail.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { Observer } from "../observe/events.ts";
import type { Account, AccountStore, Enrolment, EnrolmentStore } from "../store/store.ts";
import type { Control, Refused, SubstituteView } from "./control.ts";
import { codeUrl } from "./setup/code-url.ts";
import type { CodePageSettings } from "./setup/code-url.ts";
import type { ThirdParties } from "./third-parties.ts";

export interface EnrolmentServices {
  /** In effect now. */
  readonly settings: () => Pick<Settings, "domains"> & CodePageSettings;
  readonly store: Pick<Remote<AccountStore>, "findAccount"> & Remote<EnrolmentStore>;
  readonly thirdParties: Pick<ThirdParties, "read">;
  /** undefined: no server runs that could. */
  readonly mailCode: ((mail: SubstituteMail) => Promise<void>) | undefined;
  readonly observer: Observer;
  readonly clock: Clock;
}

/** Of one account. */
const MOST = 20;
/** Wrong ones, for one code: of 2^100 that is none. */
const MOST_TRIES = 5;

interface Claim {
  readonly account: Account;
  /** As it was written. */
  readonly address: string;
  readonly key: string;
  readonly domain: string;
}

/** `by`: who it is that changes them. */
export function enrolmentControl(
  services: EnrolmentServices,
  by: string,
): Pick<Control, "addSubstitute" | "confirmSubstitute" | "listSubstitutes" | "removeSubstitute"> {
  const { settings, store, observer, clock } = services;

  async function stored(text: string): Promise<Account | undefined> {
    const parsed = parseAddress(text);
    return parsed.ok ? await store.findAccount(addressKey(parsed.value)) : undefined;
  }

  async function claimOf(address: string, foreign: string): Promise<Result<Claim, Refused>> {
    const account = await stored(address);
    if (account === undefined) return failure(refused("not-found", `${address}: no such account`));
    const parsed = parseAddress(foreign);
    if (!parsed.ok) return failure(refused("invalid", `${foreign}: ${parsed.error.message}`));
    const { domain } = parsed.value;
    if (domain === undefined) return failure(refused("invalid", `${foreign} has no domain`));
    const key = addressKey(parsed.value);
    return success({ account, address: formatAddress(parsed.value), key, domain });
  }

  function changed({ account, key }: Claim, change: string): void {
    observer.emit("account.changed", { account: account.key, change, by, what: key });
  }

  /** Why mail of the domain would not go, if so. Read now. */
  async function problemOf(domain: string): Promise<string | undefined> {
    const party = await services.thirdParties.read(domain);
    const way = wayOf(domain, party, settings().substitute, clock.wall());
    switch (way.kind) {
      case "valid":
        return undefined;
      case "unfit":
        return `receivers would refuse mail of ${domain} from here: ${way.words}. Without a relay that its provider agrees to, it cannot be sent`;
      case "unread":
        return `what ${domain} publishes cannot be read now: ${way.cause}`;
      case "over":
        return `mail of ${domain} was carried until ${way.until}`;
    }
  }

  async function viewOf(enrolment: Enrolment): Promise<SubstituteView> {
    const { address, validUntil, code } = enrolment;
    const domain = address.slice(address.lastIndexOf("@") + 1);
    const party = await store.thirdParty(domain);
    const now = clock.wall();
    const way = wayOf(domain, party, settings().substitute, now);
    return {
      address,
      state: validUntil === undefined ? "unproved" : validUntil <= now ? "expired" : "proved",
      way: way.kind === "valid" ? way.way : way.kind === "unread" ? "unknown" : "refused",
      ...(validUntil === undefined ? {} : { until: new Date(validUntil).toISOString() }),
      ...(code === undefined || code.expires <= now ? {} : { code: new Date(code.expires).toISOString() }),
      ...(party?.known === undefined
        ? {}
        : { published: party.known.words, read: new Date(party.known.at).toISOString() }),
      ...(party?.cause === undefined ? {} : { problem: party.cause }),
    };
  }

  return {
    addSubstitute: async (address, foreign) => {
      const claim = await claimOf(address, foreign);
      if (!claim.ok) return claim.error;
      const { account, key, domain } = claim.value;
      const { domains, listeners, substitute } = settings();
      if (domains.some(({ name }) => name === domain)) {
        return refused("invalid", `${foreign} is local: give it as an alias, or with \`account sender add\``);
      }
      if (!listeners.some(({ role }) => role === "substitute")) {
        return refused("conflict", "there is no listener of role substitute");
      }
      if (services.mailCode === undefined) return refused("conflict", "only a running server can mail a code");
      if (isSuspended(account)) return refused("conflict", `${address} is suspended`);
      const had = await store.enrolments(account.key);
      if (had.length >= MOST && had.every((each) => each.address !== key)) {
        return refused("conflict", `${address} has ${MOST} addresses at third parties already`);
      }
      const problem = await problemOf(domain);
      if (problem !== undefined) return refused("conflict", problem);
      const now = clock.wall();
      const windows = substitute.codes.map(({ length, recipients }) => ({ length, limit: recipients }));
      const free = await store.takeCode(account.key, countedAs(key), now, windows);
      if (free !== undefined) {
        return refused(
          "conflict",
          `too many codes, for the account or to the address: the next one from ${minuteOf(free)} on`,
        );
      }
      const code = makeEnrolmentCode();
      const expires = now + substitute.codeLife;
      await store.putCode(account.key, key, { hash: hashEnrolmentCode(account.key, key, code), expires });
      const page = codeUrl(settings());
      await services.mailCode({ kind: "code", to: claim.value.address, account: account.address, code, expires, page });
      changed(claim.value, "substitute-asked");
      return { done: true, until: new Date(expires).toISOString() };
    },
    confirmSubstitute: async (address, foreign, code) => {
      const claim = await claimOf(address, foreign);
      if (!claim.ok) return claim.error;
      const { account, key } = claim.value;
      const failed = (cause: string, why: string): Refused => {
        observer.emit("enrolment.refused", { account: account.key, address: key, cause, by });
        return refused("conflict", why);
      };
      // Counted before it is looked at: who asks many times at once gets no more tries.
      const tried = (await store.tryCode(account.key, key))?.code;
      if (tried === undefined) return refused("not-found", `no code was mailed to ${foreign} for ${address}`);
      if (tried.expires <= clock.wall()) return failed("expired", "the code is too old: ask for a new one");
      if (tried.tries > MOST_TRIES) return failed("tries", "too many wrong codes: ask for a new one");
      const hash = hashEnrolmentCode(account.key, key, code);
      const validUntil = clock.wall() + settings().substitute.renewal;
      if (!isSameHash(hash, tried.hash)) {
        return failed("wrong", `this is not the code that was mailed last; ${MOST_TRIES - tried.tries} more tries`);
      }
      if (!(await store.confirmEnrolment(account.key, key, hash, validUntil))) {
        return failed("wrong", "another code was mailed meanwhile");
      }
      changed(claim.value, "substitute-proved");
      return { done: true, until: new Date(validUntil).toISOString() };
    },
    listSubstitutes: async (address) => {
      const account = await stored(address);
      if (account === undefined) return undefined;
      return Promise.all((await store.enrolments(account.key)).map(viewOf));
    },
    removeSubstitute: async (address, foreign) => {
      const claim = await claimOf(address, foreign);
      if (!claim.ok) return claim.error;
      const { account, key } = claim.value;
      if (!(await store.removeEnrolment(account.key, key))) {
        return refused("not-found", `${address} has no address ${foreign} at a third party`);
      }
      changed(claim.value, "substitute-removed");
      return { done: true };
    },
  };
}

/** One mailbox, whatever stands behind a + (RFC 5233): codes to it are counted together. */
function countedAs(key: string): string {
  const at = key.lastIndexOf("@");
  const plus = key.indexOf("+");
  return plus > 0 && plus < at ? key.slice(0, plus) + key.slice(at) : key;
}

function refused(kind: Refused["kind"], why: string): Refused {
  return { done: false, kind, why };
}

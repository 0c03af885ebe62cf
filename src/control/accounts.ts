// Accounts: made and changed in the store, with the password hashed here, once for PLAIN and once
// for SCRAM, and never seen again. Those of another server come with what that made of the password.

import { addressKey, formatAddress, parseAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { offersCram } from "../config/offers-cram.ts";
import { readDate, readDuration, readSize } from "../config/scalars.ts";
import { mailboxOctets, mailRoot } from "../mailbox/usage.ts";
import type { Settings } from "../config/settings.ts";
import { isSuspended } from "../directory/restraint.ts";
import { growth } from "../directory/terms.ts";
import type { Clock } from "../io/clock.ts";
import { createIdentities, isIdentity } from "../directory/identities.ts";
import { readHash, schemeOf } from "../io/legacy-hash/schemes.ts";
import { makeCramKeys } from "../io/cram-keys.ts";
import { hashPassword } from "../io/password-hash.ts";
import { makeScramKeys } from "../io/scram-keys.ts";
import type { Observer } from "../observe/events.ts";
import type { Remote } from "../io/rpc.ts";
import { prepare } from "../base/saslprep.ts";
import type { Account, AccountStore, QueueCount, QueueStore } from "../store/store.ts";
import type { EndedLogin } from "./dovecot-sessions.ts";
import { leftMail, whyLeft } from "./left-mail.ts";
import { restraintView } from "./suspicion.ts";
import type {
  AccountList,
  AccountTerms,
  AccountView,
  Control,
  ImportOutcome,
  Page,
  Refused,
  Secret,
} from "./control.ts";

export interface AccountServices {
  /** In effect now: a reload replaces them. */
  readonly settings: () => Pick<Settings, "domains" | "mailbox" | "state" | "limits" | "listeners">;
  readonly store: Remote<AccountStore & Pick<QueueStore, "heldAccounts">>;
  readonly observer: Observer;
  readonly clock: Clock;
  /** Somebody looked at the account and resumes it, or it is gone: what spoke against it, and what was done because of that, is over. */
  readonly forgive: (key: string) => Promise<void>;
  /** These keys changed: caches must forget them. */
  readonly changed: (keys: readonly string[]) => Promise<void>;
  /** These accounts may not be used any more: what they have open ends. */
  readonly endSessions: (keys: readonly string[]) => Promise<void>;
  /** What it logged in with opens nothing any more: what it has open at others who share the accounts ends. Must not throw. */
  readonly loginEnded: (login: EndedLogin) => void;
  /** What this one has in the queue waits until somebody has decided about it. */
  readonly holdMail: (key: string) => Promise<QueueCount>;
}

/** NIST SP 800-63B §5.1.1.2. */
const SHORTEST_PASSWORD = 8;

const DAY = 86_400_000;

/** Accounts in one answer when nobody says how many. */
const PAGE = 100;

/** `by`: who it is that changes them. */
export function accountControl(
  services: AccountServices,
  by: string,
): Pick<
  Control,
  "addAccount" | "importAccounts" | "changeAccount" | "setPassword" | "setStanding" | "deleteAccount"
> & {
  readonly list: (page: Page) => Promise<AccountList>;
  readonly find: (address: string) => Promise<AccountView | undefined>;
} {
  const { store, observer, clock } = services;

  function localAddress(text: string): Result<Address, string> {
    const parsed = parseAddress(text);
    if (!parsed.ok) return failure(`${text}: ${parsed.error.message}`);
    if (services.settings().domains.some(({ name }) => name === parsed.value.domain)) return success(parsed.value);
    return failure(`${text}: the domain is not one of [[domain]]`);
  }

  async function stored(text: string): Promise<Account | undefined> {
    const parsed = parseAddress(text);
    return parsed.ok ? await store.findAccount(addressKey(parsed.value)) : undefined;
  }

  /** Makes the ids of all accounts until one is this: a look at a header of somebody's complaint, not more. */
  async function identified(id: string): Promise<Account | undefined> {
    const { idOf } = createIdentities(await store.loginSecret());
    for (let after = ""; ;) {
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the last one ends
      const accounts = await store.listAccounts({ after, limit: 1000 });
      const found = accounts.find(({ key }) => idOf(key) === id);
      const last = accounts.at(-1);
      if (found !== undefined || last === undefined) return found;
      after = last.key;
    }
  }

  /** After it was forgotten as it was: what comes in from here on is held when it comes in. Sessions first, so that nothing more does. */
  async function shut(key: string, names: readonly string[]): Promise<void> {
    services.loginEnded({ account: key, names });
    await services.endSessions([key]);
    const { recipients } = await services.holdMail(key);
    if (recipients === 0) return;
    const selection = `account ${key}`;
    observer.emit("queue.changed", { change: "hold-suspended", message: "", selection, recipients, by });
  }

  function raiseOf({ raise }: Account): Pick<AccountView, "raise"> {
    if (raise === undefined || raise.until <= clock.wall()) return {};
    return { raise: { ...raise, until: new Date(raise.until).toISOString() } };
  }

  function restraintOf(account: Account): Pick<AccountView, "restraint"> {
    const restraint = restraintView(account, clock.wall());
    return restraint === undefined ? {} : { restraint };
  }

  async function mailboxOf({ key, quota }: Account): Promise<Pick<AccountView, "mailbox">> {
    const { domains, mailbox, state } = services.settings();
    const address = parseAddress(key);
    if (!address.ok || domains.find(({ name }) => name === address.value.domain)?.store !== undefined) return {};
    const limit = quota ?? mailbox.quota;
    const used = await mailboxOctets(mailRoot(state), address.value);
    return { mailbox: { used, ...(limit === undefined ? {} : { quota: limit }) } };
  }

  /** Written down first; all of it may be done again, so what stopped half way is completed by the same command. */
  async function suspend({ key }: Account, names: readonly string[]): Promise<void> {
    await store.setSuspended(key, true);
    await services.changed(names);
    await shut(key, names);
  }

  return {
    addAccount: async (address, secret, aliases, terms = {}) => {
      const parsed = localAddress(address);
      if (!parsed.ok) return refused("invalid", parsed.error);
      const wrong = faultOf(terms, services.settings().limits);
      if (wrong !== undefined) return refused("invalid", wrong);
      const keys: string[] = [];
      for (const alias of aliases) {
        const each = localAddress(alias);
        if (!each.ok) return refused("invalid", each.error);
        keys.push(addressKey(each.value));
      }
      const kept =
        typeof secret === "string" ? await storedForm(secret, offersCram(services.settings())) : importedForm(secret);
      if (!kept.ok) return refused("invalid", kept.error);
      const key = addressKey(parsed.value);
      const [left] = await leftMail(store, [key, ...keys]);
      if (left !== undefined) return refused("conflict", whyLeft(left));
      const added = await store.addAccount({
        key,
        address: formatAddress(parsed.value),
        ...kept.value,
        aliases: keys,
        createdAt: clock.wall(),
        suspended: false,
        ...(typeof terms.quota === "number" ? { quota: terms.quota } : {}),
        ...(typeof terms.plan === "string" ? { plan: terms.plan } : {}),
        ...(typeof terms.contact === "string" ? { contact: terms.contact } : {}),
      });
      if (!added) return refused("conflict", `${address} or one of its aliases exists already`);
      await services.changed([key, ...keys]);
      observer.emit("account.changed", { account: key, change: "added", by });
      return { done: true };
    },
    importAccounts: async (imported, how, since) => {
      const now = clock.wall();
      const given = since === undefined ? now : Date.parse(since);
      const createdAt = Number.isFinite(given) ? Math.min(now, given) : now;
      const { ramp } = services.settings().limits.standard;
      const share = growth(ramp, now - createdAt);
      const isNew = since === undefined && share < 1;
      const begin = isNew ? { new: { share, days: Math.ceil(ramp.length / DAY) } } : {};
      const problems: ImportOutcome["problems"][number][] = [];
      const accounts: Account[] = [];
      const indexes: number[] = [];
      for (const [index, { address, hash }] of imported.entries()) {
        const parsed = localAddress(address);
        const read = readHash(hash);
        if (!parsed.ok) problems.push({ index, kind: "invalid", why: parsed.error });
        else if (!read.ok) problems.push({ index, kind: "invalid", why: read.error });
        else {
          const key = addressKey(parsed.value);
          const at = formatAddress(parsed.value);
          accounts.push({ key, address: at, passwordHash: read.value, aliases: [], createdAt, suspended: false });
          indexes.push(index);
        }
      }
      const left = await leftMail(
        store,
        accounts.map(({ key }) => key),
      );
      for (const [each, { key }] of accounts.entries()) {
        if (left.has(key)) problems.push({ index: indexes[each]!, kind: "conflict", why: whyLeft(key) });
      }
      const taken =
        how === "add" && problems.length === 0
          ? await store.addAccounts(accounts)
          : await store.takenAccounts(accounts);
      for (const each of taken) {
        const why = `${accounts[each]!.address} exists already`;
        problems.push({ index: indexes[each]!, kind: "conflict", why });
      }
      if (problems.length > 0) {
        return { added: 0, problems: problems.toSorted((one, other) => one.index - other.index), ...begin };
      }
      if (how === "add" && accounts.length > 0) {
        await services.changed(accounts.map(({ key }) => key));
        for (const { key } of accounts) observer.emit("account.changed", { account: key, change: "imported", by });
      }
      return { added: accounts.length, problems, ...begin };
    },
    changeAccount: async (address, terms) => {
      const account = await stored(address);
      if (account === undefined) return refused("not-found", `${address}: no such account`);
      const wrong = faultOf(terms, services.settings().limits);
      if (wrong !== undefined) return refused("invalid", wrong);
      const changes: string[] = [];
      if (terms.quota !== undefined) {
        await store.setQuota(account.key, terms.quota ?? undefined);
        changes.push("quota");
      }
      if (terms.plan !== undefined) {
        await store.setPlan(account.key, terms.plan ?? undefined);
        changes.push("plan");
      }
      if (terms.contact !== undefined) {
        await store.setContact(account.key, terms.contact ?? undefined);
        changes.push("contact");
      }
      if (terms.raise !== undefined) {
        const { raise } = terms;
        const until = clock.wall() + (raise?.for ?? 0);
        await store.setRaise(
          account.key,
          raise === null ? undefined : { factor: raise.factor, until, by, reason: raise.reason },
        );
        changes.push("raise");
      }
      await services.changed([account.key, ...account.aliases]);
      for (const change of changes) observer.emit("account.changed", { account: account.key, change, by });
      return { done: true };
    },
    setPassword: async (address, password) => {
      const parsed = parseAddress(address);
      if (!parsed.ok) return refused("invalid", `${address}: ${parsed.error.message}`);
      const account = await store.findAccount(addressKey(parsed.value));
      if (account === undefined) return refused("not-found", `${address}: no such account`);
      const kept = await storedForm(password, offersCram(services.settings()));
      if (!kept.ok) return refused("invalid", kept.error);
      const { passwordHash, scram, cram } = kept.value;
      await store.setPasswordHash(account.key, passwordHash, scram, cram);
      const names = [account.key, ...account.aliases];
      await services.changed(names);
      services.loginEnded({ account: account.key, names });
      observer.emit("account.changed", { account: account.key, change: "password", by });
      return { done: true };
    },
    setStanding: async (address, standing) => {
      const account = await stored(address);
      if (account === undefined) return refused("not-found", `${address}: no such account`);
      const names = [account.key, ...account.aliases];
      if (standing === "suspended") {
        // What the detector suspended an operator can make his own.
        await suspend(account, names);
      } else {
        if (!isSuspended(account)) return refused("conflict", `${address} is ${standing} already`);
        // Both end, the operator's last: until then it can be resumed again.
        await services.forgive(account.key);
        await store.setSuspended(account.key, false);
        await services.changed(names);
      }
      const change = standing === "suspended" ? "suspended" : "resumed";
      observer.emit("account.changed", { account: account.key, change, by });
      return { done: true };
    },
    deleteAccount: async (address) => {
      const parsed = parseAddress(address);
      const account = await stored(address);
      if (account === undefined) {
        // Where this is asked again because it did not work after the account was gone.
        if (parsed.ok) await services.forgive(addressKey(parsed.value));
        return refused("not-found", `${address}: no such account`);
      }
      const names = [account.key, ...account.aliases];
      const leads = services
        .settings()
        .domains.find(({ postmaster, aliases }) =>
          [postmaster, ...[...aliases.values()].flat()].some((target) => names.includes(addressKey(target))),
        );
      if (leads !== undefined)
        return refused(
          "conflict",
          `${address} is the postmaster or behind an alias of ${leads.name}: change the configuration first`,
        );
      // As long as it is there this can be asked again. It is not free for a moment: what the detection did is lifted when it is gone.
      await suspend(account, names);
      await store.deleteAccount(account.key);
      await services.changed(names);
      // Whoever has the address next is somebody else.
      await services.forgive(account.key);
      observer.emit("account.changed", { account: account.key, change: "deleted", by });
      return { done: true };
    },
    find: async (name) => {
      const account = isIdentity(name) ? await identified(name.toLowerCase()) : await stored(name);
      return account === undefined
        ? undefined
        : { ...toView(account), ...raiseOf(account), ...restraintOf(account), ...(await mailboxOf(account)) };
    },
    list: async ({ after, limit = PAGE }) => {
      // One more than asked for says whether there is more.
      const found = await store.listAccounts({ after: cursorOf(after), limit: limit + 1 });
      const entries = found.slice(0, limit).map(toView);
      const last = entries.at(-1);
      const next = found.length > limit && last !== undefined ? { next: last.address } : {};
      return { total: await store.countAccounts(), entries, ...next };
    },
  };
}

function toView(account: Account): AccountView {
  const { address, aliases, createdAt, passwordHash, cram, plan, contact, senders } = account;
  const scheme = schemeOf(passwordHash);
  return {
    address,
    aliases,
    created: new Date(createdAt).toISOString(),
    suspended: isSuspended(account),
    ...(scheme === undefined ? {} : { scheme }),
    ...(cram === undefined ? {} : { cram: true }),
    ...(plan === undefined ? {} : { plan }),
    ...(contact === undefined ? {} : { contact }),
    ...(senders === undefined ? {} : { senders }),
  };
}

/** `2GiB`; `default` is null. */
export function readQuota(text: string): Result<number | null, string> {
  if (text === "default") return success(null);
  const octets = readSize(text);
  return octets.ok ? octets : failure([octets.error.message, octets.error.hint].filter(Boolean).join(": "));
}

/** `12h`, `3d`; milliseconds. */
export function readTime(text: string): Result<number, string> {
  const length = readDuration(text);
  return length.ok ? length : failure([length.error.message, length.error.hint].filter(Boolean).join(": "));
}

/** `2020-01-01`, an instant with its zone, `now`; as ISO 8601. Not in the future. */
export function readSince(text: string, now: number): Result<string, string> {
  if (text === "now") return success(new Date(now).toISOString());
  const date = readDate(text, "begin");
  if (!date.ok) return failure([date.error.message, date.error.hint].filter(Boolean).join(": "));
  return date.value.at > now ? failure(`${text} is still to come`) : success(new Date(date.value.at).toISOString());
}

/** As in [mailbox] quota. */
const SMALLEST_QUOTA = 64 * 1024;

/** Nobody needs more for longer; who does has another plan. */
const LARGEST_RAISE = { factor: 1000, for: 366 * 86_400_000 };

function faultOf({ quota, plan, contact, raise }: AccountTerms, { plans }: Settings["limits"]): string | undefined {
  if (typeof quota === "number" && !(Number.isSafeInteger(quota) && quota >= SMALLEST_QUOTA)) {
    return `a quota is at least ${SMALLEST_QUOTA} octets`;
  }
  if (typeof plan === "string" && !plans.has(plan)) return `${plan} is not a [[plan]] of the configuration`;
  if (typeof contact === "string") {
    const parsed = parseAddress(contact);
    if (!parsed.ok) return `${contact}: ${parsed.error.message}`;
  }
  if (raise === undefined || raise === null) return undefined;
  if (!(raise.factor > 1 && raise.factor <= LARGEST_RAISE.factor)) {
    return `a raise is more than 1 times and at most ${LARGEST_RAISE.factor} times the limits`;
  }
  if (!(raise.for >= 60_000 && raise.for <= LARGEST_RAISE.for)) return "a raise lasts from a minute to a year";
  return raise.reason.trim() === "" || raise.reason.length > 500 ? "a raise needs a reason, in a sentence" : undefined;
}

/** Of a hash that, until its password is seen. */
function importedForm({ hash }: Exclude<Secret, string>): Result<Pick<Account, "passwordHash">, string> {
  const read = readHash(hash);
  return read.ok ? success({ passwordHash: read.value }) : read;
}

/** What we keep of a password. */
async function storedForm(
  password: string,
  withCram: boolean,
): Promise<Result<{ readonly passwordHash: string; readonly scram: string; readonly cram?: string }, string>> {
  const prepared = preparePassword(password);
  if (!prepared.ok) return prepared;
  return success({
    passwordHash: await hashPassword(prepared.value),
    scram: await makeScramKeys(prepared.value),
    ...(withCram ? { cram: makeCramKeys(prepared.value) } : {}),
  });
}

/** As the SASL exchanges will see it (RFC 4013). */
function preparePassword(password: string): Result<string, string> {
  if (password.length < SHORTEST_PASSWORD)
    return failure(`the password must have at least ${SHORTEST_PASSWORD} characters`);
  const prepared = prepare(password);
  return prepared === undefined
    ? failure("the password has characters that cannot be used (RFC 4013)")
    : success(prepared);
}

/** As accounts are sorted. What is no address sorts somewhere as well. */
function cursorOf(after: string | undefined): string {
  if (after === undefined) return "";
  const parsed = parseAddress(after);
  return parsed.ok ? addressKey(parsed.value) : after.toLowerCase();
}

function refused(kind: Refused["kind"], why: string): Refused {
  return { done: false, kind, why };
}

// Who lives here: local domains, mailboxes, aliases and role addresses, and who may send as whom.
//
// Answers come at once from a bounded cache, else from the account store (another thread) as a promise. When an account
// changes, `forget` is called; an answer that was on its way meanwhile is used once and not kept.
// A store that fails makes the answer `unavailable`: never a yes and never a "no such user" either.

import { addressKey, formatAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";
import type { DomainSettings, StoreSettings } from "../config/settings.ts";
import type { Remote } from "../io/rpc.ts";
import type { Account, AccountStore, SenderGrant } from "../store/store.ts";
import { isSuspended } from "./restraint.ts";

export type LocalAnswer =
  | { readonly kind: "mailbox"; readonly account: string }
  | { readonly kind: "alias"; readonly accounts: readonly string[] }
  | { readonly kind: "role"; readonly accounts: readonly string[] }
  /** In a domain with a mailbox store of its own: only that knows whether `address` exists. `account`: one of ours, if it is. */
  | { readonly kind: "stored"; readonly address: string; readonly account: string | undefined }
  | { readonly kind: "suspended"; readonly account: string }
  | { readonly kind: "unknown-mailbox" }
  | { readonly kind: "remote" }
  | { readonly kind: "unavailable"; readonly cause: string };

/** Own: its address, its aliases, and what was given to it as its own. Delegate: for somebody else, who allowed it. */
export type SenderRight = "own" | "delegate" | "foreign";

/** RFC 2142 and RFC 5321 §4.5.1: reachable in every local domain, whatever else exists. */
const ROLES = new Set(["postmaster", "abuse", "hostmaster"]);
const CACHE_SIZE = 100_000;

export interface Directory {
  /** Where mail for this address goes. */
  lookup(address: Address): LocalAnswer | Promise<LocalAnswer>;
  /** The account of a login name: its address or an alias. */
  findAccount(key: string): Account | undefined | Promise<Account | undefined>;
  /** The mailbox store behind LMTP that holds the mail of this address; undefined: our own Maildirs do. */
  storeOf(address: string): StoreSettings | undefined;
  /** May the account send as this address? A suspended one may as nobody. Rejects when the store does not answer. */
  rightTo(account: string, address: Address): SenderRight | Promise<SenderRight>;
  /** Something about these keys changed; no argument: everything. */
  forget(keys?: readonly string[]): void;
  /** Other local domains and aliases from now on. */
  replaceDomains(domains: readonly DomainSettings[]): void;
}

interface LocalDomains {
  /** That of the bare postmaster. */
  readonly first: DomainSettings | undefined;
  readonly byName: ReadonlyMap<string, DomainSettings>;
}

function localDomains(domains: readonly DomainSettings[]): LocalDomains {
  return { first: domains[0], byName: new Map(domains.map((domain) => [domain.name, domain])) };
}

export function createDirectory(
  domains: readonly DomainSettings[],
  store: Pick<Remote<AccountStore>, "findAccount">,
): Directory {
  let local = localDomains(domains);
  const cache = new Map<string, Account | undefined>();
  let generation = 0;

  function remember(key: string, account: Account | undefined): Account | undefined {
    if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value!);
    cache.set(key, account);
    return account;
  }

  function findAccount(key: string): Account | undefined | Promise<Account | undefined> {
    if (cache.has(key)) return cache.get(key);
    const asked = generation;
    return store.findAccount(key).then((account) => (asked === generation ? remember(key, account) : account));
  }

  function lookup(address: Address): LocalAnswer | Promise<LocalAnswer> {
    // <postmaster> alone is the postmaster of this host (RFC 5321 §4.1.1.3): of its first domain.
    const bare = address.domain === undefined && address.literal === undefined;
    const domain = bare ? local.first : address.domain === undefined ? undefined : local.byName.get(address.domain);
    if (domain === undefined) return { kind: "remote" };
    const key = addressKey(bare ? { ...address, domain: domain.name } : address);
    const found = findAccount(key);
    if (found instanceof Promise) {
      return found.then(
        (account) => classify(local, domain, address, account),
        (error: unknown) => ({ kind: "unavailable", cause: error instanceof Error ? error.message : String(error) }),
      );
    }
    return classify(local, domain, address, found);
  }

  function rightTo(account: string, address: Address): SenderRight | Promise<SenderRight> {
    const holder = findAccount(account);
    const answer = lookup(address);
    if (holder instanceof Promise || answer instanceof Promise) {
      return Promise.all([holder, answer]).then(([found, value]) => judge(account, found, address, value));
    }
    return judge(account, holder, address, answer);
  }

  return {
    lookup,
    findAccount,
    rightTo,
    storeOf: (address) => storeOf(local, address),
    forget: (keys) => {
      generation++;
      if (keys === undefined) cache.clear();
      else for (const key of keys) cache.delete(key);
    },
    replaceDomains: (next) => {
      local = localDomains(next);
    },
  };
}

function storeOf({ byName }: LocalDomains, address: string): StoreSettings | undefined {
  return byName.get(address.slice(address.lastIndexOf("@") + 1).toLowerCase())?.store;
}

function classify(
  local: LocalDomains,
  domain: DomainSettings,
  address: Address,
  account: Account | undefined,
): LocalAnswer {
  // As the key has it: to fold more than ASCII would let "K" (U+212A) pass for the "k" of an alias.
  const key = addressKey({ ...address, domain: domain.name });
  const localPart = key.slice(0, key.lastIndexOf("@"));
  if (account !== undefined) {
    if (!account.suspended) {
      // The account may live in another domain than its alias.
      const store = storeOf(local, account.key);
      return store === undefined
        ? { kind: "mailbox", account: account.key }
        : { kind: "stored", address: account.key, account: account.key };
    }
    // Role mail reaches somebody even if the account of that name may not be used.
    if (!ROLES.has(localPart)) return { kind: "suspended", account: account.key };
  }
  const targets = domain.aliases.get(localPart);
  if (targets !== undefined) return { kind: "alias", accounts: targets.map(addressKey) };
  if (ROLES.has(localPart)) return { kind: "role", accounts: [addressKey(domain.postmaster)] };
  // As it was written: whether upper and lower case differ is for the store to say.
  if (domain.store !== undefined) return { kind: "stored", address: formatAddress(address), account: undefined };
  return { kind: "unknown-mailbox" };
}

function judge(account: string, holder: Account | undefined, address: Address, answer: LocalAnswer): SenderRight {
  if (holder === undefined || isSuspended(holder)) return "foreign";
  if (leadsOnlyTo(answer, account)) return "own";
  return grantedRight(holder.senders ?? [], address);
}

/** The strongest of what was granted. */
function grantedRight(grants: readonly SenderGrant[], address: Address): SenderRight {
  const key = addressKey(address);
  let right: SenderRight = "foreign";
  for (const { sender, as } of grants) {
    if (sender !== key && !(sender.startsWith("@") && sender.slice(1) === address.domain)) continue;
    if (as === "own") return "own";
    right = "delegate";
  }
  return right;
}

/** An address shared by several accounts belongs to none of them as a sender. */
function leadsOnlyTo(answer: LocalAnswer, account: string): boolean {
  switch (answer.kind) {
    case "mailbox":
    case "stored":
      return answer.account === account;
    case "alias":
    case "role":
      return answer.accounts.length === 1 && answer.accounts[0] === account;
    case "unavailable":
      throw new Error(answer.cause);
    case "suspended":
    case "unknown-mailbox":
    case "remote":
      return false;
  }
}

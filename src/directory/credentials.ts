// Login: name and password → account, or name and the keys behind a SCRAM proof. One account for submission and POP3 (S4).
//
// A password that was right a moment ago is not hashed again: for five minutes a keyed digest of (account, stored hash,
// password) is remembered, in memory only, under a key made at start. A changed password changes the stored hash, so
// what was remembered dies with it. An unknown name costs the same work as a wrong password, so time does not tell
// which of the two it was. An account from before there was SCRAM gets its keys when its password is next seen.
// An app password (app-passwords.ts) opens what it is for, and nothing else.

import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { addressKey, parseAddress } from "../address/address.ts";
import { hashPassword, verifyPassword } from "../io/password-hash.ts";
import { decoyScramKeys, makeScramKeys, parseScramKeys } from "../io/scram-keys.ts";
import type { ScramKeys } from "../io/scram-keys.ts";
import type { Clock } from "../io/clock.ts";
import type { Remote } from "../io/rpc.ts";
import type { Account, AccountStore, LoginScope } from "../store/store.ts";
import { findAppPassword } from "./app-passwords.ts";
import type { Directory } from "./directory.ts";
import type { Credential } from "./standing.ts";

export type LoginAnswer =
  | { readonly kind: "account"; readonly account: string; readonly credential: Credential }
  | { readonly kind: "refused" }
  /** An app password that is right, but for other services. */
  | { readonly kind: "wrong-scope" }
  | { readonly kind: "unavailable"; readonly cause: string };

export type Login = (name: string, password: string, visit: Visit) => Promise<LoginAnswer>;

/** Where somebody wants in, and from where. */
export interface Visit {
  readonly scope: LoginScope;
  /** IP address. */
  readonly client: string;
}

/** Login without a password: the exchange of proto/sasl/scram.ts asks for keys and checks the proof. */
export interface ScramLogin {
  /** Keys of the account, or made-up ones that no proof fits, so that nobody sees whether there is such an account. */
  keys(
    name: string,
  ): Promise<
    { readonly kind: "keys"; readonly keys: ScramKeys } | { readonly kind: "unavailable"; readonly cause: string }
  >;
  /** After the proof was right: whose keys are these, now? */
  confirm(name: string, keys: Pick<ScramKeys, "storedKey">): Promise<LoginAnswer>;
}

const REMEMBERED_FOR = 5 * 60_000;
const REMEMBERED_MOST = 50_000;
/** The last use of an app password is written down no more often than this, ms. */
const USE_NOTED_EVERY = 60_000;

/** `failed`: something about an account could not be written down; its login goes on. */
export function createLogin(
  directory: Directory,
  store: Pick<Remote<AccountStore>, "completeScram" | "noteAppPasswordUse">,
  clock: Clock,
  failed: (cause: unknown) => void,
): Login {
  const key = randomBytes(32).toString("base64");
  /** Digest → monotonic time until which it holds. Insertion order is age order. */
  const remembered = new Map<string, number>();
  let decoy: Promise<string> | undefined;

  function digest(account: string, stored: string, password: string): string {
    let text = key;
    for (const part of [account, stored, password]) text += `${part.length}:${part}`;
    // Nobody outside sees a digest or can ask for one of what he likes, so a prefix keys it as well as HMAC would; one Hmac
    // object was 4 % of a session with TLS.
    return hash("sha256", text, "base64");
  }

  async function completeScram(account: Account, password: string): Promise<void> {
    try {
      await store.completeScram(account.key, account.passwordHash, await makeScramKeys(password));
      directory.forget([account.key, ...account.aliases]);
    } catch (error) {
      failed(error);
    }
  }

  /** (account, name) → wall time. */
  const noted = new Map<string, number>();

  function noteUse(account: string, name: string, client: string): void {
    const [id, at] = [`${account} ${name}`, clock.wall()];
    const before = noted.get(id);
    if (before !== undefined && at - before < USE_NOTED_EVERY && at >= before) return;
    if (noted.size >= REMEMBERED_MOST) noted.clear();
    noted.set(id, at);
    store.noteAppPasswordUse(account, name, { at, client }).catch(failed);
  }

  return async (name, password, visit) => {
    try {
      const account = await findUsable(directory, name);
      const app = account && findAppPassword(account.key, account.appPasswords, password);
      if (account !== undefined && app !== undefined) {
        if (!app.scopes.includes(visit.scope)) return { kind: "wrong-scope" };
        noteUse(account.key, app.name, visit.client);
        const credential = { kind: "app-password", name: app.name, hash: app.hash } as const;
        return { kind: "account", account: account.key, credential };
      }
      if (account === undefined) {
        decoy ??= hashPassword(randomBytes(16).toString("hex"));
        await verifyPassword(password, await decoy);
        return { kind: "refused" };
      }
      const token = digest(account.key, account.passwordHash, password);
      const now = clock.monotonic();
      const until = remembered.get(token);
      if (until !== undefined && until > now) return opened(account);
      remembered.delete(token);
      if (!(await verifyPassword(password, account.passwordHash))) return { kind: "refused" };
      for (const [old, end] of remembered) {
        if (end > now && remembered.size < REMEMBERED_MOST) break;
        remembered.delete(old);
      }
      remembered.set(token, now + REMEMBERED_FOR);
      if (account.scram === undefined) await completeScram(account, password);
      return opened(account);
    } catch (error) {
      return unavailable(error);
    }
  };
}

export function createScramLogin(directory: Directory, store: Pick<Remote<AccountStore>, "loginSecret">): ScramLogin {
  let secret: Promise<string> | undefined;

  function loginSecret(): Promise<string> {
    secret ??= store.loginSecret().catch((error: unknown) => {
      secret = undefined;
      throw error;
    });
    return secret;
  }

  return {
    keys: async (name) => {
      try {
        // Both are made, whichever is used.
        const decoy = decoyScramKeys(await loginSecret(), saltName(name));
        const account = await findUsable(directory, name);
        return { kind: "keys", keys: account?.scram === undefined ? decoy : parseScramKeys(account.scram) };
      } catch (error) {
        return unavailable(error);
      }
    },
    confirm: async (name, { storedKey }) => {
      try {
        const account = await findUsable(directory, name);
        if (account?.scram === undefined) return { kind: "refused" };
        // The password may have been changed since the exchange began.
        if (!timingSafeEqual(parseScramKeys(account.scram).storedKey, storedKey)) return { kind: "refused" };
        return opened(account);
      } catch (error) {
        return unavailable(error);
      }
    },
  };
}

function opened({ key, passwordHash }: Account): LoginAnswer {
  return { kind: "account", account: key, credential: { kind: "password", hash: passwordHash } };
}

/** The account of a login name, unless it may not be used. */
async function findUsable(directory: Directory, name: string): Promise<Account | undefined> {
  const address = parseAddress(name);
  const account = address.ok ? await directory.findAccount(addressKey(address.value)) : undefined;
  return account?.suspended === true ? undefined : account;
}

/** Spellings of one address have one salt, as they would have if it existed. */
function saltName(name: string): string {
  const address = parseAddress(name);
  return address.ok ? addressKey(address.value) : name;
}

function unavailable(error: unknown): { readonly kind: "unavailable"; readonly cause: string } {
  return { kind: "unavailable", cause: error instanceof Error ? error.message : String(error) };
}

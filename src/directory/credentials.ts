// Login: name and password → account, or name and the keys behind a SCRAM proof. One account for submission and POP3 (S4).
//
// A password that was right a moment ago is not hashed again: for five minutes a keyed digest of (account, stored hash,
// password) is remembered, in memory only, under a key made at start. A changed password changes the stored hash, so
// what was remembered dies with it. An unknown name costs the same work as a wrong password, so time does not tell
// which of the two it was. An account from before there was SCRAM gets its keys when its password is next seen, and one that was
// imported with the hash of another program gets ours as well: until then only mechanisms that show the password open it.
// An app password (app-passwords.ts) opens what it is for, and nothing else.
//
// Passwords come as they were sent. Ours are hashed as SASLprep has them (RFC 4013), those of other programs as they were typed: until an
// account has SCRAM keys, both forms are tried where they differ, the prepared one first. No more than two hashes, which with the
// bounds of io/legacy-hash/schemes.ts end before a refused login is answered, so time tells no more than it did.

import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { addressKey, parseAddress } from "../address/address.ts";
import { prepare } from "../base/saslprep.ts";
import { decoyHash, HashesBusy, hashPassword, isLegacy, mayReplace, verifyPassword } from "../io/password-hash.ts";
import { decoyCramKeys, parseCramKeys } from "../io/cram-keys.ts";
import type { CramKeys } from "../io/cram-keys.ts";
import { decoyScramKeys, makeScramKeys, parseScramKeys } from "../io/scram-keys.ts";
import type { ScramKeys } from "../io/scram-keys.ts";
import type { Clock } from "../io/clock.ts";
import type { Admission, Attempt, Guesses, Look, Turn } from "../counters/guesses.ts";
import type { Remote } from "../io/rpc.ts";
import type { Account, AccountStore, LoginScope } from "../store/store.ts";
import { findAppPassword } from "./app-passwords.ts";
import type { Directory } from "./directory.ts";
import type { Origins } from "./origins.ts";
import { isSuspended } from "./restraint.ts";
import type { Credential } from "./standing.ts";

export type LoginAnswer =
  | { readonly kind: "account"; readonly account: string; readonly credential: Credential }
  /** `delay`: how long its answer waits, counted from the question, ms. */
  | { readonly kind: "refused"; readonly delay: number }
  /** Nothing was looked at: somebody is guessing (counters/guesses.ts), or too many passwords wait to be checked. */
  | { readonly kind: "held" }
  | { readonly kind: "busy" }
  /** The same, and the session is over: too many logins failed at this address, and the account was never opened from it. */
  | ({ readonly kind: "shut" } & OverFailures)
  /** An app password that is right, but for other services. */
  | { readonly kind: "wrong-scope" }
  | { readonly kind: "unavailable"; readonly cause: string };

/** `password`: as it was sent. */
export type Login = (name: string, password: string, visit: Visit) => Promise<LoginAnswer>;

/** Where somebody wants in, and from where. */
export interface Visit {
  /** `web`: pages for users, which no app password opens. */
  readonly scope: LoginScope | "web";
  /** IP address. */
  readonly client: string;
  /** More logins failed at this address than [limits.client] allows: then it is for those who are known there. */
  readonly over?: OverFailures | undefined;
}

export interface OverFailures {
  readonly limit: number;
  readonly window: string;
}

/** What a proof is checked against: of SCRAM, or of CRAM-MD5 where an account has such keys. */
type LoginKeys = ScramKeys | CramKeys;

/** Login without a password: the exchanges of proto/sasl/ (scram.ts, cram-md5.ts) ask for keys and check the proof. */
export interface ScramLogin {
  /** Keys of the account, or made-up ones that no proof fits, so that nobody sees whether there is such an account. */
  keys(
    name: string,
    visit: Visit,
    of?: "scram" | "cram-md5",
  ): Promise<
    | { readonly kind: "keys"; readonly keys: LoginKeys }
    | Extract<LoginAnswer, { kind: "held" | "busy" | "shut" | "unavailable" }>
  >;
  /** After the proof was right: whose keys are these, now? */
  confirm(name: string, keys: Pick<ScramKeys, "storedKey"> | CramKeys, visit: Visit): Promise<LoginAnswer>;
  /** After the proof was wrong. */
  refused(name: string, visit: Visit): Promise<Extract<LoginAnswer, { kind: "refused" }>>;
}

/**
 * For how long somebody waits for what becomes of others' passwords before he asks again, ms: five seconds in all. Right ones make room
 * within the first of these; longer ones follow, since thousands may be waiting.
 */
const crowdedWaits = [50, 50, 100, 200, 400, 600, 800, 800, 1000, 1000] as const;
/**
 * How long an exchange of a stranger may take before it counts as failed, ms: two round trips, and thousands of hashes in an old phone.
 * No longer than counters/guesses.ts takes for granted.
 */
const EXCHANGE_TIME = 30_000;
const REMEMBERED_FOR = 5 * 60_000;
const REMEMBERED_MOST = 50_000;
/** The last use of an app password is written down no more often than this, ms. */
const USE_NOTED_EVERY = 60_000;

export interface LoginServices {
  readonly directory: Directory;
  readonly store: Pick<
    Remote<AccountStore>,
    "completeScram" | "replacePasswordHash" | "noteAppPasswordUse" | "loginSecret"
  >;
  readonly guesses: Guesses;
  readonly origins: Origins;
  readonly clock: Clock;
  /** A login changed what is stored under these keys: other threads must forget them as well. */
  readonly changed: (keys: readonly string[]) => void;
  /** Something about an account could not be written down; its login goes on. */
  readonly failed: (cause: unknown) => void;
}

export function createLogin({ directory, store, guesses, origins, clock, changed, failed }: LoginServices): Login {
  const key = randomBytes(32).toString("base64");
  /** Digest → monotonic time until which it holds. Insertion order is age order. */
  const remembered = new Map<string, number>();
  const decoy = decoyHash();

  function digest(account: string, stored: string, password: string): string {
    let text = key;
    for (const part of [account, stored, password]) text += `${part.length}:${part}`;
    // Nobody outside sees a digest or can ask for one of what he likes, so a prefix keys it as well as HMAC would; one Hmac
    // object was 4 % of a session with TLS.
    return hash("sha256", text, "base64");
  }

  function forget(account: Account): void {
    const names = [account.key, ...account.aliases];
    directory.forget(names);
    changed(names);
  }

  async function completeScram(account: Account, password: string): Promise<void> {
    try {
      await store.completeScram(account.key, account.passwordHash, await makeScramKeys(password));
      forget(account);
    } catch (error) {
      failed(error);
    }
  }

  /**
   * The account with our hash in place of another program's; undefined when it has another than the one that was checked by now.
   * As it was when that cannot be written down.
   */
  async function upgrade(account: Account, password: string): Promise<Account | undefined> {
    const prepared = prepare(password);
    try {
      // What SASLprep prohibits, no client proves with SCRAM; it is as well kept as others all the same.
      const passwordHash = await hashPassword(prepared ?? password);
      const scram = prepared === undefined ? undefined : await makeScramKeys(prepared);
      const replaced = await store.replacePasswordHash(account.key, account.passwordHash, passwordHash, scram);
      forget(account);
      if (!replaced) return undefined;
      return { ...account, passwordHash, ...(scram === undefined ? {} : { scram }) };
    } catch (error) {
      // With the next login, when there is more room.
      if (!(error instanceof HashesBusy)) failed(error);
      return account;
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

  async function attempt(name: string, password: string, visit: Visit): Promise<LoginAnswer | "changed"> {
    const account = await findUsable(directory, name);
    const succeeded = (opens: string, admission: Admission = "free"): void => {
      guesses.succeeded({ name: opens, client: visit.client, known: true }, admission);
      origins.note(opens, visit.client);
    };
    const prepared = prepare(password);
    const app = account && findAppPassword(account.key, account.appPasswords, prepared ?? password);
    if (account !== undefined && app !== undefined) {
      if (!app.scopes.some((scope) => scope === visit.scope)) return { kind: "wrong-scope" };
      noteUse(account.key, app.name, visit.client);
      succeeded(account.key);
      const credential = { kind: "app-password", name: app.name, hash: app.hash } as const;
      return { kind: "account", account: account.key, credential };
    }
    const now = clock.monotonic();
    const token = account && digest(account.key, account.passwordHash, password);
    const until = token === undefined ? undefined : remembered.get(token);
    if (account !== undefined && until !== undefined && until > now) {
      succeeded(account.key);
      return opened(account);
    }
    const known = account !== undefined && (await origins.knows(account.key, visit.client));
    const guess = { name: account?.key ?? nameKey(name), client: visit.client, known };
    // Nothing is hashed for those who are not known where too many failed: what they ask for need not be counted.
    const asked = visit.over === undefined ? admitted(guesses, guess, "hash") : guesses.ask(guess);
    const turn = turnOf(await asked, visit);
    if (typeof turn !== "string") return turn;
    if (token !== undefined) remembered.delete(token);
    const found = await looked(name, account, password, turn, guess);
    if (found === "changed") return found;
    if (found === undefined) return { kind: "refused", delay: await guesses.failed(guess, turn) };
    const { current, right } = found;
    succeeded(current.key, turn);
    for (const [old, end] of remembered) {
      if (end > now && remembered.size < REMEMBERED_MOST) break;
      remembered.delete(old);
    }
    remembered.set(digest(current.key, current.passwordHash, password), now + REMEMBERED_FOR);
    if (current.scram === undefined && right === prepared && !isLegacy(current.passwordHash)) {
      await completeScram(current, prepared);
    }
    return opened(current);
  }

  /**
   * The account as it is now, when this is its password, and the form that was right. Where nothing comes of it, its admission is given back: nobody else would
   * ever get that place.
   */
  async function looked(
    name: string,
    account: Account | undefined,
    password: string,
    turn: "first" | "last",
    guess: Attempt,
  ): Promise<{ readonly current: Account; readonly right: string } | "changed" | undefined> {
    let isSettled = false;
    try {
      if (account === undefined) await verifyPassword(password, decoy, turn);
      const right = account && (await rightForm(account, formsFor(account, password), turn));
      if (account === undefined || right === undefined) {
        isSettled = true;
        return undefined;
      }
      const current = isToUpgrade(account, right, prepare(password)) ? await upgrade(account, password) : account;
      // Suspended, or with another password, since the check began: sessions are ended once, and this would come after it.
      const isStill =
        current !== undefined && current.passwordHash === (await findUsable(directory, name))?.passwordHash;
      isSettled = isStill;
      return isStill ? { current, right } : "changed";
    } finally {
      if (!isSettled && turn === "last") guesses.forgone(guess, "hash");
    }
  }

  return async (name, password, visit) => {
    try {
      const answer = await attempt(name, password, visit);
      if (answer !== "changed") return answer;
      // Another session was faster with the same password, or it was changed meanwhile: what is stored now decides.
      const again = await attempt(name, password, visit);
      return again === "changed" ? { kind: "unavailable", cause: "the password hash changes again and again" } : again;
    } catch (error) {
      return unanswered(error);
    }
  };
}

/** In time: what is being looked at comes to an end, and with right passwords everybody gets in. */
async function admitted(guesses: Guesses, guess: Attempt, look: Look): Promise<Turn> {
  for (const wait of [0, ...crowdedWaits]) {
    // oxlint-disable-next-line no-await-in-loop -- until there is room
    if (wait > 0) await sleep(wait);
    // oxlint-disable-next-line no-await-in-loop
    const turn = await guesses.admit(guess, look);
    if (turn !== "crowded") return turn;
  }
  throw new HashesBusy();
}

export function createScramLogin({ directory, store, guesses, origins }: LoginServices): ScramLogin {
  let secret: Promise<string> | undefined;

  function loginSecret(): Promise<string> {
    secret ??= store.loginSecret().catch((error: unknown) => {
      secret = undefined;
      throw error;
    });
    return secret;
  }

  /** Exchanges of strangers that are under way, by what was typed and where: as whose guess each was admitted. */
  const underWay = new Map<string, { readonly guess: Attempt; readonly timer: NodeJS.Timeout }[]>();

  /** It is being looked at from now on. One that is given up has failed: who only opened many would keep the others out. */
  function begin(name: string, guess: Attempt): void {
    const timer = setTimeout(() => {
      const begun = end(name, guess);
      if (begun !== undefined) void guesses.failed(begun, "exchange");
    }, EXCHANGE_TIME).unref();
    const typed = typedAt(name, guess);
    const others = underWay.get(typed);
    if (others === undefined) underWay.set(typed, [{ guess, timer }]);
    else others.push({ guess, timer });
  }

  /** Undefined: it was never a stranger's, or has failed by now. */
  function end(name: string, at: Pick<Attempt, "client">): Attempt | undefined {
    const typed = typedAt(name, at);
    const begun = underWay.get(typed);
    const first = begun?.shift();
    clearTimeout(first?.timer);
    if (begun?.length === 0) underWay.delete(typed);
    return first?.guess;
  }

  async function refusal(
    name: string,
    client: string,
    begun: Attempt | undefined,
  ): Promise<Extract<LoginAnswer, { kind: "refused" }>> {
    if (begun !== undefined) return { kind: "refused", delay: await guesses.failed(begun, "exchange") };
    // Without the store, what was typed is all there is to count by.
    const account = await findUsable(directory, name).catch(() => undefined);
    const key = account?.key ?? nameKey(name);
    const guess = { name: key, client, known: account !== undefined && origins.knewJustNow(key, client) };
    return { kind: "refused", delay: await guesses.failed(guess, "free") };
  }

  return {
    refused: (name, visit) => refusal(name, visit.client, end(name, visit)),
    keys: async (name, visit, of = "scram") => {
      try {
        // Both are made, whichever is used.
        const decoy = of === "scram" ? decoyScramKeys(await loginSecret(), nameKey(name)) : decoyCramKeys();
        const account = await findUsable(directory, name);
        const keys = keysOf(account, of) ?? decoy;
        const { client } = visit;
        const known = account !== undefined && (await origins.knows(account.key, client));
        const guess = { name: account?.key ?? nameKey(name), client, known };
        const asked = visit.over === undefined ? admitted(guesses, guess, "exchange") : guesses.ask(guess);
        const turn = turnOf(await asked, visit);
        if (typeof turn !== "string") return turn;
        if (turn === "last") begin(name, guess);
        return { kind: "keys", keys };
      } catch (error) {
        return unanswered(error);
      }
    },
    confirm: async (name, keys, visit) => {
      const begun = end(name, visit);
      const { client } = visit;
      try {
        const account = await findUsable(directory, name);
        // The password may have been changed since the exchange began.
        if (account === undefined || !areKeysOf(account, keys)) return await refusal(name, client, begun);
        const guess = { name: account.key, client, known: true };
        guesses.succeeded(
          begun === undefined ? guess : { ...begun, known: true },
          begun === undefined ? "free" : "exchange",
        );
        origins.note(account.key, client);
        return opened(account);
      } catch (error) {
        if (begun !== undefined) guesses.forgone(begun, "exchange");
        return unanswered(error);
      }
    },
  };
}

/** What of a password the stored hash may have been made of, the likeliest first. */
function formsFor({ scram }: Account, password: string): readonly string[] {
  const prepared = prepare(password);
  if (prepared === undefined || prepared === password) return [password];
  return scram === undefined ? [prepared, password] : [prepared];
}

/** The form of the password that the hash is of. */
async function rightForm(
  { passwordHash }: Account,
  forms: readonly string[],
  turn: "first" | "last",
): Promise<string | undefined> {
  for (const form of forms) {
    // oxlint-disable-next-line no-await-in-loop -- the second only where the first was wrong
    if (await verifyPassword(form, passwordHash, turn)) return form;
  }
  return undefined;
}

/** `right`: the form that its hash is of. */
function isToUpgrade({ passwordHash }: Account, right: string, prepared: string | undefined): boolean {
  if (isLegacy(passwordHash)) return mayReplace(passwordHash, right);
  // Of argon2id that was imported: it is as good, but SCRAM would not fit it.
  return prepared !== undefined && right !== prepared;
}

function typedAt(name: string, { client }: Pick<Attempt, "client">): string {
  return `${nameKey(name)} ${client}`;
}

/** When the password is looked at, or why it is not. Who is known there has the first turn, and neither count holds him. */
function turnOf(
  turn: Turn,
  { over }: Visit,
): Exclude<Turn, "held"> | { readonly kind: "held" } | ({ readonly kind: "shut" } & OverFailures) {
  if (turn === "first") return turn;
  if (over !== undefined) return { kind: "shut", ...over };
  return turn === "held" ? { kind: "held" } : turn;
}

function keysOf(account: Account | undefined, of: "scram" | "cram-md5"): LoginKeys | undefined {
  switch (of) {
    case "scram":
      return account?.scram === undefined ? undefined : parseScramKeys(account.scram);
    case "cram-md5":
      return account?.cram === undefined ? undefined : parseCramKeys(account.cram);
  }
}

function areKeysOf(account: Account, keys: Pick<ScramKeys, "storedKey"> | CramKeys): boolean {
  if ("storedKey" in keys) {
    return account.scram !== undefined && timingSafeEqual(parseScramKeys(account.scram).storedKey, keys.storedKey);
  }
  if (account.cram === undefined) return false;
  const { outer, inner } = parseCramKeys(account.cram);
  return timingSafeEqual(outer, keys.outer) && timingSafeEqual(inner, keys.inner);
}

function opened({ key, passwordHash }: Account): LoginAnswer {
  return { kind: "account", account: key, credential: { kind: "password", hash: passwordHash } };
}

/** The account of a login name, unless it may not be used. */
async function findUsable(directory: Directory, name: string): Promise<Account | undefined> {
  const address = parseAddress(name);
  const account = address.ok ? await directory.findAccount(addressKey(address.value)) : undefined;
  return account === undefined || isSuspended(account) ? undefined : account;
}

/** Spellings of one address are one, as they would be if it existed. */
function nameKey(name: string): string {
  const address = parseAddress(name);
  return address.ok ? addressKey(address.value) : name;
}

/** Nothing was looked at, which is no answer to what was typed. */
function unanswered(error: unknown): Extract<LoginAnswer, { kind: "busy" | "unavailable" }> {
  if (error instanceof HashesBusy) return { kind: "busy" };
  return { kind: "unavailable", cause: error instanceof Error ? error.message : String(error) };
}

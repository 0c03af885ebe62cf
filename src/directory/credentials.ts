// Login: name and password → account. One account for submission and POP3 (S4). Without showing the password: scram-login.ts.
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

import { hash, randomBytes } from "node:crypto";
import type { Admission, Attempt } from "../counters/guesses.ts";
import { prepare } from "../base/saslprep.ts";
import { decoyHash, HashesBusy, hashPassword, isLegacy, mayReplace, verifyPassword } from "../io/password-hash.ts";
import { makeScramKeys } from "../io/scram-keys.ts";
import type { Account } from "../store/store.ts";
import { findAppPassword } from "./app-passwords.ts";
import { admit, findUsable, nameKey, opened, unanswered } from "./login.ts";
import type { Login, LoginAnswer, LoginServices, Visit } from "./login.ts";

const REMEMBERED_FOR = 5 * 60_000;
const REMEMBERED_MOST = 50_000;
/** The last use of an app password is written down no more often than this, ms. */
const USE_NOTED_EVERY = 60_000;

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
    const turn = await admit(guesses, guess, visit, "hash");
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

// Login without a password: whoever knows it proves that. Keys are found by name, and made up where there are none, so that nobody sees
// whether there is such an account; the proof itself is checked by proto/sasl/ (scram.ts, cram-md5.ts).
//
// A stranger's exchange is being looked at from the moment its keys were sent, as a password is that is hashed: who opens many before
// he ends the first gets no further than one guess after the other.

import { timingSafeEqual } from "node:crypto";
import type { Attempt } from "../counters/guesses.ts";
import { decoyCramKeys, parseCramKeys } from "../io/cram-keys.ts";
import type { CramKeys } from "../io/cram-keys.ts";
import { decoyScramKeys, parseScramKeys } from "../io/scram-keys.ts";
import type { ScramKeys } from "../io/scram-keys.ts";
import type { Account } from "../store/store.ts";
import { admit, findUsable, nameKey, opened, unanswered } from "./login.ts";
import type { LoginAnswer, LoginServices, Visit } from "./login.ts";

/** What a proof is checked against: of SCRAM, or of CRAM-MD5 where an account has such keys. */
type LoginKeys = ScramKeys | CramKeys;

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
 * How long an exchange of a stranger may take before it counts as failed, ms: two round trips, and thousands of hashes in an old phone.
 * No longer than counters/guesses.ts takes for granted.
 */
const EXCHANGE_TIME = 30_000;
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
        const turn = await admit(guesses, guess, visit, "exchange");
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

function typedAt(name: string, { client }: Pick<Attempt, "client">): string {
  return `${nameKey(name)} ${client}`;
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

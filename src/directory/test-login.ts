// For tests of logins: one account behind a store that can fail, with the counts of guesses and a clock that stands still.

import assert from "node:assert/strict";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import type { LocalGuesses } from "../counters/guesses.ts";
import { hashPassword } from "../io/password-hash.ts";
import type { ScramKeys } from "../io/scram-keys.ts";
import type { Account } from "../store/store.ts";
import { createLogin } from "./credentials.ts";
import { createDirectory } from "./directory.ts";
import type { Directory } from "./directory.ts";
import type { LoginAnswer, Visit } from "./login.ts";
import { createOrigins } from "./origins.ts";
import { createScramLogin } from "./scram-login.ts";
import type { ScramLogin } from "./scram-login.ts";

export const rightHash = await hashPassword("right password");

export interface House {
  readonly directory: Directory;
  readonly login: (name: string, password: string) => Promise<LoginAnswer>;
  readonly loginFrom: (from: Visit, name: string, password: string) => Promise<LoginAnswer>;
  readonly clock: { now: number };
  readonly scram: ScramLogin;
  account: Account;
  broken: boolean;
  breaks: "after the hash is replaced" | undefined;
  readonly guesses: LocalGuesses;
  /** While set, keys cannot be added. */
  completing: string | undefined;
  readonly failures: string[];
  /** Keys that other threads were told to forget. */
  readonly told: string[];
  /** Of app passwords, as they were written down. */
  readonly uses: string[];
  /** From where it was opened, as the store has it. */
  readonly origins: { readonly origin: number; readonly day: number }[];
}

/** `createGuesses`: of counters/guesses.ts. */
export function makeHouse(createGuesses: (now: () => number, isExempt: () => boolean) => LocalGuesses): House {
  const postmaster = parseAddress("alice@sekimori.test");
  const name = parseDomain("sekimori.test");
  assert.ok(postmaster.ok && name.ok);
  const clock = { now: 0 };
  const made: Pick<House, "account" | "broken" | "breaks" | "completing" | "failures" | "told" | "uses" | "origins"> = {
    account: {
      key: "alice@sekimori.test",
      address: "Alice@sekimori.test",
      passwordHash: rightHash,
      aliases: ["a.smith@sekimori.test"],
      createdAt: 1,
      suspended: false,
    },
    broken: false,
    breaks: undefined,
    completing: undefined,
    failures: [],
    told: [],
    uses: [],
    origins: [],
  };
  const directory = createDirectory(
    [{ name: name.value, postmaster: postmaster.value, aliases: new Map(), dkim: undefined, store: undefined }],
    {
      findAccount: async (key) => {
        if (made.broken) throw new Error("the store is away");
        return [made.account.key, ...made.account.aliases].includes(key) ? made.account : undefined;
      },
    },
  );
  const store = {
    completeScram: async (key: string, passwordHash: string, scram: string) => {
      if (made.completing !== undefined) throw new Error(made.completing);
      assert.equal(key, made.account.key);
      assert.equal(passwordHash, made.account.passwordHash);
      made.account = { ...made.account, scram };
      return true;
    },
    replacePasswordHash: async (key: string, from: string, passwordHash: string, scram: string | undefined) => {
      if (made.completing !== undefined) throw new Error(made.completing);
      assert.equal(key, made.account.key);
      if (from !== made.account.passwordHash) return false;
      made.account = { ...made.account, passwordHash, ...(scram === undefined ? {} : { scram }) };
      if (made.breaks !== undefined) made.broken = true;
      made.breaks = undefined;
      return true;
    },
    noteAppPasswordUse: async (key: string, used: string) => void made.uses.push(`${key} ${used}`),
    originsOf: async () => made.origins,
    noteOrigin: async (_key: string, origin: number, day: number) => void made.origins.push({ origin, day }),
    loginSecret: async () => {
      if (made.broken) throw new Error("the store is away");
      return "c2VjcmV0";
    },
  };
  const guesses = createGuesses(
    () => clock.now,
    () => true,
  );
  const origins = createOrigins(store, "secret", { wall: () => clock.now }, assert.ifError);
  const services = {
    directory,
    store,
    guesses,
    origins,
    clock: { wall: () => clock.now, monotonic: () => clock.now },
    changed: (keys: readonly string[]) => void made.told.push(...keys),
    failed: (cause: unknown) => void made.failures.push(String(cause)),
  };
  const login = createLogin(services);
  return Object.assign(made, {
    directory,
    guesses,
    login: (user: string, password: string) => login(user, password, visit),
    loginFrom: (from: Visit, user: string, password: string) => login(user, password, from),
    scram: createScramLogin(services),
    clock,
  });
}

export const visit = { scope: "submission", client: "192.0.2.1" } as const;
/** With the password that the account has now. */
export const acceptedNow = ({ account }: House): LoginAnswer => ({
  kind: "account",
  account: "alice@sekimori.test",
  credential: { kind: "password", hash: account.passwordHash },
});
export const refused = { kind: "refused", delay: 1000 } as const;

export async function keysOf({ scram }: House, name: string): Promise<ScramKeys> {
  const answer = await scram.keys(name, visit);
  assert.equal(answer.kind, "keys");
  assert.ok(answer.kind === "keys" && "storedKey" in answer.keys);
  return answer.keys;
}

// Login: name and password → account. One account for submission and POP3 (S4).
//
// A password that was right a moment ago is not hashed again: for five minutes a keyed digest of (account, stored hash,
// password) is remembered, in memory only, under a key made at start. A changed password changes the stored hash, so
// what was remembered dies with it. An unknown name costs the same work as a wrong password, so time does not tell
// which of the two it was.

import { createHmac, randomBytes } from "node:crypto";
import { addressKey, parseAddress } from "../address/address.ts";
import { hashPassword, verifyPassword } from "../io/password-hash.ts";
import type { Clock } from "../io/clock.ts";
import type { Directory } from "./directory.ts";

export type LoginAnswer =
  | { readonly kind: "account"; readonly account: string }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable"; readonly cause: string };

export type Login = (name: string, password: string) => Promise<LoginAnswer>;

const REMEMBERED_FOR = 5 * 60_000;
const REMEMBERED_MOST = 50_000;

export function createLogin(directory: Directory, clock: Clock): Login {
  const key = randomBytes(32);
  /** Digest → monotonic time until which it holds. Insertion order is age order. */
  const remembered = new Map<string, number>();
  let decoy: Promise<string> | undefined;

  function digest(account: string, stored: string, password: string): string {
    const mac = createHmac("sha256", key);
    for (const part of [account, stored, password]) mac.update(`${Buffer.byteLength(part)}:${part}`);
    return mac.digest("base64");
  }

  return async (name, password) => {
    try {
      const address = parseAddress(name);
      const account = address.ok ? await directory.findAccount(addressKey(address.value)) : undefined;
      if (account === undefined || account.suspended) {
        decoy ??= hashPassword(randomBytes(16).toString("hex"));
        await verifyPassword(password, await decoy);
        return { kind: "refused" };
      }
      const token = digest(account.key, account.passwordHash, password);
      const now = clock.monotonic();
      const until = remembered.get(token);
      if (until !== undefined && until > now) return { kind: "account", account: account.key };
      remembered.delete(token);
      if (!(await verifyPassword(password, account.passwordHash))) return { kind: "refused" };
      for (const [old, end] of remembered) {
        if (end > now && remembered.size < REMEMBERED_MOST) break;
        remembered.delete(old);
      }
      remembered.set(token, now + REMEMBERED_FOR);
      return { kind: "account", account: account.key };
    } catch (error) {
      return { kind: "unavailable", cause: error instanceof Error ? error.message : String(error) };
    }
  };
}

// App passwords: one for each program or device, named, for some services only, ended one by one (S4). The server makes them,
// nobody chooses one: twenty letters and digits, 100 bits. So a plain digest of them is as good at rest as argon2id is for what
// people choose, and a login with one costs no more than that.
//
// They work with PLAIN, LOGIN and USER. SCRAM has one pair of keys for each name, and those are of the main password.

import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { AppPassword } from "../store/store.ts";

/** RFC 4648 base32: no letter that is taken for a digit. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const LENGTH = 20;

/** In groups of five, as one reads it out. */
export function makeAppPassword(): string {
  // 256 is a multiple of 32: no letter is likelier than another.
  const letters = [...randomBytes(LENGTH)].map((octet) => ALPHABET.charAt(octet % ALPHABET.length)).join("");
  return letters.replace(/.{5}(?=.)/g, "$&-");
}

/** For AppPassword.hash. */
export function hashAppPassword(account: string, password: string): string {
  return hash("sha256", `sekimori app password\n${account}\n${plain(password)}`, "base64");
}

/** The one of the account that this is, if any. */
export function findAppPassword(
  account: string,
  appPasswords: readonly AppPassword[] | undefined,
  password: string,
): AppPassword | undefined {
  if (appPasswords === undefined || !looksLikeOne(password)) return undefined;
  const digest = Buffer.from(hashAppPassword(account, password));
  return appPasswords.find(({ hash: stored }) => {
    const expected = Buffer.from(stored);
    return expected.length === digest.length && timingSafeEqual(expected, digest);
  });
}

function looksLikeOne(password: string): boolean {
  return /^[a-z2-7]{20}$/.test(plain(password));
}

/** People type it with spaces, or their keyboards with a capital. */
function plain(password: string): string {
  return password.replace(/[- ]/g, "").toLowerCase();
}

// The code that proves an address elsewhere: mailed there, told here, used once. A hundred bits, made here, in the form of an app
// password; at rest a digest that says for which account and address it is, so that it is worth nothing anywhere else.

import { hash, timingSafeEqual } from "node:crypto";
import { makeAppPassword } from "./app-passwords.ts";

export function makeEnrolmentCode(): string {
  return makeAppPassword();
}

/** For Enrolment.code. */
export function hashEnrolmentCode(account: string, address: string, code: string): string {
  // People type it with spaces, or their keyboards with a capital.
  const plain = code.replace(/[-\s]/g, "").toLowerCase();
  return hash("sha256", `sekimori enrolment\n${account}\n${address}\n${plain}`, "base64");
}

export function isSameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

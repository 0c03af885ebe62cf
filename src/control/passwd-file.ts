// Accounts of another server, as it keeps them: Dovecot's passwd-file (`user:{SCHEME}hash:…`), and shadow(5), whose first two
// fields are the same. Reads one and says line by line what cannot be taken; adds nothing.
//
// Who is kept out there is not let in here: locked accounts are left out, and what would be open only under conditions that there are
// none for here is a fault, not an account without them. Other fields (uid, home, quota) are passed over.

import { addressKey, parseAddress } from "../address/address.ts";
import { readHash } from "../io/legacy-hash/schemes.ts";
import { failure, success } from "../base/result.ts";
import type { Result } from "../base/result.ts";

export type PasswdLine =
  | { readonly kind: "account"; readonly line: number; readonly address: string; readonly hash: string }
  /** Not to be logged in with there, so not taken. */
  | { readonly kind: "locked"; readonly line: number; readonly user: string; readonly why: string }
  | { readonly kind: "fault"; readonly line: number; readonly user: string; readonly why: string };

/** Some hundred thousand accounts. Octets. */
export const largestPasswdFile = 64 * 1024 * 1024;
const LONGEST_LINE = 8192;

/**
 * Lines that say something, in the order of the file. `domain`: of users without one. A failure: it is no such file
 * at all.
 */
export function readPasswdFile(octets: Uint8Array, domain: string | undefined): Result<readonly PasswdLine[], string> {
  if (octets.length > largestPasswdFile) {
    return failure(`larger than ${largestPasswdFile / 1024 / 1024} MiB: split it`);
  }
  const lines: PasswdLine[] = [];
  const seen = new Map<string, number>();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let begin = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf ? 3 : 0;
  for (let number = 1; begin < octets.length; number++) {
    const newline = octets.indexOf(0x0a, begin);
    const end = newline === -1 ? octets.length : newline;
    const read = readLine(octets.subarray(begin, end), number, domain, decoder);
    begin = end + 1;
    if (read !== undefined) lines.push(read.kind === "account" ? unique(read, seen) : read);
  }
  return success(lines);
}

function readLine(
  octets: Uint8Array,
  line: number,
  domain: string | undefined,
  decoder: InstanceType<typeof TextDecoder>,
): PasswdLine | undefined {
  const fault = (user: string, why: string): PasswdLine => ({ kind: "fault", line, user, why });
  if (octets.length > LONGEST_LINE) return fault("", `a line has at most ${LONGEST_LINE} octets`);
  if (octets.includes(0)) return fault("", "a NUL octet");
  let text: string;
  try {
    text = decoder.decode(octets).replace(/\r$/, "");
  } catch {
    return fault("", "not UTF-8");
  }
  if (text === "" || text.startsWith("#")) return undefined;
  const [user = "", hash, ...rest] = text.split(":");
  if (hash === undefined) return fault(user, "not `user:hash:…`");
  if (user === "") return fault("", "there is no user before the first colon");
  const restriction = restrictionOf(rest);
  const lock = lockOf(hash) ?? (restriction === "nologin" ? "nologin" : undefined);
  if (lock !== undefined) return { kind: "locked", line, user, why: lock };
  const named = user.includes("@") || domain === undefined ? user : `${user}@${domain}`;
  if (!named.includes("@")) return fault(user, "the user has no domain: name one with --domain");
  const address = parseAddress(named);
  if (!address.ok) return fault(user, address.error.message);
  if (restriction !== undefined) return fault(user, restriction);
  const read = readHash(hash);
  return read.ok ? { kind: "account", line, address: named, hash: read.value } : fault(user, read.error);
}

/** shadow(5) and Dovecot alike: nothing that a hash begins with. */
function lockOf(hash: string): string | undefined {
  return /^[!*]/.test(hash) ? "locked" : undefined;
}

/** What the account is bound to there, besides its password. */
function restrictionOf(fields: readonly string[]): string | undefined {
  const isShadow = fields.length === 7 && fields.every((field) => /^-?\d*$/.test(field));
  if (isShadow) {
    return fields[5] === "" ? undefined : "the account ends on a day (shadow(5), field 8), which there is not here";
  }
  // Dovecot: uid, gid, gecos, home, shell, then extra fields with spaces between them.
  const extra = fields.slice(5).join(":").split(/\s+/);
  if (extra.some((field) => /^nologin(=|$)/.test(field))) return "nologin";
  return extra.some((field) => field.startsWith("allow_nets="))
    ? "allow_nets: here the account would be open from everywhere"
    : undefined;
}

type Found = Extract<PasswdLine, { kind: "account" }>;

function unique(found: Found, seen: Map<string, number>): PasswdLine {
  const { line, address: user } = found;
  const parsed = parseAddress(user);
  const key = parsed.ok ? addressKey(parsed.value) : user;
  const first = seen.get(key);
  if (first === undefined) seen.set(key, line);
  return first === undefined ? found : { kind: "fault", line, user, why: `the same account as in line ${first}` };
}
